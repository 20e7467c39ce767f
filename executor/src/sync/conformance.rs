//! One set of tests for the deques that ship and for the stand-in of the models.

macro_rules! conformance {
    ($name:ident, $deque:path) => {
        mod $name {
            use deque::{Injector, Steal, Worker};
            use std::sync::Arc;
            use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
            use $deque as deque;

            fn success<T>(steal: Steal<T>) -> Option<T> {
                match steal {
                    Steal::Success(item) => Some(item),
                    Steal::Empty | Steal::Retry => None,
                }
            }

            fn filled(worker: &Worker<Box<usize>>, items: std::ops::Range<usize>) {
                items.for_each(|item| worker.push(Box::new(item)));
            }

            #[test]
            fn lifo_gives_the_newest_to_its_owner_and_the_oldest_to_thieves() {
                let worker = Worker::new_lifo();
                let stealer = worker.stealer();
                assert!(worker.is_empty());
                filled(&worker, 0..3);
                assert_eq!(stealer.len(), 3);
                assert_eq!(success(stealer.steal()), Some(Box::new(0)));
                assert_eq!(worker.pop(), Some(Box::new(2)));
                assert!(!worker.is_empty());
                assert_eq!(worker.pop(), Some(Box::new(1)));
                assert_eq!(worker.pop(), None);
                assert!(worker.is_empty() && stealer.is_empty());
            }

            #[test]
            fn fifo_gives_the_oldest_to_everybody() {
                let worker = Worker::new_fifo();
                let stealer = worker.stealer();
                filled(&worker, 0..3);
                assert_eq!(worker.pop(), Some(Box::new(0)));
                assert_eq!(success(stealer.steal()), Some(Box::new(1)));
                assert!(!worker.is_empty());
                assert_eq!(worker.pop(), Some(Box::new(2)));
                assert_eq!(worker.pop(), None);
                assert!(worker.is_empty());
            }

            #[test]
            fn a_batch_is_at_most_half_and_at_most_the_limit_and_in_order() {
                for (len, limit) in [(1, 32), (2, 32), (7, 32), (8, 2), (100, 32)] {
                    let (victim, thief) = (Worker::new_fifo(), Worker::new_fifo());
                    filled(&victim, 0..len);
                    let stealer = victim.stealer();
                    let first = success(stealer.steal_batch_with_limit_and_pop(&thief, limit));
                    assert_eq!(first, Some(Box::new(0)));
                    let mut taken = 1;
                    while let Some(item) = thief.pop() {
                        assert_eq!(*item, taken);
                        taken += 1;
                    }
                    assert!(taken <= len.div_ceil(2) && taken <= limit, "{taken} of {len}");
                    assert_eq!(stealer.len(), len - taken);
                    assert_eq!(victim.pop().map_or(len, |item| *item), taken);
                }
            }

            #[test]
            fn an_injector_is_first_in_first_out() {
                let (injector, worker) = (Injector::new(), Worker::new_fifo());
                assert!(injector.is_empty());
                assert!(matches!(injector.steal(), Steal::Empty));
                (0..10).for_each(|item| injector.push(Box::new(item)));
                assert_eq!(injector.len(), 10);
                assert_eq!(success(injector.steal()), Some(Box::new(0)));
                let batch = injector.steal_batch_with_limit_and_pop(&worker, 4);
                assert_eq!(success(batch), Some(Box::new(1)));
                let mut next = 2;
                while let Some(item) = worker.pop() {
                    assert_eq!(*item, next);
                    next += 1;
                }
                assert!(next <= 5);
                assert_eq!(success(injector.steal()), Some(Box::new(next)));
            }

            /// A worker's owner goes before its thieves when a runtime ends.
            #[test]
            fn what_is_left_in_a_deque_is_dropped_with_its_last_handle() {
                for last_is_the_owner in [false, true] {
                    for worker in [Worker::new_lifo(), Worker::new_fifo()] {
                        let (stealer, item) = (worker.stealer(), Arc::new(()));
                        (0..3).for_each(|_| worker.push(Box::new(item.clone())));
                        if last_is_the_owner {
                            drop(stealer);
                            assert_eq!(Arc::strong_count(&item), 4);
                            drop(worker);
                        } else {
                            drop(worker);
                            assert_eq!(stealer.len(), 3);
                            drop(success(stealer.steal()));
                            assert_eq!(Arc::strong_count(&item), 3);
                            drop(stealer);
                        }
                        assert_eq!(Arc::strong_count(&item), 1);
                    }
                }
            }

            #[test]
            fn what_is_left_in_an_injector_is_dropped_with_it() {
                let (injector, item) = (Injector::new(), Arc::new(()));
                (0..3).for_each(|_| injector.push(Box::new(item.clone())));
                drop(success(injector.steal()));
                drop(injector);
                assert_eq!(Arc::strong_count(&item), 1);
            }

            /// Owner, thieves and foreign pushers at once: every item arrives exactly once.
            #[test]
            fn every_item_arrives_exactly_once() {
                const ITEMS: usize = 20_000;
                let (spawned, woken) = (Worker::new_lifo(), Worker::new_fifo());
                let (spawned_side, woken_side) = (spawned.stealer(), woken.stealer());
                let injector = Injector::new();
                let seen: Vec<_> = (0..3 * ITEMS).map(|_| AtomicUsize::new(0)).collect();
                let count = |item: Box<usize>| {
                    seen[*item].fetch_add(1, Ordering::Relaxed);
                };
                let done = AtomicBool::new(false);
                std::thread::scope(|scope| {
                    for _ in 0..2 {
                        scope.spawn(|| {
                            let own = Worker::new_fifo();
                            while !done.load(Ordering::Acquire) {
                                success(spawned_side.steal()).map(count);
                                success(woken_side.steal_batch_with_limit_and_pop(&own, 32))
                                    .map(count);
                                success(injector.steal_batch_with_limit_and_pop(&own, 32))
                                    .map(count);
                                while let Some(item) = own.pop() {
                                    count(item);
                                }
                            }
                        });
                    }
                    scope.spawn(|| {
                        (2 * ITEMS..3 * ITEMS).for_each(|item| injector.push(Box::new(item)));
                    });
                    for item in 0..ITEMS {
                        spawned.push(Box::new(item));
                        woken.push(Box::new(ITEMS + item));
                        if item % 3 == 0 {
                            spawned.pop().map(count);
                            woken.pop().map(count);
                        }
                    }
                    while let Some(item) = spawned.pop().or_else(|| woken.pop()) {
                        count(item);
                    }
                    while !(injector.is_empty()
                        && seen[2 * ITEMS..].iter().all(|seen| seen.load(Ordering::Relaxed) > 0))
                    {
                        std::thread::yield_now();
                    }
                    done.store(true, Ordering::Release);
                });
                assert!(seen.iter().all(|seen| seen.load(Ordering::Relaxed) == 1));
            }
        }
    };
}

conformance!(crossbeam, crossbeam_deque);
conformance!(stand_in, crate::sync::model_deque);
