//! How tasks end other than well: by a panic, or because somebody aborts them.
//!
//! `cargo run --example panics_and_abort`
//!
//! The messages of the panics go to standard error, as with any Rust program.
//!
//! Output:
//!
//! ```text
//! panic: the handle gives the payload: out of coffee
//! panic: the runtime lives on: 2
//! unhandled: the hook heard of: nobody listens
//! unhandled: counted: 1
//! abort: the task's future was dropped
//! abort: cancelled: true, panic: false
//! abort handle: the task's future was dropped
//! abort handle: cancelled: true, panic: false
//! abort too late: the output is there: 7
//! shutdown: the task's future was dropped
//! shutdown: cancelled: true, panic: false
//! ```

use std::future::pending;

fn main() -> std::io::Result<()> {
    let (heard, hears) = async_channel::unbounded();
    let runtime = filch::Builder::new()
        .worker_threads(2)
        .on_unhandled_panic(move |payload| {
            let message = payload.downcast_ref::<&str>().copied().unwrap_or("something else");
            // Nobody may listen any more; that is no reason to panic again.
            let _ = heard.try_send(message);
        })
        .build()?;

    runtime.block_on(async {
        a_panic_goes_to_the_handle().await;
        // A panic whose handle is gone goes to the hook of the builder.
        drop(filch::spawn(async { panic!("nobody listens") }));
        let message = hears.recv().await.expect("the hook keeps its end");
        println!("unhandled: the hook heard of: {message}");
        println!("unhandled: counted: {}", filch::Handle::current().metrics().unhandled_panics);
        aborts().await;
    });

    // What is not over when the runtime goes is cancelled. Handles outlive the runtime.
    let left_over = runtime.spawn(forever("shutdown"));
    let handle = runtime.handle().clone();
    drop(runtime);
    tell("shutdown", handle.block_on(left_over));
    Ok(())
}

async fn a_panic_goes_to_the_handle() {
    let task = filch::spawn(async { panic!("out of coffee") });
    let error = task.await.expect_err("the task panicked");
    let payload = error.into_panic();
    let message = payload.downcast_ref::<&str>().expect("the payload of a plain message");
    println!("panic: the handle gives the payload: {message}");

    let next = filch::spawn(async { 1 + 1 });
    println!("panic: the runtime lives on: {}", next.await.expect("this one does not panic"));
}

async fn aborts() {
    // The future is dropped by a worker, never by the thread that calls `abort`; once the handle
    // resolves, that has been done.
    let task = filch::spawn(forever("abort"));
    task.abort();
    tell("abort", task.await);

    // An `AbortHandle` may be given away, while somebody else awaits the task.
    let task = filch::spawn(forever("abort handle"));
    let abort = task.abort_handle();
    filch::spawn(async move { abort.abort() });
    tell("abort handle", task.await);

    // A task that is over keeps its output.
    let task = filch::spawn(async { 7 });
    while !task.is_finished() {
        filch::yield_now().await;
    }
    task.abort();
    println!("abort too late: the output is there: {}", task.await.expect("it was over"));
}

/// Waits for something that never happens, and says when it is dropped.
///
/// The guard is made at the call, not at the first poll: a task may be aborted before that.
fn forever(name: &'static str) -> impl Future<Output = ()> + Send {
    let guard = SaysDropped(name);
    async move {
        let _guard = guard;
        pending::<()>().await;
    }
}

struct SaysDropped(&'static str);

impl Drop for SaysDropped {
    fn drop(&mut self) {
        println!("{}: the task's future was dropped", self.0);
    }
}

fn tell(name: &str, result: Result<(), filch::JoinError>) {
    let error = result.expect_err("the task waits for ever");
    println!("{name}: cancelled: {}, panic: {}", error.is_cancelled(), error.is_panic());
}
