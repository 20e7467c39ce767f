//! Why a task gave no output.

use super::TaskId;
use super::panic::Caught;
use std::any::Any;
use std::error::Error;
use std::fmt;

/// Why a task has no output: it was cancelled, or it panicked.
///
/// ```
/// filch::run(async {
///     let task = filch::spawn(async { panic!("oh no") });
///     let error = task.await.unwrap_err();
///     assert!(error.is_panic());
///     assert!(error.to_string().ends_with("panicked with message \"oh no\""));
/// });
/// ```
pub struct JoinError {
    id: TaskId,
    /// `None`: cancelled.
    panic: Option<Box<Caught>>,
}

impl JoinError {
    pub(super) fn cancelled(id: TaskId) -> Self {
        Self { id, panic: None }
    }

    pub(super) fn panicked(id: TaskId, caught: Box<Caught>) -> Self {
        Self { id, panic: Some(caught.collected()) }
    }

    /// Whether the task was cancelled: by `abort` or because its runtime shut down.
    pub fn is_cancelled(&self) -> bool {
        self.panic.is_none()
    }

    /// Whether the task panicked, in its code or in its destructor.
    pub fn is_panic(&self) -> bool {
        self.panic.is_some()
    }

    /// The value that the task panicked with, to be passed on with
    /// [`std::panic::resume_unwind`], say.
    ///
    /// # Panics
    ///
    /// If the task was cancelled; see [`try_into_panic`](Self::try_into_panic).
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(error) => panic!("`JoinError::into_panic` called, but {error}"),
        }
    }

    /// The value that the task panicked with.
    ///
    /// # Errors
    ///
    /// The error itself, if the task was cancelled.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send + 'static>, Self> {
        match self.panic {
            Some(caught) => Ok(caught.take_payload()),
            None => Err(self),
        }
    }

    /// Which task this is about.
    pub fn id(&self) -> TaskId {
        self.id
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.panic {
            None => write!(f, "task {} was cancelled", self.id),
            Some(caught) => {
                write!(f, "task {} panicked", self.id)?;
                caught.write_message(f)
            }
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.panic {
            None => write!(f, "JoinError::Cancelled({:?})", self.id),
            Some(caught) => {
                write!(f, "JoinError::Panic({:?}", self.id)?;
                caught.write_message(f)?;
                f.write_str(")")
            }
        }
    }
}

impl Error for JoinError {}
