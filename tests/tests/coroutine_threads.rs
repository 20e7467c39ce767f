//! A coroutine may go on on another thread, in whatever state it is, if what it holds may.

use filch::coroutine::{Co, Coroutine, SendError, Step};
use filch_tests::child::in_child;
use filch_tests::{Counter, LONG, runtime, within};
use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;

#[test]
fn each_send_may_come_from_another_thread() {
    within(LONG, || {
        let body = async |co: Co<u64, u64>| {
            let mut sum = 0;
            while let Some(n) = co.suspend(sum).await {
                sum += n;
            }
            sum
        };
        let mut coroutine = Coroutine::new(body).erase();
        assert_eq!(coroutine.send(None), Ok(Step::Yielded(0)));
        let mut sum = 0;
        for n in 1..=50 {
            sum += n;
            coroutine = thread::spawn(move || {
                assert_eq!(coroutine.send(Some(n)), Ok(Step::Yielded(sum)));
                coroutine
            })
            .join()
            .expect("the thread does not panic");
        }
        assert_eq!(coroutine.send(None), Ok(Step::Complete(sum)));
    });
}

#[test]
fn what_combinators_left_aside_goes_with_it() {
    within(LONG, || {
        let body = async |co: Co<u32, u32>| {
            let all = (0..20).map(|n| co.suspend(n));
            let all: futures_util::stream::FuturesUnordered<_> = all.collect();
            futures_util::StreamExt::collect::<Vec<_>>(all).await
        };
        let mut coroutine = Coroutine::new(body).erase();
        let mut step = coroutine.send(None);
        while let Ok(Step::Yielded(n)) = step {
            (coroutine, step) = thread::spawn(move || {
                let step = coroutine.send(Some(n));
                (coroutine, step)
            })
            .join()
            .expect("the thread does not panic");
        }
        let answers: Vec<_> = (0..20).map(Some).collect();
        assert_eq!(step, Ok(Step::Complete(answers)));
    });
}

#[test]
fn coroutines_on_two_threads_do_not_meet() {
    within(LONG, || {
        let echo = async |co: Co<u64, u64>| {
            let mut n = 0;
            while n < 2_000 {
                n = co.suspend(n).await.expect("a value each time");
            }
        };
        let threads: Vec<_> = (0..2)
            .map(|_| {
                thread::spawn(move || {
                    let mut coroutine = Coroutine::new(echo);
                    let mut step = coroutine.send(None);
                    let mut rounds = 0;
                    while let Ok(Step::Yielded(n)) = step {
                        assert_eq!(n, rounds);
                        rounds += 1;
                        step = coroutine.send(Some(n + 1));
                    }
                    rounds
                })
            })
            .collect();
        for thread in threads {
            assert_eq!(thread.join().expect("the thread does not panic"), 2_000);
        }
    });
}

#[test]
fn a_coroutine_handed_round_between_tasks_keeps_its_place() {
    within(LONG, || {
        let runtime = runtime(2);
        runtime.block_on(async {
            let mut numbers = Coroutine::new(async |co: Co<u32, ()>| {
                for n in 0..200 {
                    filch::yield_now().await;
                    co.suspend(n).await;
                }
            });
            for expected in 0..200 {
                numbers = filch::spawn(async move {
                    assert_eq!(numbers.next().await, Some(expected));
                    numbers
                })
                .await
                .expect("the task does not panic");
            }
            assert_eq!(numbers.next().await, None);
        });
    });
}

#[test]
fn dropped_on_another_thread() {
    let drops = Counter::new();
    struct OnDrop(Counter);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            self.0.add();
        }
    }
    let local = OnDrop(drops.clone());
    let mut coroutine = Coroutine::<_, _, ()>::new(async move |co: Co<(), OnDrop>| {
        let _local = local;
        let mut suspension = pin!(co.suspend(()));
        let mut polls = 0;
        // Places the value, and leaves the answer where it is.
        poll_fn(|cx| {
            polls += 1;
            if polls == 1 { suspension.as_mut().poll(cx).map(|_| ()) } else { Poll::Pending }
        })
        .await;
        pending().await
    });
    assert!(matches!(coroutine.send(None), Ok(Step::Yielded(()))));
    let sent = coroutine.send(Some(OnDrop(drops.clone())));
    assert!(matches!(sent, Err(SendError::Pending(None))));
    assert_eq!(drops.get(), 0);
    thread::spawn(move || drop(coroutine)).join().expect("the drop does not panic");
    assert_eq!(drops.get(), 2);
}

/// Drives its coroutine to the end when it is dropped.
struct AtExit(Coroutine<u32, u32, u32>, mpsc::Sender<u32>);

impl Drop for AtExit {
    fn drop(&mut self) {
        let mut step = self.0.send(None);
        while let Ok(Step::Yielded(n)) = step {
            step = self.0.send(Some(n + 1));
        }
        if let Ok(Step::Complete(n)) = step {
            let _ = self.1.send(n);
        }
    }
}

thread_local! {
    static AT_EXIT: RefCell<Option<AtExit>> = const { RefCell::new(None) };
}

/// A panic in such a destructor ends the process, so this runs in one of its own.
#[test]
fn a_coroutine_may_be_driven_by_the_destructor_of_a_thread_local() {
    in_child("a_coroutine_may_be_driven_by_the_destructor_of_a_thread_local", &[], || {
        for driven_before in [false, true] {
            let (give, take) = mpsc::channel();
            let body = async |co: Co<u32, u32>| {
                let n = co.suspend(1).await.unwrap_or(0);
                co.suspend(n * 10).await.unwrap_or(0)
            };
            let coroutine = Coroutine::new(body).erase();
            let thread = thread::spawn(move || {
                AT_EXIT.set(Some(AtExit(coroutine, give)));
                if driven_before {
                    assert_eq!(Coroutine::new(body).send(None), Ok(Step::Yielded(1)));
                }
            });
            thread.join().expect("the thread does not panic");
            assert_eq!(take.recv(), Ok(21));
        }
    });
}
