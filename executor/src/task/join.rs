//! The handles that a spawner keeps.

use super::TaskId;
use super::cell::{JoinOwner, Runnable, TaskRef};
use super::error::JoinError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Awaits a task's output, or aborts the task.
///
/// Dropping the handle detaches the task: it goes on, and its output is dropped when it comes.
/// The handle works on any thread and in any executor, also after the task's runtime is gone.
///
/// # Panics
///
/// Polling it again after it gave its result panics.
///
/// ```
/// filch::run(async {
///     let task = filch::spawn(async { 6 * 7 });
///     assert_eq!(task.await.unwrap(), 42);
/// });
/// ```
pub struct JoinHandle<T> {
    /// `None` once the result was given.
    owner: Option<JoinOwner<T>>,
    id: TaskId,
}

impl<T> JoinHandle<T> {
    pub(super) fn new(owner: JoinOwner<T>, id: TaskId) -> Self {
        Self { owner: Some(owner), id }
    }

    /// Asks for the task to be cancelled, and returns at once.
    ///
    /// A worker drops the future at its next opportunity: never during a poll, never within
    /// this call. Awaiting the handle then gives an error that
    /// [`is_cancelled`](JoinError::is_cancelled), unless the task finished first. Aborting a
    /// finished task does nothing.
    ///
    /// ```
    /// filch::run(async {
    ///     let task = filch::spawn(std::future::pending::<()>());
    ///     task.abort();
    ///     assert!(task.await.unwrap_err().is_cancelled());
    /// });
    /// ```
    pub fn abort(&self) {
        if let Some(owner) = &self.owner {
            owner.abort();
        }
    }

    /// A handle that can abort the task, but not await it.
    ///
    /// ```
    /// filch::run(async {
    ///     let task = filch::spawn(std::future::pending::<()>());
    ///     let abort = task.abort_handle();
    ///     filch::spawn(async move { abort.abort() });
    ///     assert!(task.await.unwrap_err().is_cancelled());
    /// });
    /// ```
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle { task: self.owner.as_ref().map(JoinOwner::task_ref), id: self.id }
    }

    /// Whether the task is over: its future is dropped and awaiting the handle will not wait.
    pub fn is_finished(&self) -> bool {
        self.owner.as_ref().is_none_or(JoinOwner::is_finished)
    }

    /// The task's id.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// Whether the right to run is this task's.
    #[inline]
    pub(crate) fn is_of(&self, task: &Runnable) -> bool {
        self.owner.as_ref().is_some_and(|owner| owner.is_of(task))
    }

    /// Whether the result was given.
    #[inline]
    pub(crate) fn is_given(&self) -> bool {
        self.owner.is_none()
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(owner) = &mut self.owner else {
            panic!("JoinHandle polled after completion");
        };
        if !owner.poll_complete(cx) {
            return Poll::Pending;
        }
        let id = self.id;
        Poll::Ready(match self.owner.take().and_then(JoinOwner::into_output) {
            Some(Ok(output)) => Ok(output),
            Some(Err(caught)) => Err(JoinError::panicked(id, caught)),
            None => Err(JoinError::cancelled(id)),
        })
    }
}

impl<T> Unpin for JoinHandle<T> {}
impl<T> std::panic::UnwindSafe for JoinHandle<T> {}
impl<T> std::panic::RefUnwindSafe for JoinHandle<T> {}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("JoinHandle");
        out.field("id", &self.id);
        match &self.owner {
            Some(owner) => out.field("state", &owner.state()),
            None => out.field("state", &"joined"),
        };
        out.finish()
    }
}

/// Aborts a task without the right to its output; see [`JoinHandle::abort_handle`].
#[derive(Clone)]
pub struct AbortHandle {
    /// `None`: made from a handle that had given its result.
    task: Option<TaskRef>,
    id: TaskId,
}

impl AbortHandle {
    /// Asks for the task to be cancelled; see [`JoinHandle::abort`].
    pub fn abort(&self) {
        if let Some(task) = &self.task {
            task.cancel();
        }
    }

    /// Whether the task is over.
    pub fn is_finished(&self) -> bool {
        self.task.as_ref().is_none_or(TaskRef::is_finished)
    }

    /// The task's id.
    pub fn id(&self) -> TaskId {
        self.id
    }
}

impl std::panic::UnwindSafe for AbortHandle {}
impl std::panic::RefUnwindSafe for AbortHandle {}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle")
            .field("id", &self.id)
            .field("finished", &self.is_finished())
            .finish()
    }
}
