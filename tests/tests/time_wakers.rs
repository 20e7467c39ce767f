//! A timer's waker may do anything while it is cloned, woken and dropped.

use filch::{Handle, Runtime, Sleep};
use filch_tests::wakers::{CountingWaker, Hooks};
use filch_tests::{
    Blocker, Counter, Event, LONG, caught, explode, paused, runtime, stopped, within,
};
use parking_lot::Mutex;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

type Slot = Arc<Mutex<Option<Sleep<()>>>>;

/// Polls a sleep on the runtime with this waker.
fn poll(runtime: &Handle, sleep: &mut Sleep<()>, waker: &Waker) -> Poll<()> {
    let _entered = runtime.enter();
    Pin::new(sleep).poll(&mut Context::from_waker(waker))
}

fn armed(runtime: &Handle, duration: Duration, waker: &Waker) -> Sleep<()> {
    let deadline = runtime.now() + duration;
    let mut sleep = filch::sleep_until(deadline, ());
    assert!(poll(runtime, &mut sleep, waker).is_pending());
    sleep
}

fn on_wake(f: impl Fn() + Send + Sync + 'static) -> Waker {
    Hooks { on_wake: Box::new(f), ..Hooks::default() }.into_waker().1
}

/// Tokio's `drop_from_wake`: the lock of the wheel is not held.
#[test]
fn a_waker_may_drop_other_sleeps_of_its_own_batch_and_of_later_ones() {
    within(LONG, || {
        let runtime = stopped(1);
        let handle = runtime.handle();
        let victims: Arc<Mutex<Vec<Sleep<()>>>> = Arc::default();
        let (count, counting) = CountingWaker::new();
        let dropping = victims.clone();
        let waker = on_wake(move || drop(std::mem::take(&mut *dropping.lock())));
        let killer = armed(handle, SECOND, &waker);
        for seconds in [1, 1, 2, 3600] {
            victims.lock().push(armed(handle, seconds * SECOND, &counting));
        }
        handle.advance(SECOND);
        assert!(victims.lock().is_empty());
        // Those of the same batch had left the wheel together with it.
        assert_eq!((count.wakes(), count.wakers()), (2, 1));
        handle.advance(10_000 * SECOND);
        assert_eq!(count.wakes(), 2);
        drop(killer);
    });
}

#[test]
fn a_waker_may_register_reset_and_poll_sleeps() {
    within(LONG, || {
        let runtime = stopped(1);
        let handle = runtime.handle().clone();
        let (count, counting) = CountingWaker::new();
        let (slot, new): (Slot, Slot) = Default::default();
        *slot.lock() = Some(armed(&handle, 50 * SECOND, &counting));
        let (reset, made, own) = (slot.clone(), new.clone(), handle.clone());
        let waker = on_wake(move || {
            let deadline = own.now() + SECOND;
            Pin::new(reset.lock().as_mut().unwrap()).reset(deadline);
            *made.lock() = Some(armed(&own, 2 * SECOND, &counting));
        });
        let _first = armed(&handle, SECOND, &waker);
        handle.advance(SECOND);
        assert_eq!(count.wakes(), 0);
        handle.advance(SECOND);
        assert_eq!(count.wakes(), 1, "the one that was reset");
        handle.advance(SECOND);
        assert_eq!(count.wakes(), 2, "the one that was registered");
        drop((slot, new));
    });
}

/// What is reset has left the wheel with the rest of the batch and is woken for that, if it was not
/// yet; its time is the new one all the same.
#[test]
fn a_waker_may_reset_sleeps_of_its_own_batch() {
    within(LONG, || {
        let runtime = stopped(1);
        let handle = runtime.handle().clone();
        let slots: [Slot; 3] = Default::default();
        let counting: [_; 3] = std::array::from_fn(|_| CountingWaker::new());
        let (resets, own) = (slots.clone(), handle.clone());
        let own_waker = counting[1].1.clone();
        let waker = on_wake(move || {
            let deadline = own.now() + SECOND;
            for slot in &resets {
                Pin::new(slot.lock().as_mut().unwrap()).reset(deadline);
            }
            own_waker.wake_by_ref();
        });
        // One before it in the batch, it itself, and one after it.
        let wakers = [&counting[0].1, &waker, &counting[2].1];
        for (slot, waker) in slots.iter().zip(wakers) {
            *slot.lock() = Some(armed(&handle, SECOND, waker));
        }
        handle.advance(SECOND);
        let wakes = || [0, 1, 2].map(|n| counting[n].0.wakes());
        assert_eq!(wakes(), [1, 1, 1]);
        for (slot, (_, waker)) in slots.iter().zip(&counting) {
            let mut slot = slot.lock();
            let sleep = slot.as_mut().unwrap();
            assert!(!sleep.is_elapsed());
            assert!(poll(&handle, sleep, waker).is_pending(), "its old time counted");
        }
        handle.advance(SECOND - Duration::from_nanos(1));
        assert_eq!(wakes(), [1, 1, 1], "early");
        handle.advance(Duration::from_nanos(1));
        assert_eq!(wakes(), [2, 2, 2]);
        for (slot, (count, waker)) in slots.iter().zip(&counting) {
            assert!(poll(&handle, slot.lock().as_mut().unwrap(), waker).is_ready());
            assert_eq!(count.wakes(), 2);
        }
    });
}

/// Each fires and registers the next, which is due at once: that must not keep the thread.
#[test]
fn a_chain_of_timers_that_are_due_at_once_keeps_no_worker() {
    within(LONG, || {
        let runtime = runtime(1);
        let fired = Counter::new();
        let (handle, counter) = (runtime.handle().clone(), fired.clone());
        let chain = handle.spawn(async move {
            loop {
                filch::sleep(Duration::from_nanos(1), ()).await;
                counter.add();
            }
        });
        fired.wait_for(10_000);
        let other = runtime.spawn(async { 5 });
        assert_eq!(futures_lite::future::block_on(other).unwrap(), 5);
        chain.abort();
    });
}

/// A waker that explodes when it is woken, or else when it is dropped.
struct Exploding(Option<Waker>);

impl Exploding {
    fn new(on_wake: bool) -> Self {
        let hook = |when: bool, name: &'static str| -> filch_tests::wakers::Hook {
            Box::new(move || {
                if when {
                    explode(name)
                }
            })
        };
        let (on_wake, on_drop) = (hook(on_wake, "wake"), hook(!on_wake, "drop"));
        Self(Some(Hooks { on_wake, on_drop, ..Hooks::default() }.into_waker().1))
    }

    fn waker(&self) -> &Waker {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl Drop for Exploding {
    fn drop(&mut self) {
        let _ = caught(|| drop(self.0.take()));
    }
}

#[test]
fn wakers_that_panic_when_woken_or_dropped_harm_no_other() {
    within(LONG, || {
        let runtime = paused(1);
        let (count, counting) = CountingWaker::new();
        let handle = runtime.handle().clone();
        // In one poll, during which the clock stands.
        let sleeps = runtime.spawn(async move {
            let mut sleeps = Vec::new();
            for round in 0..100 {
                sleeps.push(armed(&handle, SECOND, Exploding::new(round % 2 == 0).waker()));
                sleeps.push(armed(&handle, SECOND, &counting));
            }
            // In a net as well: a sleep that is dropped, and one that is due already.
            drop(armed(&handle, SECOND, Exploding::new(false).waker()));
            drop(armed(&handle, Duration::ZERO, Exploding::new(false).waker()));
            sleeps
        });
        let sleeps = futures_lite::future::block_on(sleeps).unwrap();
        count.wait_for(100);
        let other = runtime.spawn(async { 5 });
        assert_eq!(futures_lite::future::block_on(other).unwrap(), 5);
        drop(sleeps);
    });
}

/// The worker that turns the clock does so on its way to sleep, when it has let go of its queues.
#[test]
fn a_waker_that_drops_the_runtime_does_not_make_its_worker_wait_for_itself() {
    within(LONG, || {
        let runtime = paused(1);
        let handle = runtime.handle().clone();
        let blocker = Blocker::new(&handle);
        let (owner, dropped) = (Mutex::new(Some(runtime)), Event::new());
        let done = dropped.clone();
        let waker = on_wake(move || {
            let runtime = owner.lock().take();
            if let Some(runtime) = runtime {
                drop(runtime);
                done.set();
            }
        });
        let sleep = armed(&handle, Duration::from_secs(1), &waker);
        blocker.release();
        dropped.wait();
        assert!(sleep.is_elapsed());
    });
}

/// Only the last waker is woken, and the others are let go.
#[test]
fn a_poll_with_another_waker_replaces_the_first() {
    within(LONG, || {
        let runtime: Runtime = stopped(2);
        let handle = runtime.handle();
        let (first, old) = CountingWaker::new();
        let (second, new) = CountingWaker::new();
        let mut sleep = armed(handle, SECOND, &old);
        assert!(poll(handle, &mut sleep, &new).is_pending());
        assert_eq!((first.wakers(), second.wakers()), (1, 2));
        handle.advance(SECOND);
        assert_eq!((first.wakes(), second.wakes()), (0, 1));
        assert_eq!(second.wakers(), 1);
        assert!(poll(handle, &mut sleep, &new).is_ready());
        handle.advance(SECOND);
        assert_eq!(second.wakes(), 1, "woken once");
    });
}

/// A worker that wakes up for its timers counts as one that searches, so that nobody else is woken for
/// what it will run itself. What a waker does that blocks is not that.
#[test]
fn a_waker_that_blocks_keeps_nobody_from_being_woken() {
    within(LONG, || {
        let runtime = runtime(3);
        let (firing, ran) = (Event::new(), Event::new());
        // One worker is inside a poll, in which it makes a task runnable.
        let (begun, fires, runs) = (Event::new(), firing.clone(), ran.clone());
        let inside = begun.clone();
        let busy = runtime.spawn(async move {
            inside.set();
            fires.wait();
            let own = runs.clone();
            drop(filch::spawn(async move { own.set() }));
            runs.wait();
        });
        begun.wait();
        // Another one sleeps until a timer of its own is due. The third has nothing to do.
        let waker = on_wake(move || {
            firing.set();
            ran.wait();
        });
        let armed = runtime.spawn(async move {
            let mut sleep = filch::sleep(Duration::from_millis(100), ());
            let poll = Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker));
            assert!(poll.is_pending());
            Some(sleep)
        });
        let sleep = futures_lite::future::block_on(armed).unwrap();
        futures_lite::future::block_on(busy).unwrap();
        drop(sleep);
    });
}
