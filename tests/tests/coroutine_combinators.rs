//! Suspensions under combinators, which replace the waker and choose what they poll: values come out
//! in the order of the first polls, and each answer finds the suspension whose value came out last.

use filch::coroutine::{Co, Coroutine, SendError, Step, Suspend};
use filch_tests::rng::{Rng, seed};
use filch_tests::wakers::{CountingWaker, Hooks};
use filch_tests::{LONG, caught, explode, runtime, within};
use futures_lite::FutureExt;
use futures_util::future::{Either, join, join_all, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::future::poll_fn;
use std::mem::ManuallyDrop;
use std::pin::pin;
use std::task::{Context, Waker};

#[test]
fn joined_suspensions_are_answered_each_by_its_own() {
    let mut coroutine = Coroutine::new(async |co: Co<&str, u8>| {
        let one = async { (co.suspend("a").await, co.suspend("b").await) };
        let two = async { (co.suspend("c").await, co.suspend("d").await) };
        join(one, two).await
    });
    assert_eq!(coroutine.send(None), Ok(Step::Yielded("a")));
    assert_eq!(coroutine.send(Some(1)), Ok(Step::Yielded("c")));
    assert_eq!(coroutine.send(Some(3)), Ok(Step::Yielded("b")));
    assert_eq!(coroutine.send(Some(2)), Ok(Step::Yielded("d")));
    let answers = ((Some(1), Some(2)), (Some(3), Some(4)));
    assert_eq!(coroutine.send(Some(4)), Ok(Step::Complete(answers)));
}

#[test]
fn many_at_once_come_out_in_order() {
    let mut coroutine =
        Coroutine::new(async |co: Co<u32, u32>| join_all((0..100).map(|n| co.suspend(n))).await);
    assert_eq!(coroutine.send(None), Ok(Step::Yielded(0)));
    for n in 1..100 {
        assert_eq!(coroutine.send(Some(n - 1)), Ok(Step::Yielded(n)));
    }
    let all: Vec<_> = (0..100).map(Some).collect();
    assert_eq!(coroutine.send(Some(99)), Ok(Step::Complete(all)));
}

#[test]
fn the_loser_of_a_select_withdraws_its_value() {
    let mut coroutine = Coroutine::new(async |co: Co<&str, u8>| {
        let winner = match select(co.suspend("a"), co.suspend("b")).await {
            Either::Left((answer, _)) => ("a", answer),
            Either::Right((answer, _)) => ("b", answer),
        };
        (winner, co.suspend("c").await)
    });
    assert_eq!(coroutine.send(None), Ok(Step::Yielded("a")));
    assert_eq!(coroutine.send(Some(1)), Ok(Step::Yielded("c")), "and not \"b\"");
    assert_eq!(coroutine.send(Some(2)), Ok(Step::Complete((("a", Some(1)), Some(2)))));
    assert_eq!(coroutine.take_unclaimed(), None);
}

#[test]
fn a_suspension_that_loses_after_it_was_answered_gives_the_value_back() {
    let (sender, receiver) = futures_channel::oneshot::channel();
    let mut coroutine = Coroutine::new(async |co: Co<&str, u8>| {
        // The other one is polled first, so it wins, though the suspension is answered.
        match select(pin!(receiver), co.suspend("a")).await {
            Either::Left((event, _)) => event.ok(),
            Either::Right(_) => None,
        }
    });
    assert_eq!(coroutine.send(None), Ok(Step::Yielded("a")));
    sender.send("event").expect("it is waited for");
    assert_eq!(coroutine.send(Some(1)), Ok(Step::Complete(Some("event"))));
    assert_eq!(coroutine.take_unclaimed(), Some(1));
}

/// `FuturesUnordered` hands out a waker for each future and polls only what was woken.
#[test]
fn a_combinator_with_wakers_of_its_own_polls_what_is_answered() {
    let mut coroutine = Coroutine::new(async |co: Co<u32, u32>| {
        let mut all: FuturesUnordered<_> = (0..10).map(|n| echo(&co, n)).collect();
        let mut sum = 0;
        while let Some(answers) = all.next().await {
            sum += answers;
        }
        sum
    });
    let mut step = coroutine.send(None);
    let mut sent = 0;
    while let Ok(Step::Yielded(n)) = step {
        sent += 1;
        step = coroutine.send(Some(n + 1000));
    }
    assert_eq!(sent, 30);
    assert_eq!(step, Ok(Step::Complete(30)));
}

/// Suspends three times; gives how many answers were its own.
async fn echo(co: &Co<u32, u32>, n: u32) -> u32 {
    let mut own = 0;
    for round in 0..3 {
        let value = n + 100 * round;
        own += u32::from(co.suspend(value).await == Some(value + 1000));
    }
    own
}

/// The waker of its last poll, if that was not the coroutine's own, and no longer than it is needed.
#[test]
fn a_suspension_keeps_one_waker_at_most() {
    let ((old, old_waker), (new, new_waker)) = (CountingWaker::new(), CountingWaker::new());
    let mut coroutine = Coroutine::new(async |co: Co<u8, u8>| {
        let poll = |suspension: &mut Suspend<'_, u8, u8>, waker: &Waker| {
            assert!(pin!(suspension).poll(&mut Context::from_waker(waker)).is_pending());
        };
        let mut second = {
            let mut first = co.suspend(1);
            let mut second = co.suspend(2);
            poll(&mut first, Waker::noop());
            poll(&mut second, &old_waker);
            poll(&mut second, &old_waker);
            assert_eq!(old.wakers(), 2, "the test's and one clone");
            first.await;
            second
        };
        poll(&mut second, &new_waker);
        assert_eq!((old.wakers(), new.wakers()), (1, 2));
        poll(&mut second, Waker::noop());
        drop(second);
        assert_eq!((old.wakers(), new.wakers()), (1, 1));
    });
    assert_eq!(coroutine.send(None), Ok(Step::Yielded(1)));
    assert_eq!(coroutine.send(None), Ok(Step::Complete(())));
    assert_eq!((old.wakes(), new.wakes()), (0, 0));
}

/// A combinator's waker that panics takes along neither what is sent nor what is returned.
#[test]
fn panics_of_wakers_are_nobodys() {
    let hooks = || Hooks {
        on_wake: Box::new(|| explode("wake")),
        on_drop: Box::new(|| explode("drop")),
        ..Hooks::default()
    };
    let poll = |suspension: &mut Suspend<'_, u8, u8>| {
        let (_, waker) = hooks().into_waker();
        let waker = ManuallyDrop::new(waker);
        pin!(suspension).poll(&mut Context::from_waker(&waker))
    };
    let mut coroutine = Coroutine::new(async |co: Co<u8, u8>| {
        let (mut first, mut second, mut third) = (co.suspend(1), co.suspend(2), co.suspend(3));
        for suspension in [&mut first, &mut second, &mut third] {
            assert!(poll(suspension).is_pending());
            // With another waker, so that the one before is dropped.
            assert!(poll(suspension).is_pending());
        }
        let sent = poll_fn(|_| poll(&mut first)).await;
        drop(second);
        std::mem::forget(third);
        sent
    });
    assert_eq!(caught(|| coroutine.send(None)).unwrap(), Ok(Step::Yielded(1)));
    assert_eq!(caught(|| coroutine.send(Some(7))).unwrap(), Ok(Step::Complete(Some(7))));
}

#[test]
fn suspensions_and_other_futures_mix() {
    within(LONG, || {
        let runtime = runtime(2);
        runtime.block_on(async {
            let mut coroutine = Coroutine::new(async |co: Co<u32, u32>| {
                let asked = async { echo(&co, 1).await + echo(&co, 2).await };
                let spawned = async {
                    let mut sum = 0;
                    for n in 0..20 {
                        sum += filch::spawn(async move { n }).await.expect("it does not panic");
                        filch::yield_now().await;
                    }
                    sum
                };
                join(asked, spawned).await
            });
            let mut step = coroutine.resume(None).await;
            while let Ok(Step::Yielded(n)) = step {
                step = coroutine.resume(Some(n + 1000)).await;
            }
            assert_eq!(step, Ok(Step::Complete((6, 190))));
        });
    });
}

#[test]
fn a_race_against_a_yield_is_lost_without_a_trace() {
    let mut coroutine = Coroutine::new(async |co: Co<u8, u8>| {
        async {
            co.suspend(1).await;
            "suspension"
        }
        .or(async {
            filch::yield_now().await;
            "yield"
        })
        .await
    });
    assert_eq!(coroutine.send(None), Ok(Step::Yielded(1)));
    // Answered and polled first: the suspension wins.
    assert_eq!(coroutine.send(None), Ok(Step::Complete("suspension")));
    assert_eq!(coroutine.send(None), Err(SendError::Finished(None)));
}

/// Random bodies: workers under `FuturesUnordered` that suspend, yield, race and give up. Every value
/// that is sent is received by the suspension that it answers, or can be had back.
#[test]
fn no_answer_goes_astray_in_random_bodies() {
    let seed = seed();
    within(LONG, || {
        let rounds = (0..200).map(|round| seed.wrapping_add(round));
        rounds.for_each(check_random_body);
    });
}

fn check_random_body(seed: u64) {
    let mut rng = Rng::new(seed);
    let plans: Vec<_> = (0..rng.below(6)).map(|_| rng.next()).collect();
    let mut coroutine = Coroutine::new(async |co: Co<u64, u64>| {
        let workers = plans.iter().enumerate().map(|(n, plan)| worker(&co, n as u64, *plan));
        let mut workers: FuturesUnordered<_> = workers.collect();
        let mut received = 0;
        while let Some(answers) = workers.next().await {
            received += answers;
        }
        received
    });
    let (mut value, mut sent) = (None, 0);
    let received = loop {
        match coroutine.send(value.take()) {
            Ok(Step::Yielded(out)) => {
                value = (rng.below(4) > 0).then_some(out ^ MASK);
                sent += u64::from(value.is_some());
            }
            Ok(Step::Complete(received)) => break received,
            Err(SendError::Pending(None)) => {}
            Err(error) => panic!("seed {seed}: {error:?}"),
        }
    };
    let back = std::iter::from_fn(|| coroutine.take_unclaimed()).count() as u64;
    assert_eq!(received + back, sent, "seed {seed}");
}

const MASK: u64 = 0xffff_0000;

/// Does as planned; gives how many values it received.
async fn worker(co: &Co<u64, u64>, n: u64, plan: u64) -> u64 {
    let mut rng = Rng::new(plan);
    let mut received = 0;
    for round in 0..rng.below(8) {
        let value = n * 100 + round;
        let asked = async {
            let answer = co.suspend(value).await;
            assert!(answer.is_none_or(|answer| answer == value ^ MASK), "another one's answer");
            u64::from(answer.is_some())
        };
        let yields = rng.below(3);
        let bored = async {
            for _ in 0..yields {
                filch::yield_now().await;
            }
            0
        };
        received += match rng.below(4) {
            0 => bored.or(asked).await,
            1 => asked.or(bored).await,
            2 => join(asked, bored).await.0,
            _ => asked.await,
        };
    }
    received
}
