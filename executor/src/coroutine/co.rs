//! The coroutine's side: suspending.

use super::exchange::{self, Exchange, Id, Ticket};
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// What a coroutine suspends itself with; its body gets one.
///
/// A helper of the body takes it by reference:
///
/// ```
/// use filch::coroutine::{Co, Coroutine, Step};
///
/// async fn count_down(co: &Co<u32, ()>, from: u32) {
///     for n in (1..=from).rev() {
///         co.suspend(n).await;
///     }
/// }
///
/// let mut coroutine = Coroutine::new(async |co| {
///     count_down(&co, 2).await;
///     count_down(&co, 1).await;
/// });
/// for n in [2, 1, 1] {
///     assert_eq!(coroutine.send(None), Ok(Step::Yielded(n)));
/// }
/// assert_eq!(coroutine.send(None), Ok(Step::Complete(())));
/// ```
pub struct Co<Y, R> {
    id: Id,
    types: PhantomData<fn(Y) -> R>,
}

impl<Y: 'static, R: 'static> Co<Y, R> {
    pub(super) fn new(id: Id) -> Self {
        Self { id, types: PhantomData }
    }

    /// Gives `value` out and, once the coroutine is resumed, what it was resumed with.
    ///
    /// That is the very `Option` that was given to [`send`](super::Coroutine::send): `None` if
    /// the coroutine was resumed without a value, also when it is used as a stream.
    ///
    /// Nothing happens before the future is awaited. If several are awaited at once, in a `join`
    /// say, their values come out in the order in which they were first polled, and what is sent
    /// goes to the one whose value came out last.
    ///
    /// A future that is dropped before its value came out takes the value with it. If it is dropped
    /// after that, what is sent to it can be had back by
    /// [`take_unclaimed`](super::Coroutine::take_unclaimed).
    ///
    /// # Panics
    ///
    /// The future panics when it is polled from anywhere but inside its own coroutine: by another
    /// task or thread, or after the coroutine has ended; and when it is polled after it was ready.
    ///
    /// ```
    /// use filch::coroutine::{Coroutine, Step};
    ///
    /// let mut coroutine = Coroutine::new(async |co| {
    ///     let answer: Option<u32> = co.suspend("how many?").await;
    ///     answer.map(|n| n + 1)
    /// });
    /// assert_eq!(coroutine.send(None), Ok(Step::Yielded("how many?")));
    /// assert_eq!(coroutine.send(Some(1)), Ok(Step::Complete(Some(2))));
    /// ```
    #[inline]
    pub fn suspend(&self, value: Y) -> Suspend<'_, Y, R> {
        Suspend { co: self, stage: Stage::Ready(value) }
    }
}

impl<Y, R> fmt::Debug for Co<Y, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Co").finish_non_exhaustive()
    }
}

/// The future of [`Co::suspend`].
#[must_use = "a coroutine suspends itself only where this is awaited"]
pub struct Suspend<'a, Y: 'static, R: 'static> {
    co: &'a Co<Y, R>,
    stage: Stage<Y>,
}

enum Stage<Y> {
    /// The value is to be placed.
    Ready(Y),
    /// The value is placed; the answer has not been taken.
    Placed(Ticket),
    Over,
}

/// The value is moved out of a suspension, never pinned in it.
impl<Y, R> Unpin for Suspend<'_, Y, R> {}

impl<Y: 'static, R: 'static> Future for Suspend<'_, Y, R> {
    type Output = Option<R>;

    // Always: the `await` is the one place that calls it.
    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<R>> {
        match self.stage {
            Stage::Ready(_) => self.place(cx.waker()),
            Stage::Placed(ticket) => self.take_answer(ticket, cx.waker()),
            Stage::Over => over(),
        }
    }
}

impl<Y: 'static, R: 'static> Suspend<'_, Y, R> {
    #[inline]
    fn place(&mut self, waker: &Waker) -> Poll<Option<R>> {
        let stage = &mut self.stage;
        let polled_by_driver = exchange::look(self.co.id, |exchange: &mut Exchange<Y, R>| {
            // Taken no earlier: one that is polled from elsewhere keeps its value.
            if let Stage::Ready(value) = mem::replace(stage, Stage::Over) {
                *stage = Stage::Placed(exchange.place(value));
            }
            exchange.is_driver(waker)
        });
        match (polled_by_driver, &self.stage) {
            (Some(false), Stage::Placed(ticket)) => self.wait(*ticket, waker),
            (Some(_), _) => {}
            (None, _) => elsewhere(),
        }
        Poll::Pending
    }

    #[inline]
    fn take_answer(&mut self, ticket: Ticket, waker: &Waker) -> Poll<Option<R>> {
        let take = |exchange: &mut Exchange<Y, R>| exchange.take_answer(ticket);
        match exchange::look(self.co.id, take) {
            Some(Some(answer)) => {
                self.stage = Stage::Over;
                Poll::Ready(answer)
            }
            Some(None) => {
                self.wait(ticket, waker);
                Poll::Pending
            }
            None => elsewhere(),
        }
    }

    /// Has `waker` woken when the answer comes, unless whoever polls the coroutine polls this too: a
    /// combinator that hands out wakers of its own polls nothing that was not woken.
    #[cold]
    fn wait(&self, ticket: Ticket, waker: &Waker) {
        let is_waiting = exchange::look(self.co.id, |exchange: &mut Exchange<Y, R>| {
            exchange.is_driver(waker) || exchange.is_waiting(ticket, waker)
        });
        if is_waiting == Some(false) {
            let waker = waker.clone();
            let wait = |exchange: &mut Exchange<Y, R>| exchange.wait(ticket, waker);
            // What it replaces is dropped here, out of the exchange.
            drop(exchange::look(self.co.id, wait));
        }
    }
}

#[cold]
fn over() -> ! {
    panic!("`Suspend` polled after completion")
}

#[cold]
fn elsewhere() -> ! {
    panic!(
        "a coroutine suspended from elsewhere: await `co.suspend()` inside the coroutine that `co` \
         belongs to, not in another task or thread, and not after its end"
    )
}

impl<Y: 'static, R: 'static> Drop for Suspend<'_, Y, R> {
    #[inline]
    fn drop(&mut self) {
        if let Stage::Placed(ticket) = self.stage {
            withdraw::<Y, R>(self.co.id, ticket);
        }
    }
}

/// If the coroutine is not being polled, it is being dropped, and what it keeps with it.
#[cold]
fn withdraw<Y: 'static, R: 'static>(id: Id, ticket: Ticket) {
    drop(exchange::look(id, |exchange: &mut Exchange<Y, R>| exchange.withdraw(ticket)));
}

impl<Y, R> fmt::Debug for Suspend<'_, Y, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.stage {
            Stage::Ready(_) => "Suspend(ready)",
            Stage::Placed(_) => "Suspend(placed)",
            Stage::Over => "Suspend(over)",
        })
    }
}
