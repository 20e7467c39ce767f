//! A multi-threaded work-stealing executor.
//!
//! ```
//! let total = filch::run(async {
//!     let tasks: Vec<_> = (1..=10).map(|n| filch::spawn(async move { n })).collect();
//!     let mut total = 0;
//!     for task in tasks {
//!         total += task.await.unwrap();
//!     }
//!     total
//! });
//! assert_eq!(total, 55);
//! ```
//!
//! [`run`] drives one future and the tasks that it spawns; [`Runtime`] does so for longer;
//! [`Handle`] spawns from any thread. [`JoinHandle`] is the future of a task's result, [`JoinGroup`]
//! that of the results of many tasks, spawned by [`spawn_many`]; [`spawn_detached`] is for those that nobody
//! waits for. [`join()`] divides a piece of work. [`sleep`] waits and gives a value, [`timeout`] limits a future's time,
//! [`interval`] ticks; [`Builder::start_paused`] makes time virtual, for tests. The module
//! [`coroutine`] is about computations that give values out and take values in on their way.
//!
//! # The life of a task
//!
//! **spawn → task → queue → worker → poll → park and wake → timers**: data flows one way, and each
//! arrow has its module.
//!
//! 1. `spawn` makes the *task*, one allocation that holds a header, and the future or later its
//!    output (`task`), and pushes its *runnable* into the queue of the worker that it runs on
//!    (`queue`), or from any other thread into the injector. Neither touches a line of memory that
//!    other workers write.
//! 2. The push tells a sleeping worker only if nobody searches for work already (`idle`).
//! 3. A *worker* picks the runnable (`worker`): its own newest spawn first, then its oldest wake, now
//!    and then from the far ends. Without work of its own it steals, if that pays (`share`).
//! 4. The poll runs in a net that catches panics. If it is pending, the task is entered into the
//!    worker's *registry*, the first time that happens, and becomes idle: nobody owns it.
//! 5. A *wake* counts in the task's word (`task::state`). The one that finds the task idle queues it:
//!    back to 2.
//!    A *timer* that fires is such a wake (`timers`, `time`): each worker has a wheel of them, looks
//!    at it between polls, and sleeps until the next one is due.
//! 6. If it is ready, the output takes the place of the future, the handle's waker is woken, and
//!    whoever gives up the last right to the task frees it.
//! 7. *Shutdown* (`runtime::shutdown`) drops what is queued and, by the registries, what is idle.
//!
//! # Words
//!
//! | word | means |
//! |---|---|
//! | future | a value that can be polled; does nothing by itself |
//! | task | a future that was spawned |
//! | runnable | the right to poll a task once; exists while the task is scheduled |
//! | root | the future that `run` or `block_on` drives on the calling thread |
//! | worker | a place in the runtime, with queues; usually one thread works there |
//! | core | what only the thread in that place has: the owner's side of the queues |
//! | seat | where a thread that works for the runtime sleeps |
//! | injector | the queue for tasks from threads that are not workers |
//! | timer | a deadline and a waker in a worker's wheel; fires when the deadline has passed |
//! | watchman | the sleeping worker that looks after the timers of those that are awake |
//! | searching, parked, napping | see the notes of the `idle` module |
//! | registry | a worker's list of tasks that became idle there, for the shutdown |
//!
//! # What nothing shares
//!
//! What costs on several cores is not queueing but sharing: a line of memory that another core has
//! just written takes hundreds of nanoseconds to come over. So a spawn, a wake, a poll and a
//! completion on a worker write the task itself and what belongs to that worker, and read the
//! *idle* word, which changes only when a worker begins or ends to search or sleep. There is no
//! count of tasks, no global id, no list of all tasks and no reference count of the runtime on
//! these paths: ids come in blocks to each thread, registries are by worker and entered only by
//! tasks that outlive their first poll, and a task refers to its runtime without counting (the
//! argument why that is sound stands at `runtime::shared::Backref`).
//!
//! # Features
//!
//! * `blocking` (default): `spawn_blocking`, on the threads of the `blocking` crate.

mod context;
pub mod coroutine;
mod idle;
mod join;
#[cfg(all(test, filch_loom))]
mod model;
mod park;
mod queue;
mod registry;
mod rng;
mod runtime;
mod share;
mod spawn;
mod stats;
mod stride;
mod sync;
mod task;
mod tempo;
mod time;
mod timers;
mod unwind;
mod worker;

pub use join::{join, join_all};
pub use runtime::{Builder, EnterGuard, Handle, NoRuntime, Runtime, ShutdownReport, run};
#[cfg(feature = "blocking")]
pub use spawn::spawn_blocking;
pub use spawn::{YieldNow, spawn, spawn_detached, spawn_many, yield_now};
pub use stats::{Metrics, WorkerMetrics};
pub use task::{AbortHandle, JoinError, JoinGroup, JoinHandle, JoinOutputs, TaskId};
pub use time::{
    Elapsed, Interval, MissedTickBehavior, Sleep, Timeout, interval, interval_at, now, sleep,
    sleep_until, timeout, timeout_at,
};
pub use timers::ClockHold;
