//! The join slot of a task that has completed, lent to the joiner that runs at once.

use crate::task::{self, AbortHandle, JoinHandle, Keeper, Kept, LeftJoinSlot, PanicReporter, Ran};
use crate::task::{Runnable, Schedule, Slot};
use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// As long as the task is there, so is its scheduler.
#[derive(Clone)]
struct Memory(#[expect(dead_code, reason = "it is counted")] Arc<()>);

impl Schedule for Memory {
    fn schedule(self, _: Runnable) {
        unreachable!("the task is not woken")
    }
}

/// Calls the joiner in place of running it.
struct Lender<J>(RefCell<Option<J>>);

impl<J: FnOnce()> Keeper for Lender<J> {
    fn keep(&self, _: Kept) -> Slot {
        unreachable!("the task is ready")
    }
    fn forget(&self, _: Slot) {
        unreachable!("nobody has kept it")
    }
    fn panic_reporter(&self) -> Option<Arc<PanicReporter>> {
        None
    }
    fn wake_joiner(&self, _: Waker, left: LeftJoinSlot) {
        let _lent = left.lend();
        self.0.take().expect("a task completes once")();
    }
}

fn poll(handle: &mut JoinHandle<u32>) -> Poll<u32> {
    Pin::new(handle).poll(&mut Context::from_waker(Waker::noop())).map(Result::unwrap)
}

/// Runs a task whose handle waits, and `joiner` when it is complete.
///
/// `joiner` gets the handle and what tells whether the task's memory is there; so does the caller.
fn run<R>(joiner: impl FnOnce(JoinHandle<u32>, &dyn Fn() -> bool) -> R) -> (R, impl Fn() -> bool) {
    let memory = Arc::new(());
    let (task, mut handle) =
        task::new(async { 7 }, Memory(memory.clone()), crate::task::Memory::Thread(None));
    assert!(poll(&mut handle).is_pending());
    let is_there = move || Arc::strong_count(&memory) > 1;
    let mut result = None;
    let lender = Lender(RefCell::new(Some(|| result = Some(joiner(handle, &is_there)))));
    assert!(matches!(task.run(&lender), Ran::Complete));
    drop(lender);
    (result.expect("the joiner was called"), is_there)
}

#[test]
fn a_joiner_that_takes_the_output_frees_the_task() {
    let ((), is_there) = run(|mut handle, is_there| {
        assert!(is_there());
        assert_eq!(poll(&mut handle), Poll::Ready(7));
        assert!(!is_there());
    });
    assert!(!is_there());
}

#[test]
fn a_joiner_that_drops_the_handle_frees_the_task() {
    let ((), is_there) = run(|handle, is_there| {
        drop(handle);
        assert!(!is_there());
    });
    assert!(!is_there());
}

#[test]
fn a_handle_that_the_joiner_keeps_frees_the_task_later() {
    let (mut handle, is_there) = run(|handle, _| handle);
    assert!(is_there());
    assert_eq!(poll(&mut handle), Poll::Ready(7));
    assert!(!is_there());
}

#[test]
fn a_handle_that_another_thread_gives_up_leaves_the_slot_to_its_owner() {
    for takes in [false, true] {
        let ((), is_there) = run(|mut handle, is_there| {
            let give_up = move || {
                if takes {
                    assert_eq!(poll(&mut handle), Poll::Ready(7));
                }
                drop(handle);
            };
            std::thread::spawn(give_up).join().expect("no panic");
            assert!(is_there(), "freed with a right to it that is left");
        });
        assert!(!is_there());
    }
}

#[test]
fn a_reference_keeps_the_task_when_both_rights_are_given_up() {
    let (abort, is_there): (AbortHandle, _) = run(|mut handle, _| {
        let abort = handle.abort_handle();
        assert_eq!(poll(&mut handle), Poll::Ready(7));
        abort
    });
    assert!(is_there());
    assert!(abort.is_finished());
    drop(abort);
    assert!(!is_there());
}

/// The handle of another task that is complete, too, has its own right only.
#[test]
fn only_the_handle_of_that_task_takes_the_slot() {
    let (mut other, is_other_there) = run(|handle, _| handle);
    let ((), is_there) = run(|mut handle, is_there| {
        assert_eq!(poll(&mut other), Poll::Ready(7));
        assert!(!is_other_there() && is_there());
        assert_eq!(poll(&mut handle), Poll::Ready(7));
        assert!(!is_there());
    });
    assert!(!is_there());
}
