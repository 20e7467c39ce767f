//! The coroutine as an asynchronous generator.

use super::object::Coroutine;
use super::step::{SendError, Step};
use futures_core::stream::{FusedStream, Stream};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

/// What the coroutine yields, as a stream: Python's asynchronous generator.
///
/// Each item resumes the suspension inside with `None`. The stream ends when the coroutine does;
/// what that returned is dropped. It may be polled again after its end.
///
/// ```
/// use filch::coroutine::{Co, Coroutine};
/// use futures_core::Stream;
/// use std::future::poll_fn;
/// use std::pin::pin;
///
/// async fn squares(co: Co<u32, ()>) {
///     for n in 1..=3 {
///         filch::yield_now().await;
///         co.suspend(n * n).await;
///     }
/// }
///
/// filch::run(async {
///     let mut squares = pin!(Coroutine::new(squares));
///     assert_eq!(poll_fn(|cx| squares.as_mut().poll_next(cx)).await, Some(1));
///     assert_eq!(squares.next().await, Some(4)); // the same in short
///     assert_eq!(squares.next().await, Some(9));
///     assert_eq!(squares.next().await, None);
/// });
/// ```
impl<Y, T, F: Future<Output = T> + ?Sized> Stream for Coroutine<Y, (), T, F> {
    type Item = Y;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Y>> {
        self.poll_send(cx, &mut None).map(|step| match step {
            Ok(Step::Yielded(item)) => Some(item),
            Ok(Step::Complete(_)) | Err(SendError::Finished(_)) => None,
            Err(SendError::JustStarted(()) | SendError::Pending(_)) => {
                unreachable!("only a value can be refused by a coroutine that is not finished")
            }
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, self.is_finished().then_some(0))
    }
}

impl<Y, T, F: Future<Output = T> + ?Sized> FusedStream for Coroutine<Y, (), T, F> {
    fn is_terminated(&self) -> bool {
        self.is_finished()
    }
}

impl<Y, T, F: Future<Output = T> + ?Sized> Coroutine<Y, (), T, F> {
    /// The next item that the coroutine yields; `None` at its end. Python's `anext`.
    ///
    /// What the coroutine returned is dropped; [`resume`](Self::resume) gives it.
    ///
    /// # Panics
    ///
    /// As [`send`](Self::send).
    ///
    /// ```
    /// use filch::coroutine::Coroutine;
    ///
    /// filch::run(async {
    ///     let mut countdown = Coroutine::new(async |co| {
    ///         for n in (1..=3).rev() {
    ///             filch::yield_now().await;
    ///             co.suspend(n).await;
    ///         }
    ///     });
    ///     let mut seen = Vec::new();
    ///     while let Some(n) = countdown.next().await {
    ///         seen.push(n);
    ///     }
    ///     assert_eq!(seen, [3, 2, 1]);
    /// });
    /// ```
    pub async fn next(&mut self) -> Option<Y> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}
