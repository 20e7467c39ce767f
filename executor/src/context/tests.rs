//! What a thread knows, and how what it knows is nested.

use super::*;
use crate::task::{self, Keeper, Kept, PanicReporter, RESERVE, Ran, Schedule, Slot};
use crate::{Builder, NoRuntime, Runtime};
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};

fn address(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).expect("not zero")
}

#[test]
fn only_the_task_that_is_polled_wakes_itself() {
    assert!(!wakes_itself(address(1)), "nothing is polled");
    let scope = enter_task(address(1));
    assert!(!wakes_itself(address(2)));
    assert!(!scope.leave().woke_itself, "another one's wake is not its own");
    let scope = enter_task(address(1));
    assert!(wakes_itself(address(1)));
    assert!(wakes_itself(address(1)));
    assert!(scope.leave().woke_itself);
    assert!(!wakes_itself(address(1)), "its poll is over");
}

#[test]
fn a_poll_begins_without_the_wakes_of_the_one_before() {
    let scope = enter_task(address(1));
    assert!(wakes_itself(address(1)));
    assert!(scope.leave().woke_itself);
    let scope = enter_task(address(1));
    assert!(!scope.leave().woke_itself);
}

#[test]
fn polls_within_polls_are_kept_apart() {
    for outer_wakes in [false, true] {
        for inner_wakes in [false, true] {
            let outer = enter_task(address(1));
            if outer_wakes {
                assert!(wakes_itself(address(1)));
            }
            let inner = enter_task(address(2));
            assert!(!wakes_itself(address(1)), "the outer task is not the one that is polled");
            if inner_wakes {
                assert!(wakes_itself(address(2)));
            }
            assert_eq!(inner.leave().woke_itself, inner_wakes);
            assert!(!wakes_itself(address(2)));
            assert_eq!(outer.leave().woke_itself, outer_wakes);
        }
    }
}

#[test]
fn references_are_drawn_from_the_reserve_of_the_task_that_is_polled_and_of_no_other() {
    assert!(!draws_reference(address(1)) && !returns_reference(address(1)), "nothing is polled");
    let outer = enter_task(address(1));
    assert!((0..RESERVE).all(|_| draws_reference(address(1))));
    assert!(!draws_reference(address(1)), "the reserve is empty");
    let inner = enter_task(address(2));
    assert!(!draws_reference(address(1)) && !returns_reference(address(1)));
    assert!(returns_reference(address(2)));
    assert_eq!(inner.leave().drawn, -1);
    assert!(returns_reference(address(1)));
    assert!(draws_reference(address(1)), "one was put back");
    assert_eq!(outer.leave().drawn, RESERVE);
    assert_eq!(enter_task(address(1)).leave().drawn, 0, "a poll begins with nothing drawn");
}

#[test]
fn no_more_references_are_put_back_than_a_reserve_holds() {
    let scope = enter_task(address(1));
    assert!((0..RESERVE).all(|_| returns_reference(address(1))));
    assert!(!returns_reference(address(1)), "the count would be too large without a bound");
    assert!(draws_reference(address(1)));
    assert!(returns_reference(address(1)), "one was taken out");
    assert_eq!(scope.leave().drawn, -RESERVE);
}

#[test]
fn the_poll_of_another_thread_is_not_this_threads() {
    let scope = enter_task(address(1));
    std::thread::scope(|threads| {
        threads.spawn(|| assert!(!wakes_itself(address(1))));
    });
    assert!(!scope.leave().woke_itself);
}

#[test]
fn a_thread_without_a_core_gives_the_future_back() {
    let future = Box::new(5);
    let back: Result<(), _> = spawn_local(future, |_, _| unreachable!("there is no core"));
    assert_eq!(back, Err(Box::new(5)));
    assert!(take_core().is_none());
    assert!(with_core(|_| ()).is_none());
}

/// A runtime whose one worker's core goes to the thread that calls `block_on`.
fn runtime() -> Runtime {
    Builder::new().worker_threads(1).build().expect("the thread starts")
}

/// Runs `f` on a thread that has a core.
fn on_a_worker<R>(f: impl FnOnce(&Handle) -> R) -> R {
    let runtime = runtime();
    runtime.block_on(async { f(runtime.handle()) })
}

fn shared() -> Arc<Shared> {
    with_core(|core| core.handle.shared().clone()).expect("the thread has a core")
}

#[test]
fn a_thread_with_a_core_spawns_there() {
    on_a_worker(|_| {
        let spawned = spawn_local(5, |core, future| (core.index, future));
        assert_eq!(spawned, Ok((0, 5)));
    });
}

#[test]
fn a_handle_entered_by_a_task_takes_precedence_over_the_core() {
    on_a_worker(|handle| {
        let other = runtime();
        for entered in [handle, other.handle()] {
            let guard = entered.enter();
            let back = spawn_local(5, |_, _| ());
            assert_eq!(back, Err(5), "`spawn` goes to the entered runtime");
            let nested = handle.enter();
            drop(nested);
            assert_eq!(spawn_local(5, |_, _| ()), Err(5), "one is still entered");
            drop(guard);
            assert_eq!(spawn_local(5, |_, _| ()), Ok(()));
        }
    });
}

#[test]
fn a_handle_entered_before_does_not_take_precedence_over_the_core() {
    let (outer, runtime) = (runtime(), runtime());
    let guard = outer.handle().enter();
    runtime.block_on(async {
        assert_eq!(spawn_local(5, |_, _| ()), Ok(()));
        let current = current().map(|handle| format!("{handle:?}"));
        assert_eq!(current, Ok(format!("{:?}", runtime.handle())));
    });
    drop(guard);
}

#[test]
fn a_thread_knows_only_its_own_runtime() {
    on_a_worker(|_| {
        let own = shared();
        assert!(works_for(&own));
        on_worker_of(&runtime(), || {
            assert!(!works_for(&own));
            assert!(works_for(&shared()));
        });
        assert!(works_for(&own));
    });
}

/// Runs `f` on a thread of its own that has the runtime's core.
fn on_worker_of<R: Send>(runtime: &Runtime, f: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| runtime.block_on(async { f() }));
        thread.join().expect("no panic")
    })
}

/// The scheduler and keeper of tasks that are ready at their first poll.
#[derive(Clone)]
struct Nobody;

impl Schedule for Nobody {
    fn schedule(self, _: Runnable) {
        unreachable!("these tasks have no waker")
    }
}

impl Keeper for Nobody {
    fn keep(&self, _: Kept) -> Slot {
        unreachable!("these tasks are ready at once")
    }
    fn forget(&self, _: Slot) {
        unreachable!("these tasks are not kept")
    }
    fn panic_reporter(&self) -> Option<std::sync::Arc<PanicReporter>> {
        None
    }
}

thread_local! {
    static NUMBER: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// A task that can be told by its number.
fn numbered(number: usize) -> Runnable {
    task::new(async move { NUMBER.set(number) }, Nobody, task::Memory::Thread(None)).0
}

fn number(task: Runnable) -> usize {
    assert!(matches!(task.run(&Nobody), Ran::Complete));
    NUMBER.replace(usize::MAX)
}

/// The numbers of the tasks in this thread's own queues: first those that are to run at once.
fn queued() -> Vec<usize> {
    std::iter::from_fn(|| with_core(|core| core.drain()).flatten()).map(number).collect()
}

#[test]
fn a_task_of_another_runtime_is_given_back() {
    let other = runtime();
    let foreign = on_worker_of(&other, shared);
    on_a_worker(|_| {
        let own = Arc::as_ptr(&shared()).addr();
        let there = Arc::as_ptr(&foreign).addr();
        assert!(push_woken(own, numbered(1)).is_none());
        assert_eq!(push_woken(there, numbered(2)).map(number), Some(2));
        assert!(push_spawned(&shared(), numbered(3)).is_none());
        assert_eq!(push_spawned(&foreign, numbered(4)).map(number), Some(4));
        assert_eq!(queued(), [3, 1]);
    });
    // A thread without a core gives everything back.
    let address = Arc::as_ptr(&foreign).addr();
    assert_eq!(push_woken(address, numbered(5)).map(number), Some(5));
    assert_eq!(push_spawned(&foreign, numbered(6)).map(number), Some(6));
}

#[test]
fn a_task_is_given_back_while_the_core_is_in_use() {
    on_a_worker(|_| {
        let shared = shared();
        let address = Arc::as_ptr(&shared).addr();
        let (woken, spawned) = (numbered(1), numbered(2));
        let back = with_core(|_| (push_woken(address, woken), push_spawned(&shared, spawned)));
        let (woken, spawned) = back.expect("the thread has a core");
        assert_eq!((woken.map(number), spawned.map(number)), (Some(1), Some(2)));
        let back = spawn_local(3, |_, _| spawn_local(4, |_, _| ()));
        assert_eq!(back, Ok(Err(4)));
    });
}

#[test]
fn who_is_woken_by_a_completion_runs_next() {
    on_a_worker(|_| {
        let address = Arc::as_ptr(&shared()).addr();
        assert!(push_woken(address, numbered(1)).is_none());
        wake_on_top(|| assert!(push_woken(address, numbered(2)).is_none()));
        assert!(push_woken(address, numbered(3)).is_none());
        assert_eq!(queued(), [2, 1, 3]);
    });
}

#[test]
fn the_current_runtime_is_the_one_entered_last() {
    let runtimes = [runtime(), Builder::new().worker_threads(2).build().expect("threads start")];
    let current_is = |expected: &Runtime| {
        let current = current().expect("one is entered");
        // Told apart by their numbers of workers.
        assert_eq!(current.metrics().workers.len(), expected.metrics().workers.len());
    };
    assert!(current().is_err());
    let first = runtimes[0].handle().enter();
    current_is(&runtimes[0]);
    let second = runtimes[1].handle().enter();
    current_is(&runtimes[1]);
    let third = runtimes[0].handle().enter();
    current_is(&runtimes[0]);
    drop(third);
    current_is(&runtimes[1]);
    drop(second);
    current_is(&runtimes[0]);
    drop(first);
    assert_eq!(current().err(), Some(NoRuntime));
}

#[test]
fn a_guard_that_is_dropped_out_of_order_panics_and_leaves_nothing_behind() {
    let runtime = runtime();
    let first = runtime.handle().enter();
    let second = runtime.handle().enter();
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(first)));
    let message = dropped.expect_err("it panics");
    let message = message.downcast_ref::<&str>().expect("it has a message");
    assert!(message.contains("dropped out of order"), "{message}");
    assert!(current().is_ok(), "the other guard is still there");
    drop(second);
    assert!(current().is_err());
    assert!(!has_overrides());
    assert!(CONTEXT.with(|context| context.entered.borrow().is_empty()));
}

#[test]
fn guards_that_an_unwinding_drops_out_of_order_do_not_panic_again() {
    let runtime = runtime();
    let thrown = catch_unwind(AssertUnwindSafe(|| {
        let mut guards = vec![runtime.handle().enter(), runtime.handle().enter()];
        // A vector drops the first first.
        guards.push(runtime.handle().enter());
        std::panic::resume_unwind(Box::new("the only panic"));
    }));
    let payload: Box<dyn std::any::Any + Send> = thrown.expect_err("it panics");
    assert_eq!(payload.downcast_ref(), Some(&"the only panic"));
    assert!(current().is_err());
    assert!(!has_overrides());
}

#[test]
fn what_a_root_has_entered_is_not_its_tasks_business() {
    let other = Builder::new().worker_threads(2).build().expect("the threads start");
    let workers = || current().map(|handle| handle.metrics().workers.len());
    on_a_worker(|_| {
        assert_eq!(workers(), Ok(1));
        let guard = other.handle().enter();
        assert_eq!(workers(), Ok(2));
        let scope = enter_task(address(1));
        assert_eq!(workers(), Ok(1));
        assert_eq!(spawn_local(5, |_, _| ()), Ok(()));
        // A task may enter a handle itself; and so may one that is polled within its poll.
        let own = other.handle().enter();
        assert_eq!(workers(), Ok(2));
        let inner = enter_task(address(2));
        assert_eq!(workers(), Ok(1));
        inner.leave();
        assert_eq!(workers(), Ok(2));
        drop(own);
        assert_eq!(workers(), Ok(1));
        scope.leave();
        assert_eq!(workers(), Ok(2));
        drop(guard);
        assert_eq!(workers(), Ok(1));
    });
}

/// Spawns on the next of some dead runtimes when it is dropped, until there were `left` of it.
struct Link {
    runtimes: Arc<Vec<Handle>>,
    left: usize,
    deepest: std::sync::Arc<std::sync::Mutex<(usize, usize)>>,
}

impl Future for Link {
    type Output = ();
    fn poll(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<()> {
        unreachable!("its runtime is dead")
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let count = |change: fn(&mut (usize, usize))| {
            change(&mut self.deepest.lock().expect("no panic"));
        };
        count(|(depth, deepest)| {
            *depth += 1;
            *deepest = (*deepest).max(*depth);
        });
        if let Some(left) = self.left.checked_sub(1) {
            let next = &self.runtimes[left % self.runtimes.len()];
            let (runtimes, deepest) = (self.runtimes.clone(), self.deepest.clone());
            drop(next.spawn(Self { runtimes, left, deepest }));
        }
        count(|(depth, _)| *depth -= 1);
    }
}

#[test]
fn destructors_that_spawn_on_dead_runtimes_nest_only_so_deep() {
    for runtimes in 1..=3 {
        let dead = || runtime().handle().clone();
        let runtimes = Arc::new((0..runtimes).map(|_| dead()).collect::<Vec<_>>());
        let deepest = std::sync::Arc::default();
        let last = runtimes[0].clone();
        let link = Link { runtimes, left: 1_000, deepest: std::sync::Arc::clone(&deepest) };
        drop(last.spawn(link));
        let (depth, deepest) = *deepest.lock().expect("no panic");
        assert_eq!((depth, deepest), (0, DEEPEST_REFUSAL));
        RUN.with(|run| {
            assert_eq!(run.refusals.get(), 0);
            assert_eq!(run.refused.borrow().capacity(), 0, "it is never freed otherwise");
        });
    }
}

#[test]
fn a_thread_drives_one_future_at_a_time() {
    let driving = Driving::begin().expect("nothing is driven");
    assert!(Driving::begin().is_none());
    std::thread::scope(|scope| {
        scope.spawn(|| assert!(Driving::begin().is_some()));
    });
    drop(driving);
    drop(Driving::begin().expect("it is over"));
    assert!(Driving::begin().is_some());
}

#[test]
fn a_worker_drives_and_a_thread_that_entered_does_not() {
    let runtime = runtime();
    let guard = runtime.handle().enter();
    drop(Driving::begin().expect("it drives nothing"));
    drop(guard);
    runtime.block_on(async { assert!(Driving::begin().is_none()) });
}

#[test]
fn a_guard_that_a_root_forgot_ends_with_the_root() {
    let (runtime, other) = (runtime(), runtime());
    let output = runtime.block_on(async {
        std::mem::forget(other.handle().enter());
        7
    });
    assert_eq!(output, 7);
    assert!(current().is_err(), "nothing is entered any more");
    assert_eq!(runtime.block_on(async { crate::spawn(async { 8 }).await.unwrap() }), 8);
}
