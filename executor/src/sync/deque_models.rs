//! M13: the stand-in deque is a deque, and as weak as it claims.

use super::cell::UnsafeCell;
use super::deque::{Steal, Stealer, Worker};
use super::thread::{Builder, JoinHandle, yield_retry};

/// An item whose content is checked for races: it is read by whoever gets the item.
type Item = Box<UnsafeCell<u32>>;

#[allow(unsafe_code, reason = "reads what the model checks")]
fn read(item: Item) -> u32 {
    // SAFETY: the item is owned; loom checks that its writing happened before.
    item.with(|value| unsafe { *value })
}

fn thief(stealer: Stealer<Item>, batch: bool) -> JoinHandle<u32> {
    let steal = move || {
        let own = Worker::new_fifo();
        let first = loop {
            let stolen = if batch {
                stealer.steal_batch_with_limit_and_pop(&own, 2)
            } else {
                stealer.steal()
            };
            match stolen {
                Steal::Success(item) => break read(item),
                Steal::Empty => break 0,
                Steal::Retry => yield_retry(),
            }
        };
        first + std::iter::from_fn(|| own.pop()).map(read).sum::<u32>()
    };
    Builder::new().spawn(steal).unwrap()
}

fn items_arrive_exactly_once(deque: Worker<Item>, batch: bool) {
    let thieves = [thief(deque.stealer(), batch), thief(deque.stealer(), batch)];
    let mut sum = 0;
    deque.push(Box::new(UnsafeCell::new(1)));
    deque.push(Box::new(UnsafeCell::new(10)));
    sum += deque.pop().map_or(0, read);
    deque.push(Box::new(UnsafeCell::new(100)));
    while let Some(item) = deque.pop() {
        sum += read(item);
    }
    sum += thieves.map(|thief| thief.join().unwrap()).iter().sum::<u32>();
    assert_eq!(sum, 111);
}

crate::model::models! {
    /// M13, spawned tasks: the owner at one end, two thieves at the other.
    m13_lifo_items_arrive_exactly_once(Some(3)) {
        items_arrive_exactly_once(Worker::new_lifo(), false);
    } fails with DequeWithoutFence as twin_m13_lifo_without_fence;

    /// M13, woken tasks: two thieves that take batches.
    m13_fifo_batches_arrive_exactly_once(Some(3)) {
        items_arrive_exactly_once(Worker::new_fifo(), true);
    } fails with DequeWithoutFence as twin_m13_fifo_without_fence;
}
