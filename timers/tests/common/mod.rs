//! A wheel and a model of it, side by side.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::BTreeMap;

use filch_timers::{Key, NEVER, Wheel};

/// What the wheel promises, kept in a sorted map: (deadline, order of arming) → number.
///
/// Every operation is done to both and their answers are compared.
pub(crate) struct Pair {
    pub(crate) wheel: Wheel<u32>,
    now: u64,
    sorted: BTreeMap<(u64, u64), u32>,
    timers: Vec<Timer>,
    armings: u64,
    /// Whether anything has left or was re-armed, after which a bound may be too early.
    loosened: bool,
}

struct Timer {
    key: Key,
    /// Its place in `sorted`, unless it has fired or was cancelled.
    armed: Option<(u64, u64)>,
}

impl Pair {
    pub(crate) fn new(start: u64) -> Self {
        Self {
            wheel: Wheel::new(start),
            now: start.min(NEVER - 1),
            sorted: BTreeMap::new(),
            timers: Vec::new(),
            armings: 0,
            loosened: false,
        }
    }

    /// How many timers there ever were.
    pub(crate) fn timers(&self) -> usize {
        self.timers.len()
    }

    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    /// The earliest deadline.
    pub(crate) fn earliest(&self) -> Option<u64> {
        self.sorted.first_key_value().map(|(&(deadline, _), _)| deadline).filter(|&d| d != NEVER)
    }

    /// When the timer is due; `None` if it has fired or was cancelled.
    pub(crate) fn deadline(&self, number: usize) -> Option<u64> {
        self.timers[number].armed.map(|(deadline, _)| deadline)
    }

    pub(crate) fn insert(&mut self, deadline: u64) {
        let number = self.timers.len() as u32;
        let key = self.wheel.insert(deadline, number);
        let armed = self.arm(deadline, number);
        self.timers.push(Timer { key, armed: Some(armed) });
        self.check_bounds();
    }

    /// Cancels the timer, also when it is long gone.
    pub(crate) fn cancel(&mut self, number: usize) {
        let timer = &mut self.timers[number];
        let expected = timer.armed.take().and_then(|armed| self.sorted.remove(&armed));
        assert_eq!(self.wheel.cancel(timer.key), expected, "cancel of {number}");
        self.loosened |= expected.is_some();
        self.check_bounds();
    }

    /// Re-arms the timer, also when it is long gone.
    pub(crate) fn reset(&mut self, number: usize, deadline: u64) {
        let timer = &self.timers[number];
        assert_eq!(self.wheel.reset(timer.key, deadline), timer.armed.is_some());
        if let Some(armed) = timer.armed
            && armed.0 != deadline.max(self.now)
        {
            self.sorted.remove(&armed).expect("an armed timer is sorted");
            let armed = self.arm(deadline, number as u32);
            self.timers[number].armed = Some(armed);
            self.loosened = true;
        }
        self.check_bounds();
    }

    /// One call; true if the wheel wants another one.
    pub(crate) fn advance(&mut self, now: u64, limit: usize) -> bool {
        self.now = self.now.max(now.min(NEVER - 1));
        let (sorted, timers, time) = (&mut self.sorted, &mut self.timers, self.now);
        let mut count = 0;
        let advance = self.wheel.advance(now, limit, |expired| {
            let (armed, number) = sorted.pop_first().expect("more fired than were armed");
            assert_eq!((expired.deadline, expired.value), (armed.0, number), "wrong order");
            assert!(expired.deadline <= time, "{} fired early, at {time}", expired.deadline);
            let timer = &mut timers[number as usize];
            assert_eq!(expired.key, timer.key);
            timer.armed = None;
            count += 1;
        });
        assert_eq!(advance.fired, count);
        assert!(count <= limit, "{count} fired where {limit} were allowed");
        let due = self.earliest().is_some_and(|deadline| deadline <= self.now);
        assert!(advance.more || !due, "the wheel thinks that nothing more is due");
        self.check_bounds();
        advance.more
    }

    /// Calls until the wheel is done.
    pub(crate) fn advance_fully(&mut self, now: u64, limit: usize) {
        assert!(limit > 0);
        // Each call fires or moves something, and an entry moves once a level at most.
        let calls = self.wheel.len() * 12 + 2;
        for _ in 0..calls {
            if !self.advance(now, limit) {
                let next = self.wheel.next_expiry();
                assert!(next.is_none_or(|next| next > self.now), "{next:?} at {}", self.now);
                return;
            }
        }
        panic!("{calls} calls do not suffice");
    }

    /// Takes some out, whichever come first.
    pub(crate) fn drain_some(&mut self, count: usize) {
        let expected = count.min(self.wheel.len());
        let drained: Vec<u32> = self.wheel.drain().take(count).collect();
        assert_eq!(drained.len(), expected);
        for number in drained {
            let timer = &mut self.timers[number as usize];
            let armed = timer.armed.take().expect("what is drained was armed");
            assert_eq!(self.sorted.remove(&armed), Some(number));
            assert_eq!(self.wheel.cancel(timer.key), None, "{:?} outlived a drain", timer.key);
            self.loosened = true;
        }
        self.check_bounds();
    }

    /// Gives memory back, which changes nothing else.
    pub(crate) fn shrink_to(&mut self, capacity: usize) {
        self.wheel.shrink_to(capacity);
        self.check_bounds();
    }

    /// Takes all out and ends the pair.
    pub(crate) fn drain(mut self) {
        let mut rest: Vec<_> = self.wheel.drain().collect();
        rest.sort_unstable();
        let mut expected: Vec<_> = self.sorted.into_values().collect();
        expected.sort_unstable();
        assert_eq!(rest, expected);
        assert!(self.wheel.is_empty());
        assert_eq!(self.wheel.next_expiry(), None);
        for timer in &self.timers {
            assert_eq!(self.wheel.cancel(timer.key), None, "{:?} outlived a drain", timer.key);
        }
    }

    fn arm(&mut self, deadline: u64, number: u32) -> (u64, u64) {
        self.armings += 1;
        let armed = (deadline.max(self.now), self.armings);
        self.sorted.insert(armed, number);
        armed
    }

    fn check_bounds(&mut self) {
        assert_eq!(self.wheel.len(), self.sorted.len());
        let (bound, earliest) = (self.wheel.next_expiry(), self.earliest());
        assert_eq!(bound.is_some(), earliest.is_some());
        assert!(bound <= earliest, "bound {bound:?} is later than {earliest:?}");
        assert!(self.loosened || bound == earliest, "bound {bound:?} is not {earliest:?}");
    }

    /// The exact earliest deadline; makes the bound exact, too.
    pub(crate) fn check_earliest(&mut self) {
        let earliest = self.earliest();
        assert_eq!(self.wheel.earliest(), earliest);
        assert_eq!(self.wheel.next_expiry(), earliest, "the bound was not made exact");
    }

    /// The deadline of each timer, gone or not.
    pub(crate) fn check_deadlines(&self) {
        for timer in &self.timers {
            assert_eq!(self.wheel.deadline(timer.key), timer.armed.map(|(deadline, _)| deadline));
        }
    }
}
