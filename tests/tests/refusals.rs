//! Spawning on a runtime that is gone, from within the destructors that this calls: nothing hangs,
//! and nothing is dropped later than promised.

use filch::{Handle, JoinHandle, Runtime};
use filch_tests::event::wait_until_closed;
use filch_tests::{Blocker, Counter, Event, LONG, within};
use futures_lite::future::block_on;
use std::future::pending;
use std::sync::OnceLock;

/// Not watched: the watchdog's handle would keep alive what the shutdown has to free.
fn runtime(workers: usize) -> Runtime {
    Runtime::builder().worker_threads(workers).build().unwrap()
}

/// A handle to a runtime that is gone.
fn dead() -> Handle {
    runtime(1).handle().clone()
}

/// Does something when it is dropped.
struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(action) = self.0.take() {
            action();
        }
    }
}

/// Spawns a task whose future does something when it is dropped.
fn spawn_on_drop(handle: &Handle, action: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let held = OnDrop(Some(action));
    handle.spawn(async move {
        pending::<()>().await;
        drop(held);
    })
}

#[test]
fn a_destructor_may_await_what_it_spawns() {
    within(LONG, || {
        let (handle, inner) = (dead(), dead());
        let own = handle.clone();
        let task = spawn_on_drop(&handle, move || {
            assert!(block_on(own.spawn(async {})).unwrap_err().is_cancelled());
            assert!(block_on(inner.spawn(async {})).unwrap_err().is_cancelled());
        });
        assert!(block_on(task).unwrap_err().is_cancelled());
    });
}

#[test]
fn a_destructor_may_drive_a_live_runtime_whose_tasks_are_refused() {
    within(LONG, || {
        let (handle, live) = (dead(), runtime(1));
        let (own, live_handle) = (handle.clone(), live.handle().clone());
        drop(spawn_on_drop(&handle, move || {
            let refused = async move { own.spawn(async {}).await.unwrap_err().is_cancelled() };
            assert!(live_handle.block_on(async { filch::spawn(refused).await.unwrap() }));
        }));
        drop(live);
    });
}

#[test]
fn a_shutdown_within_such_a_destructor_is_complete() {
    within(LONG, || {
        let (handle, drops, ended) = (dead(), Counter::new(), Event::new());
        let (count, end) = (drops.clone(), ended.clone());
        drop(spawn_on_drop(&handle, move || {
            let late = count.clone();
            filch::run(async move {
                let own = Handle::current();
                let respawn = own.clone();
                drop(spawn_on_drop(&own, move || {
                    drop(spawn_on_drop(&respawn, move || {
                        late.add();
                    }));
                }));
                filch::yield_now().await;
                filch::yield_now().await;
            });
            assert_eq!(count.get(), 1, "`run` returned before a future was dropped");
            end.set();
        }));
        assert!(ended.is_set());
    });
}

#[test]
fn a_thread_in_a_destructor_keeps_no_future_of_another_runtime() {
    within(LONG, || {
        let closing = runtime(1);
        let handle = closing.handle().clone();
        let blocker = Blocker::new(&handle);
        let closer = std::thread::spawn(move || drop(closing));
        wait_until_closed(&handle);
        let (drops, spawned, go_on) = (Counter::new(), Event::new(), Event::new());
        let (count, tell, wait) = (drops.clone(), spawned.clone(), go_on.clone());
        let in_destructor = std::thread::spawn(move || {
            drop(spawn_on_drop(&dead(), move || {
                drop(spawn_on_drop(&handle, move || {
                    count.add();
                }));
                tell.set();
                wait.wait();
            }));
        });
        spawned.wait();
        blocker.release();
        closer.join().unwrap();
        assert_eq!(drops.get(), 1);
        go_on.set();
        in_destructor.join().unwrap();
    });
}

fn chain(handle: Handle, left: u32) -> JoinHandle<()> {
    let next = handle.clone();
    spawn_on_drop(&handle, move || {
        if left > 0 {
            drop(chain(next, left - 1));
        }
    })
}

/// Whether the executor's own thread-locals are there still, or gone already.
#[test]
fn a_long_chain_in_a_thread_locals_destructor_needs_no_stack() {
    static DEAD: OnceLock<Handle> = OnceLock::new();
    struct Late;
    impl Drop for Late {
        fn drop(&mut self) {
            drop(chain(DEAD.get().expect("it is set").clone(), 20_000));
        }
    }
    thread_local! {
        static FIRST: Late = const { Late };
        static LAST: Late = const { Late };
    }
    within(LONG, || {
        DEAD.get_or_init(dead);
        let thread = std::thread::spawn(|| {
            FIRST.with(|_| ());
            drop(DEAD.get().expect("it is set").enter());
            LAST.with(|_| ());
        });
        thread.join().unwrap();
    });
}

#[test]
fn a_runtime_may_be_dropped_in_its_own_hooks() {
    for at_start in [true, false] {
        within(LONG, || {
            let (place, ended) = (std::sync::Arc::new(parking_lot::Mutex::new(None)), Event::new());
            let (slot, end) = (place.clone(), ended.clone());
            let filled = Event::new();
            let is_filled = filled.clone();
            let hook = move || {
                is_filled.wait();
                let runtime: Option<Runtime> = slot.lock().take();
                drop(runtime);
                end.set();
            };
            let mut builder = Runtime::builder();
            builder.worker_threads(1);
            let runtime = match at_start {
                true => builder.on_thread_start(hook).build().unwrap(),
                false => builder.on_thread_stop(hook).build().unwrap(),
            };
            let handle = runtime.handle().clone();
            if at_start {
                *place.lock() = Some(runtime);
            } else {
                // Something else has to begin the shutdown.
                runtime.shutdown_background();
            }
            filled.set();
            ended.wait();
            wait_until_closed(&handle);
        });
    }
}
