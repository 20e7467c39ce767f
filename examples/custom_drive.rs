//! An event loop of one's own: first the one that asks over and over, then the one that sleeps.
//!
//! `cargo run --example custom_drive`
//!
//! Output:
//!
//! ```text
//! asking over and over: 42 after 4 sends
//! sleeping in between: 42 from another thread
//! ```

use filch::coroutine::{Coroutine, SendError, Step, drive};
use futures_channel::oneshot;
use std::thread;

async fn patient() -> u32 {
    for _ in 0..3 {
        filch::yield_now().await;
    }
    42
}

/// Python's `while True: coroutine.send(None)`. It gets there, but keeps a core busy while the future
/// waits for something.
fn drive_busily<T>(future: impl Future<Output = T>) -> (T, u32) {
    let mut coroutine = Coroutine::from_future(future);
    let mut sends = 0;
    loop {
        sends += 1;
        match coroutine.send(None) {
            Ok(Step::Complete(output)) => return (output, sends),
            Err(SendError::Pending(_)) => {}
            Err(error) => unreachable!("only `None` is sent, and its end ends the loop: {error}"),
        }
    }
}

fn main() {
    let (output, sends) = drive_busily(patient());
    println!("asking over and over: {output} after {sends} sends");

    // `drive` is the same loop with a waker that ends its sleep.
    let (sender, receiver) = oneshot::channel();
    let thread = thread::spawn(move || sender.send(42));
    let output = drive(receiver).expect("the thread sends");
    println!("sleeping in between: {output} from another thread");
    thread.join().expect("the thread does not panic").expect("the value was received");
}
