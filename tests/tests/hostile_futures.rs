//! Futures of any size, alignment and conduct.

use filch::{AbortHandle, JoinHandle, yield_now};
use filch_tests::child::in_child;
use filch_tests::probe::{Ending, Probe, Script};
use filch_tests::{Counter, Event, LONG, runtime, within};
use parking_lot::Mutex;
use std::convert::Infallible;
use std::fmt::Debug;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

#[test]
fn a_future_and_an_output_may_have_no_size() {
    struct Nothing;
    impl Future for Nothing {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            Poll::Ready(())
        }
    }
    within(LONG, || {
        let runtime = runtime(2);
        runtime.block_on(runtime.spawn(Nothing)).unwrap();
        let tasks: Vec<_> = (0..1_000).map(|_| runtime.spawn(Nothing)).collect();
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
        let never = runtime.spawn(pending::<Infallible>());
        never.abort();
        assert!(runtime.block_on(never).unwrap_err().is_cancelled());
    });
}

/// Stays in one place, aligned, however often and on however many workers it is polled.
async fn stay<A: Clone + Debug + PartialEq>(value: A) -> A {
    let held = value.clone();
    let address = std::ptr::from_ref(&held).addr();
    assert_eq!(address % align_of::<A>(), 0, "not aligned");
    for _ in 0..20 {
        yield_now().await;
        assert_eq!(std::ptr::from_ref(&held).addr(), address, "moved");
        assert_eq!(held, value);
    }
    held
}

macro_rules! aligned {
    ($($name:ident: $align:literal),*) => {
        $(
            #[derive(Clone, Debug, PartialEq)]
            #[repr(align($align))]
            struct $name(u8);
        )*
    };
}

aligned!(To16: 16, To64: 64, To128: 128, To4096: 4096);

#[test]
fn futures_and_outputs_are_aligned_and_never_moved() {
    fn check<A: Clone + Debug + PartialEq + Send + Sync + 'static>(make: impl Fn(u8) -> A) {
        within(LONG, || {
            let runtime = runtime(2);
            let tasks: Vec<_> = (0..50).map(|n| (make(n), runtime.spawn(stay(make(n))))).collect();
            runtime.block_on(async {
                for (value, task) in tasks {
                    assert_eq!(task.await.unwrap(), value);
                }
            });
            // Cancelled and detached ones are freed with the right layout, too.
            let held = make(1);
            let task = runtime.spawn(async move {
                let _held = held;
                pending::<A>().await
            });
            task.abort();
            assert!(runtime.block_on(task).unwrap_err().is_cancelled());
        });
    }
    check(|n| n);
    check(To16);
    check(To64);
    check(To128);
    check(To4096);
}

/// So large that no worker's stack could hold it.
struct Large<const BYTES: usize> {
    bytes: [u8; BYTES],
    polls: u8,
}

impl<const BYTES: usize> Future for Large<BYTES> {
    type Output = usize;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        let polls = self.polls;
        assert!(self.bytes.iter().step_by(4096).all(|&byte| byte == polls));
        if polls == 3 {
            return Poll::Ready(BYTES);
        }
        self.polls += 1;
        let this = &mut *self;
        this.bytes.fill(this.polls);
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

fn spawn_large<const BYTES: usize>() {
    within(LONG, || {
        let runtime = Arc::new(runtime(2));
        let own = runtime.clone();
        // The spawner needs the stack to make it; the workers have no more than the usual.
        let spawner = std::thread::Builder::new().stack_size(BYTES * 16 + (4 << 20));
        let spawn = move || {
            let make = || Large { bytes: [0; BYTES], polls: 0 };
            (own.spawn(make()), own.spawn(make()), own.spawn(Box::pin(make())))
        };
        let (task, aborted, boxed) = spawner.spawn(spawn).unwrap().join().unwrap();
        aborted.abort();
        assert_eq!(futures_lite::future::block_on(task).unwrap(), BYTES);
        assert_eq!(futures_lite::future::block_on(boxed).unwrap(), BYTES);
        let _ = futures_lite::future::block_on(aborted);
    });
}

/// In a process of its own: to overflow the stack would end this one.
#[test]
fn a_worker_needs_no_stack_for_the_size_of_a_1_mib_future() {
    let name = "a_worker_needs_no_stack_for_the_size_of_a_1_mib_future";
    in_child(name, &[], spawn_large::<{ 1 << 20 }>);
}

#[test]
fn a_worker_needs_no_stack_for_the_size_of_a_16_mib_future() {
    let name = "a_worker_needs_no_stack_for_the_size_of_a_16_mib_future";
    in_child(name, &[], spawn_large::<{ 16 << 20 }>);
}

/// A task that is given its own handles and drops them at a moment of its choice.
#[test]
fn a_task_may_drop_and_use_its_own_handles_in_its_poll_and_in_its_destructor() {
    type Own = Arc<Mutex<Option<(JoinHandle<filch_tests::probe::Output>, AbortHandle)>>>;
    let uses: [fn(Own); 4] = [
        |own| drop(own.lock().take()),
        |own| drop(own.lock().take().map(|(task, _)| task)),
        |own| {
            let held = own.lock().take();
            held.iter().for_each(|(task, abort)| {
                task.abort();
                abort.abort();
                assert!(!task.is_finished() && !abort.is_finished());
            });
        },
        |own| {
            let (mut task, abort) = own.lock().take().unwrap();
            let waker = std::task::Waker::noop();
            let poll = std::pin::pin!(&mut task).poll(&mut Context::from_waker(waker));
            assert!(poll.is_pending() && task.abort_handle().id() == abort.id());
        },
    ];
    for in_drop in [false, true] {
        for use_own in uses {
            within(LONG, || {
                let runtime = runtime(1);
                let (probe, counts) = Probe::new(Script::quiet(Ending::Ready));
                let own = Own::default();
                let inside = own.clone();
                match in_drop {
                    true => counts.during_drop(move || use_own(inside)),
                    false => counts.during_poll(1, move || use_own(inside)),
                }
                let blocker = filch_tests::Blocker::new(runtime.handle());
                let task = runtime.spawn(probe);
                let abort = task.abort_handle();
                *own.lock() = Some((task, abort));
                blocker.release();
                counts.output_drops.wait_for(1);
                assert_eq!((counts.polls.get(), counts.future_drops.get()), (1, 1));
            });
        }
    }
}

#[test]
fn a_task_is_never_polled_after_it_was_ready_however_many_wake_it() {
    within(LONG, || {
        let runtime = runtime(2);
        for polls in 1..200 {
            let (done, sender) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(None)));
            let (over, publish, set) = (done.clone(), sender.clone(), Event::new());
            let published = set.clone();
            let mut left = polls;
            let task = runtime.spawn(poll_fn(move |cx| {
                assert!(!over.load(Ordering::Relaxed), "polled after its end");
                if publish.lock().is_none() {
                    *publish.lock() = Some(cx.waker().clone());
                    published.set();
                }
                left -= 1;
                if left == 0 {
                    over.store(true, Ordering::Relaxed);
                    return Poll::Ready(());
                }
                Poll::Pending
            }));
            set.wait();
            let waker = sender.lock().clone().unwrap();
            filch_tests::threads::scope(|scope| {
                scope.spawn(|| (0..2 * polls).for_each(|_| waker.wake_by_ref()));
                while !done.load(Ordering::Relaxed) {
                    waker.wake_by_ref();
                }
                waker.wake_by_ref();
            });
            runtime.block_on(task).unwrap();
        }
    });
}

const DEEP: u32 = 1_000_000;

/// Spawns the next link, which spawns the next.
fn spawn_chain(left: u32, end: Event) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        match left {
            0 => end.set(),
            _ => drop(filch::spawn(spawn_chain(left - 1, end))),
        }
    })
}

#[test]
fn a_million_tasks_that_each_spawn_the_next_need_no_stack() {
    for workers in [1, 2] {
        within(LONG, || {
            let runtime = runtime(workers);
            let end = Event::new();
            drop(runtime.spawn(spawn_chain(DEEP, end.clone())));
            end.wait();
        });
    }
}

/// Spawns the next link and waits for it.
fn join_chain(left: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
    Box::pin(async move {
        match left {
            0 => 0,
            _ => 1 + filch::spawn(join_chain(left - 1)).await.unwrap(),
        }
    })
}

#[test]
fn a_million_tasks_that_each_await_the_next_need_no_stack() {
    within(LONG, || {
        let runtime = runtime(1);
        assert_eq!(runtime.block_on(runtime.spawn(join_chain(DEEP))).unwrap(), DEEP);
    });
}

/// Spawns the next link and holds its handle for ever; the last one says that all are there.
fn hold_chain(left: u32, end: Event) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        if left == 0 {
            end.set();
            return pending().await;
        }
        let _ = filch::spawn(hold_chain(left - 1, end)).await;
    })
}

#[test]
fn a_million_tasks_that_each_hold_the_next_need_no_stack_to_be_dropped() {
    within(LONG, || {
        let runtime = runtime(2);
        let end = Event::new();
        let first = runtime.spawn(hold_chain(DEEP, end.clone()));
        end.wait();
        drop(runtime);
        assert!(futures_lite::future::block_on(first).unwrap_err().is_cancelled());
    });
}

/// Aborts the next link when it is dropped.
struct AbortOnDrop(AbortHandle, Counter);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
        self.1.add();
    }
}

#[test]
fn a_hundred_thousand_tasks_that_each_abort_the_next_need_no_stack() {
    within(LONG, || {
        let runtime = runtime(2);
        let drops = Counter::new();
        let mut next = runtime.spawn(pending::<()>());
        for _ in 0..100_000 {
            let link = AbortOnDrop(next.abort_handle(), drops.clone());
            next = runtime.spawn(async move {
                let _link = link;
                pending::<()>().await;
            });
        }
        next.abort();
        drops.wait_for(100_000);
    });
}
