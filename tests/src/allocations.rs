//! An allocator that counts, for test binaries that make it theirs.
#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, which counts for each thread. A test binary declares it:
/// `#[global_allocator] static ALLOCATOR: Counting = Counting;`
pub struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: everything is left to `System`.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // The test harness has threads of its own, and allocates while they end.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(block, layout) }
    }
}

/// How many allocations this thread has made, those included that grew a block.
pub fn made() -> u64 {
    ALLOCATIONS.get()
}

/// How many allocations `body` makes on this thread.
pub fn during<T>(body: impl FnOnce() -> T) -> (u64, T) {
    let before = made();
    let result = body();
    (made() - before, result)
}
