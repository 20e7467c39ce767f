//! Values in and out of a coroutine, on one thread.

use std::hint::black_box;

use crate::clock::Stopwatch;
use crate::coroutine::Library;
use crate::probe::{Run, Scale};

/// `send_suspend`: 5 000 000 times a value in and the sum so far out, with one coroutine.
pub fn round_trips<L: Library>(scale: Scale) -> Run {
    let times = scale.count(5_000_000);
    let mut adder = L::adder();
    let watch = Stopwatch::start();
    let mut sum = 0;
    for n in 0..times as u64 {
        sum = adder(black_box(n));
    }
    let cost = watch.stop();
    let expected = times as u64 * (times as u64 - 1) / 2;
    assert_eq!(sum, expected, "sum of what was sent");
    Run::new(cost, times)
}

/// `make_send_end`: 50 000 coroutines, one after the other, each made, resumed, sent to, and dropped
/// at its end.
pub fn short_lives<L: Library>(scale: Scale) -> Run {
    let times = scale.count(50_000);
    let watch = Stopwatch::start();
    let mut sum = 0;
    for n in 0..times as u64 {
        sum += L::echo(black_box(n));
    }
    let cost = watch.stop();
    let expected = times as u64 * (times as u64 - 1) / 2;
    assert_eq!(sum, expected, "sum of what came back");
    Run::new(cost, times)
}
