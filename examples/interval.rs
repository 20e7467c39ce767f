//! Something regular, and what happens to ticks that were missed; on a virtual clock, which makes
//! it take no time and the times exact.
//!
//! `cargo run --example interval`
//!
//! Output:
//!
//! ```text
//! Burst: 0 s, 1 s, missed two and a half, 2 s at 4.5 s, 3 s at 4.5 s, 4 s at 4.5 s, 5 s
//! Delay: 0 s, 1 s, missed two and a half, 2 s at 4.5 s, 5.5 s, 6.5 s, 7.5 s
//! Skip: 0 s, 1 s, missed two and a half, 2 s at 4.5 s, 5 s, 6 s, 7 s
//! ```

use filch::{Builder, Interval, MissedTickBehavior};
use std::time::{Duration, Instant};

fn main() -> std::io::Result<()> {
    let runtime = Builder::new().start_paused(true).build()?;
    for behavior in [MissedTickBehavior::Burst, MissedTickBehavior::Delay, MissedTickBehavior::Skip]
    {
        println!("{behavior:?}: {}", runtime.block_on(ticks(behavior)));
    }
    Ok(())
}

/// Six ticks a second apart, with a long break after the second one.
async fn ticks(behavior: MissedTickBehavior) -> String {
    let start = filch::now();
    let mut interval = filch::interval(Duration::from_secs(1));
    interval.set_missed_tick_behavior(behavior);
    let mut seen = vec![tick(&mut interval, start).await, tick(&mut interval, start).await];
    filch::sleep(Duration::from_millis(3_500), ()).await;
    seen.push(String::from("missed two and a half"));
    for _ in 0..4 {
        seen.push(tick(&mut interval, start).await);
    }
    seen.join(", ")
}

/// When a tick was due, and if it came later, when that was.
async fn tick(interval: &mut Interval, start: Instant) -> String {
    let due = interval.tick().await;
    let now = filch::now();
    let seconds = |instant: Instant| (instant - start).as_secs_f64();
    match now > due {
        true => format!("{} s at {} s", seconds(due), seconds(now)),
        false => format!("{} s", seconds(due)),
    }
}
