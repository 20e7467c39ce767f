//! Structured joins: children that run beside their parent if a worker is free, and inside it if
//! none is.
//!
//! The child that is not taken by another worker by the time its parent needs it is still on top of
//! the parent's queue. The parent takes it from there and runs it as a part of its own poll: no
//! join waker, no second poll of the parent, and the child's output is still in the cache. The claim
//! is the deque's own: the pop of its owner against the steal of a thief. This is what fork-join
//! libraries do with stack frames (Cilk-5; rayon's `join`, libfork); here the child is a task, so
//! that it may wait in its middle as any future.

use crate::context;
use crate::task::JoinHandle;
use std::future::Future;
use std::panic::resume_unwind;

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
    let b = Child::spawn(b);
    let a = a.await;
    (a, b.output().await)
}

/// Runs futures beside each other, as far as workers are free to take them, and gives their outputs
/// in the futures' order.
///
/// All are tasks but the first one, which is a part of the task that awaits this. What no other
/// worker has taken is polled right here, in order. As [`join`] for more than two; so are the
/// panics, and what happens if it is dropped.
///
/// # Panics
///
/// As [`join`], with the first panic in the futures' order; the tasks behind it are aborted.
///
/// ```
/// let squares = filch::run(filch::join_all((0..100u64).map(|n| async move { n * n })));
/// assert_eq!(squares[99], 9_801);
/// ```
pub async fn join_all<I>(futures: I) -> Vec<<I::Item as Future>::Output>
where
    I: IntoIterator,
    I::Item: Future + Send + 'static,
    <I::Item as Future>::Output: Send + 'static,
{
    let (first, children) = {
        let mut futures = futures.into_iter();
        let Some(first) = futures.next() else { return Vec::new() };
        let rest: Vec<_> = futures.collect();
        // From the last one on, so that the first one's neighbour is on top.
        (first, rest.into_iter().rev().map(Child::spawn).collect::<Vec<_>>())
    };
    let mut outputs = Vec::with_capacity(1 + children.len());
    outputs.push(first.await);
    for child in children.into_iter().rev() {
        outputs.push(child.output().await);
    }
    outputs
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
        Self { handle: crate::spawn(future) }
    }

    /// Its output; runs it here, if nobody else does.
    #[inline]
    async fn output(mut self) -> T {
        context::run_from_top(DEEPEST, |task| self.handle.is_of(task));
        match (&mut self.handle).await {
            Ok(output) => output,
            Err(error) => match error.try_into_panic() {
                Ok(payload) => resume_unwind(payload),
                // Its only handle is here, so nobody aborted it.
                Err(_) => panic!("a child of join() was cancelled: its runtime shuts down"),
            },
        }
    }
}

impl<T> Drop for Child<T> {
    #[inline]
    fn drop(&mut self) {
        if !self.handle.is_given() {
            self.handle.abort();
        }
    }
}
