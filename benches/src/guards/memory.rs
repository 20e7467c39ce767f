//! Memory of a task that waits.

use std::env;
use std::future::Future;
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use crate::cases::in_task;
use crate::options::BytesPerTask;
use crate::peer::Timers;
use crate::probe::{Field, Setup};
use crate::proc::resident_bytes;

/// Growth of the resident memory, divided by the number of tasks.
pub const FIELDS: &[Field] = &[Field::median("bytes")];

/// Tasks at full scale.
const TASKS: usize = 500_000;
/// Tasks spawned at a time: what their queue takes must not count.
const WAVE: usize = 1_000;

/// `bytes_per_task`: 500 000 tasks that have been polled once and wait for ever; measured in a
/// fresh process, because an allocator that has worked before has memory to reuse.
pub fn bytes_per_task<P: Timers>(setup: &Setup) -> Vec<f64> {
    in_child::<P>(setup, false)
}

/// `bytes_per_sleep`: the same with tasks that sleep for an hour.
pub fn bytes_per_sleep<P: Timers>(setup: &Setup) -> Vec<f64> {
    in_child::<P>(setup, true)
}

fn in_child<P: Timers>(setup: &Setup, sleeping: bool) -> Vec<f64> {
    let child = BytesPerTask {
        runtime: P::NAME.into(),
        workers: setup.workers,
        tasks: setup.scale.count(TASKS),
        sleeping,
    };
    let output = Command::new(env::current_exe().expect("path of this program"))
        .args(child.to_args())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .expect("the child runs");
    assert!(output.status.success(), "child: {}", output.status);
    let text = String::from_utf8_lossy(&output.stdout);
    vec![text.trim().parse().expect("the child prints a number")]
}

/// The child's part: the figure for `P`.
///
/// The join handles are kept, and what they take is subtracted: async-executor frees a detached
/// task that nobody could wake.
pub fn measure_here<P: Timers>(child: &BytesPerTask) -> f64 {
    let tasks = child.tasks;
    let growth = if child.sleeping {
        let peer = P::start_with_timers(child.workers);
        in_task(&peer, growth::<P, _>(tasks, || Sleeping::<P> { sleep: P::sleep(HOUR) }))
    } else {
        in_task(&P::start(child.workers), growth::<P, _>(tasks, || Pending))
    };
    growth as f64 / tasks as f64 - size_of::<P::Join<()>>() as f64
}

/// How much memory so many tasks take.
async fn growth<P, F>(tasks: usize, make: fn() -> F) -> u64
where
    P: Timers,
    F: Future<Output = ()> + Send + 'static,
{
    let mut handles = Vec::with_capacity(WAVE + tasks);
    // The first wave pays for what the runtime sets up once.
    spawn_waiting::<P, F>(&mut handles, WAVE, make).await;
    let before = resident_bytes();
    spawn_waiting::<P, F>(&mut handles, WAVE + tasks, make).await;
    let growth = resident_bytes().saturating_sub(before);
    handles.into_iter().for_each(P::abort);
    growth
}

/// How often any [`Pending`] was polled: once each, as nobody wakes them.
static POLLS: AtomicUsize = AtomicUsize::new(0);

/// `std::future::pending`, and as small, but counts its polls.
#[derive(Debug)]
struct Pending;

impl Future for Pending {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<()> {
        POLLS.fetch_add(1, Ordering::Relaxed);
        Poll::Pending
    }
}

const HOUR: Duration = Duration::from_secs(3600);

pin_project! {
    /// A sleep that counts its polls.
    struct Sleeping<P: Timers> {
        #[pin]
        sleep: P::Sleep,
    }
}

impl<P: Timers> Future for Sleeping<P> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let poll = self.project().sleep.poll(cx);
        POLLS.fetch_add(1, Ordering::Relaxed);
        poll
    }
}

/// Spawns in waves until there are `total` waiting tasks.
async fn spawn_waiting<P, F>(handles: &mut Vec<P::Join<()>>, total: usize, make: fn() -> F)
where
    P: Timers,
    F: Future<Output = ()> + Send + 'static,
{
    while handles.len() < total {
        let wave = WAVE.min(total - handles.len());
        handles.extend((0..wave).map(|_| P::spawn(make())));
        while POLLS.load(Ordering::Relaxed) < handles.len() {
            P::yield_now().await;
        }
    }
}
