//! Giving a future only so much time.

use super::timer::Timer;
use pin_project_lite::pin_project;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Drives `future` for at most `duration`.
///
/// The time runs from when the future has been pending once: a future that is ready at its first
/// poll costs no look at the clock. It has a poll of its own before its time is looked at, always; so
/// a zero duration gives it two, with a turn of the other tasks in between. What can never be over,
/// [`Duration::MAX`] say, waits for ever. A future that computes without an `await` cannot be
/// interrupted.
///
/// # Errors
///
/// [`Elapsed`], if the future is not ready in time. It is dropped with the [`Timeout`], where it can
/// be [taken out](Timeout::into_inner) of before.
///
/// # Panics
///
/// As [`sleep`](crate::sleep()), once the future is pending.
///
/// ```
/// use std::time::Duration;
///
/// filch::run(async {
///     let hour = Duration::from_secs(3600);
///     assert_eq!(filch::timeout(hour, async { 1 }).await, Ok(1));
///
///     let moment = Duration::from_millis(1);
///     let never = std::future::pending::<()>();
///     let error = filch::timeout(moment, never).await.unwrap_err();
///     assert_eq!(error.to_string(), "deadline has elapsed");
/// });
/// ```
#[track_caller]
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    let timer = Timer::after_first_poll(duration, Location::caller(), ());
    Timeout { future: future.into_future(), timer }
}

/// Drives `future` until `deadline` at the latest.
///
/// A deadline that has passed gives it two polls, as a zero duration does. Otherwise as [`timeout`],
/// errors and panics included. On a runtime with a virtual clock, count from [`now`](crate::now()).
///
/// ```
/// use std::time::Duration;
///
/// filch::run(async {
///     let deadline = filch::now() + Duration::from_millis(1);
///     let never = std::future::pending::<()>();
///     assert!(filch::timeout_at(deadline, never).await.is_err());
///     assert!(filch::now() >= deadline);
/// });
/// ```
#[track_caller]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    Timeout { future: future.into_future(), timer: Timer::at(deadline, Location::caller(), ()) }
}

pin_project! {
    /// The future of [`timeout`] and [`timeout_at`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        timer: Timer<()>,
    }
}

impl<F> Timeout<F> {
    /// The future inside.
    ///
    /// ```
    /// let limited = filch::timeout(std::time::Duration::ZERO, std::future::ready(1));
    /// assert_eq!(limited.get_ref().clone().into_inner(), 1);
    /// ```
    pub fn get_ref(&self) -> &F {
        &self.future
    }

    /// The future inside.
    ///
    /// ```
    /// let mut limited = filch::timeout(std::time::Duration::MAX, std::future::ready(1));
    /// *limited.get_mut() = std::future::ready(2);
    /// assert_eq!(filch::run(limited), Ok(2));
    /// ```
    pub fn get_mut(&mut self) -> &mut F {
        &mut self.future
    }

    /// The future, without its limit.
    ///
    /// ```
    /// let limited = filch::timeout(std::time::Duration::ZERO, std::future::ready(1));
    /// assert_eq!(filch::run(limited.into_inner()), 1);
    /// ```
    pub fn into_inner(self) -> F {
        self.future
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.future.poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => this.timer.poll(cx).map(|_| Err(Elapsed(()))),
        }
    }
}

impl<F> fmt::Debug for Timeout<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout").field("deadline", &self.timer.deadline()).finish_non_exhaustive()
    }
}

/// The time of a [`Timeout`] was over before its future was ready.
///
/// Becomes an [`io::Error`] of the kind [`TimedOut`](io::ErrorKind::TimedOut).
///
/// ```
/// use std::time::Duration;
///
/// async fn answer() -> std::io::Result<u32> {
///     Ok(filch::timeout(Duration::from_millis(1), std::future::pending()).await?)
/// }
/// let error = filch::run(answer()).unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed(());

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadline has elapsed")
    }
}

impl Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> Self {
        Self::new(io::ErrorKind::TimedOut, elapsed)
    }
}
