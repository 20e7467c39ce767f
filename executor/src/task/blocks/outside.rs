//! Blocks of threads that work for no runtime.
//!
//! What such a thread spawns ends on a worker, which keeps its memory, and the thread would ask the allocator for
//! ever more. So it takes a magazine from the runtime's [`Depot`], if there is one for the size that it
//! needs, and uses that up. It has one at a time, and of one size: who spawns tasks of two sizes by turns
//! gets those of the other size from the allocator until the magazine is empty. What is left of it
//! goes back to the allocator when the thread ends.

use super::Class;
use super::depot::{Depot, Magazine};
use std::cell::RefCell;
use std::ptr::NonNull;

thread_local! {
    static MAGAZINE: RefCell<Option<Magazine>> = const { RefCell::new(None) };
}

/// A block of this class, if this thread has one, or gets some from the depot.
pub(super) fn take(class: Class, depot: &Depot) -> Option<NonNull<u8>> {
    let taken = MAGAZINE.try_with(|magazine| {
        let mut magazine = magazine.try_borrow_mut().ok()?;
        if magazine.as_ref().is_none_or(Magazine::is_empty) {
            if !depot.may_have(class) {
                return None;
            }
            *magazine = depot.fetch(class);
        }
        magazine.as_mut()?.take(class)
    });
    // A thread that is about to end has none.
    taken.ok().flatten()
}
