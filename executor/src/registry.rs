//! Where the idle tasks of a runtime can be found.
//!
//! A runtime that shuts down has to drop the futures of tasks that nobody will wake. A task that is
//! queued is found in its queue and one that is polled by its worker, so only idle tasks need an
//! entry: a task enters when it is about to become idle for the first time, and leaves when it
//! completes. A task that is ready at its first poll, or that only ever yields, is never entered.
//!
//! There is one registry for each worker. Only who works in that worker's place enters tasks there, so
//! entering takes no read-modify-write, and leaving takes one. A task that was stolen leaves the
//! registry that it entered.
//!
//! # Places
//!
//! A place is one word, which says
//!
//! | value | |
//! |---|---|
//! | address | a task |
//! | address + [`PINNED`] | a task, and somebody makes a reference to it |
//! | 2 · index + [`VACANT`] | nothing; the index is that of the next vacant place |
//!
//! There are two lists of vacant places: the [`Registrar`]'s own, and that of the places whose tasks
//! have completed on another worker, to which any thread adds and from which the registrar takes all
//! at once (so that the head cannot have been away and back meanwhile).
//!
//! # Who makes a reference while the task leaves
//!
//! A task in a place is valid, since it leaves before it is complete. But who has read its address
//! may be late. So it pins the task: it sets a bit in the place, by an exchange that fails if
//! the task has left. Who makes the task leave exchanges the place, too; if it finds the bit there, it
//! waits on the lock that is held while references are made, and only then completes the task.

#![allow(unsafe_code, reason = "one block: the registry is what keeps its entries valid")]

#[cfg(all(test, filch_loom))]
mod models;
#[cfg(all(test, not(filch_loom)))]
mod tests;

use crate::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use crate::sync::{Mutant, Mutex, mutated, order};
use crate::task::{Kept, TaskRef};
use crossbeam_utils::CachePadded;
use std::ptr;
use std::sync::OnceLock;

/// Set in a place that has no task.
const VACANT: usize = 1;

/// Set in a place whose task is being referred to. Tasks are aligned to more than this.
const PINNED: usize = 2;

/// The end of a list of vacant places: the largest number that a vacant place can hold.
const NONE: u32 = if usize::BITS > 32 { u32::MAX } else { u32::MAX >> 1 };
const _: () = assert!((NONE as usize) << 1 >> 1 == NONE as usize);

/// How many places a registry has at most: as many as a vacant one can name, and one is [`NONE`].
const LIMIT: u32 = if usize::BITS > 32 { NONE } else { 1 << 30 };

/// How many places the first part has; each other one as many as all before it.
const FIRST: u32 = if cfg!(filch_loom) { 1 } else { 64 };

type Place = AtomicPtr<()>;

/// The idle tasks that became so on one worker.
pub(crate) struct Registry {
    /// The places, in parts that never move.
    parts: [OnceLock<Box<[Place]>>; 33],
    /// How many places were ever used.
    used: AtomicU32,
    /// How many tasks the registrar has entered, less those that it has forgotten. Only it writes.
    entered: AtomicU64,
    /// Written by other workers.
    elsewhere: CachePadded<Elsewhere>,
    /// Held by who makes references.
    referring: Mutex<()>,
}

/// What other workers do to the tasks of a registry.
struct Elsewhere {
    /// The vacant places that they leave.
    vacant: AtomicU32,
    /// How many tasks they have made leave.
    forgotten: AtomicU64,
}

/// The right to enter tasks in one registry.
pub(crate) struct Registrar {
    /// The vacant place to be used next: the one vacated last, which is likely in cache.
    vacant: u32,
    used: u32,
    entered: u64,
}

impl Registrar {
    /// The registrar of a registry that nobody else enters tasks in.
    pub(crate) fn new() -> Self {
        Self { vacant: NONE, used: 0, entered: 0 }
    }

    /// Enters a task; gives the place that it has to be forgotten by.
    ///
    /// # Panics
    ///
    /// If 2³² tasks (on a machine of 32 bits: 2³⁰) are idle that became so on one worker.
    pub(crate) fn keep(&mut self, registry: &Registry, task: Kept) -> u32 {
        let index = self.vacate(registry);
        // Ordering: Release publishes the task to who pins it.
        registry.place(index).store(task.into_raw(), Ordering::Release);
        self.entered += 1;
        registry.entered.store(self.entered, Ordering::Relaxed);
        index
    }

    /// Takes a place out of the list, or one that was never used.
    fn vacate(&mut self, registry: &Registry) -> u32 {
        if self.vacant == NONE {
            self.vacant = registry.elsewhere.take_vacant();
        }
        let index = self.vacant;
        if index == NONE {
            let fresh = registry.extend(self.used);
            self.used += 1;
            return fresh;
        }
        // Ordering: Relaxed. It was written here, or `take_vacant` has acquired it.
        self.vacant = next_vacant(registry.place(index).load(Ordering::Relaxed));
        index
    }

    /// Takes a task out.
    pub(crate) fn forget(&mut self, registry: &Registry, index: u32) {
        registry.clear(index, self.vacant);
        self.vacant = index;
        self.entered -= 1;
        registry.entered.store(self.entered, Ordering::Relaxed);
    }
}

impl Elsewhere {
    /// Takes the whole list.
    fn take_vacant(&self) -> u32 {
        match self.vacant.load(Ordering::Relaxed) {
            NONE => NONE,
            // Ordering: Acquire, for the links in the places; pairs with the Release of `forget`.
            _ => self.vacant.swap(NONE, Ordering::Acquire),
        }
    }
}

impl Registry {
    pub(crate) fn new() -> Self {
        let elsewhere = Elsewhere { vacant: AtomicU32::new(NONE), forgotten: AtomicU64::new(0) };
        Self {
            parts: [const { OnceLock::new() }; 33],
            used: AtomicU32::new(0),
            entered: AtomicU64::new(0),
            elsewhere: CachePadded::new(elsewhere),
            referring: Mutex::new(()),
        }
    }

    #[inline]
    fn place(&self, index: u32) -> &Place {
        let (part, offset) = part_of(index);
        &self.parts[part].get().expect("a place that was used before")[offset]
    }

    /// Makes one more place.
    fn extend(&self, used: u32) -> u32 {
        assert!(used < LIMIT, "{LIMIT} tasks are idle that became so on one worker");
        let (part, offset) = part_of(used);
        if offset == 0 {
            let size = if part == 0 { FIRST } else { used };
            let vacant = || Place::new(vacant(NONE));
            self.parts[part].get_or_init(|| (0..size).map(|_| vacant()).collect());
        }
        // Ordering: Release publishes the part; pairs with the Acquire of `references`.
        self.used.store(used + 1, Ordering::Release);
        used
    }

    /// Takes a task out that another worker has entered.
    pub(crate) fn forget(&self, index: u32) {
        let mut next = self.elsewhere.vacant.load(Ordering::Relaxed);
        self.clear(index, next);
        // Ordering: Release publishes the link; pairs with the Acquire of `take_vacant`.
        let set = order(Ordering::Release, Mutant::UnpublishedVacancy, Ordering::Relaxed);
        let head = &self.elsewhere.vacant;
        while let Err(now) = head.compare_exchange_weak(next, index, set, Ordering::Relaxed) {
            next = now;
            self.place(index).store(vacant(next), Ordering::Relaxed);
        }
        self.elsewhere.forgotten.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes the task out of a place. From then on nobody makes a reference to it by way of that.
    fn clear(&self, index: u32, next: u32) {
        // Who pins the task changes the same word: either it finds it changed, or this finds the pin.
        // Ordering: Acquire, for the references that were made by those whose pin is gone again: how
        // many there are decides whether the task is freed. Pairs with the Release of `reference`.
        let before = self.place(index).swap(vacant(next), Ordering::Acquire);
        assert!(!has(before, VACANT), "no task at place {index}: it was forgotten twice");
        if has(before, PINNED) && !mutated(Mutant::LeavePinned) {
            drop(self.referring.lock());
        }
    }

    /// How many tasks there are; exact if all that entered and forgot happened before.
    pub(crate) fn len(&self) -> usize {
        let forgotten = self.elsewhere.forgotten.load(Ordering::Relaxed);
        let left = self.entered.load(Ordering::Relaxed).saturating_sub(forgotten);
        usize::try_from(left).unwrap_or(usize::MAX)
    }

    /// References to up to `limit` tasks, from place `from` on, and the place to go on from.
    pub(crate) fn references(&self, from: u32, limit: usize) -> (Vec<TaskRef>, Option<u32>) {
        let _referring = self.referring.lock();
        let mut found = Vec::with_capacity(limit);
        for index in from..self.used.load(Ordering::Acquire) {
            if found.len() == limit {
                return (found, Some(index));
            }
            found.extend(self.reference(index));
        }
        (found, None)
    }

    /// A reference to the task in a place. The caller holds the lock.
    fn reference(&self, index: u32) -> Option<TaskRef> {
        let place = self.place(index);
        let task = place.load(Ordering::Relaxed);
        if has(task, VACANT) {
            return None;
        }
        let pinned = task.map_addr(|address| address | PINNED);
        // Ordering: Acquire pairs with the Release of `keep`.
        place.compare_exchange(task, pinned, Ordering::Acquire, Ordering::Relaxed).ok()?;
        // SAFETY: the task was in its place when the pin was set, so it was not forgotten before
        // that. Who forgets it finds the pin, and waits for the lock that the caller holds.
        let reference = unsafe { Kept::from_raw(task).reference() };
        // If this fails, the task is on its way out, and who takes it out waits.
        // Ordering: Release publishes the reference; pairs with the Acquire of `clear`.
        let unpin = order(Ordering::Release, Mutant::UnpublishedReferral, Ordering::Relaxed);
        let _ = place.compare_exchange(pinned, task, unpin, Ordering::Relaxed);
        Some(reference)
    }
}

/// Which part a place is in, and where.
#[inline]
fn part_of(index: u32) -> (usize, usize) {
    match (index / FIRST).checked_ilog2() {
        None => (0, index as usize),
        Some(doublings) => (doublings as usize + 1, (index - (FIRST << doublings)) as usize),
    }
}

/// What stands in a vacant place.
fn vacant(next: u32) -> *mut () {
    ptr::without_provenance_mut((next as usize) << 1 | VACANT)
}

/// The next vacant place, of one that is vacant.
fn next_vacant(place: *mut ()) -> u32 {
    debug_assert!(has(place, VACANT), "a task in a vacant place");
    (place.addr() >> 1) as u32
}

fn has(place: *mut (), bit: usize) -> bool {
    place.addr() & bit != 0
}
