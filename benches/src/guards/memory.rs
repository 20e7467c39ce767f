//! Memory of a task that waits, and of all of a case at its peak.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use crate::cases::{fork, in_task, spawn};
use crate::child::{Child, Memory};
use crate::peer::Timers;
use crate::probe::{Field, Run, Scale, Setup};
use crate::proc::{peak_resident_bytes, resident_bytes};

/// Growth of the resident memory, divided by the number of tasks.
pub const FIELDS: &[Field] = &[Field::median("bytes")];

/// Peaks of the resident memory, each in MiB.
pub const PEAK_FIELDS: &[Field] = &[
    Field::median("skynet_mib"),
    Field::median("spawn_join_batch_mib"),
    Field::median("spawn_detached_mib"),
];

/// Tasks at full scale.
const TASKS: usize = 500_000;
/// Tasks spawned at a time: what their queue takes must not count.
const WAVE: usize = 1_000;

/// `bytes_per_task`: 500 000 tasks that have been polled once and wait for ever.
pub fn bytes_per_task<P: Timers>(setup: &Setup) -> Vec<f64> {
    vec![Child::new(P::NAME, setup, Memory::Waiting).run()]
}

/// `bytes_per_sleep`: the same with tasks that sleep for an hour.
pub fn bytes_per_sleep<P: Timers>(setup: &Setup) -> Vec<f64> {
    vec![Child::new(P::NAME, setup, Memory::Sleeping).run()]
}

/// `peak_rss`: by how much the resident memory of a fresh process grows at most, from before the runtime
/// is started until a case is over, which is not repeated for warming up.
pub fn peak_rss<P: Timers>(setup: &Setup) -> Vec<f64> {
    const MIB: f64 = 1024.0 * 1024.0;
    let peak = |memory| Child::new(P::NAME, setup, memory).run() / MIB;
    [Memory::Skynet, Memory::Batch, Memory::Detached].map(peak).into()
}

/// The child's part: the figure for `P`.
pub fn measure_here<P: Timers>(child: &Child) -> f64 {
    let peak = |case| peak_growth::<P>(child, case);
    match child.memory {
        Memory::Waiting => {
            let peer = P::start(child.workers);
            bytes_each::<P, _>(&peer, child, || Pending)
        }
        Memory::Sleeping => {
            let peer = P::start_with_timers(child.workers);
            bytes_each::<P, _>(&peer, child, || Sleeping::<P> { sleep: P::sleep(HOUR) })
        }
        Memory::Skynet => peak(fork::skynet::<P>),
        Memory::Batch => peak(spawn::join_batch::<P>),
        Memory::Detached => peak(spawn::detached::<P>),
    }
}

fn peak_growth<P: Timers>(child: &Child, case: fn(&P, Scale) -> Run) -> f64 {
    let before = resident_bytes();
    let peer = P::start(child.workers);
    case(&peer, child.scale());
    peak_resident_bytes().saturating_sub(before) as f64
}

/// What a task takes that waits.
///
/// The join handles are kept, and what they take is subtracted: async-executor frees a detached
/// task that nobody could wake.
fn bytes_each<P, F>(peer: &P, child: &Child, make: fn() -> F) -> f64
where
    P: Timers,
    F: Future<Output = ()> + Send + 'static,
{
    let tasks = child.scale().count(TASKS);
    let growth = in_task(peer, growth::<P, F>(tasks, make));
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
