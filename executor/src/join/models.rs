//! M19: the child of a pair, between its parent and a thief.

use super::join;
use crate::context;
use crate::model::block_on;
use crate::sync::Arc;
use crate::worker::models::rig::two_places;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

crate::model::models! {
    /// M19. The child is claimed by its parent or stolen. It is polled by one of them only, as loom
    /// sees at the task's stage, and both outputs arrive: a parent that waits for the thief is woken.
    m19_child_of_a_pair_against_a_thief(None) {
        let [parent, thief] = two_places();
        let thief = thief.occupy_elsewhere(|own| own.steal_and_run());
        let alive = Arc::new(());
        let held = alive.clone();
        let child = async move {
            drop(held);
            2
        };
        let outputs = parent.occupy(|own| own.block_on(join(async { 1 }, child)));
        assert_eq!(outputs, (1, 2));
        thief.join().unwrap();
        assert_eq!(Arc::strong_count(&alive), 1);
    } fails with RegisterWithoutRecheck as twin_m19_register_without_recheck,
                 CompleteWithoutRecheck as twin_m19_complete_without_recheck,
                 LastItemTakenTwice as twin_m19_last_item_taken_twice;

    /// M19, with a parent that is a task: if it waits for the thief, it goes on at that worker.
    m19_task_that_joins_a_pair_against_a_thief(Some(5)) {
        let [parent, thief] = two_places();
        parent.occupy(|own| {
            let task = crate::spawn(join(async { 1 }, async { 2 }));
            let thief = thief.occupy_elsewhere(|own| {
                own.steal_and_run();
                own.work_off();
            });
            own.work_off();
            assert_eq!(block_on(task).unwrap(), (1, 2));
            thief.join().unwrap();
        });
    } fails with CompleteWithoutRecheck as twin_m19_task_complete_without_recheck,
                 RegisterWithoutRecheck as twin_m19_task_register_without_recheck,
                 JoinSlotTakenTwice as twin_m19_task_join_slot_taken_twice;

    /// M19, with another task above the child: the parent runs no task in its own poll but the child,
    /// and loses none.
    m19_parent_runs_only_its_child_in_its_poll(Some(5)) {
        let [parent, thief] = two_places();
        let thief = thief.occupy_elsewhere(|own| own.steal_and_run());
        parent.occupy(|own| {
            let spawn = async { crate::spawn(async { context::may_nest(1) }) };
            let (other, child) = own.block_on(join(spawn, async { 2 }));
            assert_eq!(child, 2);
            assert!(own.block_on(other).unwrap(), "run inside of a poll that is not its parent's");
        });
        thief.join().unwrap();
    } fails with ClaimUnmeant as twin_m19_claim_unmeant;

    /// M19, with a join that is dropped while its child is in a queue, in a poll, or idle: the
    /// child is dropped by the worker that has it then.
    m19_dropped_pair_cancels_its_child(None) {
        let [parent, thief] = two_places();
        let thief = thief.occupy_elsewhere(|own| {
            own.steal_and_run();
            own.work_off();
        });
        let alive = Arc::new(());
        let held = alive.clone();
        parent.occupy(|own| {
            let child = poll_fn(move |_| {
                let _held = &held;
                Poll::<()>::Pending
            });
            {
                let pair = pin!(join(pending::<()>(), child));
                assert!(pair.poll(&mut Context::from_waker(Waker::noop())).is_pending());
            }
            own.work_off();
        });
        thief.join().unwrap();
        assert_eq!(Arc::strong_count(&alive), 1, "the child outlived its join");
    } fails with UnabortedChild as twin_m19_unaborted_child,
                 AbortWithoutSchedule as twin_m19_abort_without_schedule;
}
