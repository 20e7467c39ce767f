//! Sorting by sleeping: each number is a task that sleeps for so many seconds. Sleeps end in the order
//! of their deadlines, so the numbers come out sorted.
//!
//! `cargo run --example sleep_sort`
//!
//! With the system's clock, two numbers a microsecond apart could change places on their way from the
//! timer to the channel. A virtual clock stands still until everybody who was woken is done.
//!
//! Output:
//!
//! ```text
//! 1 1 2 3 5 8 13 21 34 55 89 144
//! sorted in 144 seconds of virtual time
//! ```

use filch::Builder;
use std::time::Duration;

fn main() -> std::io::Result<()> {
    let runtime = Builder::new().worker_threads(4).start_paused(true).build()?;
    let numbers = [34, 1, 144, 3, 89, 2, 13, 55, 1, 21, 8, 5];

    let (sorted, took) = runtime.block_on(async {
        let start = filch::now();
        // Until all have been spawned no time passes: this future is at work.
        let (sender, receiver) = async_channel::unbounded();
        for number in numbers {
            let sender = sender.clone();
            drop(filch::spawn(async move {
                let number = filch::sleep(Duration::from_secs(number), number).await;
                sender.send(number).await.expect("the receiver waits for all");
            }));
        }
        drop(sender);
        let mut sorted = Vec::new();
        while let Ok(number) = receiver.recv().await {
            sorted.push(number.to_string());
        }
        (sorted, filch::now() - start)
    });

    println!("{}", sorted.join(" "));
    println!("sorted in {} seconds of virtual time", took.as_secs());
    Ok(())
}
