//! M14, M15, and M16 with a virtual clock: the protocol of `timers.md`. Time is turned by hand.
//!
//! There is no model of a cancel against the insertion of the same timer. What is cancelled is named by a
//! key, which `insert` returns once the timer is in the wheel; and its sleep, borrowed for that call, can
//! be neither dropped nor reset meanwhile. (Where an entry exists before it is inserted, there is
//! something to check: tokio-rs/tokio#8252.)

use super::{Lease, Source, TimersRef, VirtualTime, Watch, WorkerTimers, discard_waker};
use crate::model::block_on;
use crate::park::Parker;
use crate::runtime::{Builder, Runtime};
use crate::sync::Arc;
use crate::sync::thread::{self, JoinHandle};
use filch_timers::{Key, NEVER};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Wake, Waker};
use std::time::Duration;

const SECOND: u64 = 1_000_000_000;

/// Counts its wakes; not with a model's atomics, as it orders nothing.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

fn counting() -> (std::sync::Arc<Wakes>, Waker) {
    let wakes = std::sync::Arc::<Wakes>::default();
    (wakes.clone(), Waker::from(wakes))
}

fn timers(watch: &Arc<Watch>) -> Lease {
    let source = Source::Virtual(Arc::new(VirtualTime::starting_at(0, false)));
    Lease::new(source, watch.clone())
}

fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    thread::Builder::new().spawn(f).unwrap()
}

/// Sleeps in a worker's place until a deadline is known that is `wanted` or earlier.
fn sleep_until_told(timers: &WorkerTimers, parker: &Arc<Parker>, wanted: u64) {
    while timers.rest_on(parker) > wanted {
        parker.park();
    }
}

/// Sleeps as the watchman, if it is the first, until there is something to watch.
fn watch_until_told(watch: &Watch, parker: &Arc<Parker>, timers: &WorkerTimers) {
    while watch.keep(1, parker, || timers.next()) == NEVER {
        parker.park();
    }
}

/// Registers another timer when it is woken for the first time.
struct Again {
    timers: TimersRef,
    wakes: AtomicUsize,
}

impl Wake for Again {
    fn wake(self: std::sync::Arc<Self>) {
        if self.wakes.fetch_add(1, Relaxed) == 0 {
            let _key = self.timers.insert(3 * SECOND, Waker::from(self.clone()), true).unwrap();
        }
    }
}

/// Cancels another timer when it is dropped.
struct CancelsOther {
    timers: TimersRef,
    other: Key,
}

impl Wake for CancelsOther {
    fn wake(self: std::sync::Arc<Self>) {}
}

impl Drop for CancelsOther {
    fn drop(&mut self) {
        discard_waker(self.timers.cancel(self.other));
    }
}

fn paused() -> Runtime {
    Builder::new().worker_threads(1).start_paused(true).build().unwrap()
}

async fn nap() {
    crate::sleep(Duration::from_secs(1), ()).await;
}

crate::model::models! {
    /// M14. A registration from elsewhere against the worker on its way to sleep.
    m14_registration_reaches_the_worker_that_parks(None) {
        let watch = Arc::new(Watch::new());
        let (own, parker) = (timers(&watch), Arc::new(Parker::new()));
        let elsewhere = own.at_hand();
        let inserter = spawn(move || elsewhere.insert(SECOND, Waker::noop().clone(), false).unwrap());
        sleep_until_told(&own, &parker, SECOND);
        inserter.join().unwrap();
    } fails with NoTimerUnpark as twin_m14_no_unpark,
                 StaleTimerDeadline as twin_m14_stale_deadline;

    /// M14, with a timer that is there already and is given an earlier deadline.
    m14_reset_reaches_the_worker_that_parks(None) {
        let watch = Arc::new(Watch::new());
        let (own, parker) = (timers(&watch), Arc::new(Parker::new()));
        let key = own.insert(9 * SECOND, Waker::noop().clone(), true).unwrap();
        let elsewhere = own.at_hand();
        let resetter = spawn(move || assert!(elsewhere.reset(key, SECOND, false)));
        sleep_until_told(&own, &parker, SECOND);
        resetter.join().unwrap();
    } fails with NoTimerUnpark as twin_m14_reset_no_unpark,
                 StaleTimerDeadline as twin_m14_reset_stale_deadline;

    /// M14, with a worker that registers a timer and stays in its poll for ever: the watchman, on
    /// its way to sleep, has to know of it.
    m14_watchman_hears_of_the_timer_of_a_stuck_worker(None) {
        let watch = Arc::new(Watch::new());
        let (stuck, parker) = (timers(&watch), Arc::new(Parker::new()));
        let watched = stuck.at_hand();
        let watchman = spawn(move || watch_until_told(&watch, &parker, &watched));
        let _key = stuck.insert(SECOND, Waker::noop().clone(), true).unwrap();
        watchman.join().unwrap();
    } fails with NoFenceAfterTimer as twin_m14_no_fence,
                 NoSecondWatch as twin_m14_no_second_watch;

    /// M14, while the watchman wakes for something else: the next one takes over.
    m14_watch_passes_on(Some(3)) {
        let watch = Arc::new(Watch::new());
        let (stuck, first) = (timers(&watch), Arc::new(Parker::new()));
        assert_eq!(watch.keep(0, &first, || stuck.next()), NEVER);
        let (watched, second) = (stuck.at_hand(), watch.clone());
        let next = spawn(move || watch_until_told(&second, &Arc::new(Parker::new()), &watched));
        let own = stuck.at_hand();
        let inserter = spawn(move || own.insert(SECOND, Waker::noop().clone(), true).unwrap());
        watch.leave(&first, |_| stuck.next());
        next.join().unwrap();
        inserter.join().unwrap();
    } fails with NoNextWatchman as twin_m14_no_next_watchman,
                 NoFenceAfterTimer as twin_m14_passed_on_no_fence;

    /// M15. A timer fires, is cancelled and gets another waker at the same time: whoever takes the
    /// waker out has it alone.
    m15_firing_against_cancelling(None) {
        let own = timers(&Arc::new(Watch::new()));
        let ((first, one), (second, two)) = (counting(), counting());
        let key = own.insert(SECOND, one, true).unwrap();
        let (canceller, changer) = (own.at_hand(), own.at_hand());
        let cancel = spawn(move || canceller.cancel(key).is_some());
        let change = spawn(move || changer.replace_waker(key, two).is_ok());
        own.fire(SECOND, &mut Vec::new());
        let (cancelled, changed) = (cancel.join().unwrap(), change.join().unwrap());
        let wakes = (first.0.load(Relaxed), second.0.load(Relaxed));
        let fired = usize::from(!cancelled);
        assert_eq!(wakes, if changed { (0, fired) } else { (fired, 0) });
        assert_eq!((std::sync::Arc::strong_count(&first), own.next()), (1, NEVER));
    } fails with CancelInTwoSteps as twin_m15_cancel_in_two_steps;

    /// M15. A waker that registers a timer while it is woken, and a reset meanwhile.
    m15_wakers_run_without_the_lock(None) {
        let own = timers(&Arc::new(Watch::new()));
        let again = Again { timers: own.at_hand(), wakes: AtomicUsize::new(0) };
        let again = std::sync::Arc::new(again);
        let key: Key = own.insert(SECOND, Waker::from(again.clone()), true).unwrap();
        let resetter = own.at_hand();
        let reset = spawn(move || resetter.reset(key, 2 * SECOND, false));
        own.fire(SECOND, &mut Vec::new());
        let next = if reset.join().unwrap() { 2 * SECOND } else { 3 * SECOND };
        assert_eq!(own.next(), next);
        own.fire(2 * SECOND, &mut Vec::new());
        assert_eq!((again.wakes.load(Relaxed), own.next()), (1, 3 * SECOND));
        own.fire(3 * SECOND, &mut Vec::new());
        assert_eq!((again.wakes.load(Relaxed), own.next()), (2, NEVER));
    } fails with WakeUnderLock as twin_m15_wake_under_lock;

    /// M15. A waker that cancels a timer while it is dropped, be it after a cancel or after a wake.
    m15_wakers_are_dropped_without_the_lock(None) {
        let own = timers(&Arc::new(Watch::new()));
        let (wakes, counting) = counting();
        let other = own.insert(SECOND, counting, true).unwrap();
        let waker = std::sync::Arc::new(CancelsOther { timers: own.at_hand(), other });
        let key = own.insert(SECOND, Waker::from(waker), true).unwrap();
        let canceller = own.at_hand();
        let cancel = spawn(move || discard_waker(canceller.cancel(key)));
        own.fire(SECOND, &mut Vec::new());
        cancel.join().unwrap();
        assert!(wakes.0.load(Relaxed) <= 1);
        assert_eq!((std::sync::Arc::strong_count(&wakes), own.next()), (1, NEVER));
    } fails with DropUnderLock as twin_m15_drop_under_lock;

    /// M16, with a virtual clock: a hold ends while the only worker goes to sleep. One of the two
    /// finds that all are idle, and turns the clock.
    m16_hold_ends_while_the_worker_parks(Some(3)) {
        let runtime = paused();
        let hold = runtime.handle().hold_clock();
        let task = runtime.spawn(nap());
        drop(hold);
        block_on(task).unwrap();
        drop(runtime);
    } fails with HoldEndsUnseen as twin_m16_hold_ends_unseen;

    /// M16, with a virtual clock: work comes from outside while somebody is about to turn it.
    m16_work_comes_while_the_clock_is_claimed(Some(2)) {
        let runtime = paused();
        let hold = runtime.handle().hold_clock();
        let task = runtime.spawn(nap());
        let letting_go = spawn(move || drop(hold));
        drop(runtime.spawn(async {}));
        block_on(task).unwrap();
        letting_go.join().unwrap();
        drop(runtime);
    } fails with ClaimWithoutRecheck as twin_m16_claim_without_recheck;

    /// M16, with a virtual clock: the root sleeps in the place of the only worker.
    m16_root_sleeps_in_a_workers_place(Some(2)) {
        let runtime = paused();
        runtime.block_on(nap());
        drop(runtime);
    } fails with NoVirtualAdvance as twin_m16_no_virtual_advance;
}
