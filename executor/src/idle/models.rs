//! M2, M3, M4: the protocol of `idle.md`, with items in place of tasks.
//!
//! What workers do with their queues when they announce tasks is in the models of `worker`.

use super::{Idle, Rest, Seat, Woken};
use crate::sync::deque::{Injector, Steal, Stealer, Worker};
use crate::sync::thread::{Builder, JoinHandle};
use crate::sync::{Arc, Mutant, mutated};

type Item = Box<u32>;

/// What the workers of a model share.
struct Pool {
    idle: Idle<()>,
    injector: Injector<Item>,
    deques: Vec<Stealer<Item>>,
}

impl Pool {
    fn new(workers: usize, deques: Vec<Stealer<Item>>) -> Arc<Self> {
        Arc::new(Self { idle: Idle::new(workers), injector: Injector::new(), deques })
    }

    fn work_visible(&self) -> bool {
        !self.injector.is_empty() || self.deques.iter().any(|deque| !deque.is_empty())
    }

    fn push(&self, item: u32) {
        self.injector.push(Box::new(item));
        self.idle.notify_remote();
    }

    fn take(&self) -> Option<Item> {
        loop {
            let deques = self.deques.iter().map(Stealer::steal);
            let mut found = std::iter::once(self.injector.steal()).chain(deques);
            match found.find(|found| !matches!(found, Steal::Empty)) {
                Some(Steal::Success(item)) => return Some(item),
                Some(Steal::Retry) => crate::sync::thread::yield_retry(),
                Some(Steal::Empty) | None => return None,
            }
        }
    }

    /// A worker that wants so many items and then stays in a poll for ever. Gives their sum.
    fn items(&self, seat: &Arc<Seat<()>>, wanted: u32) -> u32 {
        (0..wanted).map(|_| self.item(seat)).sum()
    }

    fn item(&self, seat: &Arc<Seat<()>>) -> u32 {
        let mut searching = false;
        loop {
            // As in `find_or_sleep`: the injector for everybody, the rest for searchers.
            searching = searching || self.idle.start_searching();
            if let Some(item) = self.take() {
                if searching {
                    self.idle.stop_searching(|| self.work_visible());
                }
                return *item;
            }
            let rest = || Rest::Until(None);
            let woken = self.idle.park(seat, (), searching, || self.work_visible(), rest);
            searching = matches!(woken, Woken::Notified(()));
        }
    }
}

fn worker(pool: &Arc<Pool>, index: usize, wanted: u32) -> JoinHandle<u32> {
    let pool = pool.clone();
    let work = move || pool.items(&Seat::new(index, true), wanted);
    Builder::new().spawn(work).unwrap()
}

crate::model::models! {
    /// M2. A push from outside against the only worker on its way to sleep.
    m2_injected_item_reaches_the_worker_that_parks(None) {
        let pool = Pool::new(1, Vec::new());
        let only = worker(&pool, 0, 1);
        pool.push(1);
        assert_eq!(only.join().unwrap(), 1);
    } fails with NoFenceAfterPush as twin_m2_no_fence,
                 NoFenceBeforeRescan as twin_m2_no_fence_before_rescan,
                 NoRescan as twin_m2_no_rescan,
                 NoNotify as twin_m2_no_notify;

    /// M3. A worker pushes into its own deque and then stays in its poll; its sibling, on its way
    /// to sleep, has to take the item.
    m3_item_of_a_worker_in_a_long_poll_reaches_its_sibling(None) {
        let deque = Worker::new_lifo();
        let pool = Pool::new(2, vec![deque.stealer()]);
        let sibling = worker(&pool, 1, 1);
        deque.push(Box::new(1));
        pool.idle.notify_local();
        assert_eq!(sibling.join().unwrap(), 1);
    } fails with NoFenceAfterPush as twin_m3_no_fence,
                 NoRescan as twin_m3_no_rescan,
                 NoNotify as twin_m3_no_notify;

    /// M3, with a lot that is laid out: on its way from one of the worker's deques to the other it is
    /// visible to nobody, so the worker, which then goes on with a long poll, acts as its pusher.
    m3_lot_on_its_way_is_announced(Some(3)) {
        let (spawned, woken) = (Worker::new_lifo(), Worker::new_fifo());
        let pool = Pool::new(2, vec![spawned.stealer(), woken.stealer()]);
        let sibling = worker(&pool, 1, 1);
        spawned.push(Box::new(1));
        pool.idle.notify_local();
        if let Some(item) = spawned.pop() {
            woken.push(item);
            if !mutated(Mutant::UnannouncedLot) {
                pool.idle.notify_local();
            }
        }
        assert_eq!(sibling.join().unwrap(), 1);
    } fails with UnannouncedLot as twin_m3_unannounced_lot,
                 NoRescan as twin_m3_lot_no_rescan;

    /// M4. Two items, two workers, each content with one: whoever leaves the search first has to
    /// hand it over for the other item.
    m4_last_searcher_hands_the_search_over(Some(3)) {
        let pool = Pool::new(2, Vec::new());
        let workers = [worker(&pool, 0, 1), worker(&pool, 1, 1)];
        pool.push(1);
        pool.push(2);
        let items = workers.map(|worker| worker.join().unwrap());
        assert_eq!(items[0] + items[1], 3);
    } fails with NoHandOver as twin_m4_no_hand_over,
                 NoFenceBeforeHandOver as twin_m4_no_fence_before_hand_over,
                 NoRescan as twin_m4_no_rescan;

    /// M4, with the rest of a batch: a searcher that leaves while another searches on tells nobody
    /// of what it has queued. The other finds it, by its search or by its look before it parks.
    m4_rest_of_a_searchers_batch_is_found(None) {
        let deque = Worker::new_fifo();
        let pool = Pool::new(3, vec![deque.stealer()]);
        assert!(pool.idle.start_searching());
        let other = worker(&pool, 1, 1);
        deque.push(Box::new(1));
        pool.idle.stop_searching(|| pool.work_visible());
        assert_eq!(other.join().unwrap(), 1);
    } fails with UnpublishedSearch as twin_m4_unpublished_search,
                 NoHandOver as twin_m4_batch_no_hand_over,
                 NoRescan as twin_m4_batch_no_rescan;
}
