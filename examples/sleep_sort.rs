//! Sorting by sleeping: each number is a task that sleeps for so many seconds. Sleeps end in the order
//! of their deadlines, so the numbers come out sorted.
//!
//! ```text
//! cargo run --example sleep_sort
//! cargo run --example sleep_sort -- --watch
//! ```
//!
//! With the system's clock, two numbers a microsecond apart could change places on their way from the
//! timer to the channel. A virtual clock stands still until everybody who was woken is done.
//!
//! With `--watch` it is the system's clock nevertheless, forty times as fast, and each number has a line
//! of its own as it comes: four seconds to look at.
//!
//! Output:
//!
//! ```text
//! 1 1 2 3 5 8 13 21 34 55 89 144
//! sorted in 144 seconds of virtual time
//! ```

use async_channel::Receiver;
use filch::{Builder, Runtime};
use std::io;
use std::process::ExitCode;
use std::time::Duration;

const NUMBERS: [u32; 12] = [34, 1, 144, 3, 89, 2, 13, 55, 1, 21, 8, 5];

const USAGE: &str = "Usage: sleep_sort [--watch]";

fn main() -> io::Result<ExitCode> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match arguments.as_slice() {
        [] => sort()?,
        [option] if option == "--watch" => watch()?,
        _ => {
            eprintln!("{USAGE}");
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn sort() -> io::Result<()> {
    let runtime = Builder::new().worker_threads(4).start_paused(true).build()?;
    let (sorted, took) = runtime.block_on(async {
        let start = filch::now();
        // Until all have been spawned no time passes: this future is at work.
        let numbers = spawn_sleepers(Duration::from_secs(1));
        let mut sorted = Vec::new();
        while let Ok(number) = numbers.recv().await {
            sorted.push(number.to_string());
        }
        (sorted, filch::now() - start)
    });
    println!("{}", sorted.join(" "));
    println!("sorted in {} seconds of virtual time", took.as_secs());
    Ok(())
}

fn watch() -> io::Result<()> {
    Runtime::new()?.block_on(async {
        let numbers = spawn_sleepers(Duration::from_millis(25));
        while let Ok(number) = numbers.recv().await {
            println!("{number}");
        }
    });
    Ok(())
}

/// Each number is sent after as many seconds, or what is to count as one.
fn spawn_sleepers(second: Duration) -> Receiver<u32> {
    let (sender, receiver) = async_channel::unbounded();
    for number in NUMBERS {
        let sender = sender.clone();
        drop(filch::spawn(async move {
            let number = filch::sleep(second * number, number).await;
            sender.send(number).await.expect("the receiver waits for all");
        }));
    }
    receiver
}
