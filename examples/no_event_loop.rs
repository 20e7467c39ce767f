//! Some futures need a runtime. Without one they say so, when they are driven and not before.
//!
//! `cargo run --example no_event_loop`
//!
//! The panic's message goes to standard error, too.
//!
//! Output:
//!
//! ```text
//! asked outside: no running event loop
//! driven outside: starting execution
//! driven outside: it panics: no running event loop
//! afterwards: cannot reuse already awaited coroutine
//! asked inside: there is one
//! driven inside: starting execution
//! driven inside: 2
//! entered: starting execution
//! entered: 2
//! ```

use filch::coroutine::{Coroutine, drive};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

async fn needs_a_runtime(place: &str) -> u32 {
    println!("{place}: starting execution");
    filch::sleep(Duration::from_millis(10), 2).await
}

fn main() -> std::io::Result<()> {
    let error = filch::Handle::try_current().expect_err("there is no runtime here");
    println!("asked outside: {}", gist(&error.to_string()));

    // As in Python, what comes before the call that needs a loop has happened.
    let mut coroutine = Coroutine::from_future(needs_a_runtime("driven outside"));
    let panic = catch_unwind(AssertUnwindSafe(|| coroutine.send(None)));
    let panic = panic.expect_err("a sleep panics outside a runtime");
    let message = panic.downcast_ref::<String>().expect("the payload of a plain message");
    println!("driven outside: it panics: {}", gist(message));
    println!("afterwards: {}", coroutine.send(None).expect_err("it has ended"));

    filch::run(async {
        filch::Handle::try_current().expect("there is a runtime here");
        println!("asked inside: there is one");
        println!("driven inside: {}", needs_a_runtime("driven inside").await);
    });

    // A loop of one's own will do, if the thread has entered a runtime.
    let runtime = filch::Runtime::new()?;
    let _entered = runtime.handle().enter();
    println!("entered: {}", drive(needs_a_runtime("entered")));
    Ok(())
}

/// The message without the advice that follows it.
fn gist(message: &str) -> &str {
    message.split(':').next().unwrap_or(message)
}
