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

fn perform(pair: &mut Pair, op: &Op) {
    match *op {
        Op::Insert(time) => pair.insert(time.resolve(pair)),
        Op::Crowd { time, count, step } => {
            let first = time.resolve(pair);
            for number in 0..u64::from(count) {
                // Odd numbers first, so that the crowd is not sorted already.
                let rank = number * 7 % u64::from(count);
                pair.insert(first.saturating_add(rank * u64::from(step)));
            }
        }
        Op::Cancel(number) => pair.cancel(number % pair.timers()),
        Op::Reset(number, time) => pair.reset(number % pair.timers(), time.resolve(pair)),
        Op::Advance { time, limit } => {
            pair.advance(time.resolve(pair), limit);
        }
        Op::AdvanceFully { time, limit } => pair.advance_fully(time.resolve(pair), limit),
        Op::Settle => pair.check_earliest(),
        Op::DrainSome(count) => pair.drain_some(count),
        Op::ShrinkTo(capacity) => pair.shrink_to(capacity),
    }
}

/// Timers far ahead: they must neither fire nor hide what is near (tokio#8334).
fn insert_far(pair: &mut Pair) {
    let start = pair.now();
    for bits in [36, 40, 48, 54, 60, 63] {
        pair.insert(start.saturating_add(1 << bits));
    }
    pair.insert(NEVER - 1);
    pair.insert(NEVER);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn the_wheel_does_what_a_sorted_map_does(
        start in start(),
        ops in prop::collection::vec(op(), 1..120),
    ) {
        let mut pair = Pair::new(start);
        insert_far(&mut pair);
        for op in &ops {
            perform(&mut pair, op);
        }
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
        let mut pair = Pair::new(start);
        insert_far(&mut pair);
        for op in &ops {
            perform(&mut pair, op);
        }
        pair.drain();
    }
}
