//! Every operation on a task in every state that it can be in, with a scheduler of one slot.
//!
//! | module | what it checks |
//! |---|---|
//! | [`rig`] | the scheduler, a future that follows a script, and what is counted about them |
//! | [`life`] | wakes, aborts, handles and references, state by state |
//! | [`join`] | the waker in the join slot |
//! | [`panics`] | every combination of panics, and who hears of them |
//! | [`word`] | the state word alone: all states that can be reached, and all ways between them |
//! | [`limits`] | the count of wakes at its limit, and ids |

mod rig {
    use crate::sync::Mutex;
    use crate::task::{JoinError, JoinHandle, Keeper, Kept, PanicReporter, Ran, Runnable};
    use crate::task::{Schedule, Slot};
    use std::collections::VecDeque;
    use std::future::Future;
    use std::ops::Deref;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Context, Poll, Waker};

    /// What happened to a task.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub(super) struct Counts {
        pub(super) polls: u32,
        /// Calls of the scheduler. A task that is queued again after its poll does not count.
        pub(super) schedules: u32,
        pub(super) kept: u32,
        pub(super) forgotten: u32,
        pub(super) future_drops: u32,
        pub(super) output_drops: u32,
        pub(super) frees: u32,
    }

    pub(super) const NOTHING: Counts = Counts {
        polls: 0,
        schedules: 0,
        kept: 0,
        forgotten: 0,
        future_drops: 0,
        output_drops: 0,
        frees: 0,
    };

    /// How a run ended.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) enum End {
        Complete,
        Idle,
        /// Queued again without a call of the scheduler.
        Woken,
    }

    type Step = Box<dyn FnOnce(&mut Context<'_>) -> Poll<Output> + Send>;
    type Hook = Mutex<Option<Box<dyn FnOnce() + Send>>>;

    /// What the future, its output, the scheduler and the test know of each other.
    #[derive(Default)]
    pub(super) struct Desk {
        pub(super) queue: Mutex<Option<Runnable>>,
        pub(super) kept: Mutex<Option<Kept>>,
        pub(super) handle: Mutex<Option<JoinHandle<Output>>>,
        pub(super) on_future_drop: Hook,
        pub(super) on_output_drop: Hook,
        steps: Mutex<VecDeque<Step>>,
        counts: Mutex<Counts>,
        freed: AtomicBool,
        reporter: Option<Arc<PanicReporter>>,
    }

    /// The only slot that the tasks of a [`Desk`] use.
    const SLOT: Slot = Slot { worker: 3, index: 7 };

    impl Desk {
        fn count(&self, f: impl FnOnce(&mut Counts)) {
            f(&mut self.counts.lock());
        }

        /// What happened since the last call.
        pub(super) fn did(&self) -> Counts {
            std::mem::take(&mut *self.counts.lock())
        }

        /// What the next poll that has no step yet shall do; without a step it is pending.
        pub(super) fn step(
            &self,
            step: impl FnOnce(&mut Context<'_>) -> Poll<Output> + Send + 'static,
        ) {
            self.steps.lock().push_back(Box::new(step));
        }

        pub(super) fn put(&self, task: Runnable) {
            let mut queue = self.queue.lock();
            if queue.is_some() {
                // Dropping it would run the task that the other one stands for.
                std::mem::forget(task);
                panic!("two `Runnable`s of one task");
            }
            *queue = Some(task);
        }

        pub(super) fn is_scheduled(&self) -> bool {
            self.queue.lock().is_some()
        }

        /// Runs the task, which has to be scheduled.
        pub(super) fn run(&self) -> End {
            let task = self.queue.lock().take().expect("the task is not scheduled");
            match task.run(self) {
                Ran::Complete => End::Complete,
                Ran::Idle => End::Idle,
                Ran::Woken(task) => {
                    self.put(task);
                    End::Woken
                }
            }
        }

        /// Cancels the task, if it is scheduled, with the right to run it.
        pub(super) fn cancel_queued(&self) {
            let task = self.queue.lock().take();
            if let Some(task) = task {
                task.cancel(self);
            }
        }

        /// Cancels the task through its registry entry; gives the right to run it if it was idle.
        #[allow(unsafe_code, reason = "an entry is valid as long as the registry has it")]
        pub(super) fn cancel_kept(&self) -> Option<Runnable> {
            let kept = self.kept.lock();
            // SAFETY: the entry is taken out when the task is forgotten, which needs this lock.
            let task = unsafe { kept.as_ref()?.reference() };
            task.cancel_here()
        }

        /// Runs the task as long as it is scheduled.
        pub(super) fn run_all(&self) {
            let runs = (0..1000).take_while(|_| self.is_scheduled() && self.run() != End::Complete);
            assert!(runs.count() < 1000, "the task is woken for ever");
        }

        pub(super) fn take_handle(&self) -> JoinHandle<Output> {
            self.handle.lock().take().expect("the handle is gone")
        }

        /// The task's word, decoded; the handle has to be there.
        pub(super) fn word(&self) -> String {
            let handle = self.handle.lock();
            let text = format!("{:?}", handle.as_ref().expect("the handle is gone"));
            text.split_once("state: ").expect("a handle shows its task's word").1.to_owned()
        }

        /// Polls the handle, which stays here if it is pending.
        pub(super) fn poll_handle(&self, waker: &Waker) -> Poll<Result<Output, JoinError>> {
            // Outside of the lock: the waker may reach for the handle.
            let mut handle = self.take_handle();
            let poll = Pin::new(&mut handle).poll(&mut Context::from_waker(waker));
            if poll.is_pending() {
                *self.handle.lock() = Some(handle);
            }
            poll
        }

        /// Takes the result of a task that is over.
        pub(super) fn result(&self) -> Result<Output, JoinError> {
            match self.poll_handle(Waker::noop()) {
                Poll::Ready(result) => result,
                Poll::Pending => panic!("the task is not over: {}", self.word()),
            }
        }
    }

    impl Keeper for Desk {
        fn keep(&self, task: Kept) -> Slot {
            self.count(|counts| counts.kept += 1);
            assert!(self.kept.lock().replace(task).is_none(), "a task was kept twice");
            SLOT
        }
        fn forget(&self, slot: Slot) {
            self.count(|counts| counts.forgotten += 1);
            assert_eq!(slot, SLOT);
            assert!(self.kept.lock().take().is_some(), "a task was forgotten twice");
        }
        fn panic_reporter(&self) -> Option<Arc<PanicReporter>> {
            self.reporter.clone()
        }
    }

    /// The scheduler; the last clone goes with the task's memory.
    #[derive(Clone)]
    struct OneSlot(Arc<Memory>);

    struct Memory(Arc<Desk>);

    impl Schedule for OneSlot {
        fn schedule(self, task: Runnable) {
            self.0.0.count(|counts| counts.schedules += 1);
            self.0.0.put(task);
        }
    }

    impl Drop for Memory {
        fn drop(&mut self) {
            self.0.count(|counts| counts.frees += 1);
            assert!(!self.0.freed.swap(true, Ordering::Relaxed), "the task was freed twice");
        }
    }

    /// A future that does what its desk says.
    struct Probe(Arc<Desk>);

    impl Future for Probe {
        type Output = Output;

        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
            self.0.count(|counts| counts.polls += 1);
            let step = self.0.steps.lock().pop_front();
            step.map_or(Poll::Pending, |step| step(cx))
        }
    }

    impl Drop for Probe {
        fn drop(&mut self) {
            self.0.count(|counts| counts.future_drops += 1);
            call(&self.0.on_future_drop);
        }
    }

    /// What a [`Probe`] gives.
    pub(super) struct Output(pub(super) Arc<Desk>);

    impl Drop for Output {
        fn drop(&mut self) {
            self.0.count(|counts| counts.output_drops += 1);
            call(&self.0.on_output_drop);
        }
    }

    fn call(hook: &Hook) {
        let hook = hook.lock().take();
        if let Some(hook) = hook {
            hook();
        }
    }

    /// A task with its desk; asserts in the end that the task is freed.
    pub(super) struct Rig(pub(super) Arc<Desk>);

    impl Rig {
        /// A task that was never polled, scheduled by its spawner.
        pub(super) fn new() -> Self {
            Self::reporting(None)
        }

        /// As `new`, with somebody who hears of panics.
        pub(super) fn reporting(reporter: Option<Arc<PanicReporter>>) -> Self {
            let desk = Arc::new(Desk { reporter, ..Desk::default() });
            let scheduler = OneSlot(Arc::new(Memory(desk.clone())));
            let (task, handle) = crate::task::new(Probe(desk.clone()), scheduler);
            desk.put(task);
            *desk.handle.lock() = Some(handle);
            Self(desk)
        }

        /// Polls the task once, which leaves it idle, and gives its waker.
        pub(super) fn poll_for_waker(&self) -> Waker {
            let mailbox = Arc::new(Mutex::new(None));
            let own = mailbox.clone();
            self.step(move |cx| {
                *own.lock() = Some(cx.waker().clone());
                Poll::Pending
            });
            assert_eq!(self.run(), End::Idle);
            let waker = mailbox.lock().take();
            waker.expect("the step was not the next")
        }

        /// Has the next poll give the output.
        pub(super) fn step_ready(&self) {
            let desk = self.0.clone();
            self.step(move |_| Poll::Ready(Output(desk)));
        }
    }

    impl Deref for Rig {
        type Target = Arc<Desk>;
        fn deref(&self) -> &Arc<Desk> {
            &self.0
        }
    }

    impl Drop for Rig {
        fn drop(&mut self) {
            if std::thread::panicking() {
                // Whatever is wrong, another panic would only hide it.
                std::mem::forget((self.queue.lock().take(), self.handle.lock().take()));
                return;
            }
            self.cancel_queued();
            let idle = self.cancel_kept();
            idle.into_iter().for_each(|task| self.put(task));
            self.cancel_queued();
            let handle = self.handle.lock().take();
            drop(handle);
            let steps = std::mem::take(&mut *self.steps.lock());
            drop(steps);
            assert!(self.freed.load(Ordering::Relaxed), "the task leaked");
        }
    }
}

mod life {
    use super::rig::{Counts, Desk, End, NOTHING, Output, Rig};
    use crate::sync::Mutex;
    use crate::task::{JoinHandle, Runnable};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::{Poll, Waker};

    /// Where in its life a task is when something is done to it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Stage {
        /// Queued by its spawner, never polled.
        Born,
        Idle,
        /// Queued by a wake.
        Scheduled,
        /// In its second poll, on the thread that does it.
        Polled,
        /// In its second poll, while another thread does it.
        PolledElsewhere,
        /// Complete with an output, which the handle has not taken.
        Complete,
    }

    const STAGES: [Stage; 6] = [
        Stage::Born,
        Stage::Idle,
        Stage::Scheduled,
        Stage::Polled,
        Stage::PolledElsewhere,
        Stage::Complete,
    ];

    /// Brings a task into `stage` and does `act` to it, with a waker of it unless it was never
    /// polled. Gives what that alone did. The poll in which it happens is pending.
    fn act_in(
        stage: Stage,
        act: impl FnOnce(&Arc<Desk>, Option<Waker>) + Send + 'static,
    ) -> (Rig, Counts) {
        let rig = Rig::new();
        let waker = (stage != Stage::Born).then(|| rig.poll_for_waker());
        let did = match stage {
            Stage::Polled | Stage::PolledElsewhere => {
                let did = Arc::new(Mutex::new(None));
                let (desk, own) = (rig.0.clone(), did.clone());
                waker.expect("it was polled").wake();
                rig.step(move |cx| {
                    let waker = cx.waker().clone();
                    desk.did();
                    if stage == Stage::Polled {
                        act(&desk, Some(waker));
                    } else {
                        std::thread::scope(|scope| {
                            scope.spawn(|| act(&desk, Some(waker)));
                        });
                    }
                    *own.lock() = Some(desk.did());
                    Poll::Pending
                });
                rig.run();
                did.lock().take().expect("the step was not the next")
            }
            _ => {
                match stage {
                    Stage::Scheduled => waker.as_ref().expect("it was polled").wake_by_ref(),
                    Stage::Complete => {
                        rig.step_ready();
                        waker.as_ref().expect("it was polled").wake_by_ref();
                        assert_eq!(rig.run(), End::Complete);
                    }
                    _ => {}
                }
                rig.did();
                act(&rig, waker);
                rig.did()
            }
        };
        (rig, did)
    }

    #[test]
    fn a_wake_schedules_an_idle_task_and_leads_to_one_poll_in_every_other_state() {
        for by_value in [false, true] {
            for stage in STAGES.into_iter().filter(|&stage| stage != Stage::Born) {
                let (rig, did) = act_in(stage, move |_, waker| {
                    let waker = waker.expect("it was polled");
                    if by_value { waker.wake() } else { waker.wake_by_ref() }
                });
                let schedules = u32::from(stage == Stage::Idle);
                assert_eq!(did, Counts { schedules, ..NOTHING }, "{stage:?} by value {by_value}");
                rig.run_all();
                let polls = u32::from(stage != Stage::Complete);
                assert_eq!(rig.did(), Counts { polls, ..NOTHING }, "{stage:?} by value {by_value}");
                assert!(rig.word().contains("references: 0"), "{stage:?}: {}", rig.word());
            }
        }
    }

    #[test]
    fn a_hundred_wakes_in_any_state_lead_to_one_poll() {
        for stage in STAGES.into_iter().filter(|&stage| stage != Stage::Born) {
            let (rig, did) = act_in(stage, |_, waker| {
                let waker = waker.expect("it was polled");
                for _ in 0..50 {
                    waker.wake_by_ref();
                    let clone = waker.clone();
                    clone.wake();
                }
            });
            assert_eq!(did.schedules, u32::from(stage == Stage::Idle), "{stage:?}");
            rig.run_all();
            assert_eq!(rig.did().polls, u32::from(stage != Stage::Complete), "{stage:?}");
        }
    }

    #[test]
    fn a_wake_of_itself_does_not_touch_the_word() {
        let rig = Rig::new();
        let desk = rig.0.clone();
        rig.step(move |cx| {
            let word = desk.word();
            cx.waker().wake_by_ref();
            assert_eq!(desk.word(), word);
            let clone = cx.waker().clone();
            assert_ne!(desk.word(), word, "the clone is counted");
            clone.wake_by_ref();
            clone.wake();
            assert_eq!(desk.word(), word, "only the reference is given up");
            Poll::Pending
        });
        let word = rig.word();
        assert_eq!(rig.run(), End::Woken);
        assert_eq!(rig.word(), word);
        // Not even kept: it was never idle.
        assert_eq!(rig.did(), Counts { polls: 1, ..NOTHING });
        // The wake is used up by the poll that follows.
        assert_eq!(rig.run(), End::Idle);
        assert_eq!(rig.did(), Counts { polls: 1, kept: 1, ..NOTHING });
    }

    #[test]
    fn a_wake_of_itself_before_it_is_ready_does_nothing() {
        let rig = Rig::new();
        let desk = rig.0.clone();
        rig.step(move |cx| {
            cx.waker().wake_by_ref();
            Poll::Ready(Output(desk))
        });
        assert_eq!(rig.run(), End::Complete);
        assert_eq!(rig.did(), Counts { polls: 1, future_drops: 1, ..NOTHING });
        // Nor does it cling to the thread and to the next task that it polls.
        let next = Rig::new();
        assert_eq!(next.run(), End::Idle);
    }

    #[test]
    fn a_wake_of_another_task_during_a_poll_schedules_only_that_one() {
        for by_value in [false, true] {
            let (waking, woken) = (Rig::new(), Rig::new());
            let waker = woken.poll_for_waker();
            let desk = waking.0.clone();
            waking.step(move |_| {
                let word = desk.word();
                if by_value {
                    waker.wake()
                } else {
                    waker.wake_by_ref()
                }
                assert_eq!(desk.word(), word);
                Poll::Pending
            });
            woken.did();
            assert_eq!(waking.run(), End::Idle);
            assert_eq!(woken.did(), Counts { schedules: 1, ..NOTHING });
            assert_eq!(waking.did(), Counts { polls: 1, kept: 1, ..NOTHING });
        }
    }

    #[test]
    fn a_task_that_is_polled_within_a_poll_has_a_scope_of_its_own() {
        for outer_wakes_itself in [false, true] {
            for inner_wakes_itself in [false, true] {
                let (outer, inner) = (Rig::new(), Rig::new());
                inner.step(move |cx| {
                    if inner_wakes_itself {
                        cx.waker().wake_by_ref();
                    }
                    Poll::Pending
                });
                let (desk, inner_desk) = (outer.0.clone(), inner.0.clone());
                outer.step(move |cx| {
                    if outer_wakes_itself {
                        cx.waker().wake_by_ref();
                    }
                    let word = desk.word();
                    let end = inner_desk.run();
                    assert_eq!(end, if inner_wakes_itself { End::Woken } else { End::Idle });
                    assert_eq!(desk.word(), word);
                    Poll::Pending
                });
                assert_eq!(outer.run(), if outer_wakes_itself { End::Woken } else { End::Idle });
            }
        }
    }

    #[test]
    fn a_task_that_is_woken_by_one_polled_within_it_is_polled_again() {
        let (outer, inner) = (Rig::new(), Rig::new());
        let inner_desk = inner.0.clone();
        outer.step(move |cx| {
            let waker = cx.waker().clone();
            inner_desk.step(move |_| {
                waker.wake();
                Poll::Pending
            });
            assert_eq!(inner_desk.run(), End::Idle);
            Poll::Pending
        });
        assert_eq!(outer.run(), End::Woken);
        assert_eq!(outer.run(), End::Idle);
        assert_eq!(outer.did(), Counts { polls: 2, kept: 1, ..NOTHING });
    }

    #[test]
    fn a_wake_from_the_destructor_of_the_future_does_nothing() {
        for abort in [false, true] {
            let rig = Rig::new();
            let waker = rig.poll_for_waker();
            waker.wake_by_ref();
            rig.step_ready();
            if abort {
                rig.handle.lock().as_ref().expect("it is there").abort();
            }
            *rig.on_future_drop.lock() = Some(Box::new(move || {
                waker.wake_by_ref();
                waker.wake();
            }));
            rig.did();
            assert_eq!(rig.run(), End::Complete);
            let polls = u32::from(!abort);
            let expected = Counts { polls, forgotten: 1, future_drops: 1, ..NOTHING };
            assert_eq!(rig.did(), expected);
            assert_eq!(rig.result().is_ok(), !abort);
        }
    }

    #[test]
    fn a_future_that_owns_its_own_waker_is_freed() {
        let rig = Rig::new();
        let waker = rig.poll_for_waker();
        waker.wake_by_ref();
        // The step is the future's, as are all that are still to come.
        *rig.on_future_drop.lock() = Some(Box::new(move || drop(waker)));
        drop(rig.take_handle());
        rig.step_ready();
        assert_eq!(rig.run(), End::Complete);
        let counts = rig.did();
        assert_eq!((counts.future_drops, counts.output_drops, counts.frees), (1, 1, 1));
    }

    /// The two ways to abort.
    fn abort(desk: &Desk, by_abort_handle: bool) {
        let handle = desk.handle.lock();
        let handle = handle.as_ref().expect("the handle is there");
        if by_abort_handle { handle.abort_handle().abort() } else { handle.abort() }
    }

    #[test]
    fn an_abort_drops_the_future_in_the_next_run_and_never_where_it_is_called() {
        for by_abort_handle in [false, true] {
            for times in [1, 2] {
                for stage in STAGES {
                    let (rig, did) = act_in(stage, move |desk, _| {
                        (0..times).for_each(|_| abort(desk, by_abort_handle));
                    });
                    let schedules = u32::from(stage == Stage::Idle);
                    assert_eq!(did, Counts { schedules, ..NOTHING }, "{stage:?}");
                    let complete = stage == Stage::Complete;
                    assert_eq!(rig.is_scheduled(), !complete, "{stage:?}");
                    rig.did();
                    rig.run_all();
                    let forgotten = u32::from(stage != Stage::Born && !complete);
                    let future_drops = u32::from(!complete);
                    let expected = Counts { forgotten, future_drops, ..NOTHING };
                    assert_eq!(rig.did(), expected, "{stage:?}");
                    match rig.result() {
                        Ok(_) => assert!(complete, "{stage:?}"),
                        Err(error) => assert!(error.is_cancelled() && !complete, "{stage:?}"),
                    }
                }
            }
        }
    }

    #[test]
    fn an_abort_during_the_last_poll_leaves_the_output() {
        for by_abort_handle in [false, true] {
            let rig = Rig::new();
            let desk = rig.0.clone();
            rig.step(move |_| {
                abort(&desk, by_abort_handle);
                Poll::Ready(Output(desk))
            });
            assert_eq!(rig.run(), End::Complete);
            assert!(rig.word().contains("cancelled: true"), "{}", rig.word());
            assert!(rig.result().is_ok());
        }
    }

    #[test]
    fn an_aborted_task_that_is_woken_is_still_not_polled() {
        let rig = Rig::new();
        let waker = rig.poll_for_waker();
        abort(&rig, false);
        waker.wake_by_ref();
        rig.did();
        rig.run_all();
        assert_eq!(rig.did(), Counts { forgotten: 1, future_drops: 1, ..NOTHING });
        waker.wake();
        assert_eq!(rig.did(), NOTHING);
    }

    #[test]
    fn a_dropped_handle_leaves_the_task_to_itself_in_every_state() {
        for stage in STAGES {
            let (rig, did) = act_in(stage, |desk, waker| {
                // The handle alone: the waker goes later.
                let handle = desk.take_handle();
                drop(waker);
                drop(handle);
            });
            if stage == Stage::Complete {
                assert_eq!(did, Counts { output_drops: 1, frees: 1, ..NOTHING });
                continue;
            }
            assert_eq!(did, NOTHING, "{stage:?}");
            if !rig.is_scheduled() {
                assert_eq!(rig.did(), NOTHING);
                // Nobody refers to it any more; only the registry can find it.
                let task = rig.cancel_kept().expect("the task is idle");
                rig.put(task);
                rig.cancel_queued();
                let expected = Counts { forgotten: 1, future_drops: 1, frees: 1, ..NOTHING };
                assert_eq!(rig.did(), expected, "{stage:?}");
                continue;
            }
            rig.step_ready();
            rig.run_all();
            let forgotten = u32::from(stage != Stage::Born);
            let expected = Counts {
                polls: 1,
                forgotten,
                future_drops: 1,
                output_drops: 1,
                frees: 1,
                ..NOTHING
            };
            assert_eq!(rig.did(), expected, "{stage:?}");
        }
    }

    #[test]
    fn the_future_is_gone_before_the_output_can_be_seen() {
        let rig = Rig::new();
        let (desk, finished) = (rig.0.clone(), Arc::new(AtomicU32::new(2)));
        let seen = finished.clone();
        *rig.on_future_drop.lock() = Some(Box::new(move || {
            let handle = desk.handle.lock();
            let handle = handle.as_ref().expect("the handle is there");
            seen.store(u32::from(handle.is_finished()), Ordering::Relaxed);
        }));
        rig.step_ready();
        assert_eq!(rig.run(), End::Complete);
        assert_eq!(finished.load(Ordering::Relaxed), 0);
        assert!(rig.handle.lock().as_ref().is_some_and(JoinHandle::is_finished));
    }

    /// How the task ends in the orders below.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Ending {
        Output,
        Panic,
        Cancelled,
    }

    /// All orders of `count` things.
    fn orders(count: usize) -> Vec<Vec<usize>> {
        let mut orders = vec![Vec::new()];
        for item in 0..count {
            let longer = orders.into_iter().flat_map(|order: Vec<usize>| {
                (0..=order.len()).map(move |place| {
                    let mut order = order.clone();
                    order.insert(place, item);
                    order
                })
            });
            orders = longer.collect();
        }
        orders
    }

    #[test]
    fn in_every_order_of_the_last_rights_the_last_one_frees_the_task() {
        for ending in [Ending::Output, Ending::Panic, Ending::Cancelled] {
            for registered in [false, true] {
                for order in orders(5) {
                    let rig = Rig::new();
                    let waker = rig.poll_for_waker();
                    match ending {
                        Ending::Output => rig.step_ready(),
                        Ending::Panic => rig.step(|_| std::panic::resume_unwind(Box::new(1))),
                        Ending::Cancelled => abort(&rig, false),
                    }
                    waker.wake_by_ref();
                    if registered {
                        assert!(rig.poll_handle(Waker::noop()).is_pending());
                    }
                    let mut waker = Some(waker);
                    let mut other_waker = waker.clone();
                    let mut abort_handle =
                        rig.handle.lock().as_ref().map(|handle| handle.abort_handle());
                    for (done, right) in order.iter().enumerate() {
                        assert_eq!(rig.did().frees, 0, "{ending:?}, {order:?} at {done}");
                        match right {
                            0 => assert_eq!(rig.run(), End::Complete),
                            1 => drop(rig.take_handle()),
                            2 => drop(waker.take()),
                            3 => other_waker.take().expect("it is there").wake(),
                            _ => drop(abort_handle.take()),
                        }
                    }
                    assert_eq!(rig.did().frees, 1, "{ending:?}, {order:?}");
                }
            }
        }
    }

    #[test]
    fn a_task_whose_result_was_taken_is_freed_with_its_last_waker() {
        for by_value in [false, true] {
            let (_rig, did) = act_in(Stage::Complete, move |desk, waker| {
                drop(desk.result());
                let waker = waker.expect("it was polled");
                waker.wake_by_ref();
                drop(waker.clone());
                assert_eq!(desk.did(), Counts { output_drops: 1, ..NOTHING });
                if by_value { waker.wake() } else { drop(waker) }
            });
            assert_eq!(did, Counts { frees: 1, ..NOTHING });
        }
    }

    #[test]
    fn an_abort_handle_of_a_task_that_is_over_does_nothing_but_keep_it() {
        let rig = Rig::new();
        let abort_handle = rig.handle.lock().as_ref().map(|handle| handle.abort_handle());
        let abort_handle = abort_handle.expect("the handle is there");
        assert!(!abort_handle.is_finished());
        rig.step_ready();
        assert_eq!(rig.run(), End::Complete);
        drop(rig.result());
        rig.did();
        assert!(abort_handle.is_finished());
        abort_handle.clone().abort();
        assert_eq!(rig.did(), NOTHING);
        drop(abort_handle);
        assert_eq!(rig.did(), Counts { frees: 1, ..NOTHING });
    }

    #[test]
    fn a_future_that_aborts_itself_is_dropped_after_its_poll() {
        let rig = Rig::new();
        let desk = rig.0.clone();
        rig.step(move |_| {
            abort(&desk, true);
            assert_eq!(desk.did(), Counts { polls: 1, ..NOTHING });
            Poll::Pending
        });
        assert_eq!(rig.run(), End::Woken);
        assert_eq!(rig.did(), NOTHING);
        assert_eq!(rig.run(), End::Complete);
        assert_eq!(rig.did(), Counts { future_drops: 1, ..NOTHING });
        assert!(rig.result().is_err_and(|error| error.is_cancelled()));
    }

    #[test]
    fn a_future_that_drops_its_own_handle_goes_on() {
        let rig = Rig::new();
        let desk = rig.0.clone();
        rig.step(move |cx| {
            drop(desk.take_handle());
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        rig.step_ready();
        assert_eq!(rig.run(), End::Woken);
        assert_eq!(rig.run(), End::Complete);
        let expected = Counts { polls: 2, future_drops: 1, output_drops: 1, frees: 1, ..NOTHING };
        assert_eq!(rig.did(), expected);
    }

    fn take(rig: &Rig) -> Runnable {
        rig.queue.lock().take().expect("the task is scheduled")
    }

    #[test]
    fn a_runnable_that_is_dropped_cancels_its_task() {
        let rig = Rig::new();
        drop(take(&rig));
        assert_eq!(rig.did(), Counts { future_drops: 1, ..NOTHING });
        assert!(rig.result().is_err_and(|error| error.is_cancelled()));
        assert_eq!(rig.did(), Counts { frees: 1, ..NOTHING });
    }

    #[test]
    fn a_runnable_that_is_dropped_after_the_handle_frees_its_task() {
        let rig = Rig::new();
        drop(rig.take_handle());
        drop(take(&rig));
        assert_eq!(rig.did(), Counts { future_drops: 1, frees: 1, ..NOTHING });
    }

    #[test]
    fn a_runnable_that_is_dropped_after_a_yield_cancels_its_task() {
        let rig = Rig::new();
        rig.step(|cx| {
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        assert_eq!(rig.run(), End::Woken);
        drop(take(&rig));
        assert_eq!(rig.did(), Counts { polls: 1, future_drops: 1, ..NOTHING });
    }

    #[test]
    fn a_runnable_can_be_cancelled_by_its_owner() {
        for kept in [false, true] {
            let rig = Rig::new();
            let waker = kept.then(|| rig.poll_for_waker());
            waker.iter().for_each(Waker::wake_by_ref);
            rig.did();
            rig.cancel_queued();
            let forgotten = u32::from(kept);
            assert_eq!(rig.did(), Counts { forgotten, future_drops: 1, ..NOTHING });
            assert!(rig.result().is_err_and(|error| error.is_cancelled()));
        }
    }

    #[test]
    fn a_task_is_kept_once_before_it_is_idle_and_forgotten_once_before_it_is_over() {
        let rig = Rig::new();
        rig.step(|cx| {
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        assert_eq!(rig.run(), End::Woken);
        assert_eq!(rig.did(), Counts { polls: 1, ..NOTHING });
        let waker = rig.poll_for_waker();
        assert_eq!(rig.did(), Counts { polls: 1, kept: 1, ..NOTHING });
        for _ in 0..3 {
            waker.wake_by_ref();
            assert_eq!(rig.run(), End::Idle);
        }
        assert_eq!(rig.did(), Counts { polls: 3, schedules: 3, ..NOTHING });
        waker.wake();
        rig.step_ready();
        assert_eq!(rig.run(), End::Complete);
        let expected = Counts { polls: 1, schedules: 1, forgotten: 1, future_drops: 1, ..NOTHING };
        assert_eq!(rig.did(), expected);
    }

    #[test]
    fn the_registry_gets_the_right_to_run_an_idle_task_only() {
        for stage in [Stage::Idle, Stage::Scheduled, Stage::Polled, Stage::PolledElsewhere] {
            let (rig, did) = act_in(stage, move |desk, _| {
                let task = desk.cancel_kept();
                assert_eq!(task.is_some(), stage == Stage::Idle, "{stage:?}");
                task.into_iter().for_each(|task| desk.put(task));
            });
            assert_eq!(did, NOTHING, "{stage:?}");
            rig.did();
            rig.run_all();
            let expected = Counts { forgotten: 1, future_drops: 1, ..NOTHING };
            assert_eq!(rig.did(), expected, "{stage:?}");
            assert!(rig.result().is_err_and(|error| error.is_cancelled()), "{stage:?}");
        }
    }
}

mod join {
    use super::rig::{Desk, End, NOTHING, Output, Rig};
    use crate::sync::Mutex;
    use std::mem::ManuallyDrop;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
    use std::sync::Arc;
    use std::task::{Poll, RawWaker, RawWakerVTable, Waker};

    /// What was done to a waker and its clones.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    struct Uses {
        clones: u32,
        wakes: u32,
        /// Those by `wake` included.
        drops: u32,
    }

    type Hook = Mutex<Option<Box<dyn FnOnce() + Send>>>;

    /// The data of a waker that counts; each hook is called once, and may panic.
    #[derive(Default)]
    struct Tally {
        uses: Mutex<Uses>,
        on_clone: Hook,
        on_wake: Hook,
        on_drop: Hook,
    }

    impl Tally {
        fn new() -> (Arc<Self>, Waker) {
            let tally = Arc::new(Self::default());
            let waker = tally.waker();
            (tally, waker)
        }

        /// A waker that is not counted as a clone.
        #[allow(unsafe_code, reason = "only a table of one's own counts the clones")]
        fn waker(self: &Arc<Self>) -> Waker {
            // SAFETY: the functions of `TABLE` keep the contract: a waker is one count of the
            // `Arc`, and `Tally` is `Send` and `Sync`.
            unsafe { Waker::from_raw(raw(self.clone())) }
        }

        fn uses(&self) -> Uses {
            *self.uses.lock()
        }

        /// How many wakers there are, those given out by `waker` included.
        fn wakers(self: &Arc<Self>) -> usize {
            Arc::strong_count(self) - 1
        }
    }

    fn set(hook: &Hook, f: impl FnOnce() + Send + 'static) {
        *hook.lock() = Some(Box::new(f));
    }

    fn call(hook: &Hook) {
        let hook = hook.lock().take();
        if let Some(hook) = hook {
            hook();
        }
    }

    static TABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

    fn raw(tally: Arc<Tally>) -> RawWaker {
        RawWaker::new(Arc::into_raw(tally).cast(), &TABLE)
    }

    /// The waker's count.
    ///
    /// # Safety
    ///
    /// `data` comes from `raw`, and the count passes to the result.
    #[allow(unsafe_code, reason = "the waker's table")]
    unsafe fn tally(data: *const ()) -> Arc<Tally> {
        // SAFETY: `raw` made the pointer from such an `Arc`.
        unsafe { Arc::from_raw(data.cast()) }
    }

    #[allow(unsafe_code, reason = "the waker's table")]
    unsafe fn clone(data: *const ()) -> RawWaker {
        // SAFETY: the table is used with `raw`'s data only; the count stays the waker's.
        let tally = ManuallyDrop::new(unsafe { tally(data) });
        call(&tally.on_clone);
        tally.uses.lock().clones += 1;
        raw(Arc::clone(&tally))
    }

    #[allow(unsafe_code, reason = "the waker's table")]
    unsafe fn wake(data: *const ()) {
        // SAFETY: the table is used with `raw`'s data only, and this consumes the waker.
        let tally = unsafe { tally(data) };
        tally.uses.lock().wakes += 1;
        tally.uses.lock().drops += 1;
        call(&tally.on_wake);
    }

    #[allow(unsafe_code, reason = "the waker's table")]
    unsafe fn wake_by_ref(data: *const ()) {
        // SAFETY: the table is used with `raw`'s data only; the count stays the waker's.
        let tally = ManuallyDrop::new(unsafe { tally(data) });
        tally.uses.lock().wakes += 1;
        call(&tally.on_wake);
    }

    #[allow(unsafe_code, reason = "the waker's table")]
    unsafe fn drop_waker(data: *const ()) {
        // SAFETY: the table is used with `raw`'s data only, and this consumes the waker.
        let tally = unsafe { tally(data) };
        tally.uses.lock().drops += 1;
        call(&tally.on_drop);
    }

    /// The ways in which a task comes to its end.
    const ENDS: [fn(&Rig); 4] = [
        |rig| {
            rig.step_ready();
            assert_eq!(rig.run(), End::Complete);
        },
        |rig| {
            rig.step(|_| resume_unwind(Box::new(1)));
            assert_eq!(rig.run(), End::Complete);
        },
        |rig| {
            rig.handle.lock().as_ref().expect("it is there").abort();
            assert_eq!(rig.run(), End::Complete);
        },
        |rig| drop(rig.queue.lock().take()),
    ];

    #[test]
    fn a_join_waker_is_cloned_once_and_woken_once_at_every_end() {
        for end in ENDS {
            let rig = Rig::new();
            let (tally, waker) = Tally::new();
            assert!(rig.poll_handle(&waker).is_pending());
            assert_eq!(tally.uses(), Uses { clones: 1, wakes: 0, drops: 0 });
            assert!(rig.word().contains("join_waker: true"), "{}", rig.word());
            end(&rig);
            assert_eq!(tally.uses(), Uses { clones: 1, wakes: 1, drops: 1 });
            assert!(rig.word().contains("join_waker: false"), "{}", rig.word());
            // A result that is there needs no waker.
            assert!(rig.poll_handle(&waker).is_ready());
            assert_eq!(tally.uses(), Uses { clones: 1, wakes: 1, drops: 1 });
        }
    }

    #[test]
    fn a_join_waker_that_is_there_already_is_not_cloned_again() {
        let rig = Rig::new();
        let (tally, waker) = Tally::new();
        let word = {
            assert!(rig.poll_handle(&waker).is_pending());
            rig.word()
        };
        for waker in [&waker, &tally.waker(), &waker] {
            assert!(rig.poll_handle(waker).is_pending());
            assert_eq!(rig.word(), word);
        }
        assert_eq!(tally.uses().clones, 1);
        assert_eq!((tally.uses().wakes, tally.wakers()), (0, 2));
    }

    #[test]
    fn another_join_waker_takes_the_place_of_the_first() {
        let rig = Rig::new();
        let (first, first_waker) = Tally::new();
        let (second, second_waker) = Tally::new();
        assert!(rig.poll_handle(&first_waker).is_pending());
        assert!(rig.poll_handle(&second_waker).is_pending());
        assert_eq!(first.uses(), Uses { clones: 1, wakes: 0, drops: 1 });
        assert!(rig.poll_handle(&first_waker).is_pending());
        assert_eq!(first.uses(), Uses { clones: 2, wakes: 0, drops: 1 });
        assert_eq!(second.uses(), Uses { clones: 1, wakes: 0, drops: 1 });
        rig.step_ready();
        assert_eq!(rig.run(), End::Complete);
        assert_eq!(first.uses(), Uses { clones: 2, wakes: 1, drops: 2 });
        assert_eq!(second.uses().wakes, 0);
        assert!(rig.result().is_ok());
    }

    #[test]
    fn the_handle_drops_its_waker_unwoken() {
        for idle in [false, true] {
            let rig = Rig::new();
            let task_waker = idle.then(|| rig.poll_for_waker());
            let (tally, waker) = Tally::new();
            assert!(rig.poll_handle(&waker).is_pending());
            drop(rig.take_handle());
            assert_eq!(tally.uses(), Uses { clones: 1, wakes: 0, drops: 1 });
            rig.step_ready();
            task_waker.into_iter().for_each(Waker::wake);
            assert_eq!(rig.run(), End::Complete);
            assert_eq!(tally.uses().wakes, 0);
            assert_eq!(rig.did().frees, 1);
        }
    }

    #[test]
    fn the_handle_may_be_dropped_by_the_wake_of_its_waker() {
        for end in ENDS {
            let rig = Rig::new();
            let (tally, waker) = Tally::new();
            assert!(rig.poll_handle(&waker).is_pending());
            let desk = rig.0.clone();
            set(&tally.on_wake, move || {
                assert_eq!(desk.did().frees, 0);
                drop(desk.take_handle());
                assert_eq!(desk.did().frees, 1);
            });
            end(&rig);
            assert_eq!(tally.uses().wakes, 1);
            assert_eq!(rig.did(), NOTHING);
        }
    }

    #[test]
    fn the_result_may_be_taken_by_the_wake_of_the_join_waker() {
        let rig = Rig::new();
        let (tally, waker) = Tally::new();
        assert!(rig.poll_handle(&waker).is_pending());
        let desk = rig.0.clone();
        set(&tally.on_wake, move || assert!(desk.result().is_ok()));
        rig.step_ready();
        assert_eq!(rig.run(), End::Complete);
        let counts = rig.did();
        assert_eq!((counts.output_drops, counts.frees), (1, 1));
    }

    /// Completes a scheduled task, with its output.
    fn complete(desk: &Arc<Desk>) {
        let own = desk.clone();
        desk.step(move |_| Poll::Ready(Output(own)));
        assert_eq!(desk.run(), End::Complete);
    }

    #[test]
    fn a_task_that_completes_while_the_join_waker_is_cloned_is_ready() {
        for registered in [false, true] {
            let rig = Rig::new();
            let (first, first_waker) = Tally::new();
            if registered {
                assert!(rig.poll_handle(&first_waker).is_pending());
            }
            let (tally, waker) = Tally::new();
            let desk = rig.0.clone();
            set(&tally.on_clone, move || complete(&desk));
            assert!(rig.poll_handle(&waker).is_ready());
            assert_eq!(tally.uses(), Uses { clones: 1, wakes: 0, drops: 1 });
            // The one that was registered is woken for nothing, but it is not lost.
            assert_eq!(first.uses().wakes, u32::from(registered));
            assert_eq!(first.wakers(), 1);
        }
    }

    #[test]
    fn a_task_that_completes_while_the_old_join_waker_is_dropped_wakes_the_new() {
        let rig = Rig::new();
        let (old, old_waker) = Tally::new();
        assert!(rig.poll_handle(&old_waker).is_pending());
        let desk = rig.0.clone();
        set(&old.on_drop, move || complete(&desk));
        let (new, new_waker) = Tally::new();
        assert!(rig.poll_handle(&new_waker).is_pending());
        assert_eq!(old.uses(), Uses { clones: 1, wakes: 0, drops: 1 });
        assert_eq!(new.uses(), Uses { clones: 1, wakes: 1, drops: 1 });
        assert!(rig.result().is_ok());
    }

    #[test]
    fn a_task_that_completes_while_its_handle_drops_the_join_waker_is_freed() {
        let rig = Rig::new();
        let (tally, waker) = Tally::new();
        assert!(rig.poll_handle(&waker).is_pending());
        let desk = rig.0.clone();
        set(&tally.on_drop, move || complete(&desk));
        drop(rig.take_handle());
        assert_eq!(tally.uses(), Uses { clones: 1, wakes: 0, drops: 1 });
        let counts = rig.did();
        assert_eq!((counts.output_drops, counts.frees), (1, 1));
    }

    #[test]
    fn a_join_waker_that_panics_when_it_is_cloned_leaves_the_handle_as_it_was() {
        for registered in [false, true] {
            let rig = Rig::new();
            let (first, first_waker) = Tally::new();
            if registered {
                assert!(rig.poll_handle(&first_waker).is_pending());
            }
            let (tally, waker) = Tally::new();
            set(&tally.on_clone, || resume_unwind(Box::new("clone")));
            let mut handle = rig.take_handle();
            let handle_word = format!("{handle:?}");
            let poll = catch_unwind(AssertUnwindSafe(|| {
                let mut cx = std::task::Context::from_waker(&waker);
                std::future::Future::poll(std::pin::Pin::new(&mut handle), &mut cx)
            }));
            let payload = poll.err().expect("the panic passes through to who made the waker");
            assert_eq!(payload.downcast_ref(), Some(&"clone"));
            assert_eq!(format!("{handle:?}"), handle_word);
            *rig.handle.lock() = Some(handle);
            assert_eq!((first.uses().drops, tally.wakers()), (0, 1));
            assert!(rig.poll_handle(&waker).is_pending());
            complete(&rig);
            assert_eq!((first.uses().wakes, tally.uses().wakes), (0, 1));
        }
    }

    #[test]
    fn a_join_waker_that_panics_when_it_is_woken_or_dropped_harms_nobody() {
        let rig = Rig::new();
        let (dropped, waker) = Tally::new();
        assert!(rig.poll_handle(&waker).is_pending());
        set(&dropped.on_drop, || resume_unwind(Box::new("drop")));
        let (woken, waker) = Tally::new();
        assert!(rig.poll_handle(&waker).is_pending());
        assert_eq!((dropped.uses().drops, dropped.wakers()), (1, 1));
        set(&woken.on_wake, || resume_unwind(Box::new("wake")));
        complete(&rig);
        assert_eq!(woken.uses().wakes, 1);
        assert!(rig.result().is_ok());

        let rig = Rig::new();
        let (dropped, waker) = Tally::new();
        assert!(rig.poll_handle(&waker).is_pending());
        set(&dropped.on_drop, || resume_unwind(Box::new("drop")));
        drop(rig.take_handle());
        assert_eq!((dropped.uses().drops, dropped.wakers()), (1, 1));
    }

    #[test]
    #[should_panic(expected = "JoinHandle polled after completion")]
    fn a_handle_that_gave_its_result_must_not_be_polled() {
        let rig = Rig::new();
        rig.step_ready();
        assert_eq!(rig.run(), End::Complete);
        let mut handle = rig.take_handle();
        let mut cx = std::task::Context::from_waker(Waker::noop());
        let mut poll = || std::future::Future::poll(std::pin::Pin::new(&mut handle), &mut cx);
        assert!(poll().is_ready());
        let _ = poll();
    }

    #[test]
    fn a_handle_that_gave_its_result_is_finished_and_aborts_nothing() {
        let rig = Rig::new();
        rig.step_ready();
        assert_eq!(rig.run(), End::Complete);
        let mut handle = rig.take_handle();
        let mut cx = std::task::Context::from_waker(Waker::noop());
        assert!(std::future::Future::poll(std::pin::Pin::new(&mut handle), &mut cx).is_ready());
        assert!(handle.is_finished());
        handle.abort();
        let abort_handle = handle.abort_handle();
        abort_handle.abort();
        assert!(abort_handle.is_finished());
        assert_eq!(abort_handle.id(), handle.id());
        assert!(format!("{handle:?}").contains("state: \"joined\""));
    }
}

mod panics {
    use super::rig::{Counts, End, NOTHING, Output, Rig};
    use crate::sync::Mutex;
    use crate::task::PanicReporter;
    use crate::task::panic::Hook;
    use crate::task::panic::discard;
    use std::any::Any;
    use std::cell::Cell;
    use std::panic::resume_unwind;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::{Poll, Waker};

    /// What a panic carries here; its destructor may panic with another one, and so on.
    struct Payload {
        name: &'static str,
        /// How many more come out of it.
        more: u32,
        alive: Arc<AtomicU32>,
    }

    impl Payload {
        fn new(name: &'static str, more: u32, alive: &Arc<AtomicU32>) -> Self {
            alive.fetch_add(1, Ordering::Relaxed);
            Self { name, more, alive: alive.clone() }
        }

        /// Panics with it, without a message on the terminal.
        fn throw(self) -> ! {
            resume_unwind(Box::new(self))
        }

        fn name(payload: &(dyn Any + Send)) -> &'static str {
            payload.downcast_ref::<Self>().expect("only these are thrown").name
        }
    }

    impl Drop for Payload {
        fn drop(&mut self) {
            self.alive.fetch_sub(1, Ordering::Relaxed);
            if self.more > 0 && !std::thread::panicking() {
                Self::new("of a payload", self.more - 1, &self.alive).throw();
            }
        }
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Ending {
        Ready,
        Panics,
        Cancelled,
    }

    /// What becomes of the handle.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Handle {
        DroppedBefore,
        DroppedAfter,
        Awaited,
    }

    #[derive(Clone, Copy, Debug)]
    struct Case {
        ending: Ending,
        handle: Handle,
        future_drop_panics: bool,
        output_drop_panics: bool,
        /// How many panics come out of each payload.
        more: u32,
        hook_panics: bool,
    }

    impl Case {
        fn all() -> impl Iterator<Item = Self> {
            let endings = [Ending::Ready, Ending::Panics, Ending::Cancelled];
            let handles = [Handle::DroppedBefore, Handle::DroppedAfter, Handle::Awaited];
            endings.into_iter().flat_map(move |ending| {
                handles.into_iter().flat_map(move |handle| {
                    (0..24).map(move |bits| Self {
                        ending,
                        handle,
                        future_drop_panics: bits & 1 != 0,
                        output_drop_panics: bits & 2 != 0,
                        hook_panics: bits & 4 != 0,
                        more: bits / 8,
                    })
                })
            })
        }

        /// The panic that is the task's outcome.
        fn outcome(self) -> Option<&'static str> {
            match self.ending {
                Ending::Panics => Some("poll"),
                _ => self.future_drop_panics.then_some("future"),
            }
        }

        /// The panic that a worker meets and that is nobody's outcome.
        fn beside_the_outcome(self) -> Option<&'static str> {
            let gone = self.handle == Handle::DroppedBefore;
            match (self.ending, self.future_drop_panics) {
                (Ending::Panics, true) => Some("future"),
                (Ending::Ready, future) if future || gone => {
                    self.output_drop_panics.then_some("output")
                }
                _ => None,
            }
        }

        fn check(self) {
            let alive = Arc::new(AtomicU32::new(0));
            let heard = Arc::new(Mutex::new(Vec::new()));
            let (own, hook_alive) = (heard.clone(), alive.clone());
            let hook: Hook = Box::new(move |payload| {
                own.lock().push(Payload::name(payload));
                if self.hook_panics {
                    Payload::new("hook", self.more, &hook_alive).throw();
                }
            });
            let reporter = Arc::new(PanicReporter::new(Some(hook)));
            let rig = Rig::reporting(Some(reporter.clone()));
            self.prepare(&rig, &alive);
            rig.did();
            if self.handle == Handle::DroppedBefore {
                drop(rig.take_handle());
            }
            assert_eq!(rig.run(), End::Complete);
            match self.handle {
                Handle::DroppedBefore => {}
                Handle::DroppedAfter => drop(rig.take_handle()),
                Handle::Awaited => self.check_result(&rig),
            }
            let happened = u32::from(self.ending == Ending::Ready);
            let expected = Counts {
                polls: u32::from(self.ending != Ending::Cancelled),
                future_drops: 1,
                output_drops: happened,
                frees: 1,
                ..NOTHING
            };
            assert_eq!(rig.did(), expected);
            let outcome = self.outcome().filter(|_| self.handle != Handle::Awaited);
            let unheard: Vec<_> = self.beside_the_outcome().into_iter().chain(outcome).collect();
            assert_eq!(*heard.lock(), unheard);
            assert_eq!(reporter.unhandled(), unheard.len() as u64);
            assert_eq!(alive.load(Ordering::Relaxed), 0, "a payload leaked");
        }

        fn prepare(self, rig: &Rig, alive: &Arc<AtomicU32>) {
            let desk = rig.0.clone();
            let own = alive.clone();
            match self.ending {
                Ending::Ready => rig.step(move |_| Poll::Ready(Output(desk))),
                Ending::Panics => rig.step(move |_| Payload::new("poll", self.more, &own).throw()),
                Ending::Cancelled => rig.handle.lock().as_ref().expect("it is there").abort(),
            }
            if self.future_drop_panics {
                let own = alive.clone();
                *rig.on_future_drop.lock() =
                    Some(Box::new(move || Payload::new("future", self.more, &own).throw()));
            }
            if self.output_drop_panics {
                let own = alive.clone();
                *rig.on_output_drop.lock() =
                    Some(Box::new(move || Payload::new("output", self.more, &own).throw()));
            }
        }

        fn check_result(self, rig: &Rig) {
            let rest = match (self.outcome(), rig.result()) {
                (None, Ok(output)) => {
                    assert_eq!(self.ending, Ending::Ready);
                    discard(output)
                }
                (None, Err(error)) => {
                    assert_eq!(self.ending, Ending::Cancelled);
                    assert!(error.is_cancelled() && !error.is_panic());
                    discard(error)
                }
                (Some(name), Err(error)) => {
                    assert!(error.is_panic() && !error.is_cancelled());
                    if self.hook_panics {
                        // Dropped as a whole, an error keeps the panics of its payload to itself.
                        assert!(discard(error).is_ok());
                        return;
                    }
                    let payload = error.into_panic();
                    assert_eq!(Payload::name(&*payload), name);
                    discard(payload)
                }
                (Some(name), Ok(_)) => panic!("the panic {name} is lost"),
            };
            if let Err(payload) = rest {
                crate::task::panic::discard_payload(payload);
            }
        }
    }

    #[test]
    fn every_combination_of_panics_drops_all_once_and_is_heard_of_once() {
        for case in Case::all() {
            let checked = std::panic::catch_unwind(|| case.check());
            assert!(checked.is_ok(), "{case:?}");
        }
    }

    #[test]
    fn a_panic_in_the_destructor_is_the_outcome_of_a_runnable_that_is_dropped() {
        let alive = Arc::new(AtomicU32::new(0));
        let rig = Rig::new();
        let own = alive.clone();
        *rig.on_future_drop.lock() =
            Some(Box::new(move || Payload::new("future", 1, &own).throw()));
        drop(rig.queue.lock().take());
        let error = rig.result().err().expect("it panicked");
        assert!(error.is_panic());
        drop(error);
        assert_eq!(alive.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_panic_that_the_handle_collected_is_not_reported() {
        let reporter = Arc::new(PanicReporter::new(None));
        let rig = Rig::reporting(Some(reporter.clone()));
        rig.step(|_| resume_unwind(Box::new("poll")));
        assert_eq!(rig.run(), End::Complete);
        let error = rig.result().err().expect("it panicked");
        drop(error);
        assert_eq!(reporter.unhandled(), 0);
    }

    #[test]
    fn a_task_that_panicked_is_not_polled_again() {
        let rig = Rig::new();
        let waker = rig.poll_for_waker();
        waker.wake_by_ref();
        rig.step(|_| resume_unwind(Box::new("poll")));
        assert_eq!(rig.run(), End::Complete);
        rig.did();
        waker.wake();
        assert_eq!(rig.did(), NOTHING);
        assert!(rig.result().is_err_and(|error| error.is_panic()));
    }

    #[test]
    fn a_panic_after_a_wake_of_itself_leaves_nothing_on_the_thread() {
        let rig = Rig::new();
        rig.step(|cx| {
            cx.waker().wake_by_ref();
            resume_unwind(Box::new("poll"))
        });
        assert_eq!(rig.run(), End::Complete);
        let next = Rig::new();
        assert_eq!(next.run(), End::Idle);
    }

    #[test]
    fn an_output_may_own_references_to_its_task() {
        for handle in [Handle::DroppedBefore, Handle::DroppedAfter, Handle::Awaited] {
            let rig = Rig::new();
            let waker = rig.poll_for_waker();
            let abort_handle = rig.handle.lock().as_ref().map(|handle| handle.abort_handle());
            let abort_handle = abort_handle.expect("the handle is there");
            waker.wake_by_ref();
            *rig.on_output_drop.lock() = Some(Box::new(move || {
                abort_handle.abort();
                drop(abort_handle);
                waker.wake_by_ref();
                waker.wake();
            }));
            rig.step_ready();
            rig.did();
            if handle == Handle::DroppedBefore {
                drop(rig.take_handle());
            }
            assert_eq!(rig.run(), End::Complete);
            match handle {
                Handle::DroppedBefore => {}
                Handle::DroppedAfter => drop(rig.take_handle()),
                Handle::Awaited => drop(rig.poll_handle(Waker::noop())),
            }
            let counts = rig.did();
            assert_eq!((counts.schedules, counts.output_drops, counts.frees), (0, 1, 1));
        }
    }

    thread_local! {
        static DROPPED: Cell<u32> = const { Cell::new(0) };
        static MORE: Cell<u32> = const { Cell::new(0) };
    }

    /// A payload without a size, so that leaking its box leaks no memory.
    struct Link;

    impl Drop for Link {
        fn drop(&mut self) {
            DROPPED.set(DROPPED.get() + 1);
            if MORE.get() > 0 && !std::thread::panicking() {
                MORE.set(MORE.get() - 1);
                resume_unwind(Box::new(Self));
            }
        }
    }

    #[test]
    fn an_endless_chain_of_panics_is_given_up_after_sixteen() {
        for length in [1, 2, 15, 16, 17, 1000] {
            DROPPED.set(0);
            MORE.set(length - 1);
            let rig = Rig::new();
            drop(rig.take_handle());
            rig.step(|_| resume_unwind(Box::new(Link)));
            assert_eq!(rig.run(), End::Complete);
            assert_eq!(rig.did().frees, 1);
            assert_eq!(DROPPED.get(), length.min(16));
        }
    }

    #[test]
    fn a_join_error_shows_the_message_of_its_panic() {
        let error_of = |payload: Box<dyn Any + Send>| {
            let rig = Rig::new();
            rig.step(|_| resume_unwind(payload));
            assert_eq!(rig.run(), End::Complete);
            let error = rig.result().err().expect("it panicked");
            (error.id(), error)
        };
        let (id, error) = error_of(Box::new("oh no"));
        assert_eq!(error.to_string(), format!("task {id} panicked with message \"oh no\""));
        assert_eq!(
            format!("{error:?}"),
            format!("JoinError::Panic({id:?} with message \"oh no\")")
        );
        let (id, error) = error_of(Box::new("oh dear".to_owned()));
        assert_eq!(error.to_string(), format!("task {id} panicked with message \"oh dear\""));
        let (id, error) = error_of(Box::new(7));
        assert_eq!(error.to_string(), format!("task {id} panicked"));
        assert_eq!(error.into_panic().downcast_ref(), Some(&7));
    }

    #[test]
    fn a_join_error_of_a_cancelled_task_has_no_panic() {
        let rig = Rig::new();
        drop(rig.queue.lock().take());
        let error = rig.result().err().expect("it was cancelled");
        let id = error.id();
        let error = error.try_into_panic().expect_err("there was no panic");
        assert_eq!(error.to_string(), format!("task {id} was cancelled"));
        assert_eq!(format!("{error:?}"), format!("JoinError::Cancelled({id:?})"));
    }

    #[test]
    #[should_panic(expected = "`JoinError::into_panic` called, but task")]
    fn there_is_no_payload_in_a_cancellation() {
        let rig = Rig::new();
        drop(rig.queue.lock().take());
        let error = rig.result().err().expect("it was cancelled");
        drop(error.into_panic());
    }
}

mod word {
    use crate::task::state::{Complete, Detach, JoinSlot, Pend, Snapshot, State, Wake};
    use std::collections::hash_map::Entry;
    use std::collections::{BTreeSet, HashMap, VecDeque};

    /// What the scheduler's side of a task is about to do.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    enum Run {
        Scheduled,
        /// In a poll.
        Running,
        /// Dropping the future of a cancelled task.
        Cancelling,
        /// It was told that nobody joins, and has dropped the output.
        Unjoined,
        /// It was told to wake the joiner, and has taken the waker.
        WakingJoiner,
        Idle,
        /// It may not touch the task any more.
        Gone,
    }

    /// What the handle is about to do.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    enum Handle {
        Waiting,
        /// It wrote its waker into the slot.
        Offering,
        /// It has emptied the stage of a complete task.
        Releasing,
        Gone,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Op {
        StartRun,
        /// The end of a run in which the task woke itself: does not use the word.
        Yield,
        Pend,
        Complete {
            output: bool,
        },
        CompleteUnjoined,
        ReleaseJoinSlot,
        WakeByRef,
        WakeByVal,
        AddRef,
        DropRef,
        Cancel,
        CancelOwned,
        ClaimJoinSlot,
        OfferJoinWaker,
        Detach,
        /// Moves the output out: does not use the word.
        TakeOutput,
        ReleaseJoin,
    }

    const OPS: [Op; 18] = [
        Op::StartRun,
        Op::Yield,
        Op::Pend,
        Op::Complete { output: false },
        Op::Complete { output: true },
        Op::CompleteUnjoined,
        Op::ReleaseJoinSlot,
        Op::WakeByRef,
        Op::WakeByVal,
        Op::AddRef,
        Op::DropRef,
        Op::Cancel,
        Op::CancelOwned,
        Op::ClaimJoinSlot,
        Op::OfferJoinWaker,
        Op::Detach,
        Op::TakeOutput,
        Op::ReleaseJoin,
    ];

    /// How far the search goes.
    const MOST_REFERENCES: u64 = 2;
    const MOST_WAKES: u64 = 2;

    /// What the word has to be, and where in their protocols its users are.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    struct Model {
        run: Run,
        handle: Handle,
        references: u64,
        wakes: u64,
        complete: bool,
        join_waker: bool,
        cancelled: bool,
        output: bool,
    }

    /// The decoded word: the flags in the order of their bits, references, wakes.
    type Word = ([bool; 5], u64, u64);

    fn decoded(word: Snapshot) -> Word {
        let flags = [
            word.is_complete(),
            word.has_join(),
            word.has_join_waker(),
            word.is_cancelled(),
            word.has_output(),
        ];
        (flags, word.references(), word.wakes())
    }

    impl Model {
        const BORN: Self = Self {
            run: Run::Scheduled,
            handle: Handle::Waiting,
            references: 0,
            wakes: 1,
            complete: false,
            join_waker: false,
            cancelled: false,
            output: false,
        };

        fn word(&self) -> Word {
            let join = self.handle != Handle::Gone;
            let flags = [self.complete, join, self.join_waker, self.cancelled, self.output];
            (flags, self.references, self.wakes)
        }

        /// Whether anybody may still touch the task.
        fn is_reachable(&self) -> bool {
            self.run != Run::Gone || self.handle != Handle::Gone || self.references > 0
        }

        /// Whether somebody has the right to do this now.
        fn allows(&self, op: Op) -> bool {
            let referred = self.references > 0;
            match op {
                Op::StartRun | Op::CancelOwned => self.run == Run::Scheduled,
                Op::Yield | Op::Pend => self.run == Run::Running,
                // A future that was cancelled leaves an outcome if its destructor panics.
                Op::Complete { output } => {
                    self.run == Run::Cancelling || self.run == Run::Running && output
                }
                Op::CompleteUnjoined => self.run == Run::Unjoined,
                Op::ReleaseJoinSlot => self.run == Run::WakingJoiner,
                // The poll's own waker may be lent to another thread.
                Op::WakeByRef => (referred || self.run == Run::Running) && self.wakes < MOST_WAKES,
                Op::WakeByVal => referred && self.wakes < MOST_WAKES,
                Op::AddRef => {
                    // By a reference, the poll's waker, the handle or the registry.
                    let entitled = referred
                        || self.handle == Handle::Waiting
                        || matches!(self.run, Run::Running | Run::Idle);
                    entitled && self.references < MOST_REFERENCES
                }
                Op::DropRef => referred,
                Op::Cancel => {
                    (referred || self.handle == Handle::Waiting) && self.wakes < MOST_WAKES
                }
                Op::ClaimJoinSlot | Op::Detach => self.handle == Handle::Waiting,
                Op::OfferJoinWaker => self.handle == Handle::Offering,
                Op::TakeOutput => self.handle == Handle::Waiting && self.complete,
                Op::ReleaseJoin => self.handle == Handle::Releasing,
            }
        }

        /// Does it to the model and to the word. True: the task is the caller's to free.
        fn apply(&mut self, op: Op, word: &State) -> bool {
            match op {
                Op::StartRun | Op::Yield | Op::Pend => self.apply_to_run(op, word),
                Op::Complete { .. } | Op::CompleteUnjoined | Op::ReleaseJoinSlot => {
                    return self.apply_to_end(op, word);
                }
                Op::WakeByRef | Op::WakeByVal | Op::AddRef | Op::DropRef => {
                    return self.apply_to_reference(op, word);
                }
                Op::Cancel => {
                    let marks = !self.complete && !self.cancelled;
                    let schedules = marks && self.wakes == 0;
                    let expected = if schedules { Wake::Schedule } else { Wake::Nothing };
                    assert_eq!(word.cancel(), expected);
                    self.cancelled |= marks;
                    self.wakes += u64::from(marks);
                    self.scheduled_if(schedules);
                }
                Op::CancelOwned => {
                    word.cancel_owned();
                    self.cancelled = true;
                }
                Op::ClaimJoinSlot
                | Op::OfferJoinWaker
                | Op::Detach
                | Op::TakeOutput
                | Op::ReleaseJoin => return self.apply_to_handle(op, word),
            }
            false
        }

        fn scheduled_if(&mut self, scheduled: bool) {
            if scheduled {
                assert_eq!(self.run, Run::Idle, "a second `Runnable`");
                self.run = Run::Scheduled;
            }
        }

        fn apply_to_run(&mut self, op: Op, word: &State) {
            match op {
                Op::StartRun => {
                    assert_eq!(decoded(word.start_run()), self.word());
                    self.wakes = 1;
                    self.run = if self.cancelled { Run::Cancelling } else { Run::Running };
                }
                Op::Yield => {
                    assert_eq!(word.is_woken_again(), self.wakes > 1);
                    self.run = Run::Scheduled;
                }
                _ => {
                    let idle = self.wakes == 1;
                    let expected = if idle { Pend::Idle } else { Pend::Reschedule };
                    assert_eq!(word.pend(), expected);
                    self.wakes -= 1;
                    self.run = if idle { Run::Idle } else { Run::Scheduled };
                }
            }
        }

        fn apply_to_end(&mut self, op: Op, word: &State) -> bool {
            match op {
                Op::Complete { output } => {
                    let (expected, run) = match (self.handle, self.join_waker) {
                        (Handle::Gone, _) => (Complete::NobodyJoins, Run::Unjoined),
                        (_, true) => (Complete::WakeJoiner, Run::WakingJoiner),
                        (_, false) => (Complete::Done, Run::Gone),
                    };
                    assert_eq!(word.complete(output), expected);
                    self.run = run;
                    if expected != Complete::NobodyJoins {
                        (self.complete, self.output) = (true, output);
                    }
                    false
                }
                Op::CompleteUnjoined => {
                    self.run = Run::Gone;
                    self.complete = true;
                    word.complete_unjoined()
                }
                _ => {
                    self.run = Run::Gone;
                    self.join_waker = false;
                    word.release_join_slot()
                }
            }
        }

        fn apply_to_reference(&mut self, op: Op, word: &State) -> bool {
            if matches!(op, Op::WakeByVal | Op::DropRef) {
                self.references -= 1;
            }
            match op {
                Op::AddRef => {
                    word.add_ref();
                    self.references += 1;
                    false
                }
                Op::DropRef => word.drop_ref(),
                _ => {
                    let schedules = !self.complete && self.wakes == 0;
                    self.wakes += 1;
                    self.scheduled_if(schedules);
                    let by_value = op == Op::WakeByVal;
                    let wake = if by_value { word.wake_by_val() } else { word.wake_by_ref() };
                    assert_eq!(wake == Wake::Schedule, schedules);
                    wake == Wake::Free
                }
            }
        }

        fn apply_to_handle(&mut self, op: Op, word: &State) -> bool {
            match op {
                Op::ClaimJoinSlot => {
                    let expected = match (self.complete, self.join_waker) {
                        (true, _) => JoinSlot::Complete,
                        (false, true) => JoinSlot::Reclaimed,
                        (false, false) => JoinSlot::Free,
                    };
                    assert_eq!(word.claim_join_slot(), expected);
                    if !self.complete {
                        (self.join_waker, self.handle) = (false, Handle::Offering);
                    }
                }
                Op::OfferJoinWaker => {
                    assert_eq!(word.offer_join_waker(), !self.complete);
                    self.join_waker |= !self.complete;
                    self.handle = Handle::Waiting;
                }
                Op::Detach => {
                    let (expected, handle) = match (self.complete, self.join_waker) {
                        (true, _) => (Detach::Complete { output: self.output }, Handle::Releasing),
                        (false, true) => (Detach::TakeWaker, Handle::Waiting),
                        (false, false) => (Detach::Detached, Handle::Gone),
                    };
                    assert_eq!(word.detach(), expected);
                    self.join_waker &= self.complete;
                    self.handle = handle;
                }
                Op::TakeOutput => self.handle = Handle::Releasing,
                _ => {
                    self.handle = Handle::Gone;
                    return word.release_join();
                }
            }
            false
        }
    }

    /// The states that the module's documentation allows.
    fn is_legal(word: Word) -> bool {
        let ([complete, join, join_waker, cancelled, output], references, wakes) = word;
        if !complete {
            // The handle alone offers a waker, there is no output yet, and whoever cancels a task
            // schedules it.
            return (join || !join_waker) && !output && (wakes > 0 || !cancelled);
        }
        // It was in a run, which has one wake. Without output and cancellation it was completed
        // after its handle had gone. What nobody refers to is freed.
        let unjoined = !output && !cancelled;
        wakes > 0 && !(unjoined && (join || join_waker)) && (join || join_waker || references > 0)
    }

    /// A word in the state that this sequence leads to; everything on the way is checked.
    fn replay(path: &[Op]) -> (Model, State) {
        let (mut model, word) = (Model::BORN, State::new());
        for &op in path {
            assert!(!model.apply(op, &word));
        }
        (model, word)
    }

    #[test]
    fn every_transition_of_every_reachable_state_is_as_documented() {
        let mut paths = HashMap::from([(Model::BORN, Vec::new())]);
        let mut open = VecDeque::from([Model::BORN]);
        let mut words = BTreeSet::from([Model::BORN.word()]);
        let mut frees = 0;
        while let Some(before) = open.pop_front() {
            for op in OPS.into_iter().filter(|&op| before.allows(op)) {
                let mut path = paths[&before].clone();
                let (mut model, word) = replay(&path);
                assert_eq!(model, before);
                path.push(op);
                let freed = model.apply(op, &word);
                assert_eq!(
                    freed,
                    !model.is_reachable(),
                    "freed by the last right only: {model:?} after {path:?}"
                );
                if freed {
                    frees += 1;
                    continue;
                }
                assert_eq!(decoded(word.load()), model.word(), "{path:?}");
                assert!(is_legal(model.word()), "{word:?} after {path:?}");
                words.insert(model.word());
                if let Entry::Vacant(entry) = paths.entry(model) {
                    entry.insert(path);
                    open.push_back(model);
                }
            }
        }
        let legal: BTreeSet<_> = (0..32_u32)
            .map(|bits| [1, 2, 4, 8, 16].map(|bit| bits & bit != 0))
            .flat_map(|flags| (0..=MOST_REFERENCES).map(move |references| (flags, references)))
            .flat_map(|(flags, refs)| (0..=MOST_WAKES).map(move |wakes| (flags, refs, wakes)))
            .filter(|&word| is_legal(word))
            .collect();
        assert_eq!(words, legal, "the search reaches every legal word");
        assert!(frees > 0);
        println!("{} states, {} words, {frees} ways to free", paths.len(), words.len());
    }

    #[test]
    fn the_state_shows_its_fields() {
        let word = State::new();
        let scheduled = "State { phase: \"scheduled\", wakes: 1, references: 0, join: true, \
                         join_waker: false, cancelled: false, output: false }";
        assert_eq!(format!("{word:?}"), scheduled);
        let _ = word.start_run();
        word.add_ref();
        assert_eq!(word.pend(), Pend::Idle);
        assert!(word.offer_join_waker());
        let idle = "State { phase: \"idle\", wakes: 0, references: 1, join: true, \
                    join_waker: true, cancelled: false, output: false }";
        assert_eq!(format!("{word:?}"), idle);
        assert_eq!(word.cancel(), Wake::Schedule);
        assert_eq!(word.complete(true), Complete::WakeJoiner);
        let complete = "State { phase: \"complete\", wakes: 1, references: 1, join: true, \
                        join_waker: true, cancelled: true, output: true }";
        assert_eq!(format!("{word:?}"), complete);
    }
}

mod limits {
    use super::rig::{Counts, End, NOTHING, Rig};
    use crate::task::TaskId;
    use std::collections::HashSet;
    use std::task::Poll;

    /// The number in a decoded word.
    fn wakes(word: &str) -> u64 {
        let number = word.split_once("wakes: ").and_then(|(_, rest)| rest.split_once(','));
        number.expect("a word shows its wakes").0.parse().expect("it is a number")
    }

    /// How many wakes the storm has.
    fn storm(optimized: u64) -> u64 {
        if cfg!(debug_assertions) {
            eprintln!("only 1000 wakes without optimization; with it, {optimized}");
            return 1000;
        }
        optimized
    }

    /// A storm of wakes past the limit, from two threads within one poll.
    #[test]
    fn a_storm_of_wakes_within_one_poll_is_compressed_and_leads_to_one_more_poll() {
        const COMPRESSED_PAST: u64 = 1 << 26;
        const REST: u64 = 1 << 20;
        let each = storm((COMPRESSED_PAST + REST) / 2);
        let rig = Rig::new();
        let desk = rig.0.clone();
        rig.step(move |cx| {
            let waker = cx.waker();
            let wake = || (0..each).for_each(|_| waker.wake_by_ref());
            std::thread::scope(|scope| {
                scope.spawn(wake);
                scope.spawn(wake);
            });
            // What came after the compression, and the two that it leaves.
            assert!((2..2 * REST).contains(&wakes(&desk.word())), "{}", desk.word());
            Poll::Pending
        });
        assert_eq!(rig.run(), End::Woken);
        assert_eq!(rig.did(), Counts { polls: 1, ..NOTHING });
        assert_eq!(rig.run(), End::Idle);
        assert_eq!(rig.did(), Counts { polls: 1, kept: 1, ..NOTHING });
        assert_eq!(wakes(&rig.word()), 0);
    }

    /// The count of a complete task is not compressed, but wraps. Past 0 it must not be taken for
    /// that of an idle task.
    #[test]
    fn a_storm_of_wakes_of_a_task_that_is_over_never_schedules_it() {
        let rig = Rig::new();
        let waker = rig.poll_for_waker();
        waker.wake_by_ref();
        rig.step_ready();
        assert_eq!(rig.run(), End::Complete);
        rig.did();
        for _ in 0..storm((1 << 28) + 1000) {
            waker.wake_by_ref();
        }
        drop(waker);
        assert_eq!(rig.did(), NOTHING);
        assert!(rig.word().contains("references: 0, join: true"), "{}", rig.word());
        assert!(rig.result().is_ok());
    }

    #[test]
    fn ids_are_unique_across_threads_and_blocks() {
        const EACH: usize = 10_000;
        let ids = std::thread::scope(|scope| {
            let threads =
                [0, 1].map(|_| scope.spawn(|| (0..EACH).map(|_| TaskId::next()).collect()));
            threads.map(|thread| -> Vec<_> { thread.join().expect("no panic") })
        });
        let unique: HashSet<_> = ids.iter().flatten().collect();
        assert_eq!(unique.len(), 2 * EACH);
    }
}
