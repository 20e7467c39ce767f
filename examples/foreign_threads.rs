//! Threads that are no workers, and a runtime: each may hand work and values to the other.
//!
//! `cargo run --example foreign_threads`
//!
//! Output:
//!
//! ```text
//! 3 threads spawned 30 tasks; the sum of their results is 435
//! a thread sent to a task: 42
//! a waker outlived its runtime, and woke nobody
//! ```

use std::future::poll_fn;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;

fn main() -> std::io::Result<()> {
    let runtime = filch::Builder::new().worker_threads(2).build()?;
    threads_spawn_tasks(&runtime);
    a_task_waits_for_a_thread(&runtime);
    a_waker_outlives_its_runtime(runtime);
    Ok(())
}

/// A `Handle` is a reference to the runtime that any thread may use and clone.
fn threads_spawn_tasks(runtime: &filch::Runtime) {
    let threads: Vec<_> = (0..3)
        .map(|thread| {
            let handle = runtime.handle().clone();
            thread::spawn(move || -> Vec<_> {
                let numbers = thread * 10..(thread + 1) * 10;
                numbers.map(|n| handle.spawn(async move { n })).collect()
            })
        })
        .collect();
    let tasks: Vec<filch::JoinHandle<u32>> =
        threads.into_iter().flat_map(|thread| thread.join().expect("no thread panics")).collect();
    let count = tasks.len();
    let sum = runtime.block_on(async {
        let mut sum = 0;
        for task in tasks {
            sum += task.await.expect("no task panics");
        }
        sum
    });
    println!("3 threads spawned {count} tasks; the sum of their results is {sum}");
}

/// While the task waits it costs its memory only: no worker blocks. The thread's `send` wakes it.
fn a_task_waits_for_a_thread(runtime: &filch::Runtime) {
    let (sender, receiver) = futures_channel::oneshot::channel();
    let task = runtime.spawn(async { receiver.await.expect("the thread sends") });
    let thread = thread::spawn(move || sender.send(6 * 7));
    let value: u32 = runtime.block_on(task).expect("the task does not panic");
    thread.join().expect("the thread does not panic").expect("the task received");
    println!("a thread sent to a task: {value}");
}

/// A waker may be used on any thread, at any time.
fn a_waker_outlives_its_runtime(runtime: filch::Runtime) {
    let (sender, receiver) = mpsc::channel();
    runtime.spawn(poll_fn(move |cx| -> Poll<()> {
        let _ = sender.send(cx.waker().clone());
        Poll::Pending
    }));
    let waker = receiver.recv().expect("the task is polled");
    // Cancels the task: its future, with the sender in it, has been dropped when this returns.
    drop(runtime);
    thread::spawn(move || waker.wake()).join().expect("waking a cancelled task does nothing");
    assert!(receiver.recv().is_err(), "the task was polled after its end");
    println!("a waker outlived its runtime, and woke nobody");
}
