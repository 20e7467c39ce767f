//! The task's one word: its state, its reference count and its count of wakes.
//!
//! # Layout
//!
//! | bits | field | meaning |
//! |---|---|---|
//! | 0 | `COMPLETE` | the future is gone, the scheduler has let go of the task |
//! | 1 | `JOIN` | the `JoinHandle` exists |
//! | 2 | `JOIN_WAKER` | a waker stands in the task's join slot |
//! | 3 | `CANCELLED` | the future shall be dropped, not polled, at the next run |
//! | 4 | `OUTPUT` | with `COMPLETE`: the stage holds an output (or a panic) for the handle |
//! | 8–35 | references | how many `Waker`s and `AbortHandle`s exist, and until `COMPLETE` the reserve |
//! | 36–63 | wakes | 0: idle. 1: scheduled or running. More: woken again since |
//!
//! # States
//!
//! | state | wakes | `COMPLETE` | who owns the future | leaves by |
//! |---|---|---|---|---|
//! | scheduled | ≥ 1 | 0 | the `Runnable` in a queue | `start_run` |
//! | running | ≥ 1 | 0 | the worker that polls | `pend`, `complete` |
//! | idle | 0 | 0 | nobody; the registry knows the task | `wake_*`, `cancel` |
//! | complete | any | 1 | nobody: it is gone; the output is the handle's | release of the last reference |
//!
//! # Flags
//!
//! * `COMPLETE` is set once, by the worker that ran the task, and never cleared. If no waker stands
//!   in the join slot at that moment, setting it is the scheduler's very last access to a task that
//!   somebody else still refers to.
//! * `JOIN` is set at birth, if there is a handle, and cleared once, when the handle is dropped before
//!   completion, or gives the task back after it.
//! * `JOIN_WAKER` is set by the handle after it wrote the slot. As long as the task is not complete
//!   the handle may clear it, to replace the waker or to take it away. If it is set when the task
//!   completes, the slot is the completing worker's from then on, and so is a right to the task;
//!   clearing the bit, after it has moved the waker out, gives both up. If it runs the joiner at once,
//!   the handle gives up both their rights in one step, when it has taken the output.
//! * `CANCELLED` is set by an abort or by the shutdown and never cleared. A task may still
//!   complete with its output after that, if it was in its last poll.
//! * `OUTPUT` is set together with `COMPLETE` and tells an output from a cancellation.
//!
//! # Why a count of wakes, not a flag
//!
//! With a flag, the worker has to clear it before it polls, or it could not tell a wake that comes
//! during the poll from the one that scheduled the task: a read-modify-write on every poll. With a
//! count it looks at the word, polls, and subtracts the one wake that it served; what remains came
//! later. So a wake and the poll that follows cost two read-modify-writes together, not three.
//! (The idea of counting wakes is nexosim's; there the count is subtracted whole.)
//!
//! The subtraction must be of exactly one, so a run that starts with more than one counted wake
//! first sets the count back to one. That also keeps the count far from its limit; a storm of more
//! than 2²⁶ wakes within one poll is compressed by the wakers themselves, in `compress`.
//!
//! # The reserve
//!
//! Most wakers are cloned from the one that a poll was given, by the thread that polls, and many are
//! dropped there too. To spare those the read-modify-write, a task that is not complete counts
//! [`RESERVE`] references more than there are. A clone inside the poll takes one of these, a drop
//! gives one back, and the run notes in a plain [`Drawn`] how many it took. The end of the run
//! settles the difference in the same step that it ends with: `pend` fills the reserve up again,
//! `complete` gives up what is left of it.
//!
//! Nobody is misled meanwhile. The count says too little by what was drawn, but that is at most the
//! reserve, so it does not wrap. It says too much by what was given back, which is no more either: a
//! poll that went on giving back what other threads clone would bring the count to its limit,
//! however few references there are. And a task is freed only after `COMPLETE`, when the difference
//! is settled. References that other threads drop during the poll are among those counted.
//!
//! # Why every change is a read-modify-write
//!
//! The wake that finds the task scheduled already has to publish what was written before it, just
//! as the wake that schedules it (rust-lang/rust#128920). It does so because the chain of
//! read-modify-writes is one release sequence: a poll that reads any later value of the word
//! acquires every earlier wake. A wake whose value the poll did not read remains in the count, and
//! the task is polled again.

#[cfg(all(test, not(filch_loom)))]
mod tests;

use crate::sync::atomic::{AtomicU64, Ordering, fence};
use crate::sync::{Mutant, mutated, order};
use std::fmt;

const COMPLETE: u64 = 1;
const JOIN: u64 = 1 << 1;
const JOIN_WAKER: u64 = 1 << 2;
const CANCELLED: u64 = 1 << 3;
const OUTPUT: u64 = 1 << 4;

const REF_SHIFT: u32 = 8;
const REF_ONE: u64 = 1 << REF_SHIFT;
const REF_MASK: u64 = (WAKE_ONE - 1) & !(REF_ONE - 1);

const WAKE_SHIFT: u32 = 36;
const WAKE_ONE: u64 = 1 << WAKE_SHIFT;

/// Past this count the process aborts, as it does for `Arc`: only forgotten wakers get there.
const REF_LIMIT: u64 = 1 << 27;
/// How many references a poll can take out, or put in, without a read-modify-write; see the notes
/// above.
pub(crate) const RESERVE: i64 = if cfg!(filch_loom) { 1 } else { 64 };

/// How many references a run has taken out of the reserve; less than 0: it gave back more.
pub(crate) type Drawn = i64;

/// Past this count a waker compresses the wakes; in the models soon enough to be explored.
const WAKE_LIMIT: u64 = if cfg!(filch_loom) { 3 } else { 1 << 26 };

/// A value of the word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Snapshot(u64);

impl Snapshot {
    pub(crate) fn is_complete(self) -> bool {
        self.0 & COMPLETE != 0
    }
    pub(crate) fn is_cancelled(self) -> bool {
        self.0 & CANCELLED != 0
    }
    pub(crate) fn has_join(self) -> bool {
        self.0 & JOIN != 0
    }
    pub(crate) fn has_join_waker(self) -> bool {
        self.0 & JOIN_WAKER != 0
    }
    pub(crate) fn has_output(self) -> bool {
        self.0 & OUTPUT != 0
    }
    /// How many references there are; during a poll, without what that poll has drawn.
    pub(crate) fn references(self) -> u64 {
        let reserve = if self.is_complete() { 0 } else { RESERVE.unsigned_abs() };
        self.counted().saturating_sub(reserve)
    }
    fn counted(self) -> u64 {
        (self.0 & REF_MASK) >> REF_SHIFT
    }
    pub(crate) fn wakes(self) -> u64 {
        self.0 >> WAKE_SHIFT
    }
    /// Nobody but whoever holds this snapshot can reach the task any more.
    fn is_unreachable(self) -> bool {
        self.0 & (REF_MASK | JOIN | JOIN_WAKER) == 0
    }
    /// The reference that was counted in this snapshot of a task was the last right to it.
    fn ends_with_a_reference(self) -> bool {
        self.is_complete() && self.0 & (REF_MASK | JOIN | JOIN_WAKER) == REF_ONE
    }
    fn with_wakes(self, wakes: u64) -> Self {
        Self(self.0 & (WAKE_ONE - 1) | wakes << WAKE_SHIFT)
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match (self.is_complete(), self.wakes()) {
            (true, _) => "complete",
            (false, 0) => "idle",
            (false, _) => "scheduled",
        };
        f.debug_struct("State")
            .field("phase", &phase)
            .field("wakes", &self.wakes())
            .field("references", &self.references())
            .field("join", &self.has_join())
            .field("join_waker", &self.has_join_waker())
            .field("cancelled", &self.is_cancelled())
            .field("output", &self.has_output())
            .finish()
    }
}

/// What a wake leaves to its caller.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// The task is the caller's to schedule.
    Schedule,
    /// Somebody else runs it, or it is complete.
    Nothing,
    /// The caller held the last reference and has to free the task.
    Free,
}

/// What the end of a poll leaves to the worker.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pend {
    /// The task is idle and no longer the worker's.
    Idle,
    /// The task was woken during the poll and is the worker's to schedule.
    Reschedule,
}

/// What the attempt to complete leaves to the worker.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Complete {
    /// The task is complete; the worker may not touch it again.
    Done,
    /// The handle is gone: drop the output first, then call `complete_unjoined`.
    NobodyJoins,
    /// The task is complete; move the waker out of the join slot and call `release_join_slot`.
    WakeJoiner,
}

/// What a handle that was dropped leaves to be done.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detach {
    /// The task goes on without the handle.
    Detached,
    /// The handle took back the slot's waker: drop it and try again.
    TakeWaker,
    /// The task is complete: drop the output if there is one, then call `release_join`.
    Complete { output: bool },
}

/// What the handle finds when it wants to write its waker into the join slot.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JoinSlot {
    /// The slot is the handle's to write.
    Free,
    /// The slot holds the handle's earlier waker, which is the handle's to take.
    Reclaimed,
    /// The task is complete.
    Complete,
}

/// The word.
pub(crate) struct State(AtomicU64);

impl State {
    /// The state of a task that is about to be queued, with a handle.
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(JOIN | WAKE_ONE | reserve_less(0)))
    }

    /// The state of a task that is about to be queued and never has a handle.
    pub(crate) fn new_detached() -> Self {
        Self(AtomicU64::new(WAKE_ONE | reserve_less(0)))
    }

    /// Reads the word, acquiring what its last writers published.
    #[inline]
    pub(crate) fn load(&self) -> Snapshot {
        Snapshot(self.0.load(Ordering::Acquire))
    }

    /// Counts a wake through a borrowed waker.
    #[inline]
    pub(crate) fn wake_by_ref(&self) -> Wake {
        // Ordering: Release publishes the waker's writes to the Acquire load of `start_run`. The
        // Acquire is more than is needed: the run takes in itself what it reads.
        let order = order(Ordering::AcqRel, Mutant::RelaxedWake, Ordering::Relaxed);
        self.woken(Snapshot(self.0.fetch_add(WAKE_ONE, order)))
    }

    /// Counts a wake and gives up the waker's reference, in one step.
    #[inline]
    pub(crate) fn wake_by_val(&self) -> Wake {
        // Ordering: as in `wake_by_ref`; as the last reference it also acquires (see `drop_ref`).
        let before = Snapshot(self.0.fetch_add(WAKE_ONE - REF_ONE, Ordering::AcqRel));
        debug_assert!(before.counted() > 0, "waker without a reference: {before:?}");
        if before.ends_with_a_reference() {
            return Wake::Free;
        }
        if mutated(Mutant::CompressAfterReference) {
            return self.woken(before);
        }
        // No `compress` here: the reference is given up, so the word may be gone. The next wake by
        // reference, or the next clone of a waker, does that.
        if before.is_complete() || before.wakes() > 0 { Wake::Nothing } else { Wake::Schedule }
    }

    #[inline]
    fn woken(&self, before: Snapshot) -> Wake {
        if before.is_complete() {
            // The count of a complete task means nothing; being topmost, it may wrap.
            return Wake::Nothing;
        }
        if before.wakes() >= WAKE_LIMIT {
            self.compress();
        }
        if before.wakes() == 0 { Wake::Schedule } else { Wake::Nothing }
    }

    /// Brings an excessive count of wakes back to two, which says the same.
    #[cold]
    fn compress(&self) {
        let _ = self.0.try_update(Ordering::AcqRel, Ordering::Relaxed, |word| {
            let now = Snapshot(word);
            (!now.is_complete() && now.wakes() >= WAKE_LIMIT).then(|| now.with_wakes(2).0)
        });
    }

    /// Begins a run. The caller owns the task's `Runnable`.
    ///
    /// Afterwards exactly one counted wake belongs to this run.
    #[inline]
    pub(crate) fn start_run(&self) -> Snapshot {
        let now = self.load();
        debug_assert!(!now.is_complete() && now.wakes() > 0, "run of a task that is {now:?}");
        if now.wakes() == 1 {
            return now;
        }
        self.start_coalesced_run()
    }

    #[cold]
    fn start_coalesced_run(&self) -> Snapshot {
        // Ordering: Acquire, pairs with the Release of every wake that it swallows.
        let set = order(Ordering::AcqRel, Mutant::UnacquiredWakes, Ordering::Release);
        let fetch = order(Ordering::Acquire, Mutant::UnacquiredWakes, Ordering::Relaxed);
        Snapshot(self.0.update(set, fetch, |word| Snapshot(word).with_wakes(1).0))
    }

    /// Whether the running task was woken again; a cheap look before `pend`, without a promise.
    #[inline]
    pub(crate) fn is_woken_again(&self) -> bool {
        Snapshot(self.0.load(Ordering::Relaxed)).wakes() > 1
            && !mutated(Mutant::ForgetWakeDuringPoll)
    }

    /// Settles what a run has drawn that ends without `pend`.
    #[inline]
    pub(crate) fn settle(&self, drawn: Drawn) {
        if drawn != 0 {
            // Ordering: Release, for the references that were given back, as in `drop_ref`.
            let before = self.0.fetch_add(references(drawn), Ordering::Release);
            assert_few_references(Snapshot(before), drawn);
        }
    }

    /// Ends a run whose poll returned `Pending`.
    #[inline]
    pub(crate) fn pend(&self, drawn: Drawn) -> Pend {
        if mutated(Mutant::ForgetWakeDuringPoll) {
            self.0
                .update(Ordering::AcqRel, Ordering::Relaxed, |word| Snapshot(word).with_wakes(0).0);
            return Pend::Idle;
        }
        // Ordering: Release hands the future and the task's fields to whoever wakes and runs it
        // next. The Acquire is more than is needed: the next `start_run` takes the wakes in.
        let drawn = if mutated(Mutant::ForgetDrawn) { 0 } else { drawn };
        let end = references(drawn).wrapping_sub(WAKE_ONE);
        let before = Snapshot(self.0.fetch_add(end, Ordering::AcqRel));
        debug_assert!(!before.is_complete() && before.wakes() > 0, "end of a run of {before:?}");
        assert_few_references(before, drawn);
        if before.wakes() == 1 { Pend::Idle } else { Pend::Reschedule }
    }

    /// Tries to complete a task whose output (if `output`) stands in the stage.
    #[inline]
    pub(crate) fn complete(&self, output: bool, drawn: Drawn) -> Complete {
        let flags = if output { COMPLETE | OUTPUT } else { COMPLETE };
        let mut now = self.load();
        loop {
            if !now.has_join() {
                return Complete::NobodyJoins;
            }
            // Ordering: Release publishes the output to the handle's Acquire load; Acquire makes
            // the waker that the handle wrote into the slot readable.
            let next = (now.0 - reserve_less(drawn)) | flags;
            match self.0.compare_exchange_weak(now.0, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) if now.has_join_waker() && !mutated(Mutant::CompleteWithoutRecheck) => {
                    return Complete::WakeJoiner;
                }
                Ok(_) => return Complete::Done,
                Err(word) => now = Snapshot(word),
            }
        }
    }

    /// Gives up the join slot of a task that was complete when a waker stood there. True: the
    /// caller has to free the task.
    #[inline]
    pub(crate) fn release_join_slot(&self) -> bool {
        // Ordering: Release, since whoever frees the task does so after the slot was read.
        let order = order(Ordering::AcqRel, Mutant::UnpublishedJoinSlot, Ordering::Acquire);
        let before = Snapshot(self.0.fetch_and(!JOIN_WAKER, order));
        Snapshot(before.0 & !JOIN_WAKER).is_unreachable()
    }

    /// Completes a task that has neither handle nor output. True: the caller has to free it.
    #[inline]
    pub(crate) fn complete_unjoined(&self, drawn: Drawn) -> bool {
        let left = reserve_less(drawn);
        // Ordering: Acquire, pairs with the Release by which the handle, if there was one, and the last
        // waker let go.
        // With no handle and no reference nobody is left who could make either again.
        if Snapshot(self.load().0 - left).is_unreachable() {
            return true;
        }
        // The bit is not set yet, so that adding it sets it.
        // Ordering: Release publishes the end of the future to whoever frees the task.
        let before = self.0.fetch_add(COMPLETE.wrapping_sub(left), Ordering::AcqRel);
        Snapshot(before - left).is_unreachable()
    }

    /// Marks the task cancelled and counts a wake, so that a worker comes to drop the future.
    ///
    /// `Schedule`: the task was idle and is the caller's to schedule.
    pub(crate) fn cancel(&self) -> Wake {
        let before = self.0.try_update(Ordering::AcqRel, Ordering::Acquire, |word| {
            let now = Snapshot(word);
            let wakes = if mutated(Mutant::AbortWithoutSchedule) { 0 } else { WAKE_ONE };
            (!now.is_complete() && !now.is_cancelled()).then_some((word | CANCELLED) + wakes)
        });
        match before.map(Snapshot) {
            Ok(_) if mutated(Mutant::AbortWithoutSchedule) => Wake::Nothing,
            Ok(before) if before.wakes() == 0 => Wake::Schedule,
            _ => Wake::Nothing,
        }
    }

    /// Marks a task cancelled whose `Runnable` the caller owns.
    pub(crate) fn cancel_owned(&self) {
        self.0.fetch_or(CANCELLED, Ordering::AcqRel);
    }

    /// Counts one more reference.
    #[inline]
    pub(crate) fn add_ref(&self) {
        // Ordering: Relaxed, as in `Arc`: the new reference is made from one that exists.
        let before = Snapshot(self.0.fetch_add(REF_ONE, Ordering::Relaxed));
        assert_few_references(before, 1);
        if before.wakes() >= WAKE_LIMIT && !before.is_complete() {
            self.compress();
        }
    }

    /// Gives up a reference. True: it was the last one and the caller has to free the task.
    #[inline]
    pub(crate) fn drop_ref(&self) -> bool {
        // Ordering: Release publishes the holder's last accesses; the Acquire fence of the last
        // holder takes them in before it frees the task.
        let order = order(Ordering::Release, Mutant::UnpublishedReference, Ordering::Relaxed);
        let before = Snapshot(self.0.fetch_sub(REF_ONE, order));
        debug_assert!(before.counted() > 0, "reference dropped twice: {before:?}");
        let last = before.ends_with_a_reference();
        if last {
            self.acquire_others();
        }
        last
    }

    fn acquire_others(&self) {
        if mutated(Mutant::RelaxedRelease) {
            return;
        }
        // ThreadSanitizer does not know fences; a load of the same word does the same there.
        if cfg!(filch_tsan) {
            self.0.load(Ordering::Acquire);
        } else {
            fence(Ordering::Acquire);
        }
    }

    /// Prepares the join slot for the handle's waker.
    pub(crate) fn claim_join_slot(&self) -> JoinSlot {
        let mut now = self.load();
        loop {
            if now.is_complete() {
                return JoinSlot::Complete;
            }
            if !now.has_join_waker() {
                return JoinSlot::Free;
            }
            // Ordering: Acquire on failure, for the output of a task that completed meanwhile.
            let next = now.0 & !JOIN_WAKER;
            match self.0.compare_exchange_weak(now.0, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return JoinSlot::Reclaimed,
                Err(word) => now = Snapshot(word),
            }
        }
    }

    /// Offers the waker in the join slot to the completing worker. False: the task is complete and
    /// the slot is the handle's.
    pub(crate) fn offer_join_waker(&self) -> bool {
        if mutated(Mutant::RegisterWithoutRecheck) {
            self.0.fetch_or(JOIN_WAKER, Ordering::AcqRel);
            return true;
        }
        // Ordering: Release publishes the slot to `complete`; Acquire on failure, for the output.
        self.0
            .try_update(Ordering::AcqRel, Ordering::Acquire, |word| {
                (!Snapshot(word).is_complete()).then_some(word | JOIN_WAKER)
            })
            .is_ok()
    }

    /// Gives up the handle.
    #[inline]
    pub(crate) fn detach(&self) -> Detach {
        let mut now = self.load();
        loop {
            if now.is_complete() && !mutated(Mutant::DropHandleBlind) {
                return Detach::Complete { output: now.has_output() };
            }
            let next = if now.has_join_waker() { now.0 & !JOIN_WAKER } else { now.0 & !JOIN };
            // Ordering: Release, for the worker that frees the task; Acquire, for the output.
            match self.0.compare_exchange_weak(now.0, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) if now.has_join_waker() => return Detach::TakeWaker,
                Ok(_) => return Detach::Detached,
                Err(word) => now = Snapshot(word),
            }
        }
    }

    /// Gives up the handle of a complete task whose output is gone. True: the caller has to free
    /// the task.
    #[inline]
    pub(crate) fn release_join(&self) -> bool {
        self.release(JOIN)
    }

    /// The same by a thread that has the right to the join slot, too, and gives up both.
    #[inline]
    pub(crate) fn release_join_and_slot(&self) -> bool {
        self.release(JOIN | JOIN_WAKER)
    }

    #[inline]
    fn release(&self, rights: u64) -> bool {
        // Ordering: Acquire, pairs with `drop_ref` of the last waker, and with `release_join_slot`.
        // If no other right is left, nobody can make a new one.
        if Snapshot(self.load().0 & !rights).is_unreachable() {
            return true;
        }
        let before = Snapshot(self.0.fetch_and(!rights, Ordering::AcqRel));
        Snapshot(before.0 & !rights).is_unreachable()
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.load(), f)
    }
}

/// A number of references, positive or not, as what it adds to the word.
#[inline]
fn references(number: Drawn) -> u64 {
    number.wrapping_mul(REF_ONE.cast_signed()).cast_unsigned()
}

/// What is left of the reserve after so much was drawn from it.
#[inline]
fn reserve_less(drawn: Drawn) -> u64 {
    references(RESERVE - drawn)
}

#[inline]
fn assert_few_references(before: Snapshot, added: Drawn) {
    if added > 0 && before.counted() >= REF_LIMIT {
        too_many_references();
    }
}

#[cold]
fn too_many_references() -> ! {
    // A panic could be caught and the count would wrap; so this ends the process, as in `Arc`.
    std::process::abort()
}
