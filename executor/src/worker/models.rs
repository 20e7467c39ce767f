//! M3 and M20: what workers do with several tasks at a time, by the lines that ship.

pub(crate) mod rig;

use crate::model::block_on;
use rig::two_places;

crate::model::models! {
    /// M3, with a batch: what leaves the injector together with the task that a worker runs is
    /// visible to nobody on its way into that worker's deque, so the worker, which is about to
    /// enter a long poll, acts as its pusher.
    m3_uncounted_batch_is_announced(Some(5)) {
        let [worker, sibling] = two_places();
        let tasks = [0, 1, 2].map(|n| worker.inject(async move { n }));
        let sibling = sibling.occupy_elsewhere(|own| own.drive(2));
        worker.occupy(|own| {
            own.search_and_run();
            for (n, task) in tasks.into_iter().enumerate() {
                assert_eq!(block_on(task).unwrap(), n);
            }
        });
        sibling.join().unwrap();
    } fails with NoRescan as twin_m3_batch_no_rescan,
                 NoNotify as twin_m3_batch_no_notify;

    /// M3, with a task that a worker takes off its queue's top and puts back: meanwhile it is
    /// visible to nobody, so the worker, which goes on with its poll, acts as its pusher.
    m3_task_that_is_put_back_is_announced(Some(4)) {
        let [worker, sibling] = two_places();
        worker.occupy(|_| {
            let task = crate::spawn(async { 1 });
            let sibling = sibling.occupy_elsewhere(|own| own.drive(1));
            let taken = crate::context::with_core(|core| core.take_from_top(|_| false));
            assert!(taken.unwrap().is_none());
            assert_eq!(block_on(task).unwrap(), 1);
            sibling.join().unwrap();
        });
    } fails with NoRescan as twin_m3_put_back_no_rescan,
                 NoNotify as twin_m3_put_back_no_notify;

    /// M20. A worker retires and then stays in a long poll: its sibling, on its way to sleep, has to
    /// take what it gives away, which is visible to nobody on its way into the injector.
    m20_tasks_of_a_worker_that_retires_reach_its_sibling(Some(4)) {
        let [worker, sibling] = two_places();
        worker.occupy(|own| {
            let retire = own.prepare_to_retire();
            let tasks = [0, 1].map(|n| crate::spawn(async move { n }));
            let sibling = sibling.occupy_elsewhere(|own| own.drive(2));
            retire();
            for (n, task) in tasks.into_iter().enumerate() {
                assert_eq!(block_on(task).unwrap(), n);
            }
            sibling.join().unwrap();
        });
    } fails with AnnouncedBeforePush as twin_m20_announced_before_push,
                 NoNotify as twin_m20_no_notify,
                 NoRescan as twin_m20_no_rescan;
}
