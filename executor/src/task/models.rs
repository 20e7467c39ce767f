//! M5–M10: the task's word and cell, with a scheduler of one slot.

use super::{JoinHandle, Keeper, Kept, LeftJoinSlot, PanicReporter, Ran, Runnable, Schedule, Slot};
use crate::model::block_on;
use crate::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::sync::thread::Builder;
use crate::sync::{Arc, Condvar, Mutex};
use std::future::{Future, poll_fn};
use std::task::{Context, Poll, Wake, Waker};

/// Holds the one `Runnable` that there may be, for a worker that waits for it.
#[derive(Clone)]
struct OneSlot(Arc<(Mutex<Option<Runnable>>, Condvar)>);

impl OneSlot {
    fn new() -> Self {
        Self(Arc::new((Mutex::new(None), Condvar::new())))
    }

    fn put(&self, task: Runnable) {
        let before = self.0.0.lock().replace(task);
        assert!(before.is_none(), "two `Runnable`s of one task");
        self.0.1.notify_one();
    }

    fn try_take(&self) -> Option<Runnable> {
        self.0.0.lock().take()
    }

    fn take(&self) -> Runnable {
        let mut slot = self.0.0.lock();
        loop {
            if let Some(task) = slot.take() {
                return task;
            }
            self.0.1.wait(&mut slot);
        }
    }

    /// Runs the task until it is complete, blocking while it is idle.
    fn run_to_completion(&self) {
        loop {
            match self.take().run(&Registry) {
                Ran::Complete => return,
                Ran::Idle => {}
                Ran::Woken(task) => self.put(task),
            }
        }
    }

    /// Runs the task as long as it is scheduled. True: it is complete.
    fn run_while_scheduled(&self) -> bool {
        while let Some(task) = self.try_take() {
            match task.run(&Registry) {
                Ran::Complete => return true,
                Ran::Idle => {}
                Ran::Woken(task) => self.put(task),
            }
        }
        false
    }
}

impl Schedule for OneSlot {
    fn schedule(self, task: Runnable) {
        self.put(task);
    }
}

/// Knows nothing: these models have no shutdown.
struct Registry;

impl Keeper for Registry {
    fn keep(&self, _: Kept) -> Slot {
        Slot { worker: 0, index: 0 }
    }
    fn forget(&self, _: Slot) {}
    fn panic_reporter(&self) -> Option<std::sync::Arc<PanicReporter>> {
        None
    }
}

/// The same, and lends the join slot as if the joiner ran at once.
struct Lender;

impl Keeper for Lender {
    fn keep(&self, task: Kept) -> Slot {
        Registry.keep(task)
    }
    fn forget(&self, slot: Slot) {
        Registry.forget(slot);
    }
    fn panic_reporter(&self) -> Option<std::sync::Arc<PanicReporter>> {
        None
    }
    fn wake_joiner(&self, waker: Waker, left: LeftJoinSlot) {
        let _lent = left.lend();
        waker.wake();
    }
}

/// Spawns a task and puts it into the slot.
fn spawn<F>(future: F) -> (OneSlot, JoinHandle<F::Output>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let slot = OneSlot::new();
    let (task, handle) = super::new(future, slot.clone(), super::Memory::Thread(None));
    slot.put(task);
    (slot, handle)
}

/// Where a task's first poll leaves its waker.
type Mailbox = Arc<Mutex<Option<Waker>>>;

/// A future that is ready when both flags are set; and the flags with a waker for each.
fn until_both_flags() -> (impl Future<Output = ()> + Send, Arc<[AtomicBool; 2]>, Mailbox) {
    let flags = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
    let mailbox: Mailbox = Arc::new(Mutex::new(None));
    let (own_flags, own_mailbox) = (flags.clone(), mailbox.clone());
    let mut polled = false;
    let future = poll_fn(move |cx| {
        if !std::mem::replace(&mut polled, true) {
            *own_mailbox.lock() = Some(cx.waker().clone());
        }
        let set = own_flags.iter().filter(|flag| flag.load(Ordering::Relaxed)).count();
        if set == own_flags.len() { Poll::Ready(()) } else { Poll::Pending }
    });
    (future, flags, mailbox)
}

fn spawn_thread(f: impl FnOnce() + Send + 'static) -> crate::sync::thread::JoinHandle<()> {
    Builder::new().spawn(f).unwrap()
}

/// A waker that does nothing, but counts how often it is there.
struct Counted {
    _alive: Arc<()>,
}

impl Wake for Counted {
    fn wake(self: std::sync::Arc<Self>) {}
}

crate::model::models! {
    /// M5. A wake that comes at any moment of a poll leads to another poll; there are never two
    /// `Runnable`s.
    m5_wake_during_a_poll_leads_to_another(None) {
        let (future, flags, mailbox) = until_both_flags();
        flags[1].store(true, Ordering::Relaxed);
        let (slot, _handle) = spawn(future);
        assert!(!slot.run_while_scheduled());
        let waker = mailbox.lock().take().unwrap();
        let again = waker.clone();
        let other = flags.clone();
        again.wake_by_ref();
        let thread = spawn_thread(move || {
            other[0].store(true, Ordering::Relaxed);
            waker.wake();
        });
        let early = slot.run_while_scheduled();
        thread.join().unwrap();
        assert!(early || slot.run_while_scheduled(), "the wake was lost");
    } fails with ForgetWakeDuringPoll as twin_m5_forget_wake;

    /// M6. Two wakes at once: only one schedules, but the poll sees what each of them published.
    m6_coalesced_wakes_both_publish(Some(3)) {
        let (future, flags, mailbox) = until_both_flags();
        let (slot, _handle) = spawn(future);
        assert!(!slot.run_while_scheduled());
        let waker = mailbox.lock().take().unwrap();
        let threads = [0, 1].map(|flag| {
            let (waker, flags) = (waker.clone(), flags.clone());
            spawn_thread(move || {
                flags[flag].store(true, Ordering::Relaxed);
                waker.wake_by_ref();
            })
        });
        drop(waker);
        // Hangs if a poll did not see the flag of a wake that it swallowed.
        slot.run_to_completion();
        for thread in threads {
            thread.join().unwrap();
        }
    } fails with RelaxedWake as twin_m6_relaxed_wake;

    /// M6, with more wakes than the count is to hold: a run that begins with several of them and
    /// swallows one that comes just then sees what that one published, compressed or not.
    m6_swallowed_wake_publishes(None) {
        let (future, flags, mailbox) = until_both_flags();
        flags[1].store(true, Ordering::Relaxed);
        let (slot, _handle) = spawn(future);
        assert!(!slot.run_while_scheduled());
        let waker = mailbox.lock().take().unwrap();
        (0..3).for_each(|_| waker.wake_by_ref());
        let thread = spawn_thread(move || {
            flags[0].store(true, Ordering::Relaxed);
            waker.wake_by_ref();
        });
        // Hangs if the run swallowed the last wake and did not see its flag.
        slot.run_to_completion();
        thread.join().unwrap();
    } fails with UnacquiredWakes as twin_m6_unacquired_wakes;

    /// M7. An abort against a run that may complete: the future is dropped once, the handle gives
    /// either the output or a cancellation, and it does give it.
    m7_abort_against_completion(None) {
        let dropped = Arc::new(AtomicU32::new(0));
        struct Count(Arc<AtomicU32>);
        impl Drop for Count {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let guard = Count(dropped.clone());
        let mut polls = 0;
        let (slot, handle) = spawn(poll_fn(move |_| {
            let _guard = &guard;
            polls += 1;
            // Idle after the first poll, and then woken by nothing but the abort.
            if polls < 2 { Poll::Pending } else { Poll::Ready(1) }
        }));
        let abort = handle.abort_handle();
        let thread = spawn_thread(move || abort.abort());
        slot.run_to_completion();
        thread.join().unwrap();
        match block_on(handle) {
            Ok(output) => assert_eq!(output, 1),
            Err(error) => assert!(error.is_cancelled()),
        }
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
    } fails with AbortWithoutSchedule as twin_m7_abort_without_schedule;

    /// M8. The handle registers its waker while the task completes: it is woken, or it sees the
    /// output.
    m8_join_waker_against_completion(None) {
        let (slot, handle) = spawn(async { 1 });
        let thread = spawn_thread(move || assert!(slot.run_while_scheduled()));
        assert_eq!(block_on(handle).unwrap(), 1);
        thread.join().unwrap();
    } fails with RegisterWithoutRecheck as twin_m8_register_without_recheck,
                 CompleteWithoutRecheck as twin_m8_complete_without_recheck;

    /// M8, with a waker that changes: the last one is woken, the others are dropped.
    m8_changing_join_waker_against_completion(None) {
        let (slot, mut handle) = spawn(async { 1 });
        let thread = spawn_thread(move || assert!(slot.run_while_scheduled()));
        let alive = Arc::new(());
        let waker = Waker::from(std::sync::Arc::new(Counted { _alive: alive.clone() }));
        let first = std::pin::Pin::new(&mut handle).poll(&mut Context::from_waker(&waker));
        drop(waker);
        if first.is_pending() {
            assert_eq!(block_on(handle).unwrap(), 1);
        }
        thread.join().unwrap();
        assert_eq!(Arc::strong_count(&alive), 1);
    } fails with RegisterWithoutRecheck as twin_m8_change_without_recheck,
                 CompleteWithoutRecheck as twin_m8_change_complete_without_recheck;

    /// M8, with a join slot that is lent for the time in which the joiner is woken: only the thread that
    /// it is lent to gives it up, and so somebody else's handle does not free the task under it.
    m8_lent_join_slot_against_the_joiner(None) {
        let (slot, handle) = spawn(async { 1 });
        let thread = spawn_thread(move || {
            assert!(matches!(slot.take().run(&Lender), Ran::Complete));
        });
        assert_eq!(block_on(handle).unwrap(), 1);
        thread.join().unwrap();
    } fails with JoinSlotTakenTwice as twin_m8_join_slot_taken_twice;

    /// M9. The handle, with a waker registered or not, is dropped while the task completes: the
    /// output and the waker are dropped, by whoever is last.
    m9_handle_dropped_against_completion(None) {
        let output = Arc::new(());
        let own = output.clone();
        let (slot, mut handle) = spawn(async move { own });
        let alive = Arc::new(());
        let waker = Waker::from(std::sync::Arc::new(Counted { _alive: alive.clone() }));
        assert!(std::pin::Pin::new(&mut handle).poll(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        let thread = spawn_thread(move || assert!(slot.run_while_scheduled()));
        drop(handle);
        thread.join().unwrap();
        assert_eq!(Arc::strong_count(&output), 1, "the output leaked");
        assert_eq!(Arc::strong_count(&alive), 1, "the waker leaked");
    } fails with DropHandleBlind as twin_m9_blind_drop,
                 UnpublishedJoinSlot as twin_m9_unpublished_join_slot;

    /// M10. The last references go on three threads at once: the task is freed once, after all of
    /// their accesses.
    m10_last_references_go_on_three_threads(Some(3)) {
        let (future, flags, mailbox) = until_both_flags();
        let (slot, handle) = spawn(future);
        assert!(!slot.run_while_scheduled());
        let waker = mailbox.lock().take().unwrap();
        flags[0].store(true, Ordering::Relaxed);
        flags[1].store(true, Ordering::Relaxed);
        waker.wake_by_ref();
        let threads = [
            spawn_thread(move || drop(waker)),
            spawn_thread(move || assert!(slot.run_while_scheduled())),
        ];
        drop(handle);
        for thread in threads {
            thread.join().unwrap();
        }
    } fails with RelaxedRelease as twin_m10_relaxed_release,
                 UnpublishedReference as twin_m10_unpublished_reference;

    /// M10, with references that a poll draws from the reserve, which is 1 here: whatever becomes of
    /// them while the poll goes on, the count is right when it has ended.
    m10_references_drawn_by_a_poll(None) {
        let mailbox: Mailbox = Arc::new(Mutex::new(None));
        let (own_mailbox, mut kept) = (mailbox.clone(), None);
        let (slot, handle) = spawn(poll_fn(move |cx| {
            let polled = kept.take().is_some();
            *own_mailbox.lock() = Some(cx.waker().clone());
            if polled {
                return Poll::Ready(());
            }
            kept = Some(cx.waker().clone());
            Poll::Pending
        }));
        drop(handle);
        let take = |mailbox: &Mailbox| mailbox.lock().take();
        let other = mailbox.clone();
        let thread = spawn_thread(move || {
            if let Some(waker) = take(&other) {
                waker.wake();
            }
        });
        let complete = slot.run_while_scheduled();
        thread.join().unwrap();
        if !complete {
            if let Some(waker) = take(&mailbox) {
                waker.wake();
            }
            assert!(slot.run_while_scheduled(), "the wake was lost");
        }
        // The task holds a reference to its slot until it is freed.
        let last = take(&mailbox);
        if last.is_some() && Arc::strong_count(&slot.0) == 1 {
            std::mem::forget(last);
            panic!("the task was freed before its last reference went");
        }
        drop(last);
        assert_eq!(Arc::strong_count(&slot.0), 1, "the task was not freed");
    } fails with ForgetDrawn as twin_m10_forget_drawn;

    /// M10, with more wakes than the count is to hold: a wake by value, which gives up its
    /// reference, does not touch the word of a task that others may free from then on.
    m10_wake_by_value_past_the_limit(None) {
        let (future, flags, mailbox) = until_both_flags();
        let (slot, handle) = spawn(future);
        drop(handle);
        assert!(!slot.run_while_scheduled());
        let waker = mailbox.lock().take().unwrap();
        flags.iter().for_each(|flag| flag.store(true, Ordering::Relaxed));
        (0..3).for_each(|_| waker.wake_by_ref());
        let thread = spawn_thread(move || waker.wake());
        assert!(slot.run_while_scheduled());
        thread.join().unwrap();
    } fails with CompressAfterReference as twin_m10_compress_after_reference;
}
