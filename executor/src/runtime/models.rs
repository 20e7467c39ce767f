//! M11, M12, M16, M17: whole runtimes.

use super::{Builder, Runtime};
use crate::model::block_on;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::thread;
use crate::sync::{Arc, Mutex};
use std::future::poll_fn;
use std::task::{Poll, Waker};

fn runtime(workers: usize) -> Runtime {
    Builder::new().worker_threads(workers).build().unwrap()
}

/// A flag that a task or root waits for.
#[derive(Clone)]
struct Signal(Arc<(AtomicBool, Mutex<Option<Waker>>)>);

impl Signal {
    fn new() -> Self {
        Self(Arc::new((AtomicBool::new(false), Mutex::new(None))))
    }

    async fn wait(self) {
        poll_fn(|cx| {
            if self.0.0.load(Ordering::Acquire) {
                return Poll::Ready(());
            }
            *self.0.1.lock() = Some(cx.waker().clone());
            if self.0.0.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn set(&self) {
        self.0.0.store(true, Ordering::Release);
        let waker = self.0.1.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

crate::model::models! {
    /// M11. A spawn from outside while the runtime shuts down: the handle resolves, either way, and
    /// nothing leaks.
    m11_foreign_spawn_against_shutdown(Some(3)) {
        let runtime = runtime(1);
        let handle = runtime.handle().clone();
        let alive = Arc::new(());
        let held = alive.clone();
        let spawner = thread::Builder::new().spawn(move || {
            let task = handle.spawn(async move { drop(held) });
            match block_on(task) {
                Ok(()) => {}
                Err(error) => assert!(error.is_cancelled()),
            }
        });
        drop(runtime);
        spawner.unwrap().join().unwrap();
        assert_eq!(Arc::strong_count(&alive), 1);
    } fails with SpawnWithoutRecheck as twin_m11_spawn_without_recheck,
                 DrainOnce as twin_m11_drain_once;

    /// M12. A wake from outside while the runtime shuts down, and after: the task is cancelled or
    /// done, its future is dropped when the shutdown returns, and the wake touches nothing that is
    /// gone.
    m12_foreign_wake_against_shutdown(Some(3)) {
        let runtime = runtime(1);
        let signal = Signal::new();
        let alive = Arc::new(());
        let (own, held) = (signal.clone(), alive.clone());
        let task = runtime.spawn(async move {
            own.wait().await;
            drop(held);
        });
        let waker = thread::Builder::new().spawn(move || signal.set());
        drop(runtime);
        assert_eq!(Arc::strong_count(&alive), 1, "a future outlived its runtime");
        waker.unwrap().join().unwrap();
        assert!(block_on(task).err().is_none_or(|error| error.is_cancelled()));
    } fails with DrainOnce as twin_m12_drain_once;

    /// M16. A root future that another thread wakes.
    m16_root_is_woken_from_outside(Some(3)) {
        let runtime = runtime(1);
        let signal = Signal::new();
        let own = signal.clone();
        let waker = thread::Builder::new().spawn(move || own.set());
        runtime.block_on(signal.wait());
        waker.unwrap().join().unwrap();
    } fails with RootFlagLate as twin_m16_flag_late;

    /// M16, with a wake that nothing else orders: the root's next poll sees what was written before
    /// it, also if the root finds the flag before it is unparked.
    m16_wake_of_the_root_publishes(Some(3)) {
        let runtime = runtime(1);
        let written = Arc::new(AtomicBool::new(false));
        let mut waker = None;
        runtime.block_on(poll_fn(|cx| {
            if waker.is_none() {
                let (written, root) = (written.clone(), cx.waker().clone());
                waker = Some(thread::Builder::new().spawn(move || {
                    written.store(true, Ordering::Relaxed);
                    root.wake();
                }));
                return Poll::Pending;
            }
            if written.load(Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending }
        }));
        waker.unwrap().unwrap().join().unwrap();
    } fails with UnpublishedRootFlag as twin_m16_unpublished_flag,
                 UnacquiredRootFlag as twin_m16_unacquired_flag;

    /// M16, while the runtime shuts down: a worker whose place the root has is told to stop.
    m16_lent_place_against_shutdown(Some(3)) {
        let runtime = runtime(1);
        let handle = runtime.handle().clone();
        let closer = thread::Builder::new().spawn(move || drop(runtime));
        handle.block_on(async {});
        closer.unwrap().join().unwrap();
    } fails with ForgetLentWorker as twin_m16_forget_lent_worker;

    /// M17. One worker: spawn from outside, join, shut down.
    m17_spawn_join_drop_on_one_worker(Some(3)) {
        let runtime = runtime(1);
        let task = runtime.spawn(async { 1 });
        assert_eq!(block_on(task).unwrap(), 1);
        drop(runtime);
    } fails with NoNotify as twin_m17_no_notify,
                 NoRescan as twin_m17_no_rescan;

    /// M17. Two workers: a task that spawns a task and joins it, beside the root.
    m17_spawn_in_spawn_on_two_workers(Some(2)) {
        let runtime = runtime(2);
        let task = runtime.spawn(async { crate::spawn(async { 1 }).await.unwrap() });
        assert_eq!(block_on(task).unwrap(), 1);
        drop(runtime);
    } fails with NoNotify as twin_m17_two_workers_no_notify;

    /// M17. Two workers: a task with three children, for two of which there may be helpers.
    m17_join_all_on_two_workers(Some(1)) {
        let runtime = runtime(2);
        let child = |n| std::future::ready(n);
        let task = runtime.spawn(crate::join_all((0..3).map(child)));
        assert_eq!(block_on(task).unwrap(), [0, 1, 2]);
        drop(runtime);
    } fails with UnlistedHelper as twin_m17_unlisted_helper;
}
