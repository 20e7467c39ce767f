//! The smallest program: run a future, spawn tasks, await what they give.
//!
//! `cargo run --example hello`
//!
//! Output:
//!
//! ```text
//! hello from the root future
//! hello from a task
//! 1 + 4 + 9 + 16 = 30
//! ```

fn main() {
    // `run` starts a worker for each processor and drives the future on this thread. It gives back
    // what the future gives, once every task is over and every thread that it started has ended.
    let sum: u32 = filch::run(async {
        println!("hello from the root future");

        // A task begins to run as soon as a worker is free, whether or not its handle is awaited.
        let greeting = filch::spawn(async { "hello from a task" });
        println!("{}", greeting.await.expect("the task neither panics nor is aborted"));

        let squares: Vec<_> = (1..=4).map(|n| filch::spawn(square(n))).collect();
        let mut sum = 0;
        for square in squares {
            sum += square.await.expect("the task neither panics nor is aborted");
        }
        sum
    });
    println!("1 + 4 + 9 + 16 = {sum}");
}

async fn square(n: u32) -> u32 {
    // Lets other tasks run in between; a computation this short would do without.
    filch::yield_now().await;
    n * n
}
