//! The usual way: `run` drives a future to its end and gives what it gives.
//!
//! `cargo run --example automatic_drive`
//!
//! The second half provokes a panic, whose message goes to standard error.
//!
//! Output:
//!
//! ```text
//! run gives 1
//! a run inside a run panics:
//! run() cannot be called from a running event loop: await the future, or spawn it
//! ```

async fn one() -> u32 {
    1
}

fn main() {
    println!("run gives {}", filch::run(one()));

    // A thread that drives one future cannot stop in its middle to drive another. Inside, await.
    let panic = filch::run(async {
        std::panic::catch_unwind(|| filch::run(one())).expect_err("refused inside a run")
    });
    let message = panic.downcast_ref::<String>().map(String::as_str);
    let message = message.or_else(|| panic.downcast_ref::<&str>().copied());
    println!("a run inside a run panics:\n{}", message.expect("the payload of a plain message"));
}
