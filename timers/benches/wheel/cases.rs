//! What is measured. Every case keeps a number of timers alive, and reports nanoseconds for each
//! operation; time is a number that the case turns on.

use std::hint::black_box;

use rustix::time::{ClockId, clock_gettime};

use crate::peers::{Payload, Timers};

/// One second.
const SECOND: u64 = 1_000_000_000;
/// Time-outs: nearly all are cancelled or re-armed before they fire.
const TIMEOUT: u64 = 30 * SECOND;
/// How far time goes in a single operation, and after how many the worker looks at its timers.
const OPERATION: u64 = 100;
const OPERATIONS_PER_TURN: usize = 64;

/// Numbers that look random: xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let random = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d);
        ((u128::from(random) * u128::from(bound)) >> 64) as u64
    }
}

/// A queue with its timers alive, and the time.
struct World<Q: Timers> {
    queue: Q,
    handles: Vec<Q::Handle>,
    fired: Vec<Payload>,
    random: Random,
    now: u64,
    /// Deadlines are chosen up to so far ahead.
    spread: u64,
}

impl<Q: Timers> World<Q> {
    fn new(live: usize, spread: u64) -> Self {
        let mut queue = Q::new();
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let handles = (0..live)
            .map(|number| queue.insert(random.below(spread), Payload::new(number)))
            .collect();
        Self { queue, handles, fired: Vec::new(), random, now: 0, spread }
    }

    /// Fires what is due and inserts it anew; returns how many that were.
    fn turn(&mut self) -> usize {
        self.queue.advance(self.now, &mut self.fired);
        let fired = self.fired.len();
        for payload in self.fired.drain(..) {
            let deadline = self.now + self.random.below(self.spread);
            self.handles[payload.number] = self.queue.insert(deadline, payload);
        }
        fired
    }

    /// Performs `count` operations with time going on.
    fn operate(&mut self, count: usize, operation: impl Fn(&mut Self)) -> f64 {
        self.turn();
        let stopwatch = Stopwatch::start();
        for number in 0..count {
            operation(self);
            self.now += OPERATION;
            if number % OPERATIONS_PER_TURN == 0 {
                self.turn();
            }
        }
        stopwatch.nanos_each(count)
    }

    fn pick(&mut self) -> usize {
        self.random.below(self.handles.len() as u64) as usize
    }
}

/// CPU time of this thread, so that what else runs on the machine counts less.
struct Stopwatch(u64);

impl Stopwatch {
    fn start() -> Self {
        Self(Self::nanos())
    }

    fn nanos_each(self, count: usize) -> f64 {
        (Self::nanos() - self.0) as f64 / count as f64
    }

    fn nanos() -> u64 {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec as u64 * SECOND + time.tv_nsec as u64
    }
}

/// Measures once and returns nanoseconds.
pub(crate) type Round = Box<dyn FnMut() -> f64>;

/// A thing to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// A time-out that is cancelled at once, while others wait.
    Timeout,
    /// A waiting one is cancelled, another takes its place.
    Churn,
    /// A waiting one is re-armed for the time-out from now, as by a connection that hears
    /// something.
    ResetLater,
    /// A waiting one is re-armed for any time.
    ResetAny,
    /// The worker sleeps until the next one is due, fires it and inserts another.
    FireNext,
    /// The worker looks every millisecond, fires what is due and inserts others.
    FireEveryMs,
    /// All are inserted for the next 200 ms and fire, in steps of 50 µs.
    Burst,
    /// All are inserted for one instant and fire.
    Instant,
}

impl Case {
    pub(crate) const ALL: [Self; 8] = [
        Self::Timeout,
        Self::Churn,
        Self::ResetLater,
        Self::ResetAny,
        Self::FireNext,
        Self::FireEveryMs,
        Self::Burst,
        Self::Instant,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Timeout => "insert + cancel at once",
            Self::Churn => "cancel any + insert",
            Self::ResetLater => "reset any to now + 30 s",
            Self::ResetAny => "reset any to any time",
            Self::FireNext => "fire the next + insert",
            Self::FireEveryMs => "fire a millisecond's + insert",
            Self::Burst => "insert all, fire in 50 us steps",
            Self::Instant => "insert all, fire at one instant",
        }
    }

    /// Gets a queue of `live` timers ready to be measured with `count` operations a round.
    /// `None` if this queue cannot do it.
    pub(crate) fn prepare<Q: Timers + 'static>(self, live: usize, count: usize) -> Option<Round> {
        let spread = if matches!(self, Self::FireNext | Self::FireEveryMs) {
            2 * SECOND
        } else {
            2 * TIMEOUT
        };
        if matches!(self, Self::Burst | Self::Instant) {
            return Some(burst::<Q>(live, count, self == Self::Burst));
        }
        let mut world = World::<Q>::new(live, spread);
        if self == Self::FireNext {
            world.queue.next_expiry()?;
        }
        Some(match self {
            Self::Timeout => Box::new(move || {
                world.operate(count, |world| {
                    let handle = world.queue.insert(world.now + TIMEOUT, Payload::new(0));
                    black_box(world.queue.cancel(handle)).expect("it was just inserted");
                })
            }),
            Self::Churn => Box::new(move || {
                world.operate(count, |world| {
                    let number = world.pick();
                    let payload = world.queue.cancel(world.handles[number]).expect("it is alive");
                    let deadline = world.now + TIMEOUT + world.random.below(TIMEOUT);
                    world.handles[number] = world.queue.insert(deadline, payload);
                })
            }),
            Self::ResetLater => Box::new(move || {
                world.operate(count, |world| {
                    let number = world.pick();
                    let handle = world.handles[number];
                    world.handles[number] = world.queue.reset(handle, world.now + TIMEOUT);
                })
            }),
            Self::ResetAny => Box::new(move || {
                world.operate(count, |world| {
                    let number = world.pick();
                    let deadline = world.now + world.random.below(world.spread);
                    let handle = world.handles[number];
                    world.handles[number] = world.queue.reset(handle, deadline);
                })
            }),
            _ => Box::new(move || fire(&mut world, count, self == Self::FireNext)),
        })
    }
}

fn fire<Q: Timers>(world: &mut World<Q>, count: usize, next: bool) -> f64 {
    let stopwatch = Stopwatch::start();
    let mut fired = 0;
    while fired < count {
        world.now = if next {
            world.queue.next_expiry().expect("timers are alive")
        } else {
            world.now + 1_000_000
        };
        fired += world.turn();
    }
    stopwatch.nanos_each(fired)
}

fn burst<Q: Timers + 'static>(live: usize, count: usize, spread: bool) -> Round {
    const SPREAD: u64 = SECOND / 5;
    let mut queue = Q::new();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut now, mut fired) = (0, Vec::with_capacity(live));
    let bursts = count.div_ceil(live);
    Box::new(move || {
        let stopwatch = Stopwatch::start();
        for _ in 0..bursts {
            for number in 0..live {
                let ahead = if spread { random.below(SPREAD) } else { SPREAD };
                queue.insert(now + ahead, Payload::new(number));
            }
            // The last ones of a queue that rounds up are due a little later.
            for _ in 0..=SPREAD / 50_000 + 40 {
                queue.advance(now, &mut fired);
                now += 50_000;
            }
            assert_eq!(fired.len(), live, "{} lost timers", Q::NAME);
            fired.clear();
        }
        stopwatch.nanos_each(live * bursts)
    })
}
