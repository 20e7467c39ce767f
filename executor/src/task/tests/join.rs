//! The waker in the join slot.

use super::rig::{End, Hook, NOTHING, Rig, call, poll, set};
use crate::sync::Mutex;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::task::{RawWaker, RawWakerVTable, Waker};

/// What was done to a waker and its clones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Uses {
    clones: u32,
    wakes: u32,
    /// Those by `wake` included.
    drops: u32,
}

/// The data of a waker that counts; each hook is called once, and may panic.
#[derive(Default)]
struct Tally {
    uses: Mutex<Uses>,
    on_clone: Hook,
    on_wake: Hook,
    on_drop: Hook,
}

impl Tally {
    fn new() -> (Arc<Self>, Waker) {
        let tally = Arc::new(Self::default());
        let waker = tally.waker();
        (tally, waker)
    }

    /// A waker that is not counted as a clone.
    #[allow(unsafe_code, reason = "only a table of one's own counts the clones")]
    fn waker(self: &Arc<Self>) -> Waker {
        // SAFETY: the functions of `TABLE` keep the contract: a waker is one count of the
        // `Arc`, and `Tally` is `Send` and `Sync`.
        unsafe { Waker::from_raw(raw(self.clone())) }
    }

    fn uses(&self) -> Uses {
        *self.uses.lock()
    }

    /// How many wakers there are, those given out by `waker` included.
    fn wakers(self: &Arc<Self>) -> usize {
        Arc::strong_count(self) - 1
    }
}

static TABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

fn raw(tally: Arc<Tally>) -> RawWaker {
    RawWaker::new(Arc::into_raw(tally).cast(), &TABLE)
}

/// The waker's count.
///
/// # Safety
///
/// `data` comes from `raw`, and the count passes to the result.
#[allow(unsafe_code, reason = "the waker's table")]
unsafe fn tally(data: *const ()) -> Arc<Tally> {
    // SAFETY: `raw` made the pointer from such an `Arc`.
    unsafe { Arc::from_raw(data.cast()) }
}

#[allow(unsafe_code, reason = "the waker's table")]
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the table is used with `raw`'s data only; the count stays the waker's.
    let tally = ManuallyDrop::new(unsafe { tally(data) });
    call(&tally.on_clone);
    tally.uses.lock().clones += 1;
    raw(Arc::clone(&tally))
}

#[allow(unsafe_code, reason = "the waker's table")]
unsafe fn wake(data: *const ()) {
    // SAFETY: the table is used with `raw`'s data only, and this consumes the waker.
    let tally = unsafe { tally(data) };
    tally.uses.lock().wakes += 1;
    tally.uses.lock().drops += 1;
    call(&tally.on_wake);
}

#[allow(unsafe_code, reason = "the waker's table")]
unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the table is used with `raw`'s data only; the count stays the waker's.
    let tally = ManuallyDrop::new(unsafe { tally(data) });
    tally.uses.lock().wakes += 1;
    call(&tally.on_wake);
}

#[allow(unsafe_code, reason = "the waker's table")]
unsafe fn drop_waker(data: *const ()) {
    // SAFETY: the table is used with `raw`'s data only, and this consumes the waker.
    let tally = unsafe { tally(data) };
    tally.uses.lock().drops += 1;
    call(&tally.on_drop);
}

/// The ways in which a task comes to its end.
const ENDS: [fn(&Rig); 4] = [
    |rig| rig.complete(),
    |rig| {
        rig.step(|_| resume_unwind(Box::new(1)));
        assert_eq!(rig.run(), End::Complete);
    },
    |rig| {
        rig.abort();
        assert_eq!(rig.run(), End::Complete);
    },
    |rig| drop(rig.take()),
];

#[test]
fn a_join_waker_is_cloned_once_and_woken_once_at_every_end() {
    for end in ENDS {
        let rig = Rig::new();
        let (tally, waker) = Tally::new();
        assert!(rig.poll_handle(&waker).is_pending());
        assert_eq!(tally.uses(), Uses { clones: 1, wakes: 0, drops: 0 });
        assert!(rig.word().contains("join_waker: true"), "{}", rig.word());
        end(&rig);
        assert_eq!(tally.uses(), Uses { clones: 1, wakes: 1, drops: 1 });
        assert!(rig.word().contains("join_waker: false"), "{}", rig.word());
        // A result that is there needs no waker.
        assert!(rig.poll_handle(&waker).is_ready());
        assert_eq!(tally.uses(), Uses { clones: 1, wakes: 1, drops: 1 });
    }
}

#[test]
fn a_join_waker_that_is_there_already_is_not_cloned_again() {
    let rig = Rig::new();
    let (tally, waker) = Tally::new();
    let word = {
        assert!(rig.poll_handle(&waker).is_pending());
        rig.word()
    };
    for waker in [&waker, &tally.waker(), &waker] {
        assert!(rig.poll_handle(waker).is_pending());
        assert_eq!(rig.word(), word);
    }
    assert_eq!(tally.uses().clones, 1);
    assert_eq!((tally.uses().wakes, tally.wakers()), (0, 2));
}

#[test]
fn another_join_waker_takes_the_place_of_the_first() {
    let rig = Rig::new();
    let (first, first_waker) = Tally::new();
    let (second, second_waker) = Tally::new();
    assert!(rig.poll_handle(&first_waker).is_pending());
    assert!(rig.poll_handle(&second_waker).is_pending());
    assert_eq!(first.uses(), Uses { clones: 1, wakes: 0, drops: 1 });
    assert!(rig.poll_handle(&first_waker).is_pending());
    assert_eq!(first.uses(), Uses { clones: 2, wakes: 0, drops: 1 });
    assert_eq!(second.uses(), Uses { clones: 1, wakes: 0, drops: 1 });
    rig.complete();
    assert_eq!(first.uses(), Uses { clones: 2, wakes: 1, drops: 2 });
    assert_eq!(second.uses().wakes, 0);
    assert!(rig.result().is_ok());
}

#[test]
fn the_handle_drops_its_waker_unwoken() {
    for idle in [false, true] {
        let rig = Rig::new();
        let task_waker = idle.then(|| rig.poll_for_waker());
        let (tally, waker) = Tally::new();
        assert!(rig.poll_handle(&waker).is_pending());
        drop(rig.take_handle());
        assert_eq!(tally.uses(), Uses { clones: 1, wakes: 0, drops: 1 });
        rig.step_ready();
        task_waker.into_iter().for_each(Waker::wake);
        assert_eq!(rig.run(), End::Complete);
        assert_eq!(tally.uses().wakes, 0);
        assert_eq!(rig.did().frees, 1);
    }
}

#[test]
fn the_handle_may_be_dropped_by_the_wake_of_its_waker() {
    for end in ENDS {
        let rig = Rig::new();
        let (tally, waker) = Tally::new();
        assert!(rig.poll_handle(&waker).is_pending());
        let desk = rig.0.clone();
        set(&tally.on_wake, move || {
            assert_eq!(desk.did().frees, 0);
            drop(desk.take_handle());
            assert_eq!(desk.did().frees, 1);
        });
        end(&rig);
        assert_eq!(tally.uses().wakes, 1);
        assert_eq!(rig.did(), NOTHING);
    }
}

#[test]
fn the_result_may_be_taken_by_the_wake_of_the_join_waker() {
    let rig = Rig::new();
    let (tally, waker) = Tally::new();
    assert!(rig.poll_handle(&waker).is_pending());
    let desk = rig.0.clone();
    set(&tally.on_wake, move || assert!(desk.result().is_ok()));
    rig.complete();
    let counts = rig.did();
    assert_eq!((counts.output_drops, counts.frees), (1, 1));
}

#[test]
fn a_task_that_completes_while_the_join_waker_is_cloned_is_ready() {
    for registered in [false, true] {
        let rig = Rig::new();
        let (first, first_waker) = Tally::new();
        if registered {
            assert!(rig.poll_handle(&first_waker).is_pending());
        }
        let (tally, waker) = Tally::new();
        let desk = rig.0.clone();
        set(&tally.on_clone, move || desk.complete());
        assert!(rig.poll_handle(&waker).is_ready());
        assert_eq!(tally.uses(), Uses { clones: 1, wakes: 0, drops: 1 });
        // The one that was registered is woken for nothing, but it is not lost.
        assert_eq!(first.uses().wakes, u32::from(registered));
        assert_eq!(first.wakers(), 1);
    }
}

#[test]
fn a_task_that_completes_while_the_old_join_waker_is_dropped_wakes_the_new() {
    let rig = Rig::new();
    let (old, old_waker) = Tally::new();
    assert!(rig.poll_handle(&old_waker).is_pending());
    let desk = rig.0.clone();
    set(&old.on_drop, move || desk.complete());
    let (new, new_waker) = Tally::new();
    assert!(rig.poll_handle(&new_waker).is_pending());
    assert_eq!(old.uses(), Uses { clones: 1, wakes: 0, drops: 1 });
    assert_eq!(new.uses(), Uses { clones: 1, wakes: 1, drops: 1 });
    assert!(rig.result().is_ok());
}

#[test]
fn a_task_that_completes_while_its_handle_drops_the_join_waker_is_freed() {
    let rig = Rig::new();
    let (tally, waker) = Tally::new();
    assert!(rig.poll_handle(&waker).is_pending());
    let desk = rig.0.clone();
    set(&tally.on_drop, move || desk.complete());
    drop(rig.take_handle());
    assert_eq!(tally.uses(), Uses { clones: 1, wakes: 0, drops: 1 });
    let counts = rig.did();
    assert_eq!((counts.output_drops, counts.frees), (1, 1));
}

#[test]
fn a_join_waker_that_panics_when_it_is_cloned_leaves_the_handle_as_it_was() {
    for registered in [false, true] {
        let rig = Rig::new();
        let (first, first_waker) = Tally::new();
        if registered {
            assert!(rig.poll_handle(&first_waker).is_pending());
        }
        let (tally, waker) = Tally::new();
        set(&tally.on_clone, || resume_unwind(Box::new("clone")));
        let mut handle = rig.take_handle();
        let handle_word = format!("{handle:?}");
        let poll = catch_unwind(AssertUnwindSafe(|| poll(&mut handle, &waker)));
        let payload = poll.err().expect("the panic passes through to who made the waker");
        assert_eq!(payload.downcast_ref(), Some(&"clone"));
        assert_eq!(format!("{handle:?}"), handle_word);
        *rig.handle.lock() = Some(handle);
        assert_eq!((first.uses().drops, tally.wakers()), (0, 1));
        assert!(rig.poll_handle(&waker).is_pending());
        rig.complete();
        assert_eq!((first.uses().wakes, tally.uses().wakes), (0, 1));
    }
}

#[test]
fn a_join_waker_that_panics_when_it_is_woken_or_dropped_harms_nobody() {
    let rig = Rig::new();
    let (dropped, waker) = Tally::new();
    assert!(rig.poll_handle(&waker).is_pending());
    set(&dropped.on_drop, || resume_unwind(Box::new("drop")));
    let (woken, waker) = Tally::new();
    assert!(rig.poll_handle(&waker).is_pending());
    assert_eq!((dropped.uses().drops, dropped.wakers()), (1, 1));
    set(&woken.on_wake, || resume_unwind(Box::new("wake")));
    rig.complete();
    assert_eq!(woken.uses().wakes, 1);
    assert!(rig.result().is_ok());

    let rig = Rig::new();
    let (dropped, waker) = Tally::new();
    assert!(rig.poll_handle(&waker).is_pending());
    set(&dropped.on_drop, || resume_unwind(Box::new("drop")));
    drop(rig.take_handle());
    assert_eq!((dropped.uses().drops, dropped.wakers()), (1, 1));
}

#[test]
#[should_panic(expected = "JoinHandle polled after completion")]
fn a_handle_that_gave_its_result_must_not_be_polled() {
    let rig = Rig::new();
    rig.complete();
    let mut handle = rig.take_handle();
    assert!(poll(&mut handle, Waker::noop()).is_ready());
    let _ = poll(&mut handle, Waker::noop());
}

#[test]
fn a_handle_that_gave_its_result_is_finished_and_aborts_nothing() {
    let rig = Rig::new();
    rig.complete();
    let mut handle = rig.take_handle();
    assert!(poll(&mut handle, Waker::noop()).is_ready());
    assert!(handle.is_finished());
    handle.abort();
    let abort_handle = handle.abort_handle();
    abort_handle.abort();
    assert!(abort_handle.is_finished());
    assert_eq!(abort_handle.id(), handle.id());
    assert!(format!("{handle:?}").contains("state: \"joined\""));
}
