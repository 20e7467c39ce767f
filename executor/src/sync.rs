//! The one seam between the executor and the types it synchronizes with.
//!
//! Everything else in the crate names its atomics, cells, locks, deques and threads through this
//! module. A normal build gets `std`, `parking_lot` and `crossbeam-deque`; a build with
//! `--cfg filch_loom` gets loom's types, so that the models check the very modules that ship.
//!
//! | item | normal build | models |
//! |---|---|---|
//! | [`atomic`] | `std` | loom |
//! | [`Mutex`], [`Condvar`] | parking_lot | loom's, with parking_lot's signatures |
//! | [`cell::UnsafeCell`] | a transparent wrapper | loom's, which checks every access |
//! | [`deque`] | crossbeam-deque | a small stand-in with crossbeam's own fences |
//! | [`thread`] | `std` | loom |
//! | [`mutated`] | always false | true for the one fault that a failing twin plants |

#[cfg(not(filch_loom))]
mod real;
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
    /// A worker that announced itself parked does not look at the queues again.
    NoRescan,
    /// A push tells nobody.
    NoNotify,
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
    /// An abort does not schedule the task that it marks.
    AbortWithoutSchedule,
    /// A foreign spawn does not look whether the runtime closed under it.
    SpawnWithoutRecheck,
    /// Shutdown does not wait for wakes that are under way.
    DrainOnce,
    /// The root's waker sets its flag after it unparks.
    RootFlagLate,
    /// The dropped handle ignores an output that arrived meanwhile.
    DropHandleBlind,
    /// The stand-in deque publishes its bottom without the release fence.
    DequeWithoutFence,
}
