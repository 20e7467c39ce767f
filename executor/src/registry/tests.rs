//! Entering, leaving, and finding all that are there.

use super::{LIMIT, NONE, Registrar, Registry, next_vacant, part_of, vacant};
use crate::sync::Mutex;
use crate::task::{self, JoinHandle, Keeper, Kept, PanicReporter, Ran, Runnable, Schedule, Slot};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Waker};

/// What the tasks of a test share: their queue and their registry.
struct Place {
    registry: Registry,
    registrar: Mutex<Registrar>,
    /// Whether tasks are forgotten as by another worker.
    elsewhere: AtomicBool,
    queue: Mutex<Vec<Runnable>>,
    /// The numbers of the tasks whose futures were dropped.
    dropped: Mutex<Vec<usize>>,
}

#[derive(Clone)]
struct Scheduler(Arc<Place>);

impl Schedule for Scheduler {
    fn schedule(self, task: Runnable) {
        self.0.queue.lock().push(task);
    }
}

impl Keeper for Place {
    fn keep(&self, task: Kept) -> Slot {
        Slot { worker: 0, index: self.registrar.lock().keep(&self.registry, task) }
    }
    fn forget(&self, slot: Slot) {
        if self.elsewhere.load(Ordering::Relaxed) {
            self.registry.forget(slot.index);
        } else {
            self.registrar.lock().forget(&self.registry, slot.index);
        }
    }
    fn panic_reporter(&self) -> Option<Arc<PanicReporter>> {
        None
    }
}

/// Part of a task's future.
struct Numbered(usize, Arc<Place>);

impl Drop for Numbered {
    fn drop(&mut self) {
        self.1.dropped.lock().push(self.0);
    }
}

impl Place {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            registry: Registry::new(),
            registrar: Mutex::new(Registrar::new()),
            elsewhere: AtomicBool::new(false),
            queue: Mutex::new(Vec::new()),
            dropped: Mutex::new(Vec::new()),
        })
    }

    /// A task that is idle after its first poll, with its waker, and ready at its second.
    fn idle(self: &Arc<Self>, number: usize) -> (JoinHandle<()>, Waker) {
        let mailbox = Arc::new(Mutex::new(None));
        let (own, numbered) = (mailbox.clone(), Numbered(number, self.clone()));
        let mut polls = 0;
        let future = poll_fn(move |cx| {
            let _numbered = &numbered;
            polls += 1;
            *own.lock() = Some(cx.waker().clone());
            if polls == 1 { Poll::Pending } else { Poll::Ready(()) }
        });
        let (task, handle) = task::new(future, Scheduler(self.clone()), task::Memory::Thread(None));
        assert!(matches!(task.run(&**self), Ran::Idle));
        let waker = mailbox.lock().take();
        (handle, waker.expect("it was polled"))
    }

    /// Tasks that only the registry knows.
    fn forgotten(self: &Arc<Self>, numbers: std::ops::Range<usize>) {
        numbers.for_each(|number| drop(self.idle(number)));
    }

    fn run_queued(&self) {
        let queued = std::mem::take(&mut *self.queue.lock());
        queued.into_iter().for_each(|task| assert!(matches!(task.run(self), Ran::Complete)));
    }

    /// Cancels a batch of tasks and gives the place to go on from.
    fn cancel_batch(&self, from: u32, limit: usize) -> Option<u32> {
        let (tasks, next) = self.registry.references(from, limit);
        assert!(tasks.len() <= limit);
        assert!(next.is_none() || tasks.len() == limit, "an unfilled batch that is not the last");
        for task in tasks {
            task.cancel_here().into_iter().for_each(|task| task.cancel(self));
        }
        next
    }

    fn cancel_all(&self, limit: usize) {
        let mut next = Some(0);
        while let Some(from) = next {
            next = self.cancel_batch(from, limit);
        }
    }

    fn dropped(&self) -> Vec<usize> {
        let mut dropped = std::mem::take(&mut *self.dropped.lock());
        dropped.sort_unstable();
        dropped
    }
}

#[test]
fn a_task_is_entered_until_it_completes() {
    let place = Place::new();
    assert_eq!(place.registry.len(), 0);
    let (handle, waker) = place.idle(0);
    assert_eq!(place.registry.len(), 1);
    drop(handle);
    waker.wake();
    assert_eq!(place.registry.len(), 1, "it is known while it is queued");
    place.run_queued();
    assert_eq!(place.registry.len(), 0);
    assert_eq!(place.dropped(), [0]);
}

#[test]
fn an_empty_registry_has_nothing_to_find() {
    let registry = Registry::new();
    for from in [0, 1, 1000] {
        let (tasks, next) = registry.references(from, 4);
        assert!(tasks.is_empty() && next.is_none());
    }
}

#[test]
fn every_idle_task_is_found_in_batches_of_any_size() {
    for count in [1, 2, 3, 8, 9, 100] {
        for limit in [1, 2, 3, 8, 256] {
            let place = Place::new();
            place.forgotten(0..count);
            assert_eq!(place.registry.len(), count);
            place.cancel_all(limit);
            assert_eq!(place.registry.len(), 0);
            assert_eq!(place.dropped(), (0..count).collect::<Vec<_>>());
        }
    }
}

#[test]
fn tasks_are_found_between_the_gaps_that_others_left() {
    let place = Place::new();
    let mut tasks: Vec<_> = (0..20).map(|number| place.idle(number)).collect();
    let mut number = 0;
    tasks.retain(|(_, waker)| {
        number += 1;
        let leaves = number % 3 == 0;
        if leaves {
            waker.wake_by_ref();
        }
        !leaves
    });
    place.run_queued();
    let left: Vec<_> = (0..20).filter(|number| (number + 1) % 3 != 0).collect();
    assert_eq!(place.registry.len(), left.len());
    assert_eq!(place.dropped().len(), 20 - left.len());
    place.cancel_all(4);
    assert_eq!(place.dropped(), left);
    assert!(tasks.iter().all(|(handle, _)| handle.is_finished()));
}

#[test]
fn a_place_is_used_again() {
    for elsewhere in [false, true] {
        let place = Place::new();
        place.elsewhere.store(elsewhere, Ordering::Relaxed);
        for number in 0..100 {
            let tasks = [place.idle(number), place.idle(number)];
            tasks.iter().for_each(|(_, waker)| waker.wake_by_ref());
            place.run_queued();
        }
        assert_eq!(place.registry.len(), 0);
        assert_eq!(place.registry.used.load(Ordering::Relaxed), 2);
    }
}

#[test]
fn places_that_are_left_here_and_elsewhere_are_all_used_again() {
    let place = Place::new();
    let idle = || (0..300).map(|number| place.idle(number)).collect::<Vec<_>>();
    for _ in 0..10 {
        let mut tasks = idle();
        for half in [false, true] {
            place.elsewhere.store(half, Ordering::Relaxed);
            tasks.drain(..150).for_each(|(_, waker)| waker.wake());
            place.run_queued();
        }
        assert_eq!(place.registry.len(), 0);
    }
    assert_eq!(place.registry.used.load(Ordering::Relaxed), 300);
}

#[test]
fn every_index_has_a_place_of_its_own() {
    let mut sizes = std::collections::BTreeMap::<_, usize>::new();
    for index in 0..10_000 {
        let (part, offset) = part_of(index);
        let size = sizes.entry(part).or_default();
        assert_eq!(offset, *size, "place {index}");
        *size += 1;
    }
    let whole: Vec<_> = sizes.into_values().take(8).collect();
    assert_eq!(whole, [64, 64, 128, 256, 512, 1024, 2048, 4096]);
    assert_eq!(part_of(u32::MAX), (26, (1 << 31) - 1));
}

/// On a machine of 32 bits, too.
#[test]
fn a_vacant_place_tells_the_end_of_its_list_from_every_other_place() {
    for next in [0, 1, LIMIT - 1, NONE] {
        assert_eq!(next_vacant(vacant(next)), next);
    }
}

/// The tasks of one thread leave, by its own hand or by another's, while a third one refers to all.
#[test]
fn tasks_come_and_go_while_they_are_referred_to() {
    const TASKS: usize = 20_000;
    let place = Place::new();
    let (to_run, runs) = std::sync::mpsc::sync_channel::<Runnable>(64);
    let (looks, over) = (AtomicBool::new(false), AtomicBool::new(false));
    let resident = place.idle(TASKS);
    std::thread::scope(|scope| {
        let elsewhere = scope.spawn(|| {
            let stranger = Stranger(&place);
            runs.into_iter().for_each(|task| assert!(matches!(task.run(&stranger), Ran::Complete)));
        });
        let looker = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let (mut next, mut seen) = (Some(0), 0);
                while let Some(from) = next {
                    let (tasks, more) = place.registry.references(from, 3);
                    seen += tasks.iter().filter(|task| !task.is_finished()).count();
                    next = more;
                }
                assert!(seen > 0, "there is one that stays");
                looks.store(true, Ordering::Relaxed);
            }
        });
        while !looks.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        for number in 0..TASKS {
            let (handle, waker) = place.idle(number);
            drop(handle);
            waker.wake();
            let task = place.queue.lock().pop().expect("it was woken");
            if number % 2 == 0 {
                assert!(matches!(task.run(&*place), Ran::Complete));
            } else {
                to_run.send(task).expect("the other thread runs");
            }
        }
        drop(to_run);
        elsewhere.join().expect("no panic");
        over.store(true, Ordering::Relaxed);
        looker.join().expect("no panic");
    });
    drop(resident.0);
    resident.1.wake();
    place.run_queued();
    assert_eq!(place.registry.len(), 0);
    assert_eq!(place.dropped().len(), TASKS + 1);
    assert!(place.registry.used.load(Ordering::Relaxed) < 200, "places were lost");
}

/// Another worker.
struct Stranger<'a>(&'a Place);

impl Keeper for Stranger<'_> {
    fn keep(&self, _: Kept) -> Slot {
        unreachable!("the tasks are ready")
    }
    fn forget(&self, slot: Slot) {
        self.0.registry.forget(slot.index);
    }
    fn panic_reporter(&self) -> Option<Arc<PanicReporter>> {
        None
    }
}

#[test]
fn a_task_that_left_after_it_was_found_is_not_cancelled() {
    let place = Place::new();
    let (handle, waker) = place.idle(0);
    let (tasks, next) = place.registry.references(0, 4);
    assert!(next.is_none());
    waker.wake();
    place.run_queued();
    assert_eq!(place.registry.len(), 0);
    for task in tasks {
        assert!(task.is_finished());
        assert!(task.cancel_here().is_none());
    }
    assert!(handle.is_finished());
}

#[test]
fn a_task_that_is_queued_already_is_left_to_its_queue() {
    let place = Place::new();
    let (handle, waker) = place.idle(0);
    waker.wake();
    let (tasks, _) = place.registry.references(0, 4);
    assert_eq!(tasks.len(), 1);
    tasks.into_iter().for_each(|task| assert!(task.cancel_here().is_none()));
    // But it is marked, so the run that comes drops the future.
    place.run_queued();
    assert!(format!("{handle:?}").contains("cancelled: true"));
    assert!(format!("{handle:?}").contains("output: false"));
}

#[test]
fn a_reference_keeps_the_memory_of_a_task_that_is_over() {
    let place = Place::new();
    place.forgotten(0..1);
    let (tasks, _) = place.registry.references(0, 1);
    place.cancel_all(1);
    // The scheduler in each task, and ours.
    assert_eq!(Arc::strong_count(&place), 2);
    drop(tasks);
    assert_eq!(Arc::strong_count(&place), 1);
}
