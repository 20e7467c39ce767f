//! Wakers that count, and wakers that misbehave.

#![allow(
    unsafe_code,
    reason = "a waker that misbehaves when it is cloned or dropped needs a table"
)]

use crate::event::Counter;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::task::{RawWaker, RawWakerVTable, Wake, Waker};

/// Counts how often it is woken; its `Arc`'s count says how many of its wakers there are.
///
/// A wake that consumes the waker is counted when that is gone.
#[derive(Default)]
pub struct CountingWaker(Counter);

impl CountingWaker {
    /// The counter and a waker for it.
    pub fn new() -> (Arc<Self>, Waker) {
        let counter = Arc::new(Self::default());
        (counter.clone(), Waker::from(counter))
    }

    /// How often it was woken.
    pub fn wakes(&self) -> u64 {
        self.0.get()
    }

    /// Blocks until it was woken so often.
    #[track_caller]
    pub fn wait_for(&self, wakes: u64) {
        self.0.wait_for(wakes);
    }

    /// How many wakers refer to it.
    pub fn wakers(self: &Arc<Self>) -> usize {
        Arc::strong_count(self) - 1
    }
}

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        let counter = self.0.clone();
        drop(self);
        counter.add();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.add();
    }
}

/// What a waker does when something is done to it.
pub type Hook = Box<dyn Fn() + Send + Sync>;

/// A waker's behaviour. Each hook may do whatever it likes, panic included.
pub struct Hooks {
    /// Before each clone; if it panics there is no clone.
    pub on_clone: Hook,
    /// At each wake.
    pub on_wake: Hook,
    /// At each drop, that by `wake` included. The waker is gone afterwards even if it panics.
    pub on_drop: Hook,
}

impl Default for Hooks {
    fn default() -> Self {
        Self { on_clone: Box::new(|| {}), on_wake: Box::new(|| {}), on_drop: Box::new(|| {}) }
    }
}

impl Hooks {
    /// A waker that behaves so. The `Arc`'s count less one says how many of its clones there are.
    pub fn into_waker(self) -> (Arc<Self>, Waker) {
        let hooks = Arc::new(self);
        let raw = raw(hooks.clone());
        // SAFETY: the functions of `TABLE` keep `RawWaker`'s contract: each waker is one count of
        // the `Arc`, and `Hooks` is `Send + Sync`.
        let waker = unsafe { Waker::from_raw(raw) };
        (hooks, waker)
    }
}

static TABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

fn raw(hooks: Arc<Hooks>) -> RawWaker {
    RawWaker::new(Arc::into_raw(hooks).cast(), &TABLE)
}

/// The hooks that a waker's data stands for, with the waker's count.
///
/// # Safety
///
/// `data` comes from `raw`, and the waker's count passes to the result.
unsafe fn hooks(data: *const ()) -> Arc<Hooks> {
    // SAFETY: `raw` made the pointer from an `Arc` of this type.
    unsafe { Arc::from_raw(data.cast()) }
}

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the table is used with data from `raw` only. The count stays the waker's.
    let hooks = ManuallyDrop::new(unsafe { hooks(data) });
    (hooks.on_clone)();
    raw(Arc::clone(&hooks))
}

unsafe fn wake(data: *const ()) {
    // SAFETY: the table is used with data from `raw` only, and this consumes the waker.
    let hooks = unsafe { hooks(data) };
    (hooks.on_wake)();
    (hooks.on_drop)();
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the table is used with data from `raw` only. The count stays the waker's.
    let hooks = ManuallyDrop::new(unsafe { hooks(data) });
    (hooks.on_wake)();
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: the table is used with data from `raw` only, and this consumes the waker.
    let hooks = unsafe { hooks(data) };
    (hooks.on_drop)();
}
