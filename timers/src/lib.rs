//! Clocks for executors, and the timer wheel that they drive.
//!
//! This crate is a leaf: no threads, no unsafe code, no dependency. A [`Wheel`] is a plain data
//! structure that is told what time it is; a [`Clock`] knows that. Threads, locks and wakers are
//! the executor's, and so are its `sleep` and `timeout`.
//!
//! # The whole idiom
//!
//! Each worker has a wheel behind a lock of its own, which it rarely finds taken. A task that
//! sleeps inserts its waker and cancels it when it is dropped. The worker, between tasks and before
//! it parks, fires what is due: a bounded batch at a time, collected under the lock and woken
//! outside it.
//!
//! ```
//! use std::sync::Mutex; // parking_lot's is a better one: it does not know poison
//! use std::task::Waker;
//! use std::time::Duration;
//! use filch_timers::{Clock, Key, ManualClock, Wheel};
//!
//! struct Timers<C> {
//!     clock: C,
//!     wheel: Mutex<Wheel<Waker>>,
//! }
//!
//! impl<C: Clock> Timers<C> {
//!     /// The first poll of a sleep. A later one with another waker exchanges it by `get_mut`.
//!     fn start(&self, duration: Duration, waker: Waker) -> Key {
//!         let deadline = self.clock.deadline_after(duration);
//!         self.wheel.lock().unwrap().insert(deadline, waker)
//!     }
//!
//!     /// The drop of a sleep. The waker is dropped after the lock is released: it may be the last
//!     /// one of a task, whose future has sleeps of its own.
//!     fn stop(&self, key: Key) {
//!         let waker = self.wheel.lock().unwrap().cancel(key);
//!         drop(waker);
//!     }
//!
//!     /// Wakes what is due, at most 32 at a time. True if there is more: the worker looks at its
//!     /// other work and comes back.
//!     fn fire(&self, wakers: &mut Vec<Waker>) -> bool {
//!         let now = self.clock.now();
//!         let advance =
//!             self.wheel.lock().unwrap().advance(now, 32, |expired| wakers.push(expired.value));
//!         wakers.drain(..).for_each(Waker::wake);
//!         advance.more
//!     }
//!
//!     /// How long the worker may park; `None` is for ever.
//!     fn park_for(&self) -> Option<Duration> {
//!         let next = self.wheel.lock().unwrap().next_expiry()?;
//!         Some(Duration::from_nanos(next.saturating_sub(self.clock.now())))
//!     }
//! }
//!
//! # use std::sync::Arc;
//! # use std::sync::atomic::{AtomicU32, Ordering};
//! # struct Count(AtomicU32);
//! # impl std::task::Wake for Count {
//! #     fn wake(self: Arc<Self>) {
//! #         self.0.fetch_add(1, Ordering::Relaxed);
//! #     }
//! # }
//! # let count = Arc::new(Count(AtomicU32::new(0)));
//! # let waker = Waker::from(count.clone());
//! let clock = ManualClock::new(); // in production, MonotonicClock::new()
//! let timers = Timers { clock: clock.clone(), wheel: Mutex::new(Wheel::new(clock.now())) };
//! timers.start(Duration::from_millis(5), waker.clone());
//! timers.start(Duration::MAX, waker.clone());
//! let timeout = timers.start(Duration::from_secs(30), waker);
//! timers.stop(timeout);
//!
//! let mut wakers = Vec::new();
//! assert_eq!(timers.park_for(), Some(Duration::from_millis(5)));
//! clock.advance(Duration::from_micros(4_999));
//! assert!(!timers.fire(&mut wakers));
//! # assert_eq!(count.0.load(Ordering::Relaxed), 0);
//! clock.advance(Duration::from_micros(1));
//! assert!(!timers.fire(&mut wakers)); // woken, to the nanosecond
//! # assert_eq!(count.0.load(Ordering::Relaxed), 1);
//! assert_eq!(timers.park_for(), None);
//! ```
//!
//! # What it promises
//!
//! * **Never early.** Deadlines are exact nanoseconds; nothing is rounded.
//! * **Any time.** 64 bits of nanoseconds without wrapping, from any start; what saturates is
//!   [`NEVER`].
//! * **In order** of deadlines, and those of one deadline in the order of arming.
//! * **Bounded.** [`Wheel::advance`] stops after as many entries as it is told, and goes on where
//!   it stopped.
//! * **Flat.** To insert, re-arm and cancel takes O(1), with ten timers or ten million.
//! * **Quiet.** No allocation while there are no more entries than before. What a peak has
//!   left is given back by [`Wheel::shrink_to`].
//! * **Values are the caller's.** The wheel drops none and calls none, so that the lock around it
//!   is never held while code of others runs.
//!
//! [`wheel`] explains how, and what it costs.
//!
//! # What it does not do
//!
//! It joins no timers that are due at nearly the same time into one wake-up, and it knows of no
//! calendar: what is measured is [`Instant`](std::time::Instant), not the time of day.
#![forbid(unsafe_code)]

mod clock;
pub mod wheel;

#[doc(inline)]
pub use self::clock::{Clock, ManualClock, MonotonicClock, NEVER, nanos};
#[doc(inline)]
pub use self::wheel::{Advance, Drain, Expired, Key, Wheel};
