//! The coroutine as an object, and what it is made of.

use super::co::Co;
use super::exchange::{Aside, Id, Ticket};
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

/// A computation that can be suspended in its middle, and gives and takes a value whenever it is.
///
/// | parameter | Python's name | is |
/// |---|---|---|
/// | `Y` | yield type | what comes out whenever it suspends itself: [`Step::Yielded`](super::Step::Yielded) |
/// | `R` | send type | what is sent in to resume it |
/// | `T` | return type | what it returns: [`Step::Complete`](super::Step::Complete) |
/// | `F` | | the body's type; left out, it is any body that is `Send`: see [`erase`](Self::erase) |
///
/// A coroutine does nothing until it is sent to. Dropping it closes it: what its body holds is
/// dropped, in the order in which the end of the body would. It is `Send` if its body is.
///
/// It is driven by [`send`](Self::send), which needs no runtime; by [`resume`](Self::resume) or
/// [`poll_send`](Self::poll_send) inside a task; as a [`Stream`](futures_core::Stream) if nothing
/// but `()` is sent in; or by [`spawn`](Self::spawn)ing it.
///
/// ```
/// use filch::coroutine::{Coroutine, Step};
///
/// let mut average = Coroutine::new(async |co| {
///     let (mut sum, mut count) = (0.0, 0.0);
///     let mut average = 0.0;
///     while let Some(number) = co.suspend(average).await {
///         sum += number;
///         count += 1.0;
///         average = sum / count;
///     }
///     count
/// });
/// assert_eq!(average.send(None), Ok(Step::Yielded(0.0)));
/// assert_eq!(average.send(Some(1.0)), Ok(Step::Yielded(1.0)));
/// assert_eq!(average.send(Some(4.0)), Ok(Step::Yielded(2.5)));
/// assert_eq!(average.send(None), Ok(Step::Complete(2.0)));
/// ```
#[must_use = "a coroutine does nothing unless it is sent to"]
pub struct Coroutine<Y, R, T, F = dyn Future<Output = T> + Send>
where
    Y: 'static,
    R: 'static,
    F: Future<Output = T> + ?Sized,
{
    /// `None`: finished.
    pub(super) frame: Option<Pin<Box<F>>>,
    pub(super) phase: Phase,
    pub(super) id: Id,
    /// The last ticket that a suspension got.
    pub(super) issued: Ticket,
    pub(super) aside: Aside<Y, R>,
    types: PhantomData<fn() -> T>,
}

/// Where a coroutine that is not finished stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It has not been polled.
    Created,
    /// It yielded the value of this suspension, which waits for the answer.
    Suspended(Ticket),
    /// It was pending and yielded nothing: it waits for something else.
    Busy,
}

impl<Y: 'static, R: 'static, T> Coroutine<Y, R, T> {
    /// Makes a coroutine out of an async closure or function. Nothing of it runs yet.
    ///
    /// This makes one allocation, for the body; sending makes none.
    ///
    /// ```
    /// use filch::coroutine::{Co, Coroutine, Step};
    ///
    /// async fn doubler(co: Co<i32, i32>) -> &'static str {
    ///     let mut n = 1;
    ///     while let Some(next) = co.suspend(2 * n).await {
    ///         n = next;
    ///     }
    ///     "bye"
    /// }
    ///
    /// let mut coroutine = Coroutine::new(doubler);
    /// assert_eq!(coroutine.send(None), Ok(Step::Yielded(2)));
    /// assert_eq!(coroutine.send(Some(5)), Ok(Step::Yielded(10)));
    /// assert_eq!(coroutine.send(None), Ok(Step::Complete("bye")));
    /// ```
    pub fn new<B>(body: B) -> Coroutine<Y, R, T, impl Future<Output = T>>
    where
        B: AsyncFnOnce(Co<Y, R>) -> T,
    {
        let id = Id::next();
        // Called when it is first polled: a closure may do something before its first `await`.
        Coroutine::over(id, async move { body(Co::new(id)).await })
    }
}

impl<T> Coroutine<Infallible, (), T> {
    /// Makes a coroutine out of a future: it yields nothing and ends with the future's output.
    ///
    /// While the future is pending, [`send`](Coroutine::send) gives
    /// [`SendError::Pending`](super::SendError::Pending).
    ///
    /// ```
    /// use filch::coroutine::{Coroutine, SendError, Step};
    ///
    /// async fn one() -> u32 {
    ///     1
    /// }
    ///
    /// let mut coroutine = Coroutine::from_future(one());
    /// assert_eq!(coroutine.send(None), Ok(Step::Complete(1)));
    /// assert_eq!(coroutine.send(None), Err(SendError::Finished(None)));
    /// ```
    pub fn from_future<F>(future: F) -> Coroutine<Infallible, (), T, F>
    where
        F: Future<Output = T>,
    {
        Coroutine::over(Id::next(), future)
    }
}

impl<Y: 'static, R: 'static, T, F: Future<Output = T>> Coroutine<Y, R, T, F> {
    fn over(id: Id, frame: F) -> Self {
        Self {
            frame: Some(Box::pin(frame)),
            phase: Phase::Created,
            id,
            issued: Ticket::START,
            aside: None,
            types: PhantomData,
        }
    }

    /// Forgets the type of the body, so that the coroutine's type can be named.
    ///
    /// ```
    /// use filch::coroutine::{Co, Coroutine, Step};
    ///
    /// struct Parser {
    ///     state: Coroutine<(), char, Result<u32, char>>,
    /// }
    ///
    /// let digit = Coroutine::new(async |co: Co<(), char>| match co.suspend(()).await {
    ///     Some(digit) => digit.to_digit(10).ok_or(digit),
    ///     None => Ok(0),
    /// });
    /// let mut parser = Parser { state: digit.erase() };
    /// assert_eq!(parser.state.send(None), Ok(Step::Yielded(())));
    /// assert_eq!(parser.state.send(Some('7')), Ok(Step::Complete(Ok(7))));
    /// ```
    pub fn erase(self) -> Coroutine<Y, R, T>
    where
        F: Send + 'static,
    {
        let Self { frame, phase, id, issued, aside, types } = self;
        let frame = frame.map(|frame| -> Pin<Box<dyn Future<Output = T> + Send>> { frame });
        Coroutine { frame, phase, id, issued, aside, types }
    }
}

/// The body is pinned in its box; nothing else is pinned.
impl<Y, R, T, F: Future<Output = T> + ?Sized> Unpin for Coroutine<Y, R, T, F> {}

impl<Y, R, T, F: Future<Output = T> + ?Sized> fmt::Debug for Coroutine<Y, R, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (&self.frame, self.phase) {
            (None, _) => "Coroutine(finished)",
            (_, Phase::Created) => "Coroutine(created)",
            (_, Phase::Suspended(_)) => "Coroutine(suspended)",
            (_, Phase::Busy) => "Coroutine(busy)",
        })
    }
}
