#![doc = include_str!("timers.md")]

mod rest;
mod source;
mod ticker;
mod virtual_time;
mod watch;

#[cfg(all(test, filch_loom))]
mod models;
#[cfg(all(test, not(filch_loom)))]
mod tests;

pub(crate) use source::Source;
pub(crate) use ticker::Ticker;
pub use virtual_time::ClockHold;
pub(crate) use virtual_time::{Root, VirtualTime};
pub(crate) use watch::{SLACK, Watch};

use crate::park::Parker;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, Mutant, Mutex, MutexGuard, mutated};
use crate::task::{drop_waker, wake};
use filch_timers::{Clock, Key, NEVER, Wheel};
use std::task::Waker;

/// How many timers are fired at most before the lock is released and somebody else gets a turn.
const BATCH: usize = 32;

/// One worker's timers: what is due when, and who has to hear of it.
pub(crate) struct WorkerTimers {
    inner: Mutex<Inner>,
    /// A time before which nothing is due; [`NEVER`] if nothing ever is. Written under the lock.
    next: AtomicU64,
    source: Source,
    watch: Arc<Watch>,
}

struct Inner {
    wheel: Wheel<Waker>,
    /// The parker of the thread that last went to sleep in this worker's place.
    sleeper: Option<Arc<Parker>>,
    /// Nothing will be fired any more.
    closed: bool,
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
    /// It is registered with another waker.
    OtherWaker,
    /// It fired.
    Fired,
    /// The runtime has shut down before it could fire.
    Closed,
}

/// Who has to be told of a new earliest deadline.
struct Earlier {
    deadline: u64,
    sleeper: Option<Arc<Parker>>,
}

impl WorkerTimers {
    pub(crate) fn new(source: Source, watch: Arc<Watch>) -> Self {
        let wheel = Wheel::new(source.now());
        Self {
            inner: Mutex::new(Inner { wheel, sleeper: None, closed: false }),
            next: AtomicU64::new(NEVER),
            source,
            watch,
        }
    }

    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    #[inline]
    pub(crate) fn now(&self) -> u64 {
        self.source.now()
    }

    /// A time before which nothing is due here.
    #[inline]
    pub(crate) fn next(&self) -> u64 {
        // Ordering: Relaxed. The owner wrote it itself, or is told by its parker; the watchman has
        // a fence before (T6 of the notes).
        self.next.load(Ordering::Relaxed)
    }

    /// Registers a timer. `own`: the caller works in this worker's place.
    pub(crate) fn insert(&self, deadline: u64, waker: Waker, own: bool) -> Result<Key, Refused> {
        match self.try_insert(deadline, waker, own) {
            Ok((key, earlier)) => {
                self.tell(earlier);
                Ok(key)
            }
            Err((refused, waker)) => {
                drop_waker(Some(waker));
                Err(refused)
            }
        }
    }

    fn try_insert(
        &self,
        deadline: u64,
        waker: Waker,
        own: bool,
    ) -> Result<(Key, Option<Earlier>), (Refused, Waker)> {
        let mut inner = self.inner.lock();
        if inner.closed {
            return Err((Refused::Closed, waker));
        }
        if deadline <= inner.wheel.now() || self.missed_by_turning(deadline) {
            return Err((Refused::Due, waker));
        }
        let key = inner.wheel.insert(deadline, waker);
        Ok((key, self.lower(&inner, deadline, own)))
    }

    /// Whether whoever turns a virtual clock has been here already; asked under the lock.
    fn missed_by_turning(&self, deadline: u64) -> bool {
        self.source.is_virtual() && deadline <= self.source.now()
    }

    /// Gives a timer another deadline. False: it has fired, or the runtime has shut down.
    pub(crate) fn reset(&self, key: Key, deadline: u64, own: bool) -> bool {
        let (earlier, missed) = {
            let mut inner = self.inner.lock();
            if !inner.wheel.reset(key, deadline) {
                return false;
            }
            (self.lower(&inner, deadline, own), self.missed_by_turning(deadline))
        };
        self.tell(earlier);
        if missed {
            self.fire_all(&mut Vec::new());
        }
        true
    }

    /// Takes a timer out; the caller drops its waker.
    pub(crate) fn cancel(&self, key: Key) -> Option<Waker> {
        if mutated(Mutant::CancelInTwoSteps) {
            let waker = self.inner.lock().wheel.get(key).cloned();
            drop(self.inner.lock().wheel.cancel(key));
            return waker;
        }
        // `next` may be too early from now on: that costs a look, or a wake-up, and no more.
        self.inner.lock().wheel.cancel(key)
    }

    /// What became of a timer, and whether it would wake `waker`.
    pub(crate) fn status(&self, key: Key, waker: &Waker) -> Status {
        let inner = self.inner.lock();
        match inner.wheel.get(key) {
            Some(own) if own.will_wake(waker) => Status::Armed,
            Some(_) => Status::OtherWaker,
            None if inner.closed => Status::Closed,
            None => Status::Fired,
        }
    }

    /// Exchanges the waker, and gives back the old one; `Err`: the timer is not registered any more.
    pub(crate) fn replace_waker(&self, key: Key, waker: Waker) -> Result<Waker, Waker> {
        match self.inner.lock().wheel.get_mut(key) {
            Some(place) => Ok(std::mem::replace(place, waker)),
            None => Err(waker),
        }
    }

    /// **T1**: publishes an earlier deadline.
    fn lower(&self, inner: &Inner, deadline: u64, own: bool) -> Option<Earlier> {
        if deadline >= self.next() {
            return None;
        }
        // Ordering: Relaxed. The lock orders it against the owner on its way to sleep; the fence in
        // `tell` against the watchman.
        self.next.store(deadline, Ordering::Relaxed);
        let sleeper = inner.sleeper.as_ref().filter(|_| !own).cloned();
        Some(Earlier { deadline, sleeper })
    }

    /// **T2, T3**: tells those that sleep until a later time.
    #[inline]
    fn tell(&self, earlier: Option<Earlier>) {
        let Some(Earlier { deadline, sleeper }) = earlier else { return };
        if let Some(sleeper) = sleeper
            && !mutated(Mutant::NoTimerUnpark)
        {
            sleeper.unpark();
        }
        self.watch.tell(deadline);
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
        let next = inner.wheel.next_expiry().unwrap_or(NEVER);
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

    /// Wakes all that is due.
    pub(crate) fn fire_all(&self, due: &mut Vec<Waker>) {
        let now = self.now();
        while self.fire(now, due) {}
    }

    /// The same as [`fire`](Self::fire), unless somebody else has the lock. `None`: somebody has.
    pub(crate) fn try_fire(&self, now: u64, due: &mut Vec<Waker>) -> Option<bool> {
        Some(self.fire_locked(self.inner.try_lock()?, now, due))
    }

    fn fire_locked(
        &self,
        mut inner: MutexGuard<'_, Inner>,
        now: u64,
        due: &mut Vec<Waker>,
    ) -> bool {
        let advance = inner.wheel.advance(now, BATCH, |expired| due.push(expired.value));
        self.publish(&inner);
        if mutated(Mutant::WakeUnderLock) {
            due.drain(..).for_each(wake);
        }
        drop(inner);
        due.drain(..).for_each(wake);
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

    /// Refuses timers from now on, and wakes whoever waits for one, to hear that it will not fire.
    pub(crate) fn close(&self) {
        loop {
            let wakers: Vec<_> = {
                let mut inner = self.inner.lock();
                inner.closed = true;
                inner.sleeper = None;
                let wakers = inner.wheel.drain().take(BATCH).collect();
                self.publish(&inner);
                wakers
            };
            if wakers.is_empty() {
                return;
            }
            wakers.into_iter().for_each(wake);
        }
    }
}

/// Drops a waker that a timer had.
pub(crate) fn discard_waker(waker: Option<Waker>) {
    if waker.is_some() {
        drop_waker(waker);
    }
}
