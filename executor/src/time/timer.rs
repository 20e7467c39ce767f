//! A timer without a result: what sleeps, timeouts and intervals are made of.

use crate::context;
use crate::runtime::NoRuntime;
use crate::timers::{Refused, Status, TimersRef, discard_waker, real_time};
use filch_timers::{Clock, Key, nanos};
use std::mem;
use std::panic::Location;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Gives its result once its time has come.
pub(super) struct Timer<T> {
    state: State<T>,
}

/// Where the user made or reset a timer.
type Place = &'static Location<'static>;

/// Durations are in nanoseconds, times in nanoseconds of [`real_time`] (or of the virtual clock, which counts
/// from the same origin).
///
/// The result is in here so that it shares a word with what tells the states apart.
enum State<T> {
    /// Its time runs from its first poll on.
    Undated { duration: u64, place: Place, result: T },
    /// It has a deadline, and was not polled since it has.
    Dated { deadline: u64, place: Place, result: T },
    /// It is registered with a worker.
    Armed { deadline: u64, key: Key, timers: TimersRef, result: T },
    /// It was due when it was to be registered: the task yields once.
    Yielding { deadline: u64, result: T },
    /// It has given its result.
    Done { deadline: u64 },
}

/// With its 24 bytes, a task that does nothing but sleep takes a block of 80; one byte more, and it
/// would be 96.
#[cfg(all(target_pointer_width = "64", not(filch_loom)))]
const _: () = {
    assert!(size_of::<Timer<()>>() <= 24);
    assert!(size_of::<Timer<u64>>() <= 32);
};

impl<T> Timer<T> {
    /// So long from its first poll on.
    pub(super) fn after_first_poll(duration: Duration, place: Place, result: T) -> Self {
        Self { state: State::Undated { duration: nanos(duration), place, result } }
    }

    /// So long from now on, if there is a clock to go by; else from its first poll on.
    pub(super) fn after(duration: Duration, place: Place, result: T) -> Self {
        if duration.is_zero() {
            return Self::after_first_poll(duration, place, result);
        }
        match context::now() {
            Ok(now) => {
                let deadline = real_time().deadline_at(now).saturating_add(nanos(duration));
                Self { state: State::Dated { deadline, place, result } }
            }
            Err(_) => Self::after_first_poll(duration, place, result),
        }
    }

    pub(super) fn at(deadline: Instant, place: Place, result: T) -> Self {
        let deadline = real_time().deadline_at(deadline);
        Self { state: State::Dated { deadline, place, result } }
    }

    /// When its time comes, as far as that is known yet.
    pub(super) fn deadline(&self) -> Instant {
        let deadline = match self.state {
            State::Undated { duration, .. } => now().saturating_add(duration),
            State::Dated { deadline, .. }
            | State::Armed { deadline, .. }
            | State::Yielding { deadline, .. }
            | State::Done { deadline } => deadline,
        };
        real_time().instant_at(deadline)
    }

    pub(super) fn is_elapsed(&self) -> bool {
        match &self.state {
            State::Undated { .. } => false,
            State::Dated { deadline, .. } => *deadline <= now(),
            State::Armed { deadline, key, timers, .. } => timers.is_over(*key, *deadline),
            State::Yielding { .. } | State::Done { .. } => true,
        }
    }

    /// Whether it has given its result.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, State::Done { .. })
    }

    /// Gives it another deadline, in its place in the wheel if it has one, and another result.
    pub(super) fn reset_with(&mut self, deadline: Instant, place: Place, result: T) -> Option<T> {
        let old = match &mut self.state {
            State::Undated { result: old, .. }
            | State::Dated { result: old, .. }
            | State::Armed { result: old, .. }
            | State::Yielding { result: old, .. } => mem::replace(old, result),
            State::Done { .. } => {
                let deadline = real_time().deadline_at(deadline);
                self.state = State::Dated { deadline, place, result };
                return None;
            }
        };
        self.reset(deadline, place);
        Some(old)
    }

    /// Gives it another deadline, in its place in the wheel if it has one; it must have a result.
    pub(super) fn reset(&mut self, at: Instant, place: Place) {
        let new = real_time().deadline_at(at);
        if let State::Armed { deadline, key, timers, .. } = &mut self.state {
            *deadline = new;
            let own = &**timers;
            // Whose they are matters only to who sleeps until a later time.
            if own.reset(*key, new, new < own.next() && context::owns(timers)) {
                return;
            }
        }
        let result = self.take_result(new);
        self.state = State::Dated { deadline: new, place, result };
    }

    /// Ends it, leaving `deadline` to be told.
    fn take_result(&mut self, deadline: u64) -> T {
        match mem::replace(&mut self.state, State::Done { deadline }) {
            State::Undated { result, .. }
            | State::Dated { result, .. }
            | State::Armed { result, .. }
            | State::Yielding { result, .. } => result,
            State::Done { .. } => unreachable!("a timer gives its result once"),
        }
    }

    /// `None`: it has given its result.
    ///
    /// # Panics
    ///
    /// If it is to be registered outside a runtime, or its runtime has shut down.
    #[inline]
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let deadline = match &self.state {
            State::Undated { .. } | State::Dated { .. } => return self.register(cx),
            State::Armed { deadline, key, timers, .. } => {
                if !is_over(timers, *key, *deadline, cx) {
                    return Poll::Pending;
                }
                *deadline
            }
            State::Yielding { deadline, .. } => *deadline,
            State::Done { .. } => return Poll::Ready(None),
        };
        Poll::Ready(Some(self.take_result(deadline)))
    }

    /// The same, but a timer that is due when it would be registered takes no more than a turn of the
    /// other tasks. That costs a look at the clock; else its worker looks in its own time.
    pub(super) fn poll_by_the_clock(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        match self.state {
            State::Dated { deadline, .. } if deadline <= now() => {
                cx.waker().wake_by_ref();
                let result = self.take_result(deadline);
                self.state = State::Yielding { deadline, result };
                Poll::Pending
            }
            _ => self.poll(cx),
        }
    }

    fn register(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let (State::Undated { place, .. } | State::Dated { place, .. }) = self.state else {
            unreachable!("a timer is registered once");
        };
        let (wheel, own) = context::timers().unwrap_or_else(|error| nowhere(error, place));
        let (deadline, is_due) = match self.state {
            State::Undated { duration, .. } => {
                let now = if wheel.is_virtual() { now() } else { wheel.now() };
                (now.saturating_add(duration), duration == 0)
            }
            State::Dated { deadline, .. } => (deadline, false),
            _ => unreachable!("looked at above"),
        };
        let inserted = match is_due {
            true => Err(Refused::Due),
            false => wheel.insert(deadline, cx.waker().clone(), own),
        };
        if inserted == Err(Refused::Closed) {
            gone();
        }
        let result = self.take_result(deadline);
        self.state = match inserted {
            Ok(key) => State::Armed { deadline, key, timers: wheel.reference(), result },
            Err(_) => {
                cx.waker().wake_by_ref();
                State::Yielding { deadline, result }
            }
        };
        Poll::Pending
    }
}

impl<T> Drop for Timer<T> {
    fn drop(&mut self) {
        if let State::Armed { key, timers, .. } = &self.state {
            discard_waker(timers.cancel(*key));
        }
    }
}

/// The poll of a registered timer. True: it is not registered any more, as its time has come.
fn is_over(timers: &TimersRef, key: Key, deadline: u64, cx: &Context<'_>) -> bool {
    loop {
        match timers.status(key, cx.waker()) {
            Status::Fired => return true,
            Status::Armed => return false,
            Status::OtherWaker => {}
            Status::ArmedUnseen | Status::Closed if timers.is_over(key, deadline) => {
                discard_waker(timers.cancel(key));
                return true;
            }
            Status::ArmedUnseen => timers.fire_due(),
            Status::Closed => gone(),
        }
        // Neither the clone nor the drop of a waker may happen under the wheel's lock.
        match timers.replace_waker(key, cx.waker().clone()) {
            Ok(old) => {
                discard_waker(Some(old));
                return false;
            }
            Err(unused) => discard_waker(Some(unused)),
        }
    }
}

/// The present.
fn now() -> u64 {
    real_time().deadline_at(super::now())
}

#[cold]
fn nowhere(error: NoRuntime, place: Place) -> ! {
    panic!("{error} (polled a timer that was made at {place})")
}

#[cold]
fn gone() -> ! {
    panic!("a timer cannot fire any more: its runtime has shut down")
}

/// `start + duration`, or less if that is more than an [`Instant`] can name.
pub(super) fn far_after(start: Instant, mut duration: Duration) -> Instant {
    loop {
        match start.checked_add(duration) {
            Some(instant) => return instant,
            None => duration /= 2,
        }
    }
}
