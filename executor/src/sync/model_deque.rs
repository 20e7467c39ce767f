//! The stand-in for crossbeam-deque in the models.
//!
//! A mutexed queue would do for the interface, but a lock orders more than crossbeam's deques do
//! and would hide a missing barrier. So this is the same algorithm (Chase and Lev's deque in the form
//! of Lê, Pop, Cohen and Zappa Nardelli; the injector's claim-then-publish) with the orderings that
//! crossbeam-deque 0.8.8 uses, stripped of what the executor's protocols do not depend on:
//!
//! * A buffer has a fixed size and does not wrap round. So nothing is resized or reclaimed, and
//!   `push` does not look at the front, which crossbeam acquires there to see whether it is full.
//! * An injector is one block, so its thieves always look at the tail, after a fence; crossbeam's
//!   do without both inside a block that has a successor.
//! * Only first-in-first-out queues are stolen from in batches.
//!
//! Where crossbeam enters an epoch, which is a full fence, there is a fence. Where crossbeam's
//! compare-exchange may fail spuriously the stand-in's does not: loom knows no such failures.
//!
//! `conformance` runs one set of tests against this and against crossbeam-deque.

#![allow(unsafe_code, reason = "items are words that travel through atomic slots")]
#![cfg_attr(not(filch_loom), allow(dead_code, reason = "a normal build only tests it"))]

use super::atomic::{AtomicPtr, AtomicU64, Ordering, fence};
use super::{Arc, Mutant, mutated, thread};
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, transmute_copy};
use std::ops::Range;

/// How many items a queue takes in its life.
const CAPACITY: u64 = if cfg!(filch_loom) { 8 } else { 1 << 16 };

pub(crate) use crossbeam_deque::Steal;

/// A place for an item of one word.
struct Place<T>(AtomicPtr<()>, PhantomData<T>);

impl<T> Place<T> {
    const ONE_WORD: () = assert!(size_of::<T>() == size_of::<*mut ()>());

    fn new() -> Self {
        Self(AtomicPtr::new(std::ptr::null_mut()), PhantomData)
    }

    fn write(&self, item: T) {
        let () = Self::ONE_WORD;
        let item = ManuallyDrop::new(item);
        // SAFETY: both types are one word, and the item is given up.
        let word: *mut () = unsafe { transmute_copy(&item) };
        self.0.store(word, Ordering::Relaxed);
    }

    /// A copy of the item; the caller forgets it unless it has won the item.
    fn read(&self) -> ManuallyDrop<T> {
        let word = self.0.load(Ordering::Relaxed);
        assert!(!word.is_null(), "an item is read that was not published");
        // SAFETY: the word was an item; it is used only by whoever wins it.
        ManuallyDrop::new(unsafe { transmute_copy(&word) })
    }
}

fn places<T>() -> Box<[Place<T>]> {
    (0..CAPACITY).map(|_| Place::new()).collect()
}

struct Inner<T> {
    front: AtomicU64,
    back: AtomicU64,
    places: Box<[Place<T>]>,
}

impl<T> Drop for Inner<T> {
    /// As in crossbeam's, what is left is dropped with the last of the owner and the thieves.
    fn drop(&mut self) {
        let range = self.front.load(Ordering::Relaxed)..self.back.load(Ordering::Relaxed);
        range.for_each(|index| drop(ManuallyDrop::into_inner(self.place(index).read())));
    }
}

impl<T> Inner<T> {
    fn place(&self, index: u64) -> &Place<T> {
        assert!(index < CAPACITY, "the model pushes more than its queues take");
        &self.places[index as usize]
    }

    fn len(front: u64, back: u64) -> i64 {
        back.wrapping_sub(front).cast_signed()
    }
}

// SAFETY: the items are handed from thread to thread, and never shared.
unsafe impl<T: Send> Sync for Inner<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Inner<T> {}

/// The owner's side of a deque.
pub(crate) struct Worker<T> {
    inner: Arc<Inner<T>>,
    lifo: bool,
    /// The owner is one thread at a time.
    not_sync: PhantomData<std::cell::Cell<()>>,
}

impl<T> Worker<T> {
    fn new(lifo: bool) -> Self {
        let inner = Inner { front: AtomicU64::new(0), back: AtomicU64::new(0), places: places() };
        Self { inner: Arc::new(inner), lifo, not_sync: PhantomData }
    }

    pub(crate) fn new_lifo() -> Self {
        Self::new(true)
    }

    pub(crate) fn new_fifo() -> Self {
        Self::new(false)
    }

    pub(crate) fn stealer(&self) -> Stealer<T> {
        Stealer { inner: self.inner.clone() }
    }

    pub(crate) fn len(&self) -> usize {
        let back = self.inner.back.load(Ordering::Relaxed);
        let front = self.inner.front.load(Ordering::SeqCst);
        Inner::<T>::len(front, back).max(0) as usize
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn push(&self, item: T) {
        let back = self.inner.back.load(Ordering::Relaxed);
        self.inner.place(back).write(item);
        self.publish(back + 1);
    }

    fn publish(&self, back: u64) {
        if !mutated(Mutant::DequeWithoutFence) {
            fence(Ordering::Release);
        }
        // ThreadSanitizer does not know fences.
        let order = if cfg!(filch_tsan) { Ordering::Release } else { Ordering::Relaxed };
        self.inner.back.store(back, order);
    }

    pub(crate) fn pop(&self) -> Option<T> {
        let back = self.inner.back.load(Ordering::Relaxed);
        let front = self.inner.front.load(Ordering::Relaxed);
        if Inner::<T>::len(front, back) <= 0 {
            return None;
        }
        if self.lifo { self.pop_back(back - 1) } else { self.pop_front(back) }
    }

    fn pop_front(&self, back: u64) -> Option<T> {
        let front = self.inner.front.fetch_add(1, Ordering::SeqCst);
        if Inner::<T>::len(front + 1, back) < 0 {
            self.inner.front.store(front, Ordering::Relaxed);
            return None;
        }
        Some(ManuallyDrop::into_inner(self.inner.place(front).read()))
    }

    fn pop_back(&self, back: u64) -> Option<T> {
        self.inner.back.store(back, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let front = self.inner.front.load(Ordering::Relaxed);
        let len = Inner::<T>::len(front, back);
        if len < 0 {
            self.inner.back.store(back + 1, Ordering::Relaxed);
            return None;
        }
        let item = self.inner.place(back).read();
        if len > 0 {
            return Some(ManuallyDrop::into_inner(item));
        }
        let won = self
            .inner
            .front
            .compare_exchange(front, front + 1, Ordering::SeqCst, Ordering::Relaxed)
            .is_ok();
        self.inner.back.store(back + 1, Ordering::Relaxed);
        (won || mutated(Mutant::LastItemTakenTwice)).then(|| ManuallyDrop::into_inner(item))
    }
}

/// The thieves' side of a deque.
pub(crate) struct Stealer<T> {
    inner: Arc<Inner<T>>,
}

impl<T> Stealer<T> {
    pub(crate) fn len(&self) -> usize {
        let front = self.inner.front.load(Ordering::Acquire);
        fence(Ordering::SeqCst);
        let back = self.inner.back.load(Ordering::Acquire);
        Inner::<T>::len(front, back).max(0) as usize
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn steal(&self) -> Steal<T> {
        self.take(|_, _| 0)
    }

    /// For first-in-first-out queues.
    pub(crate) fn steal_batch_with_limit_and_pop(
        &self,
        dest: &Worker<T>,
        limit: usize,
    ) -> Steal<T> {
        let back = dest.inner.back.load(Ordering::Relaxed);
        let mut batch = 0;
        let stolen = self.take(|front, len| {
            batch = ((len - 1) / 2).min(limit as u64 - 1);
            for i in 0..batch {
                let item = self.inner.place(front + 1 + i).read();
                dest.inner.place(back + i).write(ManuallyDrop::into_inner(item));
            }
            batch
        });
        if matches!(stolen, Steal::Success(_)) {
            dest.publish(back + batch);
        }
        stolen
    }

    /// Takes the first item and as many more as `copy` says that it copied, being told where the
    /// queue begins and how long it is.
    fn take(&self, copy: impl FnOnce(u64, u64) -> u64) -> Steal<T> {
        let front = self.inner.front.load(Ordering::Acquire);
        fence(Ordering::SeqCst);
        let back = self.inner.back.load(Ordering::Acquire);
        let len = Inner::<T>::len(front, back);
        if len <= 0 {
            return Steal::Empty;
        }
        let item = self.inner.place(front).read();
        let next = front + 1 + copy(front, len as u64);
        match self.inner.front.compare_exchange(front, next, Ordering::SeqCst, Ordering::Relaxed) {
            Ok(_) => Steal::Success(ManuallyDrop::into_inner(item)),
            Err(_) => Steal::Retry,
        }
    }
}

/// Where threads that own no deque put their items.
pub(crate) struct Injector<T> {
    head: AtomicU64,
    tail: AtomicU64,
    places: Box<[Place<T>]>,
    written: Box<[AtomicU64]>,
}

// SAFETY: the items are handed from thread to thread, and never shared.
unsafe impl<T: Send> Sync for Injector<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Injector<T> {}

impl<T> Injector<T> {
    pub(crate) fn new() -> Self {
        Self {
            head: AtomicU64::new(0),
            tail: AtomicU64::new(0),
            places: places(),
            written: (0..CAPACITY).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    pub(crate) fn push(&self, item: T) {
        let mut tail = self.tail.load(Ordering::Acquire);
        loop {
            let next = tail + 1;
            match self.tail.compare_exchange_weak(tail, next, Ordering::SeqCst, Ordering::Acquire) {
                Ok(_) => break,
                Err(now) => tail = now,
            }
        }
        assert!(tail < CAPACITY, "the model pushes more than its queues take");
        self.places[tail as usize].write(item);
        self.written[tail as usize].fetch_or(1, Ordering::Release);
    }

    pub(crate) fn is_empty(&self) -> bool {
        let head = self.head.load(Ordering::SeqCst);
        let tail = self.tail.load(Ordering::SeqCst);
        head == tail
    }

    pub(crate) fn len(&self) -> usize {
        loop {
            let tail = self.tail.load(Ordering::SeqCst);
            let head = self.head.load(Ordering::SeqCst);
            if self.tail.load(Ordering::SeqCst) == tail {
                return (tail - head) as usize;
            }
        }
    }

    pub(crate) fn steal(&self) -> Steal<T> {
        self.take(|_| 1, |_| ())
    }

    pub(crate) fn steal_batch_with_limit_and_pop(
        &self,
        dest: &Worker<T>,
        limit: usize,
    ) -> Steal<T> {
        let back = dest.inner.back.load(Ordering::Relaxed);
        let share = |len: u64| len.div_ceil(2).min(limit as u64);
        self.take(share, |claimed| {
            let batch = claimed.end - claimed.start;
            for (place, index) in (back..).zip(claimed) {
                dest.inner.place(place).write(self.claimed(index));
            }
            dest.publish(back + batch);
        })
    }

    /// Takes as many items as `share` says of those that are there; `rest` gets the indices of all
    /// but the first.
    fn take(&self, share: impl FnOnce(u64) -> u64, rest: impl FnOnce(Range<u64>)) -> Steal<T> {
        let head = self.head.load(Ordering::Acquire);
        fence(Ordering::SeqCst);
        let tail = self.tail.load(Ordering::Relaxed);
        let len = Inner::<T>::len(head, tail);
        if len <= 0 {
            return Steal::Empty;
        }
        let next = head + share(len as u64);
        if self.head.compare_exchange(head, next, Ordering::SeqCst, Ordering::Acquire).is_err() {
            return Steal::Retry;
        }
        let first = self.claimed(head);
        rest(head + 1..next);
        Steal::Success(first)
    }

    /// An item that this thread has claimed, as soon as its pusher has written it.
    fn claimed(&self, index: u64) -> T {
        while self.written[index as usize].load(Ordering::Acquire) == 0 {
            thread::yield_now();
        }
        ManuallyDrop::into_inner(self.places[index as usize].read())
    }
}

impl<T> Drop for Injector<T> {
    fn drop(&mut self) {
        while let Steal::Success(item) = self.steal() {
            drop(item);
        }
    }
}
