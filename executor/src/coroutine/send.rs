//! The driver's side: sending, and polling until a step is done.

use super::exchange::{self, Exchange, Set, Ticket, Waiter};
use super::object::{Coroutine, Phase};
use super::step::{SendError, Step};
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::mem;
use std::task::{Context, Poll, Waker};

impl<Y: 'static, R: 'static, T, F: Future<Output = T> + ?Sized> Coroutine<Y, R, T, F> {
    /// Starts the coroutine or resumes it, until it yields or ends.
    ///
    /// It is started with `None`. What is sent then, `None` included, is what the suspension
    /// inside receives. Needs no runtime; may be called in one.
    ///
    /// # Errors
    ///
    /// With the value handed back:
    ///
    /// * [`SendError::JustStarted`] for a value before the coroutine has begun to wait for one,
    /// * [`SendError::Finished`] if it has ended,
    /// * [`SendError::Pending`] if it waits for something else. Nothing is woken when that is
    ///   there: to wait for it, use [`resume`](Self::resume) in a task or under
    ///   [`drive`](super::drive()).
    ///
    /// # Panics
    ///
    /// If the body panics, with its panic. The coroutine is finished then.
    ///
    /// ```
    /// use filch::coroutine::{Coroutine, SendError, Step};
    ///
    /// let mut coroutine = Coroutine::new(async |co| co.suspend('a').await);
    /// assert_eq!(coroutine.send(Some(1)), Err(SendError::JustStarted(1)));
    /// assert_eq!(coroutine.send(None), Ok(Step::Yielded('a')));
    /// assert_eq!(coroutine.send(Some(2)), Ok(Step::Complete(Some(2))));
    /// assert_eq!(coroutine.send(Some(3)), Err(SendError::Finished(Some(3))));
    /// ```
    #[inline]
    pub fn send(&mut self, value: Option<R>) -> Result<Step<Y, T>, SendError<R>> {
        let mut value = value;
        match self.poll_send(&mut Context::from_waker(Waker::noop()), &mut value) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(SendError::Pending(None)),
        }
    }

    /// As [`send`](Self::send), but waits while the coroutine waits for something else.
    ///
    /// If the future is dropped while it waits, the value has been sent and the coroutine is where
    /// it is; `resume(None)` goes on waiting for its step.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send); [`SendError::Pending`] only hands back a value that is sent
    /// to a coroutine that an earlier call left waiting.
    ///
    /// # Panics
    ///
    /// As [`send`](Self::send).
    ///
    /// ```
    /// use filch::coroutine::{Coroutine, Step};
    ///
    /// filch::run(async {
    ///     let mut coroutine = Coroutine::new(async |co| {
    ///         let name = co.suspend("who?").await.unwrap_or("nobody");
    ///         let greeting = filch::spawn(async move { format!("hello {name}") });
    ///         greeting.await.unwrap()
    ///     });
    ///     assert_eq!(coroutine.resume(None).await, Ok(Step::Yielded("who?")));
    ///     let greeting = coroutine.resume(Some("world")).await;
    ///     assert_eq!(greeting, Ok(Step::Complete("hello world".to_owned())));
    /// });
    /// ```
    pub async fn resume(&mut self, value: Option<R>) -> Result<Step<Y, T>, SendError<R>> {
        let mut value = value;
        poll_fn(|cx| self.poll_send(cx, &mut value)).await
    }

    /// As [`resume`](Self::resume), for hand-written futures.
    ///
    /// `value` is taken when it is sent or handed back; keep calling with what is left of it.
    ///
    /// ```
    /// use filch::coroutine::{Coroutine, Step};
    /// use std::task::{Context, Poll, Waker};
    ///
    /// let mut coroutine = Coroutine::new(async |co| {
    ///     filch::yield_now().await;
    ///     co.suspend(1).await;
    /// });
    /// let mut cx = Context::from_waker(Waker::noop());
    /// assert_eq!(coroutine.poll_send(&mut cx, &mut None::<()>), Poll::Pending);
    /// assert_eq!(coroutine.poll_send(&mut cx, &mut None), Poll::Ready(Ok(Step::Yielded(1))));
    /// ```
    #[inline]
    pub fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        value: &mut Option<R>,
    ) -> Poll<Result<Step<Y, T>, SendError<R>>> {
        let answer = match self.begin(value) {
            Ok(answer) => answer,
            Err(error) => return Poll::Ready(Err(error)),
        };
        // Taken out, so that a panic leaves the coroutine finished.
        let Some(mut frame) = self.frame.take() else {
            unreachable!("a coroutine that is finished does not begin");
        };
        let exchange = Exchange::new(self.issued, answer, cx.waker(), self.aside.take());
        let mut exchange = RefCell::new(exchange);
        let polled = exchange::enter(self.id, &exchange, || frame.as_mut().poll(cx));
        self.issued = exchange.get_mut().issued;
        match polled {
            Poll::Pending => {
                let out = exchange.get_mut().leave(&mut self.aside);
                // It is empty. The compiler, which cannot know, would call its destructor.
                mem::forget(exchange);
                self.frame = Some(frame);
                match out {
                    Some((ticket, value)) => {
                        self.phase = Phase::Suspended(ticket);
                        Poll::Ready(Ok(Step::Yielded(value)))
                    }
                    None => {
                        self.phase = Phase::Busy;
                        Poll::Pending
                    }
                }
            }
            Poll::Ready(output) => {
                exchange.get_mut().finish(&mut self.aside);
                drop(frame);
                Poll::Ready(Ok(Step::Complete(output)))
            }
        }
    }

    /// Decides what to answer the suspension that waits, if there is one.
    #[inline]
    fn begin(
        &mut self,
        value: &mut Option<R>,
    ) -> Result<Option<(Ticket, Option<R>)>, SendError<R>> {
        if self.frame.is_none() {
            return Err(SendError::Finished(value.take()));
        }
        match (self.phase, value.take()) {
            (Phase::Suspended(ticket), value) => {
                if let Some(set) = &mut self.aside {
                    set.waiter(ticket).into_iter().for_each(Waiter::wake);
                }
                Ok(Some((ticket, value)))
            }
            (Phase::Created | Phase::Busy, None) => Ok(None),
            (Phase::Created, Some(value)) => Err(SendError::JustStarted(value)),
            (Phase::Busy, Some(value)) => Err(SendError::Pending(Some(value))),
        }
    }

    /// A value that was sent, but that no suspension took or ever will; the oldest first.
    ///
    /// The suspension that it was sent to was dropped, by a `select` for example, or still not
    /// polled when the coroutine ended. A `None` that was sent leaves nothing behind.
    ///
    /// ```
    /// use filch::coroutine::{Coroutine, Step};
    /// use std::future::{poll_fn, Future};
    /// use std::pin::pin;
    /// use std::task::Poll;
    ///
    /// let mut coroutine = Coroutine::new(async |co| {
    ///     let mut suspension = pin!(co.suspend(1));
    ///     let mut polls = 0;
    ///     // Gives up after one poll, whatever was sent.
    ///     poll_fn(|cx| {
    ///         polls += 1;
    ///         if polls == 1 { suspension.as_mut().poll(cx).map(drop) } else { Poll::Ready(()) }
    ///     })
    ///     .await;
    /// });
    /// assert_eq!(coroutine.send(None), Ok(Step::Yielded(1)));
    /// assert_eq!(coroutine.send(Some("lost?")), Ok(Step::Complete(())));
    /// assert_eq!(coroutine.take_unclaimed(), Some("lost?"));
    /// assert_eq!(coroutine.take_unclaimed(), None);
    /// ```
    pub fn take_unclaimed(&mut self) -> Option<R> {
        self.aside.as_deref_mut().and_then(Set::take_unclaimed)
    }

    /// Whether the coroutine has ended, by its return or by a panic.
    ///
    /// ```
    /// use filch::coroutine::Coroutine;
    ///
    /// let mut coroutine = Coroutine::from_future(async {});
    /// assert!(!coroutine.is_finished());
    /// let _ = coroutine.send(None);
    /// assert!(coroutine.is_finished());
    /// ```
    pub fn is_finished(&self) -> bool {
        self.frame.is_none()
    }
}
