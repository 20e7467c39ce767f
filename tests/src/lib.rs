//! What the black-box tests of filch share; the tests themselves are in `tests/`, one file per
//! promise.
//!
//! | module | what it is for |
//! |---|---|
//! | [`watchdog`] | a test that hangs says where and ends the process |
//! | [`quiet`] | panics that a test provokes, without noise on the terminal |
//! | [`event`] | waiting for something instead of sleeping |
//! | [`probe`] | a future that counts what is done to it |
//! | [`wakers`] | wakers that count, and wakers that misbehave |
//! | [`child`] | a test that has to run in a process of its own |
//! | [`process`] | threads and open files of this process |
//! | [`allocations`] | an allocator that counts |
//! | [`rng`] | seeded random numbers |
//! | [`threads`] | threads that borrow from the test |

pub mod allocations;
pub mod child;
pub mod event;
pub mod probe;
pub mod process;
pub mod quiet;
pub mod rng;
pub mod threads;
pub mod wakers;
pub mod watchdog;

pub use event::{Blocker, Counter, Event};
pub use quiet::{Bomb, caught, explode, panic_file, panic_text};
pub use watchdog::{LONG, paused, runtime, stopped, watch, within};
