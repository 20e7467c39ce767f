//! Driving a coroutine by hand, and what it refuses, in Python's words.
//!
//! `cargo run --example manual_drive`
//!
//! Output:
//!
//! ```text
//! can't send non-None value to a just-started coroutine: 7 is handed back
//! the coroutine returned 1
//! cannot reuse already awaited coroutine: 8 is handed back
//! by poll alone: Ready(1)
//! ```

use filch::coroutine::{Co, Coroutine, Step};
use std::pin::pin;
use std::task::{Context, Waker};

async fn one() -> u32 {
    1
}

fn main() {
    let mut coroutine = Coroutine::new(async |_: Co<(), i32>| one().await);

    // Nothing in it waits for a value yet. What cannot be sent is not lost.
    let error = coroutine.send(Some(7)).expect_err("it has not begun");
    let text = error.to_string();
    println!("{text}: {} is handed back", error.into_value().expect("the value that was sent"));

    match coroutine.send(None) {
        Ok(Step::Complete(output)) => println!("the coroutine returned {output}"),
        other => unreachable!("it suspends itself nowhere: {other:?}"),
    }

    let error = coroutine.send(Some(8)).expect_err("it has ended");
    let text = error.to_string();
    println!("{text}: {} is handed back", error.into_value().expect("the value that was sent"));

    // Underneath is `poll`, which passes no values. A waker that does nothing will do, if nobody
    // waits to be woken.
    let mut future = pin!(one());
    println!("by poll alone: {:?}", future.as_mut().poll(&mut Context::from_waker(Waker::noop())));
}
