//! Structured joins: children that run beside their parent if a worker is free, and inside it if
//! none is.
//!
//! The child that is not taken by another worker by the time its parent needs it is still on top of
//! the parent's queue. The parent takes it from there and runs it as a part of its own poll: no
//! join waker, no second poll of the parent, and the child's output is still in the cache. The claim
//! is the deque's own: the pop of its owner against the steal of a thief. This is what fork-join
//! libraries do with stack frames (Cilk-5; rayon's `join`, libfork); here the child is a task, so
//! that it may wait in its middle as any future. With many children there is one such task at a
//! time for all of them that nobody has begun; see [`all`].

mod all;
#[cfg(all(test, filch_loom))]
mod models;

use crate::context;
use crate::sync::{Mutant, mutated};
use crate::task::{JoinError, JoinHandle};
use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};

/// How many children run inside each other at most; then they are awaited as other tasks are.
///
/// Each needs a few hundred bytes of the worker's stack beside what its own poll needs.
const DEEPEST: usize = 64;

/// Runs two futures, beside each other if a worker is free to take `b`, and gives both outputs.
///
/// `a` is a part of the task that awaits this, so it need be neither `Send` nor `'static`. `b` is a
/// task: it is put on top of this worker's queue, where another worker may take it. If none has by
/// the time `a` is ready, `b` is polled right here. That costs about half of what
/// [`spawn`](crate::spawn()) and an await of its handle cost, so that even small pieces of work may
/// be divided like this.
///
/// However large the tree of joins is that is run in place, other tasks, timers and roots get their
/// turn: once in 2 ms (in 8 ms, if none of them is seen to wait), or after one child if that takes
/// longer, `b` is left in the queue. This waits for it, as the joins outside of it do, until the worker
/// has looked after the others. When children that were short become long, it may be 127 of them until
/// that is seen. The task that awaits all this learns then, too, that it was woken or aborted; at the
/// latest after 100 ms, if it is all that there is to do on the only worker.
///
/// Nothing happens before the first poll. In a poll that runs `b` in place, thread-local state that
/// the awaiting task has set up round its poll (a tracing span, say) is seen by `b` too.
///
/// Dropping the future before it is ready drops `a` and aborts `b`: `b` is dropped where it is, by
/// a worker, at the latest after the poll that it may be in.
///
/// # Panics
///
/// * If `a` panics, with its panic; `b` is aborted.
/// * If `b` panics, with its panic, once `a` is ready.
/// * Outside a runtime: "no running event loop"; and on one that is shut down meanwhile, where `b`
///   is cancelled.
///
/// ```
/// fn sum(numbers: std::ops::Range<u64>) -> std::pin::Pin<Box<dyn Future<Output = u64> + Send>> {
///     Box::pin(async move {
///         if numbers.end - numbers.start < 1_000 {
///             return numbers.sum();
///         }
///         let middle = numbers.start.midpoint(numbers.end);
///         let (low, high) = filch::join(sum(numbers.start..middle), sum(middle..numbers.end)).await;
///         low + high
///     })
/// }
///
/// assert_eq!(filch::run(sum(0..10_000)), 49_995_000);
/// ```
pub async fn join<A, B>(a: A, b: B) -> (A::Output, B::Output)
where
    A: Future,
    B: Future + Send + 'static,
    B::Output: Send + 'static,
{
    let mut b = Child::spawn(b);
    let a = a.await;
    match poll_fn(|cx| b.poll(cx)).await {
        Ok(b) => (a, b),
        Err(error) => failed(error),
    }
}

/// Runs futures beside each other, as far as workers are free to take them, and gives their outputs
/// in the futures' order.
///
/// The task that awaits this polls them in order, one after the other, each as a part of itself.
/// Meanwhile other workers take them from the end, one at a time, as tasks; and so does this worker
/// when the task waits for one of them. What is polled here costs neither an allocation nor a queue,
/// and sees the thread-local state and the handles that the awaiting task has entered round its poll.
/// Where 64 such polls are inside each other, all futures become tasks: a recursion through `join_all`
/// may be as deep as memory allows. Now and then the others get their turn, as with
/// [`join`].
///
/// Nothing happens before the first poll. Dropping the future before it is ready drops the future
/// that is polled here and those that nobody has begun, and aborts the others as [`join`] does.
///
/// # Panics
///
/// * If one of the futures panics, with its panic, once those before it are ready; those behind it
///   are dropped and aborted.
/// * Outside a runtime, if there are two futures or more: "no running event loop"; and on one that is
///   shut down meanwhile, where its workers begin none of the futures any more that nobody has begun.
/// * If it is polled again after its end.
///
/// ```
/// let squares = filch::run(filch::join_all((0..100u64).map(|n| async move { n * n })));
/// assert_eq!(squares[99], 9_801);
/// ```
pub fn join_all<I>(futures: I) -> impl Future<Output = Vec<<I::Item as Future>::Output>>
where
    I: IntoIterator,
    I::Item: Future + Send + 'static,
    <I::Item as Future>::Output: Send + 'static,
{
    all::JoinAll::new(futures)
}

/// What a parent says whose child was cancelled. Its only handle is here, so nobody aborted it.
const CANCELLED: &str = "a child of join() was cancelled: its runtime shuts down";

/// Goes on with the panic of a child.
#[cold]
fn failed(error: JoinError) -> ! {
    match error.try_into_panic() {
        Ok(payload) => resume_unwind(payload),
        Err(_) => panic!("{CANCELLED}"),
    }
}

/// A task that does not outlive its parent's interest in it.
struct Child<T> {
    handle: JoinHandle<T>,
}

impl<T: Send + 'static> Child<T> {
    #[inline]
    fn spawn<F>(future: F) -> Self
    where
        F: Future<Output = T> + Send + 'static,
    {
        Self { handle: crate::spawn::on_top(future) }
    }

    /// Its output; runs it here, if nobody else does.
    #[inline]
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, JoinError>> {
        context::run_from_top(DEEPEST, |task| self.handle.is_of(task));
        Pin::new(&mut self.handle).poll(cx)
    }

    /// Takes it back, if nobody has begun it.
    #[inline]
    fn withdraw(self) {
        drop(context::with_core(|core| core.take_from_top(|task| self.handle.is_of(task))));
    }
}

impl<T> Drop for Child<T> {
    #[inline]
    fn drop(&mut self) {
        if !self.handle.is_given() && !mutated(Mutant::UnabortedChild) {
            self.handle.abort();
        }
    }
}
