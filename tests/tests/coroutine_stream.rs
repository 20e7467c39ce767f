//! A coroutine as a stream: Python's asynchronous generator.

use filch::coroutine::{Co, Coroutine, SendError, Step};
use filch_tests::{Counter, LONG, runtime, within};
use futures_lite::StreamExt;
use futures_util::stream::{FusedStream, Stream};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

fn count(to: u32) -> Coroutine<u32, (), &'static str, impl Future<Output = &'static str>> {
    Coroutine::new(async move |co: Co<u32, ()>| {
        for n in 0..to {
            filch::yield_now().await;
            co.suspend(n).await;
        }
        "counted"
    })
}

#[test]
fn it_needs_no_priming_and_stays_ended() {
    within(LONG, || {
        filch::run(async {
            let mut stream = count(3);
            for n in 0..3 {
                assert_eq!(stream.next().await, Some(n));
            }
            for _ in 0..3 {
                assert_eq!(stream.next().await, None);
                assert!(stream.is_terminated());
            }
        });
    });
}

#[test]
fn nothing_runs_before_the_first_poll() {
    let ran = Counter::new();
    let stream = Coroutine::new(async |_: Co<(), ()>| ran.add());
    assert!(!stream.is_terminated());
    drop(stream);
    assert_eq!(ran.get(), 0);
}

#[test]
fn between_items_it_waits_for_other_futures() {
    within(LONG, || {
        let runtime = runtime(2);
        runtime.block_on(async {
            let (sender, receiver) = async_channel_of(5);
            let mut doubled = Coroutine::new(async move |co: Co<u32, ()>| {
                let mut receiver = pin!(receiver);
                while let Some(n) = receiver.next().await {
                    co.suspend(2 * n).await;
                }
            });
            let sending = filch::spawn(sender);
            let mut items = Vec::new();
            while let Some(item) = doubled.next().await {
                items.push(item);
            }
            sending.await.expect("the sender does not panic");
            assert_eq!(items, [0, 2, 4, 6, 8]);
        });
    });
}

/// A task that sends so many numbers, and where they come out.
fn async_channel_of(
    count: u32,
) -> (impl Future<Output = ()> + Send, impl Stream<Item = u32> + Send) {
    let (sender, receiver) = futures_channel::mpsc::unbounded();
    let send = async move {
        for n in 0..count {
            sender.unbounded_send(n).expect("the receiver is there");
            filch::yield_now().await;
        }
    };
    (send, receiver)
}

#[test]
fn combinators_of_other_crates_take_it() {
    within(LONG, || {
        filch::run(async {
            let even = count(10).filter(|n| n % 2 == 0).map(|n| n * n);
            assert_eq!(even.collect::<Vec<_>>().await, [0, 4, 16, 36, 64]);
            let zipped: Vec<_> = count(3).zip(count(5)).collect().await;
            assert_eq!(zipped, [(0, 0), (1, 1), (2, 2)]);
        });
    });
}

#[test]
fn streams_of_streams() {
    async fn primes(co: Co<u32, ()>, to: u32) {
        let mut numbers = count(to);
        while let Some(n) = numbers.next().await {
            if n > 1 && (2..n).all(|divisor| n % divisor != 0) {
                co.suspend(n).await;
            }
        }
    }
    within(LONG, || {
        filch::run(async {
            let primes = Coroutine::new(async |co| primes(co, 30).await);
            let primes: Vec<_> = StreamExt::collect(primes).await;
            assert_eq!(primes, [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]);
        });
    });
}

#[test]
fn an_item_costs_one_poll_if_nothing_else_is_awaited() {
    let mut stream = pin!(Coroutine::new(async |co: Co<u8, ()>| {
        co.suspend(1).await;
        co.suspend(2).await;
    }));
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(stream.as_mut().poll_next(&mut cx), Poll::Ready(Some(1)));
    assert_eq!(stream.size_hint(), (0, None));
    assert_eq!(stream.as_mut().poll_next(&mut cx), Poll::Ready(Some(2)));
    assert_eq!(stream.as_mut().poll_next(&mut cx), Poll::Ready(None));
    assert_eq!(stream.size_hint(), (0, Some(0)));
}

#[test]
fn what_it_returns_is_to_be_had_by_resume() {
    within(LONG, || {
        filch::run(async {
            let mut stream = count(1);
            assert_eq!(stream.next().await, Some(0));
            assert_eq!(stream.resume(None).await, Ok(Step::Complete("counted")));
            assert_eq!(stream.resume(None).await, Err(SendError::Finished(None)));
            assert_eq!(stream.next().await, None);
        });
    });
}

#[test]
fn a_next_that_is_dropped_loses_no_item() {
    within(LONG, || {
        filch::run(async {
            let mut stream = count(3);
            let mut items = Vec::new();
            while !stream.is_finished() {
                // Pending once for the `yield_now` inside; given up then.
                let early = {
                    let mut next = pin!(stream.next());
                    next.as_mut().poll(&mut Context::from_waker(Waker::noop()))
                };
                match early {
                    Poll::Ready(item) => items.extend(item),
                    Poll::Pending => items.extend(stream.next().await),
                }
            }
            assert_eq!(items, [0, 1, 2]);
        });
    });
}

#[test]
fn sending_and_streaming_mix() {
    let mut both = Coroutine::new(async |co: Co<u8, ()>| {
        let first = co.suspend(1).await;
        let second = co.suspend(2).await;
        (first, second)
    });
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(pin!(&mut both).poll_next(&mut cx), Poll::Ready(Some(1)));
    assert_eq!(both.send(Some(())), Ok(Step::Yielded(2)));
    assert_eq!(both.send(None), Ok(Step::Complete((Some(()), None))));
}

/// With a clock that stands until all are idle, so that the time is exact.
#[test]
fn it_may_sleep_between_items() {
    within(LONG, || {
        let runtime = filch::Builder::new().worker_threads(2).start_paused(true).build().unwrap();
        let pause = Duration::from_secs(1);
        let ticks = async move |co: Co<u32, ()>| {
            for n in 1..=3 {
                let n = filch::sleep(pause, n).await;
                co.suspend(n).await;
            }
        };
        runtime.block_on(async {
            let start = filch::now();
            let mut stream = Coroutine::new(ticks);
            let mut seen = Vec::new();
            while let Some(n) = stream.next().await {
                seen.push((n, filch::now() - start));
            }
            assert_eq!(seen, [(1, pause), (2, pause * 2), (3, pause * 3)]);
            let spawned = Coroutine::new(ticks).spawn().collect().await.unwrap();
            assert_eq!(spawned, (vec![1, 2, 3], ()));
        });
    });
}
