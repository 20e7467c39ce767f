//! Memory of a task that waits.

use std::env;
use std::future::Future;
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use crate::cases::in_task;
use crate::options::BytesPerTask;
use crate::peer::Peer;
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
pub fn bytes_per_task<P: Peer>(setup: &Setup) -> Vec<f64> {
    let child = BytesPerTask {
        runtime: P::NAME.into(),
        workers: setup.workers,
        tasks: setup.scale.count(TASKS),
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
pub fn measure_here<P: Peer>(child: &BytesPerTask) -> f64 {
    let tasks = child.tasks;
    let peer = P::start(child.workers);
    let growth = in_task(&peer, async move {
        let mut handles = Vec::with_capacity(WAVE + tasks);
        // The first wave pays for what the runtime sets up once.
        spawn_pending::<P>(&mut handles, WAVE).await;
        let before = resident_bytes();
        spawn_pending::<P>(&mut handles, WAVE + tasks).await;
        resident_bytes().saturating_sub(before)
    });
    growth as f64 / tasks as f64 - size_of::<P::Join<()>>() as f64
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

/// Spawns in waves until there are `total` pending tasks.
async fn spawn_pending<P: Peer>(handles: &mut Vec<P::Join<()>>, total: usize) {
    while handles.len() < total {
        let wave = WAVE.min(total - handles.len());
        handles.extend((0..wave).map(|_| P::spawn(Pending)));
        while POLLS.load(Ordering::Relaxed) < handles.len() {
            P::yield_now().await;
        }
    }
}
