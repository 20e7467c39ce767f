//! The one seam between the executor and the types it synchronizes with.
//!
//! Everything else in the crate names its atomics, cells, locks, deques and threads through this
//! module. A normal build gets `std`, `parking_lot` and `crossbeam-deque`; a build with
//! `--cfg filch_loom` gets loom's types, so that the models check the very modules that ship.
//!
//! | item | normal build | models |
//! |---|---|---|
//! | [`atomic`] | `std` | loom, which checks also that an atomic's end comes after all its uses |
//! | [`Mutex`], [`Condvar`] | parking_lot | loom's, with parking_lot's signatures |
//! | [`ShortMutex`] | spin's, which sleeps when it takes long | the same as `Mutex` |
//! | [`cell::UnsafeCell`] | a transparent wrapper | loom's, which checks every access |
//! | [`deque`] | crossbeam-deque | a small stand-in with crossbeam's own fences and orderings |
//! | [`thread`] | `std` | loom |
//! | [`mutated`], [`order`] | no fault, ever | the one fault that a failing twin plants |

#[cfg(not(filch_loom))]
mod real;
#[cfg(not(filch_loom))]
mod short_mutex;
#[cfg(not(filch_loom))]
pub(crate) use real::*;

#[cfg(filch_loom)]
mod modelled;
#[cfg(filch_loom)]
pub(crate) use modelled::*;

#[cfg(all(test, not(filch_loom)))]
mod conformance;
#[cfg(any(filch_loom, test))]
pub(crate) mod model_deque;
#[cfg(all(test, filch_loom))]
#[path = "sync/deque_models.rs"]
mod models;

/// The faults that the models' failing twins plant, each named for what it leaves out.
///
/// In a normal build [`mutated`] is a constant `false`, so none of this is compiled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(filch_loom), allow(dead_code, reason = "only the models plant faults"))]
pub(crate) enum Mutant {
    /// `Parker::unpark` writes only when somebody is parked.
    UnparkWithoutSwap,
    /// No barrier between making work visible and looking for sleepers.
    NoFenceAfterPush,
    /// No barrier between announcing a worker as parked and looking at the queues again.
    NoFenceBeforeRescan,
    /// No barrier between the end of the last search and looking at the queues again.
    NoFenceBeforeHandOver,
    /// A worker that announced itself parked does not look at the queues again.
    NoRescan,
    /// A push tells nobody.
    NoNotify,
    /// A worker that has moved tasks from one of its deques to the other tells nobody.
    UnannouncedLot,
    /// The last searcher that found work leaves the rest to nobody.
    NoHandOver,
    /// A wake during a poll is forgotten.
    ForgetWakeDuringPoll,
    /// A wake of a task that is already scheduled does not publish.
    RelaxedWake,
    /// A finished task is completed without looking for a join waker that came late.
    CompleteWithoutRecheck,
    /// The join waker is registered without looking whether the task completed meanwhile.
    RegisterWithoutRecheck,
    /// The last reference is given up without acquiring the others' writes.
    RelaxedRelease,
    /// A reference is given up without publishing its holder's accesses.
    UnpublishedReference,
    /// The join slot is given up without publishing that its waker was moved out.
    UnpublishedJoinSlot,
    /// A handle gives up the join slot that is lent on another thread.
    JoinSlotTakenTwice,
    /// A run that begins with several wakes does not acquire those that came last.
    UnacquiredWakes,
    /// What a poll has drawn from the reserve of references is not settled at its end.
    ForgetDrawn,
    /// A wake by value looks at the count of wakes after its reference.
    CompressAfterReference,
    /// An abort does not schedule the task that it marks.
    AbortWithoutSchedule,
    /// A searcher leaves without publishing what it queued, since another searches on.
    UnpublishedSearch,
    /// A foreign spawn does not look whether the runtime closed under it.
    SpawnWithoutRecheck,
    /// Shutdown does not wait for wakes that are under way.
    DrainOnce,
    /// The root's waker sets its flag after it unparks.
    RootFlagLate,
    /// The root's waker does not publish.
    UnpublishedRootFlag,
    /// The root is polled without acquiring what its waker published.
    UnacquiredRootFlag,
    /// A worker's place comes back after the runtime closed, and its own thread is not told.
    ForgetLentWorker,
    /// The dropped handle ignores an output that arrived meanwhile.
    DropHandleBlind,
    /// An earlier deadline is published, and the worker that sleeps is not told.
    NoTimerUnpark,
    /// A worker looks until when it may sleep before it notes that it sleeps.
    StaleTimerDeadline,
    /// No barrier between publishing a deadline and looking for the watchman.
    NoFenceAfterTimer,
    /// The watchman does not look at the deadlines again after it has announced when it wakes.
    NoSecondWatch,
    /// A watchman that leaves does not tell the next one.
    NoNextWatchman,
    /// A timer is looked up and taken out under the lock, but not in one go.
    CancelInTwoSteps,
    /// Wakers are woken while the wheel is locked.
    WakeUnderLock,
    /// The waker of a timer that is cancelled is dropped while the wheel is locked.
    DropUnderLock,
    /// The end of a hold does not look whether all are idle.
    HoldEndsUnseen,
    /// A worker that goes to sleep does not turn the clock.
    NoVirtualAdvance,
    /// Who could turn the clock lets go of it without another look whether all are idle.
    ClaimWithoutRecheck,
    /// A parent runs in its poll whatever task is on top of its worker's queue.
    ClaimUnmeant,
    /// A join that is dropped does not abort its child.
    UnabortedChild,
    /// A worker that retires tells of its tasks before they are in the injector.
    AnnouncedBeforePush,
    /// A helper of `join_all` can be taken before it stands in the list.
    UnlistedHelper,
    /// Who makes a task leave its registry does not wait for those who refer to it.
    LeavePinned,
    /// A reference made by way of the registry is not published to who makes the task leave.
    UnpublishedReferral,
    /// A place in the registry is vacated elsewhere without publishing its link.
    UnpublishedVacancy,
    /// The stand-in deque publishes its bottom without the release fence.
    DequeWithoutFence,
    /// The owner of a stand-in deque takes the last item also if a thief was faster.
    LastItemTakenTwice,
}

/// The ordering `order`, or `weaker` in a model that planted `fault`.
#[inline(always)]
pub(crate) fn order(
    order: atomic::Ordering,
    fault: Mutant,
    weaker: atomic::Ordering,
) -> atomic::Ordering {
    if mutated(fault) { weaker } else { order }
}
