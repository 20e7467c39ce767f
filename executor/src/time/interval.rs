//! Something regular.

use super::timer::{Timer, far_after};
use std::fmt;
use std::future::poll_fn;
use std::panic::Location;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// Ticks every `period`, for the first time at once.
///
/// "At once" is now, or, if this is called outside a runtime, at the first poll. Any period but zero
/// works: nanoseconds count, and a tick that would lie beyond the [end of the
/// clock](crate::sleep()) never comes. May be called anywhere.
///
/// # Panics
///
/// If the period is zero. Its ticks panic as [`sleep`](crate::sleep()) does.
///
/// ```
/// use std::time::Duration;
///
/// filch::run(async {
///     let mut interval = filch::interval(Duration::from_millis(2));
///     let first = interval.tick().await;
///     let second = interval.tick().await;
///     assert_eq!(second - first, Duration::from_millis(2));
/// });
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    let place = Location::caller();
    match crate::context::now() {
        Ok(now) => Interval::new(Timer::at(now, place, ()), Some(now), period, place),
        Err(_) => {
            let first = Timer::after_first_poll(Duration::ZERO, place, ());
            Interval::new(first, None, period, place)
        }
    }
}

/// Ticks every `period`, for the first time at `start`.
///
/// A start in the past, however long ago, is a first tick that is late: it comes at once, and says when
/// it was due. What becomes of those since then is the [`MissedTickBehavior`]'s affair; by default
/// they all come, one right after the other, so a start a day ago and a period of a microsecond are
/// 86 billion ticks to begin with. On a runtime with a virtual clock, count from
/// [`now`](crate::now()). Otherwise as [`interval`], panics included.
///
/// ```
/// use std::time::Duration;
///
/// filch::run(async {
///     let start = filch::now() + Duration::from_millis(1);
///     let mut interval = filch::interval_at(start, Duration::from_millis(2));
///     assert_eq!(interval.tick().await, start);
///     assert_eq!(interval.tick().await, start + Duration::from_millis(2));
/// });
/// ```
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    let place = Location::caller();
    Interval::new(Timer::at(start, place, ()), Some(start), period, place)
}

/// What an [`Interval`] does about ticks that were missed.
///
/// A tick is *missed* if nobody has asked for it when the next one is due. A tick that is late by less
/// than a period is not: with each behaviour the next one comes a period after it was due, so lateness does
/// not add up. (Tokio takes five milliseconds instead of a period.)
///
/// ```
/// use std::time::Duration;
/// use filch::MissedTickBehavior::{self, Burst, Delay, Skip};
///
/// /// When the ticks are due, in seconds, of which those at 1, 2 and 3 come at 3.5 s.
/// async fn due(behavior: MissedTickBehavior) -> [f64; 4] {
///     let (start, second) = (filch::now(), Duration::from_secs(1));
///     let mut interval = filch::interval_at(start + second, second);
///     interval.set_missed_tick_behavior(behavior);
///     filch::sleep(Duration::from_millis(3_500), ()).await;
///     let mut due = [0.0; 4];
///     for due in &mut due {
///         *due = (interval.tick().await - start).as_secs_f64();
///     }
///     due
/// }
///
/// let runtime = filch::Builder::new().start_paused(true).build()?;
/// runtime.block_on(async {
///     assert_eq!(due(Burst).await, [1.0, 2.0, 3.0, 4.0]);
///     assert_eq!(due(Delay).await, [1.0, 4.5, 5.5, 6.5]);
///     assert_eq!(due(Skip).await, [1.0, 4.0, 5.0, 6.0]);
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissedTickBehavior {
    /// They are made up for, one right after the other: as many ticks as periods.
    #[default]
    Burst,
    /// The interval goes on from the tick that was late: the next one comes a period after it was
    /// asked for.
    Delay,
    /// They are left out: the next one comes at the next multiple of the period after the start.
    Skip,
}

impl MissedTickBehavior {
    /// When to tick after the tick that was due at `due` and is seen at `now`.
    fn next(self, due: Instant, now: Instant, period: Duration) -> Instant {
        let late = now.saturating_duration_since(due);
        match self {
            Self::Delay if late >= period => far_after(now, period),
            Self::Skip if late >= period => {
                let since_last = late.as_nanos() % period.as_nanos();
                far_after(now, period - Duration::from_nanos_u128(since_last))
            }
            Self::Burst | Self::Delay | Self::Skip => far_after(due, period),
        }
    }
}

/// Ticks at regular times; made by [`interval`] and [`interval_at`].
pub struct Interval {
    timer: Timer<()>,
    /// When the next tick is due; `None`: at its first poll. The timer's deadline may be later: the
    /// clock does not reach back without end, and the next ticks are counted from this one.
    due: Option<Instant>,
    period: Duration,
    behavior: MissedTickBehavior,
    place: &'static Location<'static>,
}

impl Interval {
    #[track_caller]
    fn new(
        timer: Timer<()>,
        due: Option<Instant>,
        period: Duration,
        place: &'static Location<'static>,
    ) -> Self {
        assert!(!period.is_zero(), "the period of an interval must not be zero");
        Self { timer, due, period, behavior: MissedTickBehavior::default(), place }
    }

    /// Waits for the next tick, and gives the time at which it was due, be it late or not.
    ///
    /// May be dropped before it is ready: then no tick is lost. A tick that is due already gives
    /// the other tasks one turn.
    ///
    /// # Panics
    ///
    /// When it is polled, as [`sleep`](crate::sleep()): for the first time outside a runtime, or after
    /// its runtime has shut down.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// filch::run(async {
    ///     let mut interval = filch::interval(Duration::from_millis(1));
    ///     let first = interval.tick().await;
    ///     // Given up while the next tick is not due, which is that of the third line.
    ///     drop(interval.tick());
    ///     assert_eq!(interval.tick().await - first, Duration::from_millis(1));
    /// });
    /// ```
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// Polls for the next tick. If it is pending, the task is woken when the tick is due.
    ///
    /// # Panics
    ///
    /// As [`tick`](Self::tick).
    ///
    /// ```
    /// use std::future::poll_fn;
    /// use std::time::Duration;
    ///
    /// filch::run(async {
    ///     let mut interval = filch::interval(Duration::from_millis(1));
    ///     let first = poll_fn(|cx| interval.poll_tick(cx)).await;
    ///     assert!(first <= filch::now());
    /// });
    /// ```
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(self.timer.poll_by_the_clock(cx));
        let due = self.due.unwrap_or_else(|| self.timer.deadline());
        self.next_at(self.behavior.next(due, super::now(), self.period));
        Poll::Ready(due)
    }

    fn next_at(&mut self, due: Instant) {
        self.due = Some(due);
        self.timer.reset_with(due, self.place, ());
    }

    /// Starts anew: the next tick comes a period from now, by the clock of [`now`](crate::now()). May
    /// be called anywhere.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// filch::run(async {
    ///     let mut interval = filch::interval(Duration::from_millis(2));
    ///     let before = filch::now();
    ///     interval.reset();
    ///     assert!(interval.tick().await >= before + Duration::from_millis(2));
    /// });
    /// ```
    pub fn reset(&mut self) {
        self.next_at(far_after(super::now(), self.period));
    }

    /// The time between two ticks.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let second = Duration::from_secs(1);
    /// assert_eq!(filch::interval(second).period(), second);
    /// ```
    pub fn period(&self) -> Duration {
        self.period
    }

    /// What it does about ticks that were missed. At first [`MissedTickBehavior::Burst`].
    ///
    /// ```
    /// use filch::MissedTickBehavior;
    ///
    /// let interval = filch::interval(std::time::Duration::from_secs(1));
    /// assert_eq!(interval.missed_tick_behavior(), MissedTickBehavior::Burst);
    /// ```
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.behavior
    }

    /// Sets what it does about ticks that were missed. It counts from the next tick on that is late.
    ///
    /// ```
    /// use std::time::Duration;
    /// use filch::MissedTickBehavior;
    ///
    /// let runtime = filch::Builder::new().start_paused(true).build()?;
    /// runtime.block_on(async {
    ///     let second = Duration::from_secs(1);
    ///     let start = filch::now();
    ///     let mut interval = filch::interval_at(start, second);
    ///     interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ///     assert_eq!(interval.tick().await, start);
    ///     filch::sleep(Duration::from_millis(3_500), ()).await;
    ///     assert_eq!(interval.tick().await, start + second);
    ///     assert_eq!(interval.tick().await, start + 4 * second);
    /// });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.behavior = behavior;
    }
}

impl fmt::Debug for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interval")
            .field("period", &self.period)
            .field("next", &self.due)
            .field("missed_tick_behavior", &self.behavior)
            .finish_non_exhaustive()
    }
}
