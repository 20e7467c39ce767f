#![doc = include_str!("idle.md")]

#[cfg(all(test, filch_loom))]
mod models;
#[cfg(all(test, not(filch_loom)))]
mod tests;

use crate::park::Parker;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use crate::sync::{Arc, Mutant, Mutex, mutated, order};
use crossbeam_utils::CachePadded;
use std::fmt;
use std::time::Instant;

const SEARCHING_ONE: u64 = 1;
const SEARCHING_MASK: u64 = 0xffff;
const PARKED_SHIFT: u32 = 16;
const PARKED_ONE: u64 = 1 << PARKED_SHIFT;
const PARKED_MASK: u64 = 0xffff << PARKED_SHIFT;
/// One searcher is taking a nap.
const NAPPING: u64 = 1 << 32;

/// The most workers that a runtime can have: what fits the word's fields.
pub(crate) const MAX_WORKERS: usize = 0x7fff;

/// A value of the word.
#[derive(Clone, Copy)]
struct Counts(u64);

impl Counts {
    fn searching(self) -> usize {
        (self.0 & SEARCHING_MASK) as usize
    }
    fn parked(self) -> usize {
        ((self.0 & PARKED_MASK) >> PARKED_SHIFT) as usize
    }
    fn napping(self) -> bool {
        self.0 & NAPPING != 0
    }
    /// Whether a new piece of work calls for another worker.
    fn wants_a_searcher(self) -> bool {
        self.searching() == 0 && self.parked() > 0
    }
}

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idle")
            .field("searching", &self.searching())
            .field("parked", &self.parked())
            .field("napping", &self.napping())
            .finish()
    }
}

/// Where a thread that works waits for work: a worker's own thread, or one inside `block_on`.
pub(crate) struct Seat<C> {
    /// Which worker's place it is.
    pub(crate) index: usize,
    /// Whether the place may be lent to a thread that calls `block_on`.
    lendable: bool,
    /// Apart, so that a worker's timers can refer to it without the rest.
    pub(crate) parker: Arc<Parker>,
    /// The core of a worker that was notified; written only under the lock of `Idle::asleep`.
    mail: Mutex<Option<C>>,
    /// Whether the place's own thread is at work; written only under that lock.
    begun: AtomicBool,
}

impl<C> Seat<C> {
    /// The place of a thread that is at work.
    pub(crate) fn new(index: usize, lendable: bool) -> Arc<Self> {
        Arc::new(Self {
            index,
            lendable,
            parker: Arc::new(Parker::new()),
            mail: Mutex::new(None),
            begun: AtomicBool::new(true),
        })
    }

    /// The place of a thread that is to begin; see [`Idle::begin`].
    pub(crate) fn starting(index: usize) -> Arc<Self> {
        let seat = Self::new(index, true);
        seat.begun.store(false, Ordering::Relaxed);
        seat
    }

    pub(crate) fn is_lendable(&self) -> bool {
        self.lendable
    }
}

/// Whether a worker that has announced itself parked may block.
pub(crate) enum Rest {
    /// Until it is unparked, or until the deadline.
    Until(Option<Instant>),
    /// No: there is something else to do than the work that it looked for.
    Over,
}

/// Where a parked worker finds itself again.
pub(crate) enum Woken<C> {
    /// It was notified, and counts as searching.
    Notified(C),
    /// Something else unparked it.
    Otherwise(C),
    /// Something unparked it, but its core is lent to a thread in `block_on`.
    Lent,
}

/// The workers that have announced themselves and do not work.
struct Asleep<C> {
    /// The parked ones with their cores, the last one parked on top. As many as the word counts.
    parked: Vec<(Arc<Seat<C>>, C)>,
    /// Those whose threads have not begun to work: they cannot be notified. Their cores may be lent.
    starting: Vec<(Arc<Seat<C>>, C)>,
}

impl<C> Asleep<C> {
    fn take(list: &mut Vec<(Arc<Seat<C>>, C)>, seat: &Arc<Seat<C>>) -> Option<C> {
        let place = list.iter().position(|(other, _)| Arc::ptr_eq(other, seat))?;
        Some(list.remove(place).1)
    }
}

/// Who searches and who sleeps.
pub(crate) struct Idle<C> {
    word: CachePadded<AtomicU64>,
    asleep: Mutex<Asleep<C>>,
    /// The parker of the searcher that naps.
    napper: Mutex<Option<Arc<Seat<C>>>>,
    workers: usize,
}

impl<C> Idle<C> {
    /// For so many workers, none of which is parked or searches; see [`Idle::give_back`].
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            word: CachePadded::new(AtomicU64::new(0)),
            asleep: Mutex::new(Asleep {
                parked: Vec::with_capacity(workers),
                starting: Vec::new(),
            }),
            napper: Mutex::new(None),
            workers,
        }
    }

    fn counts(&self) -> Counts {
        Counts(self.word.load(Ordering::Relaxed))
    }

    /// How many workers are parked, without a promise.
    pub(crate) fn parked(&self) -> usize {
        self.counts().parked()
    }

    /// How many workers are neither parked nor nap, without a promise.
    pub(crate) fn at_work(&self) -> usize {
        let counts = self.counts();
        self.workers.saturating_sub(counts.parked() + usize::from(counts.napping()))
    }

    /// **N1–N3** for work that a worker made visible in its own queue.
    #[inline]
    pub(crate) fn notify_local(&self) {
        if mutated(Mutant::NoNotify) {
            return;
        }
        if !mutated(Mutant::NoFenceAfterPush) {
            // Ordering: pairs with the fence in `park` and in `stop_searching`.
            fence(Ordering::SeqCst);
        }
        if self.counts().wants_a_searcher() {
            self.wake_one();
        }
    }

    /// **N1–N3** for work that came from outside: also ends a searcher's nap.
    pub(crate) fn notify_remote(&self) {
        self.notify_local();
        if self.counts().napping() {
            self.end_nap();
        }
    }

    /// Wakes a parked worker, which then counts as searching. False: there was no need.
    #[cold]
    fn wake_one(&self) -> bool {
        let seat = {
            let mut asleep = self.asleep.lock();
            if !self.counts().wants_a_searcher() {
                return false;
            }
            let Some((seat, core)) = asleep.parked.pop() else { return false };
            // Ordering: AcqRel, as for all changes of the word; what they order is ordered by the
            // fences, but for one return in `stop_searching`.
            self.word.fetch_add(SEARCHING_ONE.wrapping_sub(PARKED_ONE), Ordering::AcqRel);
            *seat.mail.lock() = Some(core);
            seat
        };
        seat.parker.unpark();
        true
    }

    /// Begins to search, unless enough others do.
    #[inline]
    pub(crate) fn start_searching(&self) -> bool {
        let counts = self.counts();
        // At most half of the workers search; rounded up, so that one of one or two may.
        if counts.searching() * 2 >= self.workers.max(2) {
            return false;
        }
        self.word.fetch_add(SEARCHING_ONE, Ordering::AcqRel);
        true
    }

    /// Ends a search that found something.
    ///
    /// **H1, H2**: pushers may have relied on this search to find their work, so the last searcher
    /// to leave looks whether there is more, and if so has somebody else search on.
    #[inline]
    pub(crate) fn stop_searching(&self, work_visible: impl FnOnce() -> bool) {
        // Ordering: Release, for the return below that comes before the fence. What this worker has
        // queued meanwhile, the rest of a batch, was announced to nobody; the searcher that leaves
        // last, or the next worker that parks, has to find it when it looks.
        let release = order(Ordering::AcqRel, Mutant::UnpublishedSearch, Ordering::Acquire);
        let before = Counts(self.word.fetch_sub(SEARCHING_ONE, release));
        debug_assert!(before.searching() > 0, "end of a search that nobody began: {before:?}");
        if before.searching() > 1 || before.parked() == 0 || mutated(Mutant::NoHandOver) {
            return;
        }
        // Ordering: pairs with the fence in `notify_local`.
        fence(order(Ordering::SeqCst, Mutant::NoFenceBeforeHandOver, Ordering::Acquire));
        if work_visible() {
            self.wake_one();
        }
    }

    /// **S1–S4**: blocks until the worker is notified, or until `rest` says that it is over.
    ///
    /// `rest` is asked before the thread blocks, and again when it wakes and its worker is parked
    /// still. It must not rely on having the core: that may be lent meanwhile.
    pub(crate) fn park(
        &self,
        seat: &Arc<Seat<C>>,
        core: C,
        searching: bool,
        work_visible: impl FnOnce() -> bool,
        mut rest: impl FnMut() -> Rest,
    ) -> Woken<C> {
        self.give_back(seat, core, searching, work_visible);
        // Whoever closes the runtime does so first and then unparks those in the list, under the
        // lock. So either this worker was in the list, or `rest` comes after the closing.
        while let Rest::Until(deadline) = rest() {
            seat.parker.park_until(deadline);
            if !self.is_parked(seat) {
                break;
            }
        }
        self.claim(seat)
    }

    /// Whether the worker at `seat` was neither notified nor lent since it parked.
    fn is_parked(&self, seat: &Arc<Seat<C>>) -> bool {
        self.while_parked(seat, || ()).is_some()
    }

    /// Runs `f`, during which the worker at `seat` is neither notified nor lent. `None`: it was.
    ///
    /// `f` runs under the lock, so it must not notify anybody.
    pub(crate) fn while_parked<R>(&self, seat: &Arc<Seat<C>>, f: impl FnOnce() -> R) -> Option<R> {
        let asleep = self.asleep.lock();
        // From the back: mostly it is the last one that parked.
        let is_parked = asleep.parked.iter().rev().any(|(other, _)| Arc::ptr_eq(other, seat));
        is_parked.then(f)
    }

    /// Whether all workers are parked. What they did before is visible then.
    pub(crate) fn all_parked(&self) -> bool {
        // Ordering: Acquire pairs with the read-modify-write in `give_back`.
        let counts = Counts(self.word.load(Ordering::Acquire));
        counts.searching() == 0 && counts.parked() == self.workers
    }

    /// **S1–S3**: announces that the worker at `seat` is parked.
    ///
    /// Does not block: also for a core that was lent and goes back to a thread that sleeps.
    pub(crate) fn give_back(
        &self,
        seat: &Arc<Seat<C>>,
        core: C,
        searching: bool,
        work_visible: impl FnOnce() -> bool,
    ) {
        {
            let mut asleep = self.asleep.lock();
            if seat.begun.load(Ordering::Relaxed) {
                asleep.parked.push((seat.clone(), core));
                let searching = if searching { SEARCHING_ONE } else { 0 };
                self.word.fetch_add(PARKED_ONE - searching, Ordering::AcqRel);
            } else {
                debug_assert!(!searching, "a worker that searches before it begins");
                asleep.starting.push((seat.clone(), core));
            }
        }
        self.look_again(work_visible);
    }

    /// Finds out why the parker returned.
    pub(crate) fn claim(&self, seat: &Arc<Seat<C>>) -> Woken<C> {
        let mut asleep = self.asleep.lock();
        if let Some(core) = seat.mail.lock().take() {
            return Woken::Notified(core);
        }
        match Asleep::take(&mut asleep.parked, seat) {
            None => Woken::Lent,
            Some(core) => {
                self.word.fetch_sub(PARKED_ONE, Ordering::AcqRel);
                Woken::Otherwise(core)
            }
        }
    }

    /// Takes the core of a worker that is parked, or whose thread has not begun, for a thread that
    /// calls `block_on`.
    pub(crate) fn borrow_core(&self) -> Option<(Arc<Seat<C>>, C)> {
        let mut asleep = self.asleep.lock();
        if let Some(starting) = asleep.starting.pop() {
            return Some(starting);
        }
        // The one that sleeps longest: the others are warmer.
        let place = asleep.parked.iter().position(|(seat, _)| seat.lendable)?;
        self.word.fetch_sub(PARKED_ONE, Ordering::AcqRel);
        Some(asleep.parked.remove(place))
    }

    /// **S1–S3** for a thread that begins to work: from now on its worker can be notified.
    pub(crate) fn begin(&self, seat: &Arc<Seat<C>>, work_visible: impl FnOnce() -> bool) {
        {
            let mut asleep = self.asleep.lock();
            seat.begun.store(true, Ordering::Relaxed);
            // It is not there if it is lent, or if its giver comes only after this.
            let Some(core) = Asleep::take(&mut asleep.starting, seat) else { return };
            asleep.parked.push((seat.clone(), core));
            self.word.fetch_add(PARKED_ONE, Ordering::AcqRel);
        }
        self.look_again(work_visible);
    }

    /// **S2, S3**.
    fn look_again(&self, work_visible: impl FnOnce() -> bool) {
        // Ordering: pairs with the fence in `notify_local`.
        fence(order(Ordering::SeqCst, Mutant::NoFenceBeforeRescan, Ordering::Acquire));
        if !mutated(Mutant::NoRescan) && work_visible() {
            // A push may have relied on this worker. It acts as the pusher: it wakes somebody, most
            // likely itself.
            self.wake_one();
        }
    }

    /// A searcher sleeps for a moment. It goes on counting as searching, so nobody is woken in its
    /// place; work from outside ends the nap. False: another one naps already.
    ///
    /// It does not sleep if `injected` says that there is work from outside: that may have been
    /// pushed when the searcher did not look any more and did not count as napping yet.
    pub(crate) fn nap(
        &self,
        seat: &Arc<Seat<C>>,
        until: Instant,
        injected: impl FnOnce() -> bool,
    ) -> bool {
        {
            let mut napper = self.napper.lock();
            if napper.is_some() {
                return false;
            }
            *napper = Some(seat.clone());
            self.word.fetch_or(NAPPING, Ordering::AcqRel);
        }
        // Ordering: pairs with the fence in `notify_remote`: it sees the napper, or this sees the push.
        fence(Ordering::SeqCst);
        if !injected() {
            seat.parker.park_until(Some(until));
        }
        let mut napper = self.napper.lock();
        if napper.as_ref().is_some_and(|napper| Arc::ptr_eq(napper, seat)) {
            *napper = None;
            self.word.fetch_and(!NAPPING, Ordering::AcqRel);
        }
        true
    }

    #[cold]
    fn end_nap(&self) {
        let napper = {
            let mut napper = self.napper.lock();
            let seat = napper.take();
            if seat.is_some() {
                self.word.fetch_and(!NAPPING, Ordering::AcqRel);
            }
            seat
        };
        if let Some(seat) = napper {
            seat.parker.unpark();
        }
    }

    /// Unparks every worker that is parked or naps, without counting it as notified.
    pub(crate) fn unpark_all(&self) {
        self.end_nap();
        let seats: Vec<_> =
            self.asleep.lock().parked.iter().map(|(seat, _)| seat.clone()).collect();
        for seat in seats {
            seat.parker.unpark();
        }
    }
}

impl<C> fmt::Debug for Idle<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counts().fmt(f)
    }
}
