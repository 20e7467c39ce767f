//! A timer without a result: what sleeps, timeouts and intervals are made of.

use crate::context;
use crate::runtime::NoRuntime;
use crate::sync::Arc;
use crate::timers::{Refused, Status, WorkerTimers, discard_waker};
use filch_timers::{Clock, Key};
use std::panic::Location;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// Ready once its time has come.
pub(super) struct Timer {
    state: State,
}

/// Where the user made or reset a timer.
type Place = &'static Location<'static>;

enum State {
    /// Its time runs from its first poll on.
    Undated(Duration, Place),
    /// It has a deadline, and was not polled since it has.
    Dated(Instant, Place),
    /// It is registered with a worker.
    Armed(Armed),
    /// It was due when it was to be registered: the task yields once.
    Yielding(Instant),
    /// Its time has come.
    Elapsed(Instant),
}

struct Armed {
    timers: Arc<WorkerTimers>,
    key: Key,
    deadline: u64,
}

impl Timer {
    /// So long from its first poll on.
    pub(super) fn after_first_poll(duration: Duration, place: Place) -> Self {
        Self { state: State::Undated(duration, place) }
    }

    /// So long from now on, if there is a clock to go by; else from its first poll on.
    pub(super) fn after(duration: Duration, place: Place) -> Self {
        if duration.is_zero() {
            return Self::after_first_poll(duration, place);
        }
        match context::now().ok().and_then(|now| now.checked_add(duration)) {
            Some(deadline) => Self::at(deadline, place),
            None => Self::after_first_poll(duration, place),
        }
    }

    pub(super) fn at(deadline: Instant, place: Place) -> Self {
        Self { state: State::Dated(deadline, place) }
    }

    /// When its time comes, as far as that is known yet.
    pub(super) fn deadline(&self) -> Instant {
        match &self.state {
            State::Undated(duration, _) => far_after(super::now(), *duration),
            State::Armed(armed) => armed.instant(),
            State::Dated(at, _) | State::Yielding(at) | State::Elapsed(at) => *at,
        }
    }

    pub(super) fn is_elapsed(&self) -> bool {
        match &self.state {
            State::Undated(..) => false,
            State::Dated(at, _) => *at <= super::now(),
            State::Armed(armed) => armed.is_due(),
            State::Yielding(_) | State::Elapsed(_) => true,
        }
    }

    /// Gives it another deadline, in its place in the wheel if it has one.
    pub(super) fn reset(&mut self, deadline: Instant, place: Place) {
        if let State::Armed(armed) = &mut self.state {
            armed.deadline = armed.timers.source().deadline_at(deadline);
            let own = context::owns(&armed.timers);
            if armed.timers.reset(armed.key, armed.deadline, own) {
                return;
            }
        }
        self.state = State::Dated(deadline, place);
    }

    /// # Panics
    ///
    /// If it is to be registered outside a runtime, or its runtime has shut down.
    #[inline]
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = match &mut self.state {
            State::Elapsed(_) => return Poll::Ready(()),
            State::Undated(..) | State::Dated(..) => return self.register(cx),
            State::Yielding(deadline) => *deadline,
            State::Armed(armed) => {
                ready!(armed.poll(cx));
                armed.instant()
            }
        };
        self.state = State::Elapsed(deadline);
        Poll::Ready(())
    }

    /// The same, but a timer that is due when it would be registered takes no more than a turn of the
    /// other tasks. That costs a look at the clock; else its worker looks in its own time.
    pub(super) fn poll_by_the_clock(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.state {
            State::Dated(deadline, _) if deadline <= super::now() => {
                cx.waker().wake_by_ref();
                self.state = State::Yielding(deadline);
                Poll::Pending
            }
            _ => self.poll(cx),
        }
    }

    fn register(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (State::Undated(_, place) | State::Dated(_, place)) = self.state else {
            unreachable!("a timer is registered once");
        };
        let (timers, own) = context::timers().unwrap_or_else(|error| nowhere(error, place));
        let deadline = match self.state {
            State::Undated(duration, _) => timers.source().deadline_after(duration),
            _ => timers.source().deadline_at(self.deadline()),
        };
        let inserted = match self.state {
            State::Undated(Duration::ZERO, _) => Err(Refused::Due),
            _ => timers.insert(deadline, cx.waker().clone(), own),
        };
        self.state = match inserted {
            Ok(key) => State::Armed(Armed { timers, key, deadline }),
            Err(Refused::Closed) => gone(),
            Err(Refused::Due) => {
                cx.waker().wake_by_ref();
                State::Yielding(timers.source().instant_at(deadline))
            }
        };
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let State::Armed(armed) = &self.state {
            discard_waker(armed.timers.cancel(armed.key));
        }
    }
}

impl Armed {
    fn instant(&self) -> Instant {
        self.timers.source().instant_at(self.deadline)
    }

    fn is_due(&self) -> bool {
        self.timers.now() >= self.deadline
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self.timers.status(self.key, cx.waker()) {
            Status::Fired => return Poll::Ready(()),
            Status::Closed if self.is_due() => return Poll::Ready(()),
            Status::Closed => gone(),
            // Whoever polls without ever returning to the worker keeps it from firing its timers
            // (tokio-rs/tokio#7883).
            Status::Armed | Status::OtherWaker if self.is_due() => {
                discard_waker(self.timers.cancel(self.key));
                return Poll::Ready(());
            }
            Status::Armed => return Poll::Pending,
            Status::OtherWaker => {}
        }
        // Neither the clone nor the drop of a waker may happen under the wheel's lock.
        match self.timers.replace_waker(self.key, cx.waker().clone()) {
            Ok(old) => {
                discard_waker(Some(old));
                Poll::Pending
            }
            Err(unused) => {
                discard_waker(Some(unused));
                self.poll(cx)
            }
        }
    }
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
