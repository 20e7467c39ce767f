//! An interval ticks at regular times, and does about missed ticks what it is told to.

use filch::{Interval, MissedTickBehavior};
use filch_tests::{LONG, panic_file, panic_text, paused, within};
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

/// When the next ticks were due, in milliseconds from `start`, and when they were seen.
async fn ticks(interval: &mut Interval, start: Instant, count: usize) -> Vec<(u128, u128)> {
    let mut ticks = Vec::new();
    for _ in 0..count {
        let due = interval.tick().await;
        ticks.push(((due - start).as_millis(), (filch::now() - start).as_millis()));
    }
    ticks
}

#[test]
fn the_first_tick_comes_at_once_and_the_others_by_the_period() {
    within(LONG, || {
        for workers in [1, 2] {
            paused(workers).block_on(async {
                let start = filch::now();
                let mut interval = filch::interval(300 * MILLI);
                let seen = ticks(&mut interval, start, 4).await;
                assert_eq!(seen, [(0, 0), (300, 300), (600, 600), (900, 900)]);
                assert_eq!(interval.period(), 300 * MILLI);
            });
        }
    });
}

#[test]
fn an_interval_starts_where_it_is_told_to() {
    within(LONG, || {
        paused(1).block_on(async {
            let start = filch::now();
            let mut interval = filch::interval_at(start + 50 * MILLI, 300 * MILLI);
            assert_eq!(ticks(&mut interval, start, 2).await, [(50, 50), (350, 350)]);
        });
    });
}

async fn after_a_delay(behavior: MissedTickBehavior, delay: Duration) -> Vec<(u128, u128)> {
    let start = filch::now();
    let mut interval = filch::interval(SECOND);
    interval.set_missed_tick_behavior(behavior);
    assert_eq!(interval.missed_tick_behavior(), behavior);
    interval.tick().await;
    filch::sleep(delay, ()).await;
    ticks(&mut interval, start, 4).await
}

#[test]
fn missed_ticks_are_made_up_for_delayed_or_skipped() {
    within(LONG, || {
        paused(1).block_on(async {
            let delay = 3_500 * MILLI;
            let burst = after_a_delay(MissedTickBehavior::Burst, delay).await;
            assert_eq!(burst, [(1000, 3500), (2000, 3500), (3000, 3500), (4000, 4000)]);
            let delayed = after_a_delay(MissedTickBehavior::Delay, delay).await;
            assert_eq!(delayed, [(1000, 3500), (4500, 4500), (5500, 5500), (6500, 6500)]);
            let skipped = after_a_delay(MissedTickBehavior::Skip, delay).await;
            assert_eq!(skipped, [(1000, 3500), (4000, 4000), (5000, 5000), (6000, 6000)]);
            let default = filch::interval(SECOND).missed_tick_behavior();
            assert_eq!(default, MissedTickBehavior::Burst);
        });
    });
}

/// tokio-rs/tokio#6029: lateness that adds up.
#[test]
fn a_tick_that_is_late_by_less_than_a_period_moves_no_other() {
    within(LONG, || {
        paused(1).block_on(async {
            use MissedTickBehavior::{Burst, Delay, Skip};
            for behavior in [Burst, Delay, Skip] {
                let seen = after_a_delay(behavior, 1_999 * MILLI).await;
                assert_eq!(seen, [(1000, 1999), (2000, 2000), (3000, 3000), (4000, 4000)]);
            }
        });
    });
}

#[test]
fn a_burst_gives_the_other_tasks_a_turn_at_each_tick() {
    within(LONG, || {
        paused(1).block_on(async {
            let start = filch::now();
            filch::sleep(SECOND, ()).await;
            let mut interval = filch::interval_at(start, MILLI);
            for missed in 0..1_000 {
                let mut polls = 0;
                poll_fn(|cx| {
                    polls += 1;
                    interval.poll_tick(cx).map(drop)
                })
                .await;
                assert_eq!(polls, 2, "tick {missed}");
            }
        });
    });
}

#[test]
fn a_tick_that_was_given_up_is_not_lost() {
    within(LONG, || {
        paused(1).block_on(async {
            let start = filch::now();
            let mut interval = filch::interval_at(start + SECOND, SECOND);
            for _ in 0..3 {
                assert!(filch::timeout(100 * MILLI, interval.tick()).await.is_err());
            }
            assert_eq!(ticks(&mut interval, start, 1).await, [(1000, 1000)]);
        });
    });
}

#[test]
fn a_reset_makes_the_next_tick_come_a_period_later() {
    within(LONG, || {
        paused(1).block_on(async {
            let start = filch::now();
            let mut interval = filch::interval(SECOND);
            interval.tick().await;
            filch::sleep(700 * MILLI, ()).await;
            interval.reset();
            assert_eq!(ticks(&mut interval, start, 2).await, [(1700, 1700), (2700, 2700)]);
        });
    });
}

#[test]
fn a_period_of_zero_is_refused_where_it_was_asked_for() {
    let text = panic_text(|| filch::interval(Duration::ZERO));
    assert_eq!(text, "the period of an interval must not be zero");
    assert_eq!(panic_file(|| filch::interval(Duration::ZERO)), file!());
    assert_eq!(panic_file(|| filch::interval_at(Instant::now(), Duration::ZERO)), file!());
}

/// tokio-rs/tokio#2184: the tick after the first lies beyond the end of time.
#[test]
fn the_longest_period_ticks_once() {
    within(LONG, || {
        paused(1).block_on(async {
            let mut interval = filch::interval(Duration::MAX);
            interval.tick().await;
            assert!(filch::timeout(1_000_000 * SECOND, interval.tick()).await.is_err());
            interval.reset();
            assert!(filch::timeout(1_000_000 * SECOND, interval.tick()).await.is_err());
        });
    });
}

/// The ticks of such an interval that are seen first: due so long before now, all in one instant.
async fn first_ticks_before(
    ago: Duration,
    period: Duration,
    behavior: MissedTickBehavior,
) -> [(Duration, bool); 3] {
    let now = filch::now();
    let mut interval = filch::interval_at(now.checked_sub(ago).expect("an old clock"), period);
    interval.set_missed_tick_behavior(behavior);
    let mut ticks = [(Duration::ZERO, false); 3];
    for tick in &mut ticks {
        let due = interval.tick().await;
        let is_missed = due <= now && filch::now() == now;
        *tick = (if is_missed { now - due } else { due - now }, is_missed);
    }
    ticks
}

/// However far the start is from the beginning of the clock, which is thirteen days before it was
/// asked first: no tick is moved to there, and those to come keep to the start.
#[test]
fn a_start_long_ago_is_kept_to_the_nanosecond() {
    // On Linux an `Instant` may be long before the machine was switched on; not everywhere.
    let day = 86_400 * SECOND;
    let system = Instant::now();
    let reached = |ago: &Duration| system.checked_sub(*ago).is_some();
    within(LONG, || {
        for ago in [SECOND, day, 13 * day, 14 * day, 400 * day, 10_000 * day]
            .iter()
            .filter(|&ago| reached(ago))
        {
            paused(1).block_on(async {
                use MissedTickBehavior::{Burst, Delay, Skip};
                let (ago, period) = (*ago + 17 * MILLI, 10 * MILLI);
                let burst = first_ticks_before(ago, period, Burst).await;
                assert_eq!(burst, [0, 1, 2].map(|n| (ago - period * n, true)));
                let delayed = first_ticks_before(ago, period, Delay).await;
                assert_eq!(delayed, [(ago, true), (period, false), (2 * period, false)]);
                let skipped = first_ticks_before(ago, period, Skip).await;
                assert_eq!(skipped, [(ago, true), (3 * MILLI, false), (13 * MILLI, false)]);
                // A period that is not over yet.
                let slow = first_ticks_before(ago, ago + SECOND, Burst).await;
                assert_eq!(slow[..2], [(ago, true), (SECOND, false)]);
            });
        }
    });
}

/// tokio-rs/tokio#3551, for a start: the first tick lies beyond the end of time.
#[test]
fn a_start_that_never_comes_is_no_panic() {
    within(LONG, || {
        paused(1).block_on(async {
            let mut far = filch::now();
            let years = (0..10).map(|n| Duration::from_secs(31_557_600 * 10_u64.pow(n)));
            for duration in years {
                far = far.checked_add(duration).unwrap_or(far);
            }
            let mut interval = filch::interval_at(far, MILLI);
            assert!(filch::timeout(1_000_000 * SECOND, interval.tick()).await.is_err());
            interval.reset();
            let due = filch::now() + MILLI;
            assert_eq!(interval.tick().await, due);
        });
    });
}

#[test]
fn an_interval_made_outside_a_runtime_starts_at_its_first_poll() {
    within(LONG, || {
        let mut interval = filch::interval(SECOND);
        let text = panic_text(|| {
            let _: Poll<Instant> = interval.poll_tick(&mut Context::from_waker(Waker::noop()));
        });
        assert!(text.starts_with("no running event loop"), "{text}");
        paused(1).block_on(async {
            filch::sleep(5 * SECOND, ()).await;
            let start = filch::now();
            assert_eq!(ticks(&mut interval, start, 2).await, [(0, 0), (1000, 1000)]);
        });
    });
}
