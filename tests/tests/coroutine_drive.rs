//! `drive`: any future to its end on the calling thread, asleep while it waits.

use filch::coroutine::{Coroutine, SendError, Step, drive};
use filch_tests::{Bomb, Counter, Event, LONG, caught, explode, runtime, within};
use futures_channel::oneshot;
use std::future::{IntoFuture, Ready, poll_fn, ready};
use std::task::{Poll, Waker};
use std::thread;

#[test]
fn it_gives_what_the_future_gives() {
    struct Two;
    impl IntoFuture for Two {
        type Output = u8;
        type IntoFuture = Ready<u8>;
        fn into_future(self) -> Ready<u8> {
            ready(2)
        }
    }
    let borrowed = String::from("not static, not Send");
    assert_eq!(drive(async { borrowed.as_str() }), borrowed);
    assert_eq!(drive(Two), 2);
}

#[test]
fn it_polls_only_when_it_is_woken() {
    within(LONG, || {
        let (give, take) = std::sync::mpsc::channel::<Waker>();
        let polled = Counter::new();
        let (polls, wakes) = (polled.clone(), Counter::new());
        let woken = wakes.clone();
        let waker_thread = thread::spawn(move || {
            for (n, waker) in take.into_iter().enumerate() {
                // The wake comes when it will: nobody polls before it.
                assert_eq!(polls.get(), n as u64 + 1);
                woken.add();
                waker.wake();
            }
        });
        drive(poll_fn(|cx| {
            if polled.add() == 100 {
                return Poll::Ready(());
            }
            give.send(cx.waker().clone()).expect("the thread listens");
            Poll::Pending
        }));
        drop(give);
        waker_thread.join().expect("the thread does not panic");
        assert_eq!((polled.get(), wakes.get()), (100, 99));
    });
}

#[test]
fn a_wake_during_the_poll_is_not_lost() {
    within(LONG, || {
        let mut left = 1_000;
        drive(poll_fn(|cx| {
            cx.waker().wake_by_ref();
            left -= 1;
            if left == 0 { Poll::Ready(()) } else { Poll::Pending }
        }));
    });
}

#[test]
fn wakers_that_outlive_it_do_no_harm() {
    within(LONG, || {
        let mut late = None;
        drive(poll_fn(|cx| {
            late = Some(cx.waker().clone());
            Poll::Ready(())
        }));
        let late = late.expect("it was polled");
        late.wake_by_ref();
        thread::spawn(move || late.wake()).join().expect("the thread does not panic");
    });
}

#[test]
fn a_panic_passes_through() {
    let payload = caught(|| drive(async { explode("driven") })).unwrap_err();
    assert_eq!(Bomb::name_of(&*payload), Some("driven"));
}

#[test]
fn drives_nest() {
    assert_eq!(drive(async { drive(async { 1 }) + drive(async { 2 }) }), 3);
}

#[test]
fn in_a_task_it_keeps_its_worker_but_not_the_others() {
    within(LONG, || {
        let runtime = runtime(2);
        let driving = Event::new();
        let (sender, receiver) = oneshot::channel();
        let begun = driving.clone();
        let blocked = runtime.spawn(async move {
            begun.set();
            drive(receiver)
        });
        driving.wait();
        let other = runtime.spawn(async move { sender.send(5) });
        assert_eq!(runtime.block_on(blocked).expect("no panic"), Ok(5));
        assert_eq!(runtime.block_on(other).expect("no panic"), Ok(()));
    });
}

#[test]
fn a_coroutine_is_driven_by_it_where_send_says_pending() {
    within(LONG, || {
        let (sender, receiver) = oneshot::channel();
        let mut coroutine = Coroutine::from_future(receiver);
        let pending = coroutine.send(None);
        assert_eq!(pending, Err(SendError::Pending(None)));
        let thread = thread::spawn(move || sender.send('x').expect("it is waited for"));
        let Ok(Step::Complete(value)) = drive(coroutine.resume(None)) else {
            panic!("a future yields nothing")
        };
        assert_eq!(value, Ok('x'));
        thread.join().expect("the thread does not panic");
    });
}
