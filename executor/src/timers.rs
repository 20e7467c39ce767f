#![doc = include_str!("timers.md")]

#[cfg_attr(filch_loom, path = "timers/modelled_lease.rs")]
mod lease;
mod phase;
mod rest;
mod source;
mod ticker;
mod virtual_time;
mod watch;

#[cfg(all(test, filch_loom))]
mod models;
#[cfg(all(test, not(filch_loom)))]
mod tests;

pub(crate) use lease::{Lease, TimersAtHand, TimersRef};
use phase::Phase;
pub(crate) use source::{Source, real_time};
pub(crate) use ticker::Ticker;
pub use virtual_time::ClockHold;
pub(crate) use virtual_time::{Root, VirtualTime};
pub(crate) use watch::{SLACK, Watch};

use crate::context;
use crate::park::Parker;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, Mutant, ShortMutex, ShortMutexGuard, mutated};
use crate::task::{drop_waker, is_of_a_task, wake};
use crate::worker::Core;
use filch_timers::{Clock, Key, MonotonicClock, NEVER, Wheel};
use std::mem;
use std::task::Waker;

/// How many timers are fired at most before the lock is released and somebody else gets a turn.
const BATCH: usize = 32;

/// Every how many polls of timers that are registered already one looks at the clock, a power of two.
///
/// The worker looks between two polls of tasks, so a timer need not. But who polls without ever
/// returning to the worker keeps it from firing its timers, and would never see a deadline
/// (tokio-rs/tokio#7883): so it has to fire them itself. To look each time would cost as much as
/// all the rest of such a poll.
const BLIND_POLLS: u8 = 8;

/// One worker's timers: what is due when, and who has to hear of it.
pub(crate) struct WorkerTimers {
    inner: ShortMutex<Inner>,
    /// A time before which nothing is due; [`NEVER`] if nothing ever is. Written under the lock.
    next: AtomicU64,
    /// `None`: time is virtual, and what the wheel was last turned to.
    clock: Option<MonotonicClock>,
    /// Its place in the table of all timers.
    number: u32,
}

struct Inner {
    wheel: Wheel<Waker>,
    phase: Phase,
    /// The parker of the thread that last went to sleep in this worker's place.
    sleeper: Option<Arc<Parker>>,
    /// The runtime's; `None` without a runtime.
    watch: Option<Arc<Watch>>,
    /// How many times it was asked for a timer that is registered.
    asked: u8,
}

/// Why a timer was not registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is due already.
    Due,
    /// The runtime has shut down.
    Closed,
}

/// What became of a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// It is registered, with this waker.
    Armed,
    /// It is, and it is the caller's turn to look at the clock.
    ArmedUnseen,
    /// It is registered with another waker.
    OtherWaker,
    /// It fired.
    Fired,
    /// The runtime has shut down before it could fire.
    Closed,
}

/// Who has to be told of a new earliest deadline.
struct Earlier {
    sleeper: Option<Arc<Parker>>,
    watch: Option<Arc<Watch>>,
}

impl Earlier {
    fn tell(self) {
        let Self { sleeper, watch } = self;
        if let Some(sleeper) = sleeper
            && !mutated(Mutant::NoTimerUnpark)
        {
            sleeper.unpark();
        }
        if let Some(watch) = watch {
            watch.wake_watchman();
        }
    }
}

impl WorkerTimers {
    /// Timers that no runtime has yet.
    fn new(clock: Option<MonotonicClock>, number: u32) -> Self {
        let wheel = Wheel::new(0);
        let inner = Inner { wheel, phase: Phase::Vacant, sleeper: None, watch: None, asked: 0 };
        Self { inner: ShortMutex::new(inner), next: AtomicU64::new(NEVER), clock, number }
    }

    /// What time it is for these timers.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        match self.clock {
            Some(clock) => clock.now(),
            None => self.inner.lock().wheel.now(),
        }
    }

    /// Whether nobody fires these timers but who turns the clock.
    #[inline]
    pub(crate) fn is_virtual(&self) -> bool {
        self.clock.is_none()
    }

    /// A time before which nothing is due here.
    #[inline]
    pub(crate) fn next(&self) -> u64 {
        // Ordering: Relaxed. The owner wrote it itself, or is told by its parker; the watchman has
        // a fence before (T6 of the notes).
        self.next.load(Ordering::Relaxed)
    }

    /// Registers a timer. `own`: the caller works in this worker's place.
    #[inline]
    pub(crate) fn insert(&self, deadline: u64, waker: Waker, own: bool) -> Result<Key, Refused> {
        let mut inner = self.inner.lock();
        let refused = match inner.phase {
            Phase::Open if deadline > inner.wheel.now() => None,
            Phase::Open => Some(Refused::Due),
            _ => Some(Refused::Closed),
        };
        if let Some(refused) = refused {
            drop(inner);
            drop_waker(Some(waker));
            return Err(refused);
        }
        let key = inner.wheel.insert(deadline, waker);
        let earlier = self.lower(&inner, deadline, own);
        drop(inner);
        self.tell(earlier);
        Ok(key)
    }

    /// Gives a timer another deadline. False: it has fired, or the runtime has shut down; there is
    /// no such timer any more.
    pub(crate) fn reset(&self, key: Key, deadline: u64, own: bool) -> bool {
        let (earlier, is_over) = {
            let mut inner = self.inner.lock();
            if inner.phase != Phase::Open || !inner.wheel.reset(key, deadline) {
                drop(inner);
                discard_waker(self.cancel(key));
                return false;
            }
            (self.lower(&inner, deadline, own), deadline <= inner.wheel.now())
        };
        self.tell(earlier);
        if self.is_virtual() && is_over {
            // Who turned the clock has been here already.
            self.fire_overdue();
        }
        true
    }

    /// Takes a timer out; the caller drops its waker.
    #[inline]
    pub(crate) fn cancel(&self, key: Key) -> Option<Waker> {
        if mutated(Mutant::CancelInTwoSteps) {
            let waker = self.inner.lock().wheel.get(key).cloned();
            drop(self.inner.lock().wheel.cancel(key));
            return waker;
        }
        if mutated(Mutant::DropUnderLock) {
            drop(self.inner.lock().wheel.cancel(key));
            return None;
        }
        let mut inner = self.inner.lock();
        // `next` may be too early from now on: that costs a look, or a wake-up, and no more.
        let waker = inner.wheel.cancel(key);
        if inner.phase == Phase::Released {
            self.vacate_if_empty(inner);
        }
        waker
    }

    /// What became of a timer, and whether it would wake `waker`.
    pub(crate) fn status(&self, key: Key, waker: &Waker) -> Status {
        let mut inner = self.inner.lock();
        inner.asked = inner.asked.wrapping_add(1);
        match inner.wheel.get(key) {
            None => Status::Fired,
            Some(_) if inner.phase != Phase::Open => Status::Closed,
            Some(_) if inner.asked.is_multiple_of(BLIND_POLLS) => Status::ArmedUnseen,
            Some(own) if own.will_wake(waker) => Status::Armed,
            Some(_) => Status::OtherWaker,
        }
    }

    /// Whether the time of the timer that had this deadline is over.
    pub(crate) fn is_over(&self, key: Key, deadline: u64) -> bool {
        match self.clock {
            Some(clock) => clock.now() >= deadline,
            // Once it has fired, the clock may be another runtime's.
            None => {
                let inner = self.inner.lock();
                inner.wheel.get(key).is_none() || inner.wheel.now() >= deadline
            }
        }
    }

    /// Exchanges the waker, and gives back the old one; `Err`: the timer has fired, or will not.
    pub(crate) fn replace_waker(&self, key: Key, waker: Waker) -> Result<Waker, Waker> {
        let mut inner = self.inner.lock();
        let phase = inner.phase;
        match inner.wheel.get_mut(key) {
            Some(place) if phase == Phase::Open => Ok(mem::replace(place, waker)),
            _ => Err(waker),
        }
    }

    /// **T1**: publishes an earlier deadline.
    #[inline]
    fn lower(&self, inner: &Inner, deadline: u64, own: bool) -> Option<Earlier> {
        (deadline < self.next()).then(|| self.lower_to(inner, deadline, own))
    }

    #[cold]
    fn lower_to(&self, inner: &Inner, deadline: u64, own: bool) -> Earlier {
        // Ordering: Relaxed. The lock orders it against the owner on its way to sleep; the fence in
        // `is_too_late_for` against the watchman.
        self.next.store(deadline, Ordering::Relaxed);
        let sleeper = inner.sleeper.as_ref().filter(|_| !own).cloned();
        let watch = inner.watch.as_ref().filter(|watch| watch.is_too_late_for(deadline)).cloned();
        Earlier { sleeper, watch }
    }

    /// **T3**: tells those that sleep until a later time.
    #[inline]
    fn tell(&self, earlier: Option<Earlier>) {
        if let Some(earlier) = earlier {
            earlier.tell();
        }
    }

    /// **T4**: notes who sleeps in this worker's place, and gives the time until which it may.
    pub(crate) fn rest_on(&self, parker: &Arc<Parker>) -> u64 {
        if mutated(Mutant::StaleTimerDeadline) {
            let next = self.next();
            self.inner.lock().sleeper = Some(parker.clone());
            return next;
        }
        let mut inner = self.inner.lock();
        if inner.sleeper.as_ref().is_none_or(|sleeper| !Arc::ptr_eq(sleeper, parker)) {
            inner.sleeper = Some(parker.clone());
        }
        self.publish(&inner)
    }

    /// Makes `next` what the wheel says.
    fn publish(&self, inner: &Inner) -> u64 {
        let next = match inner.phase {
            Phase::Open => inner.wheel.next_expiry().unwrap_or(NEVER),
            _ => NEVER,
        };
        if next != self.next() {
            self.next.store(next, Ordering::Relaxed);
        }
        next
    }

    /// Wakes a batch of what is due at `now`. True: more may be.
    ///
    /// `due` is empty before and after.
    pub(crate) fn fire(&self, now: u64, due: &mut Vec<Waker>) -> bool {
        self.fire_locked(self.inner.lock(), now, due)
    }

    /// Wakes a batch of what is due, in place of a worker that has no time to.
    #[cold]
    pub(crate) fn fire_due(&self) {
        let now = self.now();
        if self.next() <= now && !self.is_virtual() {
            self.fire(now, &mut Vec::new());
        }
    }

    /// Wakes all that is due at `now`.
    pub(crate) fn fire_all(&self, now: u64, due: &mut Vec<Waker>) {
        while self.fire(now, due) {}
    }

    /// The same as [`fire`](Self::fire), unless somebody else has the lock. `None`: somebody has.
    pub(crate) fn try_fire(&self, now: u64, due: &mut Vec<Waker>) -> Option<bool> {
        Some(self.fire_locked(self.inner.try_lock()?, now, due))
    }

    fn fire_locked(
        &self,
        mut inner: ShortMutexGuard<'_, Inner>,
        now: u64,
        due: &mut Vec<Waker>,
    ) -> bool {
        if inner.phase == Phase::Released {
            // Nobody sleeps on these; and the sleeps have to take them out, to hand on the rest.
            return false;
        }
        let advance = inner.wheel.advance(now, BATCH, |expired| due.push(expired.value));
        self.publish(&inner);
        if mutated(Mutant::WakeUnderLock) {
            due.drain(..).for_each(wake);
        }
        drop(inner);
        wake_due(due);
        advance.more
    }

    /// The earliest deadline, exactly: never that of a timer that was cancelled.
    pub(crate) fn earliest(&self) -> u64 {
        if self.next() == NEVER {
            return NEVER;
        }
        let mut inner = self.inner.lock();
        inner.wheel.earliest();
        self.publish(&inner)
    }
}

/// Wakes what is due.
fn wake_due(due: &mut Vec<Waker>) {
    // Code of others may take long, and as long as a worker counts as searching nobody else is woken
    // for what is pushed meanwhile.
    if !due.iter().all(is_of_a_task) {
        context::try_with_core(Core::stop_searching);
    }
    due.drain(..).for_each(wake);
}

/// Drops a waker that a timer had.
pub(crate) fn discard_waker(waker: Option<Waker>) {
    if waker.is_some() {
        drop_waker(waker);
    }
}
