//! Coroutines: computations that stop in their middle to give a value out and take one in.
//!
//! ```
//! use filch::coroutine::{Coroutine, SendError, Step};
//!
//! let mut greeter = Coroutine::new(async |co| {
//!     let name = co.suspend("What is your name?").await.unwrap_or("nobody");
//!     format!("Hello, {name}!")
//! });
//! assert_eq!(greeter.send(None), Ok(Step::Yielded("What is your name?")));
//! assert_eq!(greeter.send(Some("Ada")), Ok(Step::Complete("Hello, Ada!".to_owned())));
//! assert_eq!(greeter.send(None), Err(SendError::Finished(None)));
//! ```
//!
//! A [`Coroutine`] is an object: it can be kept in a field, sent to another thread in the middle, and
//! driven by whoever holds it. Inside it is an async closure that gets a [`Co`] to suspend itself
//! with. What it awaits besides may be any future.
//!
//! | who drives it | with | while the coroutine waits for something else |
//! |---|---|---|
//! | any code | [`Coroutine::send`] | [`SendError::Pending`] |
//! | a task | [`Coroutine::resume`] | the task waits |
//! | a stream's consumer | [`Coroutine::next`], [`Stream`](futures_core::Stream) | the task waits |
//! | the runtime's workers | [`Coroutine::spawn`] | the task waits |
//!
//! [`drive`](drive()) runs any future to its end, without a runtime.
//!
//! # What suspensions keep to
//!
//! * Values come out in the order in which their suspensions were first polled, one for each step,
//!   also if several were awaited at once.
//! * What is sent goes to the suspension whose value came out last, as the `Option` that it is. If that
//!   one is not polled now, because its body waits for something else first, it finds the answer later.
//! * If that one was dropped, [`Coroutine::take_unclaimed`] gives the value back. So it does with what
//!   nobody has taken when the body ends. A panic of the body and the drop of the coroutine drop all
//!   that is in it.
//! * A value whose suspension is dropped before it came out is dropped with it. A value of a suspension
//!   that is leaked comes out all the same, unless the body ends first.
//! * A suspension that is polled outside its coroutine, because it or its [`Co`] was given away, panics
//!   there, and the value stays in it. The coroutine does not notice: if it waits for that value, it
//!   waits as it would for any future that is never ready.
//! * A suspension may be polled inside another coroutine that is driven inside its own. It suspends its
//!   own, as soon as that is pending.
//! * Combinators may replace the waker: the suspension that is answered wakes what it was polled with.
//!
//! Values and answers are found through a thread-local while a coroutine is polled. So `Y` and `R` are
//! `'static`; the body need not be. And a body must not change to another stack in its middle, as a
//! stackful coroutine that it runs in could have it do; nothing in Rust's standard library can.
#![doc = include_str!("coroutine/python.md")]

mod co;
mod drive;
mod exchange;
mod object;
mod send;
mod spawned;
mod step;
mod stream;

pub use co::{Co, Suspend};
pub use drive::drive;
pub use object::Coroutine;
pub use spawned::{Spawned, StepError};
pub use step::{SendError, Step};
