//! M18: a task leaves the registry while it is referred to.

use super::{Registrar, Registry};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::thread::Builder;
use crate::sync::{Arc, Mutex};
use crate::task::{self, Keeper, Kept, PanicReporter, Ran, Runnable, Schedule, Slot};
use std::future::poll_fn;
use std::task::{Poll, Waker};

/// A worker's registry, and where its tasks are queued.
struct Place {
    registry: Registry,
    registrar: Mutex<Registrar>,
    queue: Mutex<Vec<Runnable>>,
}

#[derive(Clone)]
struct Scheduler(Arc<Place>);

impl Schedule for Scheduler {
    fn schedule(self, task: Runnable) {
        self.0.queue.lock().push(task);
    }
}

/// Who runs tasks: the worker itself, or another one.
struct Runner<'a> {
    place: &'a Place,
    elsewhere: bool,
}

impl Keeper for Runner<'_> {
    fn keep(&self, task: Kept) -> Slot {
        let mut registrar = self.place.registrar.lock();
        Slot { worker: 0, index: registrar.keep(&self.place.registry, task) }
    }
    fn forget(&self, slot: Slot) {
        if self.elsewhere {
            self.place.registry.forget(slot.index);
        } else {
            self.place.registrar.lock().forget(&self.place.registry, slot.index);
        }
    }
    fn panic_reporter(&self) -> Option<std::sync::Arc<PanicReporter>> {
        None
    }
}

impl Place {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            registry: Registry::new(),
            registrar: Mutex::new(Registrar::new()),
            queue: Mutex::new(Vec::new()),
        })
    }

    /// An idle task without a handle, by its waker; its next poll is the last.
    fn idle(place: &Arc<Self>) -> Waker {
        let mailbox = Arc::new(Mutex::new(None));
        let own = mailbox.clone();
        let mut polls = 0;
        let future = poll_fn(move |cx| {
            polls += 1;
            *own.lock() = Some(cx.waker().clone());
            if polls == 2 { Poll::Ready(()) } else { Poll::Pending }
        });
        let (task, handle) =
            task::new(future, Scheduler(place.clone()), task::Memory::Thread(None));
        drop(handle);
        assert!(matches!(task.run(&Runner { place, elsewhere: false }), Ran::Idle));
        let waker = mailbox.lock().take();
        waker.expect("it was polled")
    }

    /// Wakes a task and runs it to its end.
    fn end(&self, waker: Waker, elsewhere: bool) {
        waker.wake();
        let task = self.queue.lock().pop().expect("it was woken");
        assert!(matches!(task.run(&Runner { place: self, elsewhere }), Ran::Complete));
    }
}

crate::model::models! {
    /// M18. A task that leaves and is freed while somebody makes a reference to it: the reference is
    /// to a task that is there.
    m18_task_is_referred_to_while_it_leaves(None) {
        let place = Place::new();
        let waker = Place::idle(&place);
        let own = place.clone();
        let thread = Builder::new().spawn(move || {
            let (tasks, _) = own.registry.references(0, 1);
            tasks.len()
        });
        place.end(waker, true);
        assert!(thread.unwrap().join().unwrap() <= 1);
        assert_eq!(place.registry.len(), 0);
    } fails with LeavePinned as twin_m18_leave_pinned,
        UnpublishedReferral as twin_m18_unpublished_referral;

    /// M18. Places that two other workers leave at a time come to be used again, all of them, also by
    /// an owner that enters tasks just then.
    m18_places_left_elsewhere_are_used_again(None) {
        let place = Place::new();
        let (first, second) = (Place::idle(&place), Place::idle(&place));
        let left = Arc::new(AtomicBool::new(false));
        let (own, own_left) = (place.clone(), left.clone());
        let thread = Builder::new().spawn(move || {
            own.end(first, true);
            // It publishes nothing, but shows loom this order, which it would not find by itself: a
            // load of the list's head just before the exchange hides it.
            own_left.store(true, Ordering::Relaxed);
        });
        place.end(second, true);
        while !left.load(Ordering::Relaxed) {
            loom::thread::yield_now();
        }
        let mut tasks = vec![Place::idle(&place), Place::idle(&place)];
        thread.unwrap().join().unwrap();
        // If the places were not seen to be vacant, others were used.
        let used = place.registry.used.load(Ordering::Relaxed);
        tasks.extend((2..used).map(|_| Place::idle(&place)));
        assert_eq!(place.registry.used.load(Ordering::Relaxed), used, "a place was lost");
        assert_eq!(place.registry.len(), used as usize);
        tasks.into_iter().for_each(|waker| place.end(waker, false));
        assert_eq!(place.registry.len(), 0);
    } fails with UnpublishedVacancy as twin_m18_unpublished_vacancy;
}
