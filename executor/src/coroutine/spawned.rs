//! A coroutine whose steps run as tasks.

use super::object::Coroutine;
use super::step::{SendError, Step};
use crate::runtime::Handle;
use crate::task::{JoinError, JoinHandle};
use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A coroutine on a runtime: each step runs as a task, on whichever worker is free.
///
/// There is no channel and no lock in it. Each [`send`](Self::send) moves the coroutine into a task
/// that takes it one step further, and whose result moves it back. So between steps it is here,
/// and the runtime has nothing to do with it.
///
/// The handle may be used by any task or thread. Dropping it closes the coroutine; if a step is
/// under way, its task is aborted.
///
/// ```
/// use filch::coroutine::{Co, Coroutine, Step};
///
/// async fn adder(co: Co<u64, u64>) {
///     let mut sum = 0;
///     while let Some(n) = co.suspend(sum).await {
///         sum += n;
///     }
/// }
///
/// filch::run(async {
///     let mut adder = Coroutine::new(adder).spawn();
///     let sender = filch::spawn(async move {
///         adder.send(None).await?;
///         adder.send(Some(1)).await?;
///         adder.send(Some(2)).await
///     });
///     assert_eq!(sender.await.unwrap().unwrap(), Step::Yielded(3));
/// });
/// ```
#[must_use = "a spawned coroutine does nothing unless it is sent to"]
pub struct Spawned<Y, R, T, F = dyn Future<Output = T> + Send>
where
    Y: 'static,
    R: 'static,
    F: Future<Output = T> + ?Sized,
{
    place: Place<Y, R, T, F>,
    runtime: Handle,
}

/// Where the coroutine is.
enum Place<Y: 'static, R: 'static, T, F: Future<Output = T> + ?Sized> {
    Here(Coroutine<Y, R, T, F>),
    Away(JoinHandle<Journey<Y, R, T, F>>),
    /// It ended, or its task did.
    Gone,
}

/// What a task brings back.
type Journey<Y, R, T, F> = (Coroutine<Y, R, T, F>, Result<Step<Y, T>, SendError<R>>);

impl<Y, R, T, F> Coroutine<Y, R, T, F>
where
    Y: Send,
    R: Send,
    T: Send + 'static,
    F: Future<Output = T> + Send + ?Sized + 'static,
{
    /// Gives the coroutine to the current runtime. Nothing of it runs until it is sent to.
    ///
    /// # Panics
    ///
    /// Outside a runtime: "no running event loop".
    ///
    /// ```
    /// use filch::coroutine::{Coroutine, Step};
    ///
    /// filch::run(async {
    ///     let mut spawned = Coroutine::new(async |co| co.suspend(1).await).spawn();
    ///     assert_eq!(spawned.send(None).await.unwrap(), Step::Yielded(1));
    ///     assert_eq!(spawned.send(Some("x")).await.unwrap(), Step::Complete(Some("x")));
    /// });
    /// ```
    #[track_caller]
    pub fn spawn(self) -> Spawned<Y, R, T, F> {
        Spawned { place: Place::Here(self), runtime: Handle::current() }
    }
}

impl<Y, R, T, F> Spawned<Y, R, T, F>
where
    Y: Send,
    R: Send,
    T: Send + 'static,
    F: Future<Output = T> + Send + ?Sized + 'static,
{
    /// Runs one step as a task and waits for it; see [`Coroutine::resume`].
    ///
    /// If the future is dropped while it waits, the step goes on; `send(None)` waits for it again.
    ///
    /// # Errors
    ///
    /// As for [`Coroutine::resume`], and if the step panics or the runtime is shut down. The
    /// coroutine is finished then, and a value that was sent is gone with it.
    ///
    /// ```
    /// use filch::coroutine::{Co, Coroutine, Step, StepError};
    ///
    /// filch::run(async {
    ///     let echo = async |co: Co<u8, u8>| co.suspend(1).await.expect("a value");
    ///     let mut spawned = Coroutine::new(echo).spawn();
    ///     assert_eq!(spawned.send(None).await.unwrap(), Step::Yielded(1));
    ///     let error = spawned.send(None).await.unwrap_err();
    ///     assert!(matches!(error, StepError::Join(error) if error.is_panic()));
    /// });
    /// ```
    pub async fn send(&mut self, value: Option<R>) -> Result<Step<Y, T>, StepError<R>> {
        let mut value = value;
        poll_fn(|cx| self.poll_send(cx, &mut value)).await
    }

    /// Sends `None` until the coroutine ends; gives what it yielded on the way and its result.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// ```
    /// use filch::coroutine::Coroutine;
    ///
    /// filch::run(async {
    ///     let letters = Coroutine::<_, (), _>::new(async |co| {
    ///         for letter in 'a'..='c' {
    ///             co.suspend(letter).await;
    ///         }
    ///         "the end"
    ///     });
    ///     let all = letters.spawn().collect().await.unwrap();
    ///     assert_eq!(all, (vec!['a', 'b', 'c'], "the end"));
    /// });
    /// ```
    pub async fn collect(mut self) -> Result<(Vec<Y>, T), StepError<R>> {
        let mut yielded = Vec::new();
        loop {
            match self.send(None).await? {
                Step::Yielded(value) => yielded.push(value),
                Step::Complete(output) => return Ok((yielded, output)),
            }
        }
    }

    /// The coroutine itself, if no step is under way and none has panicked or been cancelled.
    ///
    /// ```
    /// use filch::coroutine::{Co, Coroutine, Step};
    ///
    /// let mut coroutine = filch::run(async {
    ///     let mut spawned = Coroutine::new(async |co: Co<u8, u8>| co.suspend(1).await).spawn();
    ///     assert_eq!(spawned.send(None).await.unwrap(), Step::Yielded(1));
    ///     spawned.into_inner().expect("it has just yielded")
    /// });
    /// assert_eq!(coroutine.send(Some(2)), Ok(Step::Complete(Some(2))));
    /// ```
    pub fn into_inner(mut self) -> Option<Coroutine<Y, R, T, F>> {
        match mem::replace(&mut self.place, Place::Gone) {
            Place::Here(coroutine) => Some(coroutine),
            away => {
                // Left to the drop of this handle.
                self.place = away;
                None
            }
        }
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        value: &mut Option<R>,
    ) -> Poll<Result<Step<Y, T>, StepError<R>>> {
        if let Place::Here(_) = self.place {
            self.set_out(value.take());
        }
        let Place::Away(task) = &mut self.place else {
            return Poll::Ready(Err(SendError::Finished(value.take()).into()));
        };
        if let Some(value) = value.take() {
            return Poll::Ready(Err(SendError::Pending(Some(value)).into()));
        }
        Pin::new(task).poll(cx).map(|journey| match journey {
            Ok((coroutine, step)) => {
                self.place = Place::Here(coroutine);
                Ok(step?)
            }
            Err(error) => {
                self.place = Place::Gone;
                Err(StepError::Join(error))
            }
        })
    }

    /// Sends the coroutine, which is here, on its next step.
    fn set_out(&mut self, value: Option<R>) {
        if let Place::Here(mut coroutine) = mem::replace(&mut self.place, Place::Gone) {
            self.place = Place::Away(self.runtime.spawn(async move {
                let step = coroutine.resume(value).await;
                (coroutine, step)
            }));
        }
    }
}

impl<Y, R, T, F: Future<Output = T> + ?Sized> Drop for Spawned<Y, R, T, F> {
    fn drop(&mut self) {
        if let Place::Away(task) = &self.place {
            task.abort();
        }
    }
}

impl<Y, R, T, F: Future<Output = T> + ?Sized> fmt::Debug for Spawned<Y, R, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Here(coroutine) => f.debug_tuple("Spawned").field(coroutine).finish(),
            Place::Away(task) => f.debug_tuple("Spawned").field(task).finish(),
            Place::Gone => f.write_str("Spawned(gone)"),
        }
    }
}

/// Why a [`Spawned`] coroutine gave no step.
#[derive(Debug)]
pub enum StepError<R> {
    /// The coroutine could not be sent to; what was sent is in it.
    Send(SendError<R>),
    /// The step panicked, or was cancelled because the runtime was shut down.
    Join(JoinError),
}

impl<R> From<SendError<R>> for StepError<R> {
    fn from(error: SendError<R>) -> Self {
        Self::Send(error)
    }
}

impl<R> fmt::Display for StepError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(error) => error.fmt(f),
            Self::Join(error) => error.fmt(f),
        }
    }
}

impl<R: fmt::Debug> Error for StepError<R> {}
