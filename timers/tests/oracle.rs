//! Random sequences of operations, against a sorted map.

mod common;

use common::Pair;
use filch_timers::NEVER;
use proptest::prelude::*;

/// A time relative to the present.
#[derive(Clone, Copy, Debug)]
enum Time {
    /// So many nanoseconds after the start of the next slot of that level, or before it.
    Boundary { level: u32, offset: i8 },
    /// So many nanoseconds ahead.
    Ahead(u64),
    /// So many nanoseconds ago.
    Ago(u64),
    /// So many nanoseconds before "never".
    BeforeNever(u64),
    /// The earliest deadline, and so much more.
    Earliest(u64),
}

impl Time {
    fn resolve(self, pair: &Pair) -> u64 {
        let now = pair.now();
        match self {
            Self::Boundary { level, offset } => {
                let width = 1_u64 << (6 * level);
                (now / width * width).saturating_add(width).saturating_add_signed(offset.into())
            }
            Self::Ahead(ns) => now.saturating_add(ns),
            Self::Ago(ns) => now.saturating_sub(ns),
            Self::BeforeNever(ns) => NEVER - ns,
            Self::Earliest(ns) => pair.earliest().unwrap_or(now).saturating_add(ns),
        }
    }
}

#[derive(Clone, Debug)]
enum Op {
    Insert(Time),
    Crowd { time: Time, count: u8, step: u16 },
    Cancel(usize),
    Reset(usize, Time),
    Advance { time: Time, limit: usize },
    AdvanceFully { time: Time, limit: usize },
    Settle,
    DrainSome(usize),
    ShrinkTo(usize),
}

fn magnitude() -> impl Strategy<Value = u64> {
    (0_u32..64, any::<u64>()).prop_map(|(bits, random)| random >> bits)
}

fn time() -> impl Strategy<Value = Time> {
    prop_oneof![
        4 => (0_u32..11, -2_i8..=2)
            .prop_map(|(level, offset)| Time::Boundary { level, offset }),
        2 => (0_u64..200).prop_map(Time::Ahead),
        3 => (0_u64..20_000_000).prop_map(Time::Ahead),
        2 => magnitude().prop_map(Time::Ahead),
        1 => magnitude().prop_map(Time::Ago),
        1 => (0_u64..4).prop_map(Time::BeforeNever),
        3 => (0_u64..3).prop_map(Time::Earliest),
    ]
}

/// Steps that time may take without reaching the end of the world at once.
fn step() -> impl Strategy<Value = Time> {
    prop_oneof![
        6 => (0_u64..3).prop_map(Time::Earliest),
        4 => (0_u32..7, -2_i8..=2)
            .prop_map(|(level, offset)| Time::Boundary { level, offset }),
        3 => (0_u64..200).prop_map(Time::Ahead),
        3 => (0_u64..20_000_000).prop_map(Time::Ahead),
        1 => magnitude().prop_map(|ns| Time::Ahead(ns >> 8)),
        1 => magnitude().prop_map(Time::Ago),
        1 => time(),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        10 => time().prop_map(Op::Insert),
        2 => (time(), 2_u8..60, prop_oneof![Just(0_u16), 1..2_000_u16])
            .prop_map(|(time, count, step)| Op::Crowd { time, count, step }),
        6 => any::<usize>().prop_map(Op::Cancel),
        6 => (any::<usize>(), time()).prop_map(|(number, time)| Op::Reset(number, time)),
        4 => (step(), 0_usize..5).prop_map(|(time, limit)| Op::Advance { time, limit }),
        4 => (step(), prop_oneof![1_usize..5, Just(usize::MAX)])
            .prop_map(|(time, limit)| Op::AdvanceFully { time, limit }),
        1 => Just(Op::Settle),
        1 => (0_usize..4).prop_map(Op::DrainSome),
        1 => (0_usize..40).prop_map(Op::ShrinkTo),
    ]
}

fn start() -> impl Strategy<Value = u64> {
    prop_oneof![
        2 => Just(0_u64),
        4 => (0_u32..11, -2_i8..=2)
            .prop_map(|(level, offset)| (1_u64 << (6 * level)).saturating_add_signed(offset.into())),
        2 => any::<u64>(),
        2 => magnitude().prop_map(|ns| NEVER - (ns >> 8)),
        1 => (0_u64..300).prop_map(|ns| NEVER - ns),
    ]
}

/// Timers far ahead: they must neither fire nor hide what is near (tokio#8334).
const FAR: [Time; 8] = [
    Time::Ahead(1 << 36),
    Time::Ahead(1 << 40),
    Time::Ahead(1 << 48),
    Time::Ahead(1 << 54),
    Time::Ahead(1 << 60),
    Time::Ahead(1 << 63),
    Time::BeforeNever(1),
    Time::BeforeNever(0),
];

/// A pair in which those are there all the time: no operation picks one of them, and one whose time
/// has come, or that was drained, is followed by the next.
struct World {
    pair: Pair,
    /// Of each of [`FAR`], number and deadline.
    far: Vec<(usize, u64)>,
    /// The numbers of the others.
    near: Vec<usize>,
}

impl World {
    fn new(start: u64) -> Self {
        let mut pair = Pair::new(start);
        let far = FAR.iter().map(|time| insert_far(&mut pair, *time)).collect();
        Self { pair, far, near: Vec::new() }
    }

    fn perform(&mut self, op: &Op) {
        match *op {
            Op::Insert(time) => self.insert(time.resolve(&self.pair)),
            Op::Crowd { time, count, step } => {
                let first = time.resolve(&self.pair);
                for number in 0..u64::from(count) {
                    // Odd numbers first, so that the crowd is not sorted already.
                    let rank = number * 7 % u64::from(count);
                    self.insert(first.saturating_add(rank * u64::from(step)));
                }
            }
            Op::Cancel(number) => {
                if let Some(number) = self.pick(number) {
                    self.pair.cancel(number);
                }
            }
            Op::Reset(number, time) => {
                if let Some(number) = self.pick(number) {
                    self.pair.reset(number, time.resolve(&self.pair));
                }
            }
            Op::Advance { time, limit } => {
                self.pair.advance(time.resolve(&self.pair), limit);
            }
            Op::AdvanceFully { time, limit } => {
                self.pair.advance_fully(time.resolve(&self.pair), limit);
            }
            Op::Settle => self.pair.check_earliest(),
            // The first places in memory are those of the far ones.
            Op::DrainSome(count) => self.pair.drain_some(FAR.len() + count),
            Op::ShrinkTo(capacity) => self.pair.shrink_to(capacity),
        }
        self.restore_far(matches!(op, Op::DrainSome(_)));
    }

    fn insert(&mut self, deadline: u64) {
        self.near.push(self.pair.timers());
        self.pair.insert(deadline);
    }

    fn pick(&self, number: usize) -> Option<usize> {
        self.near.get(number.checked_rem(self.near.len())?).copied()
    }

    fn restore_far(&mut self, drained: bool) {
        for (far, time) in self.far.iter_mut().zip(FAR) {
            let (number, deadline) = *far;
            if self.pair.deadline(number) == Some(deadline) {
                continue;
            }
            assert!(drained || deadline <= self.pair.now(), "far timer {number} is gone early");
            self.near.push(number);
            *far = insert_far(&mut self.pair, time);
        }
    }
}

fn insert_far(pair: &mut Pair, time: Time) -> (usize, u64) {
    let number = pair.timers();
    pair.insert(time.resolve(pair));
    (number, pair.deadline(number).expect("it was inserted"))
}

/// The pair after these operations.
fn perform_all(start: u64, ops: &[Op]) -> Pair {
    let mut world = World::new(start);
    for op in ops {
        world.perform(op);
    }
    world.pair
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn the_wheel_does_what_a_sorted_map_does(
        start in start(),
        ops in prop::collection::vec(op(), 1..120),
    ) {
        let mut pair = perform_all(start, &ops);
        pair.check_deadlines();
        pair.check_earliest();
        pair.advance_fully(NEVER, 7);
        assert_eq!(pair.earliest(), None);
        pair.drain();
    }

    #[test]
    fn a_drain_in_the_middle_of_anything_takes_everything(
        start in start(),
        ops in prop::collection::vec(op(), 1..60),
    ) {
        perform_all(start, &ops).drain();
    }
}
