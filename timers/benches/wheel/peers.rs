//! The wheel and its peers behind one interface.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use filch_timers::{Key, Wheel};
use hierarchical_hash_wheel_timer::IdOnlyTimerEntry;
use hierarchical_hash_wheel_timer::wheels::Skip;
use hierarchical_hash_wheel_timer::wheels::TimerEntryWithDelay;
use hierarchical_hash_wheel_timer::wheels::cancellable::{
    CancellableTimerEntry, QuadWheelWithOverflow,
};

/// What a timer holds: as large as a `Waker`, and with room for `None` as that has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payload {
    vtable: &'static u8,
    /// The number of the timer.
    pub(crate) number: usize,
}

impl Payload {
    pub(crate) fn new(number: usize) -> Self {
        static VTABLE: u8 = 1;
        Self { vtable: &VTABLE, number }
    }

    fn touch(self) -> Self {
        std::hint::black_box(self.vtable);
        self
    }
}

/// A queue of timers.
pub(crate) trait Timers {
    /// What names a timer.
    type Handle: Copy;
    const NAME: &'static str;

    fn new() -> Self;
    fn insert(&mut self, deadline: u64, payload: Payload) -> Self::Handle;
    fn cancel(&mut self, handle: Self::Handle) -> Option<Payload>;
    /// Re-arms a timer that is known to be there.
    fn reset(&mut self, handle: Self::Handle, deadline: u64) -> Self::Handle;
    /// Takes out what is due.
    fn advance(&mut self, now: u64, fired: &mut Vec<Payload>);
    /// When something is due next, if the queue can tell.
    fn next_expiry(&mut self) -> Option<u64>;
}

impl Timers for Wheel<Payload> {
    type Handle = Key;
    const NAME: &'static str = "filch";

    fn new() -> Self {
        Wheel::new(0)
    }

    fn insert(&mut self, deadline: u64, payload: Payload) -> Key {
        self.insert(deadline, payload)
    }

    fn cancel(&mut self, handle: Key) -> Option<Payload> {
        self.cancel(handle)
    }

    fn reset(&mut self, handle: Key, deadline: u64) -> Key {
        self.reset(handle, deadline);
        handle
    }

    fn advance(&mut self, now: u64, fired: &mut Vec<Payload>) {
        while self.advance(now, 32, |expired| fired.push(expired.value.touch())).more {}
    }

    fn next_expiry(&mut self) -> Option<u64> {
        Wheel::next_expiry(self)
    }
}

/// Sorted by deadline and order of insertion; cancels at once.
pub(crate) struct Tree {
    map: BTreeMap<(u64, u64), Payload>,
    inserted: u64,
}

impl Timers for Tree {
    type Handle = (u64, u64);
    const NAME: &'static str = "BTreeMap";

    fn new() -> Self {
        Self { map: BTreeMap::new(), inserted: 0 }
    }

    fn insert(&mut self, deadline: u64, payload: Payload) -> (u64, u64) {
        self.inserted += 1;
        self.map.insert((deadline, self.inserted), payload);
        (deadline, self.inserted)
    }

    fn cancel(&mut self, handle: (u64, u64)) -> Option<Payload> {
        self.map.remove(&handle)
    }

    fn reset(&mut self, handle: (u64, u64), deadline: u64) -> (u64, u64) {
        let payload = self.map.remove(&handle).expect("the timer is there");
        self.insert(deadline, payload)
    }

    fn advance(&mut self, now: u64, fired: &mut Vec<Payload>) {
        while let Some(entry) = self.map.first_entry() {
            if entry.key().0 > now {
                break;
            }
            fired.push(entry.remove().touch());
        }
    }

    fn next_expiry(&mut self) -> Option<u64> {
        self.map.first_key_value().map(|(key, _)| key.0)
    }
}

/// A binary heap of (deadline, generation, index) beside a slab of values. To cancel empties the
/// place in the slab; what is stale leaves the heap at its top, or when it is half of the heap.
pub(crate) struct Heap {
    heap: BinaryHeap<Reverse<(u64, u64, u32)>>,
    values: Vec<Option<(u64, Payload)>>,
    vacant: Vec<u32>,
    inserted: u64,
    stale: usize,
}

impl Heap {
    fn is_live(values: &[Option<(u64, Payload)>], index: u32, generation: u64) -> bool {
        values[index as usize].is_some_and(|(current, _)| current == generation)
    }

    fn compact(&mut self) {
        if self.stale > 64 && self.stale > self.heap.len() / 2 {
            let values = &self.values;
            self.heap.retain(|&Reverse((_, generation, index))| {
                Self::is_live(values, index, generation)
            });
            self.stale = 0;
        }
    }
}

impl Timers for Heap {
    type Handle = (u64, u32);
    const NAME: &'static str = "BinaryHeap";

    fn new() -> Self {
        let (heap, values, vacant) = (BinaryHeap::new(), Vec::new(), Vec::new());
        Self { heap, values, vacant, inserted: 0, stale: 0 }
    }

    fn insert(&mut self, deadline: u64, payload: Payload) -> (u64, u32) {
        self.inserted += 1;
        let value = Some((self.inserted, payload));
        let index = match self.vacant.pop() {
            Some(index) => {
                self.values[index as usize] = value;
                index
            }
            None => {
                self.values.push(value);
                self.values.len() as u32 - 1
            }
        };
        self.heap.push(Reverse((deadline, self.inserted, index)));
        (self.inserted, index)
    }

    fn cancel(&mut self, (generation, index): (u64, u32)) -> Option<Payload> {
        if !Self::is_live(&self.values, index, generation) {
            return None;
        }
        let (_, payload) = self.values[index as usize].take()?;
        self.vacant.push(index);
        self.stale += 1;
        self.compact();
        Some(payload)
    }

    fn reset(&mut self, handle: (u64, u32), deadline: u64) -> (u64, u32) {
        let payload = self.cancel(handle).expect("the timer is there");
        self.insert(deadline, payload)
    }

    fn advance(&mut self, now: u64, fired: &mut Vec<Payload>) {
        while let Some(&Reverse((deadline, generation, index))) = self.heap.peek() {
            let live = Self::is_live(&self.values, index, generation);
            if live && deadline > now {
                break;
            }
            self.heap.pop();
            if live {
                let (_, payload) = self.values[index as usize].take().expect("it is live");
                self.vacant.push(index);
                fired.push(payload.touch());
            } else {
                self.stale -= 1;
            }
        }
    }

    fn next_expiry(&mut self) -> Option<u64> {
        self.heap.peek().map(|&Reverse((deadline, _, _))| deadline)
    }
}

/// The crate `hierarchical_hash_wheel_timer`: four levels of 256 slots, a tick of 1 ms, so that it
/// has less to tell apart than the others; deadlines are rounded up to the tick. A timer that is
/// cancelled does not come back but is dropped, so the payload is made anew.
pub(crate) struct HashWheel {
    wheel: QuadWheelWithOverflow<HashEntry>,
    inserted: u64,
    tick: u64,
}

#[derive(Debug)]
struct HashEntry {
    timer: IdOnlyTimerEntry<u64>,
    payload: Payload,
}

impl CancellableTimerEntry for HashEntry {
    type Id = u64;

    fn id(&self) -> &u64 {
        &self.timer.id
    }
}

impl TimerEntryWithDelay for HashEntry {
    fn delay(&self) -> Duration {
        self.timer.delay
    }
}

const TICK: u64 = 1_000_000;

impl Timers for HashWheel {
    type Handle = (u64, usize);
    const NAME: &'static str = "hash_wheel";

    fn new() -> Self {
        Self { wheel: QuadWheelWithOverflow::new(), inserted: 0, tick: 0 }
    }

    fn insert(&mut self, deadline: u64, payload: Payload) -> (u64, usize) {
        self.inserted += 1;
        // What is due already is refused; it fires in the next tick instead.
        let ticks = deadline.div_ceil(TICK).saturating_sub(self.tick).max(1);
        let timer =
            IdOnlyTimerEntry { id: self.inserted, delay: Duration::from_nanos(ticks * TICK) };
        self.wheel.insert(HashEntry { timer, payload }).expect("the delay is positive");
        (self.inserted, payload.number)
    }

    fn cancel(&mut self, (id, number): (u64, usize)) -> Option<Payload> {
        self.wheel.cancel(&id).ok().map(|()| Payload::new(number))
    }

    fn reset(&mut self, handle: (u64, usize), deadline: u64) -> (u64, usize) {
        let payload = self.cancel(handle).expect("the timer is there");
        self.insert(deadline, payload)
    }

    fn advance(&mut self, now: u64, fired: &mut Vec<Payload>) {
        while self.tick < now / TICK {
            match self.wheel.can_skip() {
                Skip::Millis(ticks) if u64::from(ticks) < now / TICK - self.tick => {
                    self.wheel.skip(ticks);
                    self.tick += u64::from(ticks);
                }
                _ => {}
            }
            let due = self.wheel.tick();
            fired.extend(due.iter().map(|entry| entry.payload.touch()));
            self.tick += 1;
        }
    }

    fn next_expiry(&mut self) -> Option<u64> {
        None
    }
}
