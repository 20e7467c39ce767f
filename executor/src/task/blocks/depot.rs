//! Blocks on their way from workers that free tasks to workers that spawn them.
//!
//! If one worker spawns and others run what they take from it, the blocks pile up where nobody needs
//! them. To free them is to send them back one by one through the allocator, whose lists then lead the
//! spawning worker from one line of memory to the next that is in the other's cache. So a worker that has enough
//! hands them over by the *magazine*, which is an array of their addresses, and one that has none
//! fetches a magazine; and so does a [thread](super::outside) that works for no runtime. After Bonwick and
//! Adams, "Magazines and Vmem" (USENIX 2001).

use super::{Blocks, Class, give_back};
use crate::sync::Mutex;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How many bytes a magazine holds.
pub(super) const MAGAZINE: usize = 32 << 10;

/// How many magazines a runtime keeps at most: 8 MiB.
pub(super) const MOST: usize = 256;

/// The magazines of a runtime.
pub(crate) struct Depot {
    magazines: Mutex<Vec<Magazine>>,
    // Not `sync`'s atomics, as these order nothing: they save a look that would be in vain.
    /// How many magazines there are.
    count: AtomicUsize,
    /// Of which classes there are some, a bit each.
    present: AtomicU64,
}

/// Blocks of one class.
pub(super) struct Magazine {
    class: Class,
    blocks: Vec<NonNull<u8>>,
}

// SAFETY: a block that serves no task belongs to whoever has its address, on any thread.
unsafe impl Send for Magazine {}

/// How many blocks of a class fill a magazine.
pub(super) fn magazine_of(class: Class) -> usize {
    MAGAZINE / class.size()
}

impl Magazine {
    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// A block, if there is one and they are of this class.
    pub(super) fn take(&mut self, class: Class) -> Option<NonNull<u8>> {
        if self.class == class { self.blocks.pop() } else { None }
    }
}

impl Drop for Magazine {
    fn drop(&mut self) {
        // A magazine that was fetched has none left.
        for block in self.blocks.drain(..) {
            // SAFETY: it was kept as one of this class, and has left that list for this one.
            unsafe { give_back(block, self.class) }
        }
    }
}

impl Depot {
    pub(crate) fn new() -> Self {
        Self {
            magazines: Mutex::new(Vec::new()),
            count: AtomicUsize::new(0),
            present: AtomicU64::new(0),
        }
    }

    /// How many magazines there are.
    #[cfg(all(test, not(any(filch_asan, filch_loom))))]
    pub(super) fn len(&self) -> usize {
        self.magazines.lock().len()
    }

    pub(super) fn may_have(&self, class: Class) -> bool {
        self.present.load(Ordering::Relaxed) & class.bit() != 0
    }

    /// Whether a magazine of this class would find room, if need be that of one of another class.
    fn has_room(&self, class: Class) -> bool {
        let present = self.present.load(Ordering::Relaxed);
        self.count.load(Ordering::Relaxed) < MOST || present & !class.bit() != 0
    }

    fn put(&self, magazine: Magazine) {
        let mut magazines = self.magazines.lock();
        // The sizes that were in use earlier give way.
        let oldest = || magazines.iter().position(|other| other.class != magazine.class);
        let evicted = (magazines.len() == MOST).then(|| oldest().unwrap_or(0));
        let evicted = evicted.map(|place| magazines.remove(place));
        magazines.push(magazine);
        self.publish(&magazines);
        drop(magazines);
        // Outside of the lock: this goes through the allocator, block by block.
        drop(evicted);
    }

    pub(super) fn fetch(&self, class: Class) -> Option<Magazine> {
        let mut magazines = self.magazines.lock();
        let place = magazines.iter().rposition(|magazine| magazine.class == class)?;
        let magazine = magazines.remove(place);
        self.publish(&magazines);
        Some(magazine)
    }

    fn publish(&self, magazines: &[Magazine]) {
        let present = magazines.iter().fold(0, |bits, magazine| bits | magazine.class.bit());
        self.present.store(present, Ordering::Relaxed);
        self.count.store(magazines.len(), Ordering::Relaxed);
    }
}

impl Blocks {
    /// Fetches a magazine of a class of which there are no blocks here.
    #[inline]
    pub(super) fn fetch(&mut self, class: Class) -> bool {
        self.depot.may_have(class) && self.fetch_magazine(class)
    }

    #[cold]
    fn fetch_magazine(&mut self, class: Class) -> bool {
        let Some(mut magazine) = self.depot.fetch(class) else { return false };
        let mut blocks = std::mem::take(&mut magazine.blocks);
        let list = &mut self.classes[class.0];
        if let Some(more @ 1..) = blocks.len().checked_sub(list.capacity()) {
            self.take_room(class, more * class.size());
            self.resize(class, |list| *list = blocks);
        } else {
            list.append(&mut blocks);
        }
        true
    }

    /// Hands over a magazine of this class. False: there are not enough blocks of it here, or too
    /// many there.
    pub(super) fn hand_over(&mut self, class: Class) -> bool {
        let list = &mut self.classes[class.0];
        let size = magazine_of(class);
        if list.len() <= size || !self.depot.has_room(class) {
            return false;
        }
        let blocks = list.split_off(list.len() - size);
        self.depot.put(Magazine { class, blocks });
        true
    }
}
