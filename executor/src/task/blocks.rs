//! The memory of tasks, kept by the worker that freed it for the next tasks that it spawns.
//!
//! A short task costs as much for `malloc` and `free` as for everything else, and ten thousand
//! tasks that are alive at a time cost several times that. So a worker keeps the blocks of tasks
//! that came to their end on its thread, sorted by size, and takes the one that was freed last,
//! which is in its cache. Blocks go from worker to worker with the tasks in them.
//!
//! A worker has room for [`LIMIT`] bytes at most, which its sizes get by the magazine, and give back only
//! to each other: so the sizes that were in use earlier give way to those that are in use now, and neither
//! to take a block nor to keep one needs a count. When there is none left, a size gets the next magazine's
//! for as many bytes that found no room: sizes that are in use at the same time would take it from each other
//! with each block, and the lists would be moved each time. If there are enough, those blocks go to the
//! runtime's [`Depot`], for workers that run out of them, and for threads [outside].

#![allow(unsafe_code, reason = "asks the allocator; each block comes with its layout")]

mod depot;
mod outside;
#[cfg(all(test, not(any(filch_asan, filch_loom))))]
mod tests;

pub(crate) use depot::Depot;

use crate::context;
use depot::{MAGAZINE, magazine_of};
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::Arc;

/// For how many bytes a worker has room at most. None where a tool looks for uses of freed memory, which
/// it would not find in a block that serves another task.
const LIMIT: usize = if cfg!(any(filch_asan, filch_loom)) { 0 } else { 1 << 20 };

/// Blocks are of `GRAIN * class + GRAIN / 2` bytes: with the word that glibc's `malloc` adds to each,
/// that is what it gives for a size between two of these anyway.
const GRAIN: usize = 16;

/// How many sizes are kept, the last one of about a kilobyte. One bit each in `Blocks::present`.
const CLASSES: usize = 64;

/// Blocks that serve no task.
pub(crate) struct Blocks {
    /// The capacity of each is the room that its class has.
    classes: [Vec<NonNull<u8>>; CLASSES],
    /// For how many bytes all of them have room.
    room: usize,
    /// How many bytes found none since a class last took some from the others.
    refused: usize,
    depot: Arc<Depot>,
}

// SAFETY: a block that serves no task belongs to whoever has its address, on any thread.
unsafe impl Send for Blocks {}

/// A size of block that is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Class(usize);

impl Class {
    /// That of a task with this layout; `None`: such a task's memory is not kept.
    #[inline(always)]
    const fn of(layout: Layout) -> Option<Self> {
        let class = (layout.size() + GRAIN / 2 - 1) / GRAIN;
        if class < CLASSES && layout.align() <= align_of::<usize>() {
            Some(Self(class))
        } else {
            None
        }
    }

    #[inline(always)]
    const fn size(self) -> usize {
        GRAIN * self.0 + GRAIN / 2
    }

    /// Its bit in a set of classes.
    const fn bit(self) -> u64 {
        1 << self.0
    }
}

/// The layout in which memory for `layout` is asked for, so that it can serve its whole class.
#[inline(always)]
const fn rounded(layout: Layout) -> Layout {
    let Some(class) = Class::of(layout) else { return layout };
    match Layout::from_size_align(class.size(), align_of::<usize>()) {
        Ok(layout) => layout,
        Err(_) => unreachable!(),
    }
}

/// Who is asked for the memory of a task, before the allocator is.
pub(crate) enum Memory<'a> {
    /// The core that these are of, which is in use.
    Blocks(&'a mut Blocks),
    /// This thread's core, if it has one; else the thread itself, if the task's runtime has a depot.
    Thread(Option<&'a Depot>),
}

/// Memory for a task, which [`free`] takes back. Ends the process if there is none.
#[inline]
pub(super) fn allocate(layout: Layout, memory: Memory<'_>) -> NonNull<u8> {
    let take = |class| match memory {
        Memory::Blocks(blocks) => blocks.take(class),
        Memory::Thread(depot) => context::try_with_core(|core| core.blocks.take(class))
            .unwrap_or_else(|| outside::take(class, depot?)),
    };
    Class::of(layout).and_then(take).unwrap_or_else(|| obtain(rounded(layout)))
}

/// Takes back the memory of a task.
///
/// # Safety
///
/// It came from [`allocate`] for the same layout, and nobody uses it any more.
// Inlined, so that its class is known to the compiler.
#[inline(always)]
pub(super) unsafe fn free(block: NonNull<u8>, layout: Layout) {
    let kept = Class::of(layout)
        .and_then(|class| context::try_with_core(|core| core.blocks.keep(block, class)));
    if kept != Some(true) {
        // SAFETY: by contract it was obtained with the rounded layout, and it was not kept.
        unsafe { dealloc(block.as_ptr(), rounded(layout)) }
    }
}

fn obtain(layout: Layout) -> NonNull<u8> {
    debug_assert!(layout.size() > 0);
    // SAFETY: a task is at least its header large, and rounding does not make it smaller.
    let block = unsafe { alloc(layout) };
    NonNull::new(block).unwrap_or_else(|| handle_alloc_error(layout))
}

impl Blocks {
    pub(crate) fn new(depot: Arc<Depot>) -> Self {
        Self { classes: [const { Vec::new() }; CLASSES], room: 0, refused: 0, depot }
    }

    #[inline]
    fn take(&mut self, class: Class) -> Option<NonNull<u8>> {
        match self.classes[class.0].pop() {
            None if self.fetch(class) => self.classes[class.0].pop(),
            taken => taken,
        }
    }

    /// Keeps a block of this class, which is the caller's; false: there is no room.
    #[inline]
    fn keep(&mut self, block: NonNull<u8>, class: Class) -> bool {
        let list = &mut self.classes[class.0];
        if list.len() == list.capacity() && !self.make_room(class) {
            return false;
        }
        self.classes[class.0].push(block);
        true
    }

    /// Makes room for one more block of this class: for a magazine at first, then for twice as many as
    /// there are. What others have is taken by the magazine, each for as many bytes that were refused.
    #[cold]
    fn make_room(&mut self, class: Class) -> bool {
        let (now, magazine) = (self.classes[class.0].capacity(), magazine_of(class));
        let free = LIMIT.saturating_sub(self.room) / class.size();
        if free > 0 {
            self.resize(class, |list| list.reserve_exact(now.max(magazine).min(free)));
            return true;
        }
        let more = magazine.min((LIMIT / class.size()).saturating_sub(now));
        if more == 0 {
            return self.hand_over(class);
        }
        if self.refused < MAGAZINE {
            let hands_over = self.hand_over(class);
            self.refused += if hands_over { MAGAZINE } else { class.size() };
            return hands_over;
        }
        self.refused = 0;
        self.take_room(class, more * class.size());
        self.resize(class, |list| list.reserve_exact(more));
        true
    }

    /// Takes room from the other classes, until this one can have so many bytes more.
    fn take_room(&mut self, class: Class, bytes: usize) {
        let others = (0..CLASSES).map(Class).filter(|&other| other != class);
        for other in others {
            let excess = (self.room + bytes).saturating_sub(LIMIT);
            if excess == 0 {
                return;
            }
            self.give_up(other, excess);
        }
    }

    /// Gives up room of this class for so many bytes, if it has as much, and what lies there.
    fn give_up(&mut self, class: Class, bytes: usize) {
        let list = &mut self.classes[class.0];
        let left = list.capacity().saturating_sub(bytes.div_ceil(class.size()));
        for block in list.drain(left.min(list.len())..) {
            // SAFETY: `keep` got it as a block of this class, and it is in no list any more.
            unsafe { give_back(block, class) }
        }
        self.resize(class, |list| list.shrink_to(left));
    }

    /// Exchanges the list of a class, or changes its capacity.
    fn resize(&mut self, class: Class, change: impl FnOnce(&mut Vec<NonNull<u8>>)) {
        let list = &mut self.classes[class.0];
        self.room -= list.capacity() * class.size();
        change(list);
        self.room += list.capacity() * class.size();
    }
}

/// Gives a block to the allocator.
///
/// # Safety
///
/// It was kept as one of this class, and nobody uses it any more.
unsafe fn give_back(block: NonNull<u8>, class: Class) {
    let layout = Layout::from_size_align(class.size(), align_of::<usize>());
    let layout = layout.expect("a class has a layout");
    // SAFETY: a block of this class was obtained with this layout; by contract it is the caller's.
    unsafe { dealloc(block.as_ptr(), layout) }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        (0..CLASSES).for_each(|class| self.give_up(Class(class), self.room));
    }
}
