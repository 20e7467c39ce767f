//! Driving a root future on the calling thread.
//!
//! The caller takes the place of a parked worker, if there is one: its core, so its queues. Then a
//! root's spawns, wakes and joins cost what a task's do, and as many threads are at work as the
//! runtime has workers. If all workers are busy the caller only waits for its root; what the root
//! spawns then goes through the injector.

use super::Shared;
use super::handle::Handle;
use crate::context::{self, Driving};
use crate::idle::Seat;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutant, mutated, order};
use crate::task::{discard, discard_payload};
use crate::timers;
use crate::unwind;
use crate::worker::{Core, Root, Stop, drive};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Wake, Waker};

/// Panics if this thread drives a future already.
#[track_caller]
pub(super) fn refuse_nested(what: &str) {
    match Driving::begin() {
        Some(driving) => drop(driving),
        None => panic!(
            "{what} cannot be called from a running event loop: await the future, or spawn it"
        ),
    }
}

/// Drives `future` on this thread.
#[track_caller]
pub(super) fn block_on<F: Future>(handle: &Handle, future: F) -> F::Output {
    refuse_nested("block_on()");
    let _driving = Driving::begin();
    let _entered = context::enter(handle.clone(), false);
    let shared = handle.shared();
    let place = || shared.spare.lock().take().or_else(|| shared.idle.borrow_core());
    // A core of a closed runtime is on its way to be stopped by its own thread.
    let place = if shared.is_closed() { None } else { place() };
    let (home, core) = place.unzip();
    if let Some(home) = &home {
        shared.leave_watch(home);
    }
    let index = home.as_ref().map_or(usize::MAX, |home| home.index);
    let seat = Seat::new(index, false);
    let waker = std::sync::Arc::new(RootWaker { woken: AtomicBool::new(true), seat: seat.clone() });
    let mut registered = Some(shared.register_root(waker.clone()));
    let mut root = RootFuture {
        future: pin!(Some(future)),
        waker: Waker::from(waker.clone()),
        signal: waker,
        outcome: None,
    };
    if let (Some(home), Some(core)) = (home, core) {
        unwind::never(|| {
            context::put_core(core);
            context::with_core(|core| core.begin(root.signal.clone()));
            let stop = drive(handle, &seat, &mut root);
            debug_assert!(stop != Stop::Lent, "a borrowed core was lent");
            if root.outcome.is_some() {
                // Woken or not, it is not polled any more.
                drop(registered.take());
            }
            hand_back(shared, &home);
        });
    }
    // The root is ready, or there was no place for it among the workers, or they are gone.
    loop {
        match root.outcome.take() {
            Some(Ok(output)) => return output,
            Some(Err(payload)) => resume_unwind(payload),
            None => {}
        }
        // The workers do not know that this thread is at work.
        let is_ready = shared.holding_clock(|| {
            let is_ready = root.poll_if_woken();
            if is_ready {
                drop(registered.take());
            }
            is_ready
        });
        if !is_ready {
            seat.parker.park();
        }
    }
}

/// Ends this thread's time in a worker's place: the core goes back to where it came from.
///
/// There is none any more if the runtime was shut down meanwhile.
fn hand_back(shared: &Shared, home: &Arc<Seat<Box<Core>>>) {
    context::with_core(Core::rest);
    let Some(core) = context::take_core() else { return };
    if !home.is_lendable() {
        *shared.spare.lock() = Some((home.clone(), core));
        return shared.stop_spare_if_closed();
    }
    shared.give_core(home, core);
}

/// Wakes a root future.
struct RootWaker {
    woken: AtomicBool,
    seat: Arc<Seat<Box<Core>>>,
}

impl timers::Root for RootWaker {
    fn is_woken(&self) -> bool {
        // Ordering: Acquire, so that whoever finds the flag cleared sees the hold of the thread that
        // cleared it.
        self.woken.load(Ordering::Acquire)
    }
}

impl Wake for RootWaker {
    fn wake(self: std::sync::Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &std::sync::Arc<Self>) {
        if mutated(Mutant::RootFlagLate) {
            self.seat.parker.unpark();
            self.woken.store(true, Ordering::Relaxed);
            return;
        }
        // Ordering: Release pairs with the Acquire of `poll_if_woken`; a swap also when the flag
        // is set already, so that the next poll sees what this waker's caller wrote.
        let order = order(Ordering::AcqRel, Mutant::UnpublishedRootFlag, Ordering::Acquire);
        if !self.woken.swap(true, order) {
            self.seat.parker.unpark();
        }
    }
}

struct RootFuture<'a, F: Future> {
    /// `None`: dropped, after it was ready.
    future: Pin<&'a mut Option<F>>,
    waker: Waker,
    signal: std::sync::Arc<RootWaker>,
    /// What it gave, or what it panicked with.
    outcome: Option<std::thread::Result<F::Output>>,
}

impl<F: Future> Root for RootFuture<'_, F> {
    fn poll_if_woken(&mut self) -> bool {
        let order = order(Ordering::AcqRel, Mutant::UnacquiredRootFlag, Ordering::Release);
        if !self.signal.woken.swap(false, order) {
            return false;
        }
        let mut cx = Context::from_waker(&self.waker);
        // A panic goes on to the caller, but only once this thread has left the worker's place.
        let poll = catch_unwind(AssertUnwindSafe(|| match self.future.as_mut().as_pin_mut() {
            Some(future) => future.poll(&mut cx),
            None => unreachable!("a root is not polled after it was ready"),
        }));
        let outcome = match poll {
            Ok(Poll::Pending) => return false,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(payload) => Err(payload),
        };
        // As with a task: the first panic is the outcome.
        let dropped = catch_unwind(AssertUnwindSafe(|| self.future.set(None)));
        self.outcome = Some(match (outcome, dropped) {
            (outcome, Ok(())) => outcome,
            (Ok(output), Err(payload)) => {
                discard(output).unwrap_or_else(discard_payload);
                Err(payload)
            }
            (Err(payload), Err(second)) => {
                discard_payload(second);
                Err(payload)
            }
        });
        true
    }

    #[inline]
    fn is_woken(&self) -> bool {
        self.signal.woken.load(Ordering::Relaxed)
    }
}
