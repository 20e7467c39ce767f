//! An asynchronous generator: a coroutine that awaits between the values that it yields.
//!
//! `cargo run --example async_generator`
//!
//! Output:
//!
//! ```text
//! 1 squared is 1
//! 3 squared is 9
//! 5 squared is 25
//! as a stream: ["a", "b", "c"]
//! spawned: yielded [1, 3, 5], returned "no more"
//! ```

use filch::coroutine::{Co, Coroutine};
use futures_lite::StreamExt;
use std::time::Duration;

async fn odd_numbers(co: Co<u32, ()>) -> &'static str {
    for n in [1, 3, 5] {
        // It may await whatever it likes; the consumer waits for it.
        let n = filch::sleep(Duration::from_millis(10), n).await;
        co.suspend(n).await;
    }
    "no more"
}

/// A generator that consumes another one.
async fn squares(co: Co<(u32, u32), ()>) {
    let mut numbers = Coroutine::new(odd_numbers);
    while let Some(n) = numbers.next().await {
        co.suspend((n, n * n)).await;
    }
}

fn main() {
    filch::run(async {
        // Python's `async for`.
        let mut squares = Coroutine::new(squares);
        while let Some((n, square)) = squares.next().await {
            println!("{n} squared is {square}");
        }

        // Every library for streams knows it.
        let letters = Coroutine::new(async |co: Co<char, ()>| {
            for letter in 'a'..='c' {
                filch::yield_now().await;
                co.suspend(letter).await;
            }
        });
        let letters: Vec<_> = StreamExt::map(letters, |letter| letter.to_string()).collect().await;
        println!("as a stream: {letters:?}");

        // Its steps can run as tasks, on whichever worker is free.
        let numbers = Coroutine::new(odd_numbers).spawn();
        let (yielded, returned) = numbers.collect().await.expect("no step panics");
        println!("spawned: yielded {yielded:?}, returned {returned:?}");
    });
}
