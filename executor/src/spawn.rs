//! The functions that work on the current runtime.

pub(crate) mod many;

use crate::context;
use crate::runtime::Handle;
use crate::task::JoinHandle;
use crate::worker::Core;
pub use many::spawn_many;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Spawns a task on the current runtime.
///
/// The task is queued on top of the calling worker's queue: of the tasks that one poll spawns, the
/// last one runs first, right after that poll, unless another worker takes it before. Every 31st
/// pick of a worker goes to a task that has waited long instead. (Of tasks by the ten thousand, some are
/// put aside for other workers.) Dropping the handle detaches the task.
///
/// # Panics
///
/// Outside a runtime: "no running event loop". See [`Handle::spawn`] for spawning from anywhere.
///
/// ```
/// filch::run(async {
///     let task = filch::spawn(async { "done" });
///     assert_eq!(task.await.unwrap(), "done");
/// });
/// ```
#[track_caller]
#[inline]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    match context::spawn_local(future, Core::spawn) {
        Ok(handle) => handle,
        Err(future) => Handle::current().spawn(future),
    }
}

/// [`spawn`], if possible to where its parent finds it again.
#[track_caller]
#[inline]
pub(crate) fn on_top<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    match context::spawn_local(future, Core::spawn_on_top) {
        Ok(handle) => handle,
        Err(future) => Handle::current().spawn(future),
    }
}

/// Spawns a task that nobody waits for, on the current runtime.
///
/// It is what [`spawn`] is whose handle is dropped at once, and cheaper: what is never made need not be given up.
/// Since nobody takes it, the future has no output but `()`; what may fail deals with that itself. A
/// panic is counted, and reported as [`Builder::on_unhandled_panic`](crate::Builder::on_unhandled_panic) says.
///
/// # Panics
///
/// Outside a runtime: "no running event loop". See [`Handle::spawn_detached`] for spawning from anywhere.
///
/// ```
/// use std::sync::mpsc;
///
/// let (says, said) = mpsc::channel();
/// filch::run(async {
///     filch::spawn_detached(async move { says.send("done").unwrap() });
///     while said.try_recv().is_err() {
///         filch::yield_now().await;
///     }
/// });
/// ```
#[track_caller]
#[inline]
pub fn spawn_detached<F>(future: F)
where
    F: Future<Output = ()> + Send + 'static,
{
    if let Err(future) = context::spawn_local(future, Core::spawn_detached) {
        Handle::current().spawn_detached(future);
    }
}

/// Runs a closure that blocks, on a thread made for that.
///
/// The threads are those of the `blocking` crate: they are shared by the whole process, started
/// on demand and end when they have been idle for a while. Aborting the task prevents a closure
/// that has not begun; one that has begun runs to its end, and nobody waits for it, not even the
/// runtime's shutdown. Inside of the closure no runtime is the current one: to spawn or to sleep there,
/// take a [`Handle`] along, and [`enter`](Handle::enter) it or [`block_on`](Handle::block_on) with it.
///
/// # Panics
///
/// Outside a runtime: "no running event loop".
///
/// ```
/// filch::run(async {
///     let sum = filch::spawn_blocking(|| (1..=100).sum::<u32>());
///     assert_eq!(sum.await.unwrap(), 5050);
/// });
/// ```
#[cfg(feature = "blocking")]
#[track_caller]
pub fn spawn_blocking<F, R>(f: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    Handle::current().spawn_blocking(f)
}

/// The closure goes to the pool at once; a task passes its result on.
#[cfg(feature = "blocking")]
pub(crate) fn blocking<F, R>(handle: &Handle, f: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    // A virtual clock stands until the closure is done and our task knows.
    let holds = handle.shared().virtual_time().map(|_| (handle.hold_clock(), handle.hold_clock()));
    let Some((for_closure, for_task)) = holds else {
        // A panic of the closure goes through the pool's task into ours, and so to the handle.
        return handle.spawn(blocking::unblock(f));
    };
    let f = move || {
        let _hold = for_closure;
        f()
    };
    handle.spawn(async move {
        let _hold = for_task;
        blocking::unblock(f).await
    })
}

/// Gives the other tasks a turn.
///
/// The task that awaits this goes to the end of its worker's queue. Works in any executor.
///
/// ```
/// filch::run(async {
///     filch::yield_now().await;
/// });
/// ```
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

/// The future of [`yield_now`]: pending once, then ready.
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
