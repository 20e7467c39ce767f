//! Giving a future only so much time, and what becomes of it afterwards.
//!
//! `cargo run --example timeout`
//!
//! Output:
//!
//! ```text
//! in time: Ok("the answer")
//! too slow: Err(Elapsed(())), which says: deadline has elapsed
//! what took too long was dropped
//! a second try with the same future: Ok(3)
//! ```

use std::pin::pin;
use std::time::Duration;

struct Dropped;

impl Drop for Dropped {
    fn drop(&mut self) {
        println!("what took too long was dropped");
    }
}

fn main() {
    let moment = Duration::from_millis(5);
    let hour = Duration::from_secs(3600);

    filch::run(async move {
        let quick = filch::sleep(moment, "the answer");
        println!("in time: {:?}", filch::timeout(hour, quick).await);

        let slow = async {
            let _dropped = Dropped;
            filch::sleep(hour, ()).await;
        };
        let limited = filch::timeout(moment, slow);
        let mut limited = Box::pin(limited);
        let result = limited.as_mut().await;
        println!("too slow: {result:?}, which says: {}", result.unwrap_err());
        // The future goes with the timeout, and with it whatever it waited for.
        drop(limited);

        // A future that is only borrowed can be given more time.
        let mut work = pin!(filch::sleep(3 * moment, 3));
        let first = filch::timeout(moment, work.as_mut()).await;
        assert!(first.is_err());
        println!("a second try with the same future: {:?}", filch::timeout(hour, work).await);
    });
}
