//! Sleeping, with a result.

use super::timer::Timer;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Waits for `duration` and gives `result`.
///
/// The counterpart of Python's `asyncio.sleep(delay, result)`. A call does nothing but note the time;
/// the future registers with the runtime when it is first polled. Dropping it cancels it.
///
/// **When it ends.** Never before its deadline, to the nanosecond. The time runs from this call on; if
/// that is outside a runtime (as in `runtime.block_on(sleep(…))`), from the first poll on: which
/// clock counts is not known before. An idle worker wakes for it as exactly as the system can,
/// on Linux some 50 to 100 µs late. A worker with work to do looks every 50 to 100 µs, or after the
/// poll that it is in if that takes longer; at most 31 polls after the time has passed, if polls take
/// longer than they did all at once. Whatever keeps it, another worker that is idle takes over,
/// within 10 ms.
///
/// **Any duration works**, and nanoseconds count. Zero gives the other tasks one turn, as
/// [`yield_now`](crate::yield_now) does. What reaches beyond the end of the clock, 584 years after
/// this process first asked filch for the time, waits for ever: [`Duration::MAX`] does.
///
/// **While the machine is suspended** time goes by the clock of [`Instant`], for which the standard
/// library leaves open whether it goes on. With Rust 1.95 it stands still on Linux (where it is
/// `CLOCK_MONOTONIC`) and macOS (`CLOCK_UPTIME_RAW`): a sleep lasts as much longer by the clock on the wall.
/// Where it goes on, as on Windows, what came due meanwhile ends once the machine runs again, in the
/// order of deadlines on each worker, and at the latest when as much time has passed as the machine was
/// suspended: a waiting thread's own clock may have stood still. Who means a time of day compares
/// [`SystemTime`](std::time::SystemTime) now and then; to set that clock changes no sleep.
///
/// May be called anywhere.
///
/// # Panics
///
/// When it is polled, not when it is made:
///
/// * for the first time outside a runtime: "no running event loop", with the place of this call;
/// * after its runtime has shut down, when it can never end;
/// * after it has given its result.
///
/// ```
/// use std::time::Duration;
///
/// let result = filch::run(async { filch::sleep(Duration::from_millis(2), "slept well").await });
/// assert_eq!(result, "slept well");
/// ```
#[track_caller]
pub fn sleep<T>(duration: Duration, result: T) -> Sleep<T> {
    Sleep { timer: Timer::after(duration, Location::caller(), result) }
}

/// Waits until `deadline` and gives `result`.
///
/// A deadline that has passed gives the other tasks one turn. On a runtime with a virtual clock, count
/// from [`now`](crate::now()), not from the system's clock. Otherwise as [`sleep`], panics included.
///
/// ```
/// use std::time::Duration;
///
/// filch::run(async {
///     let deadline = filch::now() + Duration::from_millis(2);
///     filch::sleep_until(deadline, ()).await;
///     assert!(filch::now() >= deadline);
/// });
/// ```
#[track_caller]
pub fn sleep_until<T>(deadline: Instant, result: T) -> Sleep<T> {
    Sleep { timer: Timer::at(deadline, Location::caller(), result) }
}

/// The future of [`sleep`] and [`sleep_until`].
///
/// It is `Unpin`: `(&mut sleep).await` works, and leaves it there to be [reset](Self::reset).
#[must_use = "a sleep does nothing unless it is awaited"]
pub struct Sleep<T> {
    timer: Timer<T>,
}

// The result is never pinned.
impl<T> Unpin for Sleep<T> {}

impl<T> Sleep<T> {
    /// When it ends.
    ///
    /// If its time runs from its first poll on, which has not come yet: when it would end if it were
    /// polled now. No less than thirteen days before this process first asked filch for the time, and
    /// no more than 584 years after: what lies outside is moved to the nearer end. May be called
    /// anywhere.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// filch::run(async {
    ///     let before = filch::now();
    ///     let sleep = filch::sleep(Duration::from_secs(5), ());
    ///     assert!(sleep.deadline() >= before + Duration::from_secs(5));
    /// });
    /// ```
    pub fn deadline(&self) -> Instant {
        self.timer.deadline()
    }

    /// Whether its deadline has passed, be it polled or not. May be called anywhere; before the first
    /// poll, the clock that it asks is that of [`now`](crate::now()).
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// filch::run(async {
    ///     let mut sleep = filch::sleep(Duration::from_millis(1), ());
    ///     (&mut sleep).await;
    ///     assert!(sleep.is_elapsed());
    /// });
    /// ```
    pub fn is_elapsed(&self) -> bool {
        self.timer.is_elapsed()
    }

    /// Gives it another deadline, earlier or later; also after the first one has passed. May be called
    /// on any thread.
    ///
    /// A registered sleep is moved in its place: that is cheaper than a new one. The task that waits
    /// for it need not poll it again.
    ///
    /// # Panics
    ///
    /// If it has given its result; see [`reset_with`](Self::reset_with).
    ///
    /// ```
    /// use std::pin::Pin;
    /// use std::time::Duration;
    ///
    /// filch::run(async {
    ///     let mut sleep = filch::sleep(Duration::from_secs(3600), "awake");
    ///     let soon = filch::now() + Duration::from_millis(1);
    ///     Pin::new(&mut sleep).reset(soon);
    ///     assert_eq!(sleep.deadline(), soon);
    ///     assert_eq!(sleep.await, "awake");
    /// });
    /// ```
    #[track_caller]
    pub fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        assert!(
            !self.timer.is_done(),
            "this `Sleep` has given its result: give it another one with `reset_with`"
        );
        self.timer.reset(deadline, Location::caller());
    }

    /// Gives it another deadline and another result, in particular after it has given the one that
    /// it had. Returns that one if it has not. May be called on any thread.
    ///
    /// ```
    /// use std::pin::Pin;
    /// use std::time::Duration;
    ///
    /// filch::run(async {
    ///     let mut sleep = filch::sleep(Duration::from_millis(1), 1);
    ///     assert_eq!((&mut sleep).await, 1);
    ///     let soon = filch::now() + Duration::from_millis(1);
    ///     assert_eq!(Pin::new(&mut sleep).reset_with(soon, 2), None);
    ///     assert_eq!(sleep.await, 2);
    /// });
    /// ```
    #[track_caller]
    pub fn reset_with(mut self: Pin<&mut Self>, deadline: Instant, result: T) -> Option<T> {
        self.timer.reset_with(deadline, Location::caller(), result)
    }
}

impl<T> Future for Sleep<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let spent = || panic!("a `Sleep` was polled after it had given its result");
        self.timer.poll(cx).map(|result| result.unwrap_or_else(spent))
    }
}

impl<T> fmt::Debug for Sleep<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("deadline", &self.deadline()).finish_non_exhaustive()
    }
}
