//! What happens to panics: they go to the handle, or to whoever asked to hear of them.

use crate::sync::Mutex;
use std::any::Any;
use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

/// The value that a panic carries.
pub(crate) type Payload = Box<dyn Any + Send + 'static>;

/// Drops a value of somebody else's type; a panic in its destructor is given back.
///
/// The payload of that panic may panic in its own destructor in turn, and so on. Each is caught;
/// after sixteen of them the next is leaked, since such a chain need not end.
pub(crate) fn discard<T>(value: T) -> Result<(), Payload> {
    catch_unwind(AssertUnwindSafe(|| drop(value)))
}

/// Drops a payload and whatever panics come out of that.
pub(crate) fn discard_payload(payload: Payload) {
    let mut payload = payload;
    for _ in 0..16 {
        match discard(payload) {
            Ok(()) => return,
            Err(next) => payload = next,
        }
    }
    mem::forget(payload);
}

/// Wakes a waker of anybody's make.
pub(crate) fn wake(waker: Waker) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
        discard_payload(payload);
    }
}

/// Drops a waker of anybody's make.
pub(crate) fn drop_waker(waker: Option<Waker>) {
    if let Err(payload) = discard(waker) {
        discard_payload(payload);
    }
}

/// The hook that a runtime's builder takes.
pub(crate) type Hook = Box<dyn Fn(&(dyn Any + Send)) + Send + Sync>;

/// Counts and reports the panics that nobody collects.
#[derive(Default)]
pub(crate) struct PanicReporter {
    unhandled: AtomicU64,
    hook: Option<Hook>,
}

impl PanicReporter {
    pub(crate) fn new(hook: Option<Hook>) -> Self {
        Self { unhandled: AtomicU64::new(0), hook }
    }

    pub(crate) fn unhandled(&self) -> u64 {
        self.unhandled.load(Ordering::Relaxed)
    }

    pub(crate) fn report(&self, payload: Payload) {
        self.unhandled.fetch_add(1, Ordering::Relaxed);
        if let Some(hook) = &self.hook {
            let result = catch_unwind(AssertUnwindSafe(|| hook(&*payload)));
            if let Err(own) = result {
                discard_payload(own);
            }
        }
        discard_payload(payload);
    }
}

impl Drop for PanicReporter {
    fn drop(&mut self) {
        if let Err(payload) = discard(self.hook.take()) {
            discard_payload(payload);
        }
    }
}

/// A task's panic on its way to the handle.
///
/// One thin pointer in the stage, so that the stage of a task that returns `()` is one word.
pub(crate) struct Caught {
    /// In a lock only to make a `JoinError` `Sync`; nobody ever waits for it.
    payload: Mutex<Option<Payload>>,
    reporter: Option<Arc<PanicReporter>>,
}

impl Caught {
    pub(crate) fn new(payload: Payload, reporter: Option<Arc<PanicReporter>>) -> Box<Self> {
        Box::new(Self { payload: Mutex::new(Some(payload)), reporter })
    }

    /// Somebody has seen the panic: it needs no report any more.
    pub(crate) fn collected(mut self: Box<Self>) -> Box<Self> {
        self.reporter = None;
        self
    }

    pub(crate) fn take_payload(&self) -> Payload {
        let payload = self.payload.lock().take();
        payload.unwrap_or_else(|| Box::new("the panic's payload was taken"))
    }

    /// The message, if the payload is one and is at hand.
    pub(crate) fn write_message(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let payload = self.payload.try_lock();
        let payload = payload.as_ref().and_then(|payload| payload.as_ref());
        let text = payload.and_then(|payload| {
            let text = payload.downcast_ref::<&'static str>().copied();
            text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        });
        text.map_or(Ok(()), |text| write!(f, " with message {text:?}"))
    }
}

impl Drop for Caught {
    fn drop(&mut self) {
        let Some(payload) = self.payload.lock().take() else { return };
        match self.reporter.take() {
            Some(reporter) => reporter.report(payload),
            None => discard_payload(payload),
        }
    }
}
