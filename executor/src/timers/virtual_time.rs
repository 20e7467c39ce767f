//! A clock that is turned: by hand, or by the runtime when it has nothing left to do.

use super::{Source, real_time};
use crate::runtime::{Handle, Shared};
use crate::sync::atomic::{AtomicU64, Ordering, fence};
use crate::sync::{Mutant, Mutex, mutated};
use filch_timers::{Clock, ManualClock, NEVER};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Whether a root future waits to be polled.
pub(crate) trait Root: Send + Sync {
    fn is_woken(&self) -> bool;
}

/// The clock of a runtime whose time is virtual.
pub(crate) struct VirtualTime {
    clock: ManualClock,
    /// Whether it advances by itself.
    auto: bool,
    /// How many hold the clock, whoever is turning it by itself included.
    holds: AtomicU64,
    /// The futures that `block_on` drives at the moment.
    roots: Mutex<Vec<Arc<dyn Root>>>,
    /// Held to turn the clock, which must not go backwards.
    turning: Mutex<()>,
}

impl VirtualTime {
    pub(crate) fn new(auto: bool) -> Self {
        Self::starting_at(real_time().now(), auto)
    }

    pub(super) fn starting_at(time: u64, auto: bool) -> Self {
        Self {
            clock: ManualClock::counting_from(real_time().origin(), time),
            auto,
            holds: AtomicU64::new(0),
            roots: Mutex::new(Vec::new()),
            turning: Mutex::new(()),
        }
    }

    #[inline]
    pub(super) fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// Begins to turn the clock, unless somebody holds it or turns it already.
    fn claim(&self) -> bool {
        // Ordering: AcqRel on one word that all holders change; the fence after `release` and the
        // one that each sleeper has before this order it against the idle word.
        self.holds.compare_exchange(0, 1, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// From when this returns, the clock does not turn by itself.
    fn hold(&self) {
        self.holds.fetch_add(1, Ordering::AcqRel);
        // Whoever is about to turn it looks for holds under this lock.
        drop(self.turning.lock());
    }

    /// True: nobody holds the clock any more, and the caller has to look whether all are idle.
    fn release(&self) -> bool {
        let last = self.holds.fetch_sub(1, Ordering::AcqRel) == 1;
        // Ordering: pairs with the fence of `Idle::look_again`.
        fence(Ordering::SeqCst);
        last
    }

    /// Whether nobody but the caller, who has the claim, holds the clock.
    fn is_claimed_only(&self) -> bool {
        self.holds.load(Ordering::Acquire) == 1
    }

    /// Whether no root waits to be polled, nor is being polled by a thread without a worker's place.
    fn roots_are_idle(&self) -> bool {
        let woken = self.roots.lock().iter().any(|root| root.is_woken());
        // Such a thread takes a hold before it clears the root's flag: who reads the cleared flag
        // then sees the hold.
        !woken && self.is_claimed_only()
    }
}

/// A root future that [`VirtualTime`] knows of.
pub(crate) struct RegisteredRoot<'a> {
    shared: &'a Shared,
    root: Option<Arc<dyn Root>>,
}

impl Drop for RegisteredRoot<'_> {
    fn drop(&mut self) {
        if let (Some(time), Some(root)) = (self.shared.virtual_time(), self.root.take()) {
            time.roots.lock().retain(|other| !Arc::ptr_eq(other, &root));
        }
    }
}

impl Shared {
    pub(crate) fn virtual_time(&self) -> Option<&VirtualTime> {
        match self.source() {
            Source::System(_) => None,
            Source::Virtual(time) => Some(time),
        }
    }

    /// Enters a root, if this runtime's clock has to know of it.
    pub(crate) fn register_root(&self, root: Arc<dyn Root>) -> RegisteredRoot<'_> {
        let root = self.virtual_time().map(|time| {
            time.roots.lock().push(root.clone());
            root
        });
        RegisteredRoot { shared: self, root }
    }

    /// Holds the clock while `f` runs, which is work that the workers do not know of.
    pub(crate) fn holding_clock<R>(&self, f: impl FnOnce() -> R) -> R {
        let Some(time) = self.virtual_time() else { return f() };
        time.hold();
        let result = f();
        self.let_clock_go(time);
        result
    }

    fn let_clock_go(&self, time: &VirtualTime) {
        if time.release() && !mutated(Mutant::HoldEndsUnseen) {
            self.advance_if_idle();
        }
    }

    /// Whether nothing happens unless time passes or a thread from outside does something.
    fn is_quiescent(&self) -> bool {
        self.idle.all_parked() && !self.work_visible() && !self.is_closed()
    }

    /// Turns a clock that advances by itself to the next deadline, if all are idle, and fires what
    /// is due then.
    ///
    /// Called by everybody who may have been the last to become idle: before a worker blocks, when
    /// a hold ends, when a core goes back to a thread that sleeps.
    pub(crate) fn advance_if_idle(&self) {
        let Some(time) = self.virtual_time().filter(|time| time.auto) else { return };
        // Who has the claim looks again after it has let go, so who finds it taken may leave.
        while self.is_quiescent() && self.has_timers() && time.claim() {
            let roots_are_idle = time.roots_are_idle();
            if roots_are_idle && self.is_quiescent() {
                self.jump(time);
            }
            // A hold, or the thread of a root that was woken, looks again when it is done.
            if !time.release() || !roots_are_idle || mutated(Mutant::ClaimWithoutRecheck) {
                return;
            }
        }
    }

    fn has_timers(&self) -> bool {
        self.workers.iter().any(|worker| worker.timers.next() != NEVER)
    }

    fn jump(&self, time: &VirtualTime) {
        let earliest = self.workers.iter().map(|worker| worker.timers.earliest()).min();
        let Some(earliest) = earliest.filter(|&earliest| earliest != NEVER) else { return };
        let now = {
            let _turning = time.turning.lock();
            if !time.is_claimed_only() {
                return;
            }
            let now = earliest.max(time.clock.now());
            time.clock.set(now);
            now
        };
        self.fire_all(now);
    }

    /// Fires everything that is due at `now`: with a virtual clock nobody else does.
    fn fire_all(&self, now: u64) {
        let mut due = Vec::new();
        self.workers.iter().for_each(|worker| worker.timers.fire_all(now, &mut due));
    }
}

impl Handle {
    /// Turns the virtual clock forward, and wakes everything that is due then.
    ///
    /// The clock moves in one step, at most to its end, 584 years after this process first asked filch
    /// for the time. When this returns, each sleep that was due has been woken (or is about to be, by
    /// another thread that turns the clock at the same time); the tasks then run on their workers as
    /// after any wake. May be called on any thread, also in a task of the runtime.
    ///
    /// # Panics
    ///
    /// If the runtime's clock is the system's; see [`Builder::start_paused`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let runtime = filch::Builder::new().start_paused(true).auto_advance(false).build()?;
    /// let nap = runtime.spawn(filch::sleep(Duration::from_secs(3600), "rested"));
    /// let handle = runtime.handle();
    /// let start = handle.now();
    /// while !nap.is_finished() {
    ///     handle.advance(Duration::from_secs(600));
    ///     # std::thread::yield_now();
    /// }
    /// assert!(handle.now() >= start + Duration::from_secs(3600));
    /// assert_eq!(runtime.block_on(nap).unwrap(), "rested");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// [`Builder::start_paused`]: crate::Builder::start_paused
    #[track_caller]
    pub fn advance(&self, duration: Duration) {
        let shared = self.shared();
        let Some(time) = shared.virtual_time() else {
            panic!(
                "advance() on a runtime that goes by the system's clock: build it with \
                 Builder::start_paused"
            );
        };
        shared.holding_clock(|| {
            let now = {
                let _turning = time.turning.lock();
                time.clock.advance(duration)
            };
            shared.fire_all(now);
        });
    }

    /// Keeps the virtual clock from advancing by itself until the guard is dropped.
    ///
    /// For work that the runtime does not know of: a thread of the test's own, or a device. The
    /// clock stands while a task runs or is queued, while a future in `block_on` is polled, and
    /// while a closure of [`spawn_blocking`](crate::spawn_blocking()) runs; but whether a
    /// thread that once will wake a task is at work, the runtime cannot know. Any number of guards
    /// may exist; [`advance`](Self::advance) does not heed them. With the system's clock they do
    /// nothing.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let runtime = filch::Builder::new().start_paused(true).build()?;
    /// let handle = runtime.handle().clone();
    /// runtime.block_on(async {
    ///     let start = filch::now();
    ///     let hold = handle.hold_clock();
    ///     let (send, receive) = std::sync::mpsc::channel();
    ///     let task = filch::spawn(async move {
    ///         filch::sleep(Duration::from_secs(60), ()).await;
    ///         send.send(()).unwrap();
    ///     });
    ///     let device = std::thread::spawn(move || {
    ///         assert!(receive.try_recv().is_err(), "the clock stands");
    ///         drop(hold);
    ///         receive.recv().unwrap();
    ///     });
    ///     task.await.unwrap();
    ///     assert_eq!(filch::now() - start, Duration::from_secs(60));
    ///     device.join().unwrap();
    /// });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn hold_clock(&self) -> ClockHold {
        if let Some(time) = self.shared().virtual_time() {
            time.hold();
        }
        ClockHold { handle: self.clone() }
    }
}

/// Keeps a virtual clock from advancing by itself; see [`Handle::hold_clock`].
#[must_use = "the clock is held only as long as the guard lives"]
pub struct ClockHold {
    handle: Handle,
}

impl Drop for ClockHold {
    fn drop(&mut self) {
        let shared = self.handle.shared();
        if let Some(time) = shared.virtual_time() {
            shared.let_clock_go(time);
        }
    }
}

impl fmt::Debug for ClockHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClockHold").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use crate::runtime::Builder;
    use std::task::Waker;

    /// The wheel knows the first deadline of each slot, and finds out only when it is asked to that
    /// who had it was cancelled. A clock that believed it would stand at that time for a moment,
    /// in which no task runs but any thread may look.
    #[test]
    fn the_clock_jumps_over_the_deadline_of_a_cancelled_timer() {
        const SLOT: u64 = 1 << 36;
        let runtime = Builder::new().worker_threads(1).start_paused(true).build().unwrap();
        let shared = runtime.handle().shared();
        let (time, timers) = (shared.virtual_time().unwrap(), &shared.workers[0].timers);
        // As who has the claim, so that nobody else turns the clock.
        let hold = runtime.handle().hold_clock();
        let earlier = (time.clock().now() / SLOT + 2) * SLOT;
        let later = earlier + SLOT / 2;
        let [cancelled, _] = [earlier, later]
            .map(|deadline| timers.insert(deadline, Waker::noop().clone(), false).unwrap());
        assert!(timers.cancel(cancelled).is_some());
        assert_eq!(timers.next(), earlier, "they share no slot");
        shared.jump(time);
        assert_eq!((time.clock().now(), timers.next()), (later, NEVER));
        drop(hold);
    }
}
