//! Task ids without a line of memory that all spawns share.

use std::cell::Cell;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

/// Identifies a task among all tasks of this process, past ones included.
///
/// Ids are handed out to threads in blocks, so that spawning does not touch a shared counter: they
/// are unique, but their order says nothing about the order of spawns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(NonZeroU64);

/// How many ids a thread takes at a time.
const BLOCK: u64 = 1 << 12;

thread_local! {
    /// The next id of this thread's block; a multiple of `BLOCK` means that the block is used up.
    static NEXT: Cell<u64> = const { Cell::new(0) };
}

impl TaskId {
    #[inline]
    pub(crate) fn next() -> Self {
        // A spawn from a thread-local's destructor may come after this thread-local is gone.
        let id = NEXT.try_with(|next| {
            let mut id = next.get();
            if id.is_multiple_of(BLOCK) {
                id = new_block();
            }
            next.set(id + 1);
            id
        });
        Self(NonZeroU64::new(id.unwrap_or_else(|_| new_block())).unwrap_or(NonZeroU64::MIN))
    }
}

/// Takes a block for this thread and gives its first usable id.
#[cold]
fn new_block() -> u64 {
    /// Not one of `sync`'s: a model must not branch on ids.
    static BLOCKS: AtomicU64 = AtomicU64::new(0);
    // The id that is a multiple of `BLOCK` marks the end of a block and is not used.
    BLOCKS.fetch_add(1, Ordering::Relaxed) * BLOCK + 1
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskId({})", self.0)
    }
}
