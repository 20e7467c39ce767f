//! An event loop for one future.

use crate::park::Parker;
use std::future::IntoFuture;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// Drives one future to its end on the calling thread: the smallest event loop that does not burn
/// a core.
///
/// The loop that one writes first is the tutorial's `while True: coroutine.send(None)`. It gets
/// there, but asks over and over. This one sleeps until the future's waker is called:
///
/// ```text
/// loop {
///     if let Poll::Ready(output) = future.poll(cx) {
///         return output;
///     }
///     parker.park(); // until the waker in `cx` unparks
/// }
/// ```
///
/// There is no runtime in it: inside, [`spawn`](crate::spawn()) panics with "no running event loop"
/// unless one was entered. [`run`](crate::run) is the loop with a runtime. Inside a task this
/// works as any call that blocks does: it keeps its worker, and what it waits for has to come from
/// elsewhere. Await the future there.
///
/// ```
/// use filch::coroutine::drive;
///
/// assert_eq!(drive(async { 1 }), 1);
///
/// // A task's handle can be awaited anywhere.
/// let runtime = filch::Runtime::new()?;
/// let task = runtime.spawn(async { 6 * 7 });
/// assert_eq!(drive(task).unwrap(), 42);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn drive<F: IntoFuture>(future: F) -> F::Output {
    let signal = Arc::new(Signal(Parker::new()));
    let waker = Waker::from(Arc::clone(&signal));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future.into_future());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        signal.0.park();
    }
}

/// Wakes the thread that drives.
struct Signal(Parker);

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}
