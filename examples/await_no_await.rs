//! Awaiting what never suspends costs no turn of the event loop: it is a call. One poll ends it.
//!
//! `cargo run --example await_no_await`
//!
//! Output:
//!
//! ```text
//! one send: Ok(Complete(3))
//! 1 poll
//! with a yield in it: 3, and 2 polls
//! ```

use filch::coroutine::Coroutine;
use std::future::poll_fn;
use std::pin::pin;

async fn one() -> u32 {
    1
}

async fn two() -> u32 {
    one().await + one().await
}

async fn three() -> u32 {
    two().await + one().await
}

async fn three_with_a_yield() -> u32 {
    filch::yield_now().await;
    three().await
}

/// Gives the future's output and how often it was polled.
async fn counted<T>(future: impl Future<Output = T>) -> (T, u32) {
    let mut future = pin!(future);
    let mut polls = 0;
    let output = poll_fn(|cx| {
        polls += 1;
        future.as_mut().poll(cx)
    });
    (output.await, polls)
}

fn main() {
    println!("one send: {:?}", Coroutine::from_future(three()).send(None));

    filch::run(async {
        let (_, polls) = counted(three()).await;
        println!("{polls} poll");
        let (output, polls) = counted(three_with_a_yield()).await;
        println!("with a yield in it: {output}, and {polls} polls");
    });
}
