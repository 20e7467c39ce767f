//! The protocol's counts, on one thread: who is parked, who searches, and who is woken.
//!
//! | module | what it checks |
//! |---|---|
//! | [`notify`] | who is woken, and how many search |
//! | [`park`] | going to sleep, and waking up |
//! | [`lend`] | cores that are lent, and those of workers whose threads have not begun |
//! | [`naps`] | naps, and what ends them |
//! | [`sequences`] | sequences of steps, beside what the protocol says of them |

mod lend;
mod naps;
mod notify;
mod park;
mod sequences;

use super::{Idle, Rest, Seat, Woken};
use crate::sync::Arc;
use std::fmt;
use std::time::{Duration, Instant};

/// A core that can be told from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Core(usize);

impl fmt::Debug for Woken<Core> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Notified(core) => write!(f, "Notified({core:?})"),
            Self::Otherwise(core) => write!(f, "Otherwise({core:?})"),
            Self::Lent => f.write_str("Lent"),
        }
    }
}

impl PartialEq for Woken<Core> {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

fn seats<const N: usize>() -> [Arc<Seat<Core>>; N] {
    std::array::from_fn(|index| Seat::new(index, true))
}

/// So many workers, all of them parked in the order of their numbers.
fn all_parked<const N: usize>() -> (Idle<Core>, [Arc<Seat<Core>>; N]) {
    let (idle, seats) = (Idle::new(N), seats());
    for seat in &seats {
        idle.give_back(seat, Core(seat.index), false, || false);
    }
    (idle, seats)
}

#[track_caller]
fn assert_counts(idle: &Idle<Core>, searching: usize, parked: usize) {
    let counts = idle.counts();
    assert_eq!((counts.searching(), counts.parked()), (searching, parked), "{idle:?}");
    assert_eq!(idle.parked(), parked);
    assert_eq!(idle.asleep.lock().parked.len(), parked, "the count and the list differ");
}

/// Whether a token waits at a seat.
fn has_token(seat: &Seat<Core>) -> bool {
    format!("{:?}", seat.parker) == "Parker(notified)"
}

/// Waits until a thread blocks at a seat.
fn wait_until_parked(seat: &Seat<Core>) {
    while format!("{:?}", seat.parker) != "Parker(parked)" {
        std::thread::yield_now();
    }
}

/// A rest that is over as soon as something wakes the thread.
fn once() -> impl FnMut() -> Rest {
    let mut asked = false;
    move || match std::mem::replace(&mut asked, true) {
        false => Rest::Until(None),
        true => Rest::Over,
    }
}

/// Longer than any test lasts that does not fail.
fn far_away() -> Instant {
    Instant::now() + Duration::from_secs(60)
}
