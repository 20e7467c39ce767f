//! Who is told of timers when two threads are about to sleep in one worker's place.

use crate::idle::{Rest, Seat, Woken};
use crate::runtime::Builder;
use crate::sync::Arc;
use filch_timers::{Clock, Key};
use std::sync::Barrier;
use std::task::Waker;

const HOUR: u64 = 3_600_000_000_000;

/// The thread whose place is lent may be anywhere on its way to sleep when its core is taken, or not
/// have begun; and who has taken it may be asleep by the time that it gets there.
#[test]
fn a_thread_whose_core_is_lent_does_not_become_the_sleeper() {
    let begin = Arc::new(Barrier::new(2));
    let hook = begin.clone();
    let hook = move || {
        hook.wait();
    };
    let runtime = Builder::new().worker_threads(1).on_thread_start(hook).build().unwrap();
    let shared = runtime.handle().shared();
    let (home, core) = shared.idle.borrow_core().expect("its thread has not begun");
    let guest = Seat::new(0, false);
    shared.idle.give_back(&guest, core, false, || false);
    let timers = &shared.workers[0].timers;
    // Registers a timer from elsewhere; was the guest told?
    let tells_guest = |hours| -> (Key, bool) {
        let deadline = shared.source().now() + hours * HOUR;
        let key = timers.insert(deadline, Waker::noop().clone(), false).expect("it is not due");
        let told = format!("{:?}", guest.parker) == "Parker(notified)";
        if told {
            guest.parker.park();
        }
        (key, told)
    };

    let first_rests = matches!(shared.rest(&guest), Rest::Until(None));
    shared.lay_to_rest(&home);
    let (first, first_told) = tells_guest(2);
    let second_rests = matches!(shared.rest(&guest), Rest::Until(Some(_)));
    let is_lent = matches!(shared.rest(&home), Rest::Over);
    let (second, second_told) = tells_guest(1);

    // The place goes back, so that the runtime can end.
    drop((timers.cancel(first), timers.cancel(second)));
    let Woken::Otherwise(core) = shared.idle.claim(&guest) else { panic!("nobody notified it") };
    shared.idle.give_back(&home, core, false, || false);
    begin.wait();
    drop(runtime);
    assert!(first_told, "not told, after a thread began that has no core");
    assert!(second_told, "not told, after a thread without a core asked until when to sleep");
    assert!(first_rests && second_rests && is_lent);
}
