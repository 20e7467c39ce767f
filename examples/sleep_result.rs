//! Sleeping, with a result: what `await asyncio.sleep(1, result=2)` is in Python.
//!
//! `cargo run --example sleep_result`
//!
//! Output:
//!
//! ```text
//! slept for a second, and got 2
//! ten at the same time, which takes less than one after the other: true, and 45
//! without a runtime: no running event loop
//! ```

use std::future::Future;
use std::panic::catch_unwind;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

fn main() {
    let second = Duration::from_secs(1);

    let result = filch::run(async move { filch::sleep(second, 2).await });
    println!("slept for a second, and got {result}");

    // Tasks sleep at the same time; the workers sleep, too.
    let start = Instant::now();
    let sum: u32 = filch::run(async move {
        let tasks: Vec<_> = (0..10).map(|n| filch::spawn(filch::sleep(second, n))).collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await.expect("a sleep does not panic");
        }
        sum
    });
    let quicker = start.elapsed() < 10 * second;
    println!(
        "ten at the same time, which takes less than one after the other: {quicker}, and {sum}"
    );

    // A sleep can be made anywhere, but it is the runtime that wakes it.
    std::panic::set_hook(Box::new(|_| {}));
    let panic = catch_unwind(|| {
        let mut sleep = pin!(filch::sleep(second, 2));
        let _ = sleep.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    })
    .expect_err("the first poll panics");
    let text = panic.downcast_ref::<String>().expect("a message");
    println!("without a runtime: {}", text.split(':').next().unwrap_or(text));
}
