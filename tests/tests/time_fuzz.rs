//! Sleeps against the simplest model of them: a deadline each, and a clock.

use filch::{Handle, Sleep};
use filch_tests::rng::{Rng, seed};
use filch_tests::wakers::CountingWaker;
use filch_tests::{LONG, stopped, within};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// A sleep, and what is known about it.
struct Modelled {
    sleep: Sleep<u64>,
    number: u64,
    deadline: Instant,
    count: Arc<CountingWaker>,
    waker: Waker,
    /// How often it has to have woken, from the time on at which it was last armed.
    fired: u64,
    armed: bool,
}

impl Modelled {
    fn new(number: u64, deadline: Instant) -> Self {
        let (count, waker) = CountingWaker::new();
        let sleep = filch::sleep_until(deadline, number);
        Self { sleep, number, deadline, count, waker, fired: 0, armed: false }
    }

    /// Polls it, and asserts that it is ready exactly if it has to be. True: it is over.
    fn poll(&mut self, runtime: &Handle) -> bool {
        let _entered = runtime.enter();
        let due = self.deadline <= runtime.now();
        let was_armed = self.armed;
        let mut cx = Context::from_waker(&self.waker);
        let mut poll = Pin::new(&mut self.sleep).poll(&mut cx);
        if due && !was_armed {
            // Due when it is first polled: yields once.
            assert!(poll.is_pending());
            self.fired += 1;
            poll = Pin::new(&mut self.sleep).poll(&mut cx);
        }
        self.armed = true;
        assert_eq!(poll, if due { Poll::Ready(self.number) } else { Poll::Pending });
        due
    }

    fn reset(&mut self, runtime: &Handle, deadline: Instant) {
        let now = runtime.now();
        let has_fired = self.armed && self.deadline <= now;
        Pin::new(&mut self.sleep).reset(deadline);
        self.deadline = deadline;
        // One that has fired is registered anew by its next poll; others move in their places.
        self.armed = self.armed && !has_fired;
        self.fired += u64::from(self.armed && deadline <= now);
        assert_eq!(self.sleep.deadline(), deadline);
    }

    fn check(&self, runtime: &Handle) {
        let _entered = runtime.enter();
        let now = runtime.now();
        assert_eq!(self.count.wakes(), self.fired, "sleep {}", self.number);
        assert_eq!(self.sleep.is_elapsed(), self.deadline <= now, "sleep {}", self.number);
    }
}

/// A time around `now`, near or far, but not before `start`.
fn some_time(rng: &mut Rng, start: Instant, now: Instant) -> Instant {
    let spread = Duration::from_nanos(1 << rng.below(50));
    let ahead = Duration::from_nanos(rng.next() % (spread.as_nanos() as u64));
    match rng.below(8) {
        0 => start.max(now.checked_sub(ahead).unwrap_or(now)),
        1 => now,
        _ => now + ahead,
    }
}

fn explore(seed: u64, steps: usize) {
    let mut rng = Rng::new(seed);
    let runtime = stopped(1 + rng.below(3) as usize);
    let handle = runtime.handle();
    let start = handle.now();
    let mut sleeps: Vec<Modelled> = Vec::new();
    for step in 0..steps {
        let now = handle.now();
        let chosen = rng.below(sleeps.len().max(1) as u64) as usize;
        match rng.below(10) {
            0..=2 => sleeps.push(Modelled::new(step as u64, some_time(&mut rng, start, now))),
            3..=5 if !sleeps.is_empty() => {
                let is_over = sleeps[chosen].poll(handle);
                drop(is_over.then(|| sleeps.swap_remove(chosen)));
            }
            6 if !sleeps.is_empty() => {
                let deadline = some_time(&mut rng, start, now);
                sleeps[chosen].reset(handle, deadline);
            }
            7 if !sleeps.is_empty() => drop(sleeps.swap_remove(chosen)),
            8 => {
                let to = some_time(&mut rng, start, now).max(now);
                for sleep in &mut sleeps {
                    sleep.fired +=
                        u64::from(sleep.armed && sleep.deadline > now && sleep.deadline <= to);
                }
                handle.advance(to - now);
            }
            _ => {}
        }
        if step % 16 == 0 {
            sleeps.iter().for_each(|sleep| sleep.check(handle));
        }
    }
    let counts: Vec<_> = sleeps.iter().map(|sleep| sleep.count.clone()).collect();
    drop(sleeps);
    drop(runtime);
    assert!(counts.iter().all(|count| count.wakers() == 0), "a waker is left");
}

#[test]
fn sleeps_do_what_their_model_does() {
    let seed = seed();
    eprintln!("seed {seed}; FILCH_STRESS_SEED sets it");
    within(LONG, || (0..20).for_each(|round| explore(seed.wrapping_add(round), 5_000)));
}

/// The same sequences in every run.
#[test]
fn sleeps_do_what_their_model_does_with_fixed_seeds() {
    within(LONG, || (1..=10).for_each(|seed| explore(seed, 3_000)));
}
