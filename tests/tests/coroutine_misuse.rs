//! What a body can do wrong with its suspensions. No value is lost without a trace, nothing hangs,
//! and what makes no sense panics where it is done.

use filch::coroutine::{Co, Coroutine, SendError, Step, drive};
use filch_tests::{Counter, LONG, panic_text, runtime, within};
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::pin;
use std::sync::{Arc, OnceLock, mpsc};
use std::task::{Context, Poll, Waker};

const ELSEWHERE: &str = "a coroutine suspended from elsewhere";

fn noop() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// Polls a future once with the task's own waker and says whether it is pending.
async fn poll_once(mut future: impl Future + Unpin) -> bool {
    poll_fn(|cx| Poll::Ready(pin!(&mut future).poll(cx).is_pending())).await
}

/// Is pending once, and leaves it to others to have it polled again.
async fn pause() {
    let mut paused = false;
    poll_fn(|_| if mem::replace(&mut paused, true) { Poll::Ready(()) } else { Poll::Pending })
        .await;
}

#[test]
fn a_suspension_that_is_never_polled_does_nothing() {
    let drops = Counter::new();
    let mut coroutine = Coroutine::new(async |co: Co<OnDrop, u8>| {
        drop(co.suspend(OnDrop(drops.clone())));
        7
    });
    assert!(matches!(coroutine.send(None), Ok(Step::Complete(7))));
    assert_eq!(drops.get(), 1);
}

/// Counts its drop.
struct OnDrop(Counter);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.add();
    }
}

#[test]
fn a_suspension_dropped_before_its_value_came_out_takes_the_value_with_it() {
    let mut coroutine = Coroutine::new(async |co: Co<u8, u8>| {
        let mut first = co.suspend(1);
        assert!(poll_once(&mut first).await);
        drop(first);
        co.suspend(2).await
    });
    assert_eq!(coroutine.send(None), Ok(Step::Yielded(2)));
    assert_eq!(coroutine.send(Some(9)), Ok(Step::Complete(Some(9))));
}

#[test]
fn what_is_sent_to_a_dropped_suspension_can_be_had_back() {
    let mut coroutine = Coroutine::new(async |co: Co<u8, &str>| {
        for n in 0..3 {
            let mut given_up = co.suspend(n);
            poll_fn(|cx| {
                let polled = pin!(&mut given_up).poll(cx);
                assert!(polled.is_pending());
                Poll::Ready(())
            })
            .await;
            pause().await;
        }
        co.suspend(3).await
    });
    assert_eq!(coroutine.send(None), Ok(Step::Yielded(0)));
    assert_eq!(coroutine.take_unclaimed(), None);
    assert_eq!(coroutine.send(Some("a")), Ok(Step::Yielded(1)));
    assert_eq!(coroutine.send(None), Ok(Step::Yielded(2)));
    assert_eq!(coroutine.send(Some("c")), Ok(Step::Yielded(3)));
    assert_eq!(coroutine.take_unclaimed(), Some("a"));
    assert_eq!(coroutine.send(Some("d")), Ok(Step::Complete(Some("d"))));
    assert_eq!(coroutine.take_unclaimed(), Some("c"), "also after the end");
    assert_eq!(coroutine.take_unclaimed(), None);
}

#[test]
fn an_answer_waits_for_a_suspension_that_is_polled_late() {
    let mut coroutine = Coroutine::new(async |co: Co<u8, u8>| {
        let mut suspension = co.suspend(1);
        assert!(poll_once(&mut suspension).await);
        pause().await;
        pause().await;
        suspension.await
    });
    assert_eq!(coroutine.send(None), Ok(Step::Yielded(1)));
    assert_eq!(
        coroutine.send(Some(5)),
        Err(SendError::Pending(None)),
        "it waits for another pause"
    );
    assert_eq!(coroutine.send(Some(6)), Err(SendError::Pending(Some(6))));
    assert_eq!(coroutine.send(None), Ok(Step::Complete(Some(5))));
    assert_eq!(coroutine.take_unclaimed(), None);
}

#[test]
fn a_none_that_is_taken_late_is_a_none() {
    let mut coroutine = Coroutine::new(async |co: Co<u8, u8>| {
        let mut suspension = co.suspend(1);
        assert!(poll_once(&mut suspension).await);
        pause().await;
        let between = co.suspend(2).await;
        (suspension.await, between)
    });
    assert_eq!(coroutine.send(None), Ok(Step::Yielded(1)));
    assert_eq!(coroutine.send(None), Ok(Step::Yielded(2)));
    assert_eq!(coroutine.send(Some(4)), Ok(Step::Complete((None, Some(4)))));
}

#[test]
fn a_leaked_suspension_holds_nobody_up() {
    let drops = Counter::new();
    let mut coroutine = Coroutine::new(async |co: Co<u8, OnDrop>| {
        let mut leaked = co.suspend(1);
        assert!(poll_once(&mut leaked).await);
        mem::forget(leaked);
        let got = co.suspend(2).await;
        got.is_some()
    });
    assert!(matches!(coroutine.send(None), Ok(Step::Yielded(1))));
    let value = || Some(OnDrop(drops.clone()));
    assert!(matches!(coroutine.send(value()), Ok(Step::Yielded(2))));
    assert!(coroutine.take_unclaimed().is_none(), "it might still be polled");
    assert!(matches!(coroutine.send(value()), Ok(Step::Complete(true))));
    assert_eq!(drops.get(), 1);
    assert!(coroutine.take_unclaimed().is_some(), "now nobody comes for it");
    assert_eq!(drops.get(), 2);
}

#[test]
fn values_of_leaked_suspensions_are_dropped_at_the_end() {
    let drops = Counter::new();
    let mut coroutine = Coroutine::new(async |co: Co<OnDrop, ()>| {
        for _ in 0..3 {
            let mut leaked = co.suspend(OnDrop(drops.clone()));
            assert!(poll_once(&mut leaked).await);
            mem::forget(leaked);
        }
    });
    assert!(matches!(coroutine.send(None), Ok(Step::Complete(()))));
    assert_eq!(drops.get(), 3);
}

#[test]
fn a_smuggled_co_panics_on_another_thread_and_the_coroutine_goes_on() {
    let (give, take) = mpsc::channel();
    let mut coroutine = Coroutine::new(async |co: Co<u8, u8>| {
        co.suspend(1).await;
        give.send(co).expect("the test keeps its end");
        2
    });
    let co = {
        assert_eq!(coroutine.send(None), Ok(Step::Yielded(1)));
        assert_eq!(coroutine.send(None), Ok(Step::Complete(2)));
        take.recv().expect("the body gave it away")
    };
    let after_the_end = panic_text(|| pin!(co.suspend(3)).poll(&mut noop()));
    assert!(after_the_end.starts_with(ELSEWHERE), "{after_the_end}");
    let thread = std::thread::spawn(move || panic_text(|| drive(co.suspend(4))));
    assert!(thread.join().expect("the panic is caught").starts_with(ELSEWHERE));
}

#[test]
fn a_co_is_of_no_use_in_another_coroutine_or_between_sends() {
    let shared = Arc::new(std::sync::Mutex::new(None));
    let given = shared.clone();
    let mut owner = Coroutine::new(async move |co: Co<u8, u8>| {
        let co = Arc::new(co);
        *given.lock().unwrap() = Some(co.clone());
        co.suspend(1).await
    });
    assert_eq!(owner.send(None), Ok(Step::Yielded(1)));
    let co = shared.lock().unwrap().take().expect("the body gave it away");

    let mut suspension = co.suspend(9);
    let between = panic_text(|| pin!(&mut suspension).poll(&mut noop()));
    assert!(between.starts_with(ELSEWHERE), "{between}");
    let mut thief = Coroutine::new(async |_: Co<u8, u8>| suspension.await);
    let elsewhere = panic_text(|| thief.send(None));
    assert!(elsewhere.starts_with(ELSEWHERE), "{elsewhere}");
    assert_eq!(owner.send(Some(2)), Ok(Step::Complete(Some(2))), "nobody took its turn");
}

#[test]
fn a_suspension_awaited_by_another_task_panics_there_and_the_coroutine_goes_on() {
    within(LONG, || {
        let runtime = runtime(2);
        runtime.block_on(async {
            let mut coroutine = Coroutine::new(async |co: Co<u8, u8>| {
                let co = Arc::new(co);
                let away = co.clone();
                let task =
                    filch::spawn(
                        async move { panic_text(|| pin!(away.suspend(1)).poll(&mut noop())) },
                    );
                let text = task.await.expect("the panic is caught");
                (text, co.suspend(2).await)
            });
            assert_eq!(coroutine.resume(None).await, Ok(Step::Yielded(2)));
            let step = coroutine.resume(Some(5)).await;
            let Ok(Step::Complete((text, Some(5)))) = step else { panic!("{step:?}") };
            assert!(text.starts_with(ELSEWHERE), "{text}");
        });
    });
}

#[test]
fn a_placed_suspension_that_moves_away_leaves_the_answer_behind() {
    /// Lives for ever, so that the suspension may go anywhere.
    static CO: OnceLock<Co<u8, u8>> = OnceLock::new();
    let (give, take) = mpsc::channel();
    let mut coroutine = Coroutine::new(async |co: Co<u8, u8>| {
        let co = CO.get_or_init(|| co);
        let mut suspension = co.suspend(1);
        assert!(poll_once(&mut suspension).await);
        give.send(suspension).expect("the test keeps its end");
        co.suspend(2).await
    });
    assert_eq!(coroutine.send(None), Ok(Step::Yielded(1)));
    let mut suspension = take.recv().expect("the body gave it away");
    let text = panic_text(|| pin!(&mut suspension).poll(&mut noop()));
    assert!(text.starts_with(ELSEWHERE), "{text}");
    assert_eq!(coroutine.send(Some(5)), Ok(Step::Yielded(2)));
    drop(suspension);
    assert_eq!(coroutine.send(Some(6)), Ok(Step::Complete(Some(6))));
    assert_eq!(coroutine.take_unclaimed(), Some(5));
}

#[test]
fn an_outer_coroutine_may_be_suspended_from_inside_an_inner_one() {
    let mut outer = Coroutine::new(async |outer: Co<u8, &str>| {
        let outer = &outer;
        // Of the same types, and three deep: what tells them apart is whose `Co` it is.
        let mut inner = Coroutine::new(async |inner: Co<u8, &str>| {
            let mut innermost = Coroutine::new(async |_: Co<u8, &str>| {
                let from_outer = outer.suspend(1).await;
                let from_inner = inner.suspend(2).await;
                (from_outer, from_inner)
            });
            innermost.resume(None).await
        });
        let first = inner.resume(None).await;
        (first, inner.resume(Some("to inner")).await)
    });
    assert_eq!(outer.send(None), Ok(Step::Yielded(1)));
    let whole = outer.send(Some("to outer"));
    let innermost = Ok(Step::Complete((Some("to outer"), Some("to inner"))));
    let expected = (Ok(Step::Yielded(2)), Ok(Step::Complete(innermost)));
    assert_eq!(whole, Ok(Step::Complete(expected)));
}
