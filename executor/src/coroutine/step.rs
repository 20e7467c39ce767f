//! What comes out of a coroutine.

use std::error::Error;
use std::fmt;

/// How far a coroutine got.
///
/// ```
/// use filch::coroutine::{Coroutine, Step};
///
/// let mut coroutine = Coroutine::new(async |co| {
///     co.suspend(1).await;
///     "done"
/// });
/// while let Ok(step) = coroutine.send(None::<()>) {
///     match step {
///         Step::Yielded(n) => assert_eq!(n, 1),
///         Step::Complete(text) => assert_eq!(text, "done"),
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "a coroutine's values and its result come out in steps"]
pub enum Step<Y, T> {
    /// It suspended itself and gave this value out. Send to go on.
    Yielded(Y),
    /// It ended and returned this; Python raises `StopIteration` with it.
    Complete(T),
}

/// Why a coroutine gave no step. What was sent is handed back.
///
/// The texts are Python's, where Python knows the error.
///
/// ```
/// use filch::coroutine::{Coroutine, SendError};
///
/// let mut coroutine = Coroutine::from_future(async { 1 });
/// let error = coroutine.send(Some(())).unwrap_err();
/// assert_eq!(error, SendError::JustStarted(()));
/// assert_eq!(error.to_string(), "can't send non-None value to a just-started coroutine");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SendError<R> {
    /// The coroutine has not started, so nothing in it waits for a value: send `None` first.
    JustStarted(R),
    /// The coroutine has ended, by its return or by a panic.
    Finished(Option<R>),
    /// The coroutine waits for something else than a value, so it cannot go on yet.
    ///
    /// With `None` it was polled. Sending `None` polls it again;
    /// [`resume`](super::Coroutine::resume) does so when it is woken. With `Some` nothing was
    /// done: a value can be sent once the coroutine yields.
    Pending(Option<R>),
}

impl<R> SendError<R> {
    /// What was sent.
    ///
    /// ```
    /// use filch::coroutine::SendError;
    ///
    /// assert_eq!(SendError::JustStarted(5).into_value(), Some(5));
    /// assert_eq!(SendError::<i32>::Finished(None).into_value(), None);
    /// ```
    pub fn into_value(self) -> Option<R> {
        match self {
            Self::JustStarted(value) => Some(value),
            Self::Finished(value) | Self::Pending(value) => value,
        }
    }
}

impl<R> fmt::Display for SendError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::JustStarted(_) => "can't send non-None value to a just-started coroutine",
            Self::Finished(_) => "cannot reuse already awaited coroutine",
            Self::Pending(_) => "the coroutine waits for something else than a value",
        })
    }
}

impl<R: fmt::Debug> Error for SendError<R> {}
