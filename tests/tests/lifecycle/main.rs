//! Every future and every output is dropped exactly once, whatever panics, and whenever the handle
//! is dropped or the task aborted.
//!
//! One cell is one task: how its polls end, which of its destructors panic, what becomes of its
//! handle. Every cell asserts all counts. The worker must survive each of them; that it does shows
//! in the next.

mod cell;

use cell::{Cell, End, Join, Moment, Outcome, Source, joins, scripts};
use filch::{AbortHandle, Handle, JoinError, JoinHandle, Runtime};
use filch_tests::event::barrier;
use filch_tests::probe::{Counts, Ending, Output, Probe};
use filch_tests::wakers::CountingWaker;
use filch_tests::{Blocker, Bomb, Event, LONG, caught, runtime, within};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Has `abort` called where `source` says, and returns when it was.
fn abort_from(source: Source, handle: &Handle, abort: &AbortHandle) {
    match source {
        Source::ForeignThread => abort.abort(),
        Source::Worker => {
            let (abort, done) = (abort.clone(), Event::new());
            let inside = done.clone();
            drop(handle.spawn(async move {
                abort.abort();
                inside.set();
            }));
            done.wait();
        }
    }
}

/// What the task calls to have itself aborted.
fn abort_inside(source: Source, abort: AbortHandle) -> impl FnOnce() + Send + 'static {
    move || match source {
        Source::Worker => abort.abort(),
        Source::ForeignThread => {
            let aborter = std::thread::spawn(move || abort.abort());
            aborter.join().expect("abort does not panic");
        }
    }
}

fn poll_once<T>(handle: &mut JoinHandle<T>, waker: &Waker) -> Poll<Result<T, JoinError>> {
    pin!(handle).poll(&mut Context::from_waker(waker))
}

/// What the handle's result says; drops what is in it.
fn end_of(result: Result<Output, JoinError>) -> End {
    match result {
        Ok(output) => {
            let _ = caught(|| drop(output)).map_err(|payload| caught(|| drop(payload)));
            End::Output
        }
        Err(error) if error.is_cancelled() => End::Cancelled,
        Err(error) => {
            let payload = error.into_panic();
            let name = Bomb::name_of(&*payload).expect("one of the probe's panics");
            let _ = caught(|| drop(payload));
            End::Panic(name)
        }
    }
}

/// Takes one task through its life, on a runtime with one free worker.
fn live(handle: &Handle, cell: Cell) -> Outcome {
    let unhandled_before = handle.metrics().unhandled_panics;
    let blocker = Blocker::new(handle);
    let (probe, counts) = Probe::new(cell.script);
    let task = handle.spawn(probe);
    let abort = task.abort_handle();
    prepare_abort(cell.join, &counts, &abort);
    let (joiner, waker) = CountingWaker::new();
    let kept = keep(task, cell.join, &waker);
    drop(waker);
    match cell.join {
        Join::Aborted(Moment::BeforeFirstPoll, Source::Worker) => {
            let abort = abort.clone();
            blocker.release_after(move || abort.abort());
        }
        Join::Aborted(Moment::BeforeFirstPoll, source) => {
            abort_from(source, handle, &abort);
            blocker.release();
        }
        _ => blocker.release(),
    }
    if cell.script.ending.polls() > 1 && cell.expected(false).polls >= 1 {
        go_on_from_idle(handle, cell, &counts, &abort);
    }
    counts.future_drops.wait_for(1);
    barrier(handle);
    assert!(abort.is_finished(), "not over: {cell:?}");
    if let Join::Aborted(Moment::AfterCompletion, source) = cell.join {
        abort_from(source, handle, &abort);
    }
    let joined = collect(kept, cell, &joiner);
    assert_eq!(joiner.wakers(), 0, "a join waker was not dropped: {cell:?}");
    outcome(handle, &counts, joined, &joiner, unhandled_before)
}

/// Has the task aborted from inside, if the cell says so.
fn prepare_abort(join: Join, counts: &Counts, abort: &AbortHandle) {
    let Join::Aborted(moment, source) = join else { return };
    let action = abort_inside(source, abort.clone());
    match moment {
        Moment::InPoll(poll) => counts.during_poll(poll, action),
        Moment::InDestructor => counts.during_drop(action),
        _ => {}
    }
}

/// Drops the handle of a task that is still queued, if the cell says so.
fn keep(mut task: JoinHandle<Output>, join: Join, waker: &Waker) -> Option<JoinHandle<Output>> {
    if !matches!(join, Join::DroppedBefore | Join::DroppedAfter) {
        assert!(poll_once(&mut task, waker).is_pending());
    }
    let drop_now = matches!(join, Join::DroppedBefore | Join::DroppedAfterOnePoll);
    (!drop_now).then_some(task)
}

/// Wakes or aborts a task that is pending after its first poll.
fn go_on_from_idle(handle: &Handle, cell: Cell, counts: &Counts, abort: &AbortHandle) {
    counts.polls.wait_for(1);
    // The only free worker runs this after it has put the task to rest.
    barrier(handle);
    match cell.join {
        Join::Aborted(Moment::InPoll(1), _) => {}
        Join::Aborted(Moment::WhileIdle, source) => abort_from(source, handle, abort),
        _ => counts.take_waker().wake(),
    }
}

/// Awaits or drops the handle of a task that is over.
fn collect(
    kept: Option<JoinHandle<Output>>,
    cell: Cell,
    joiner: &Arc<CountingWaker>,
) -> Option<End> {
    let mut task = kept?;
    assert!(task.is_finished());
    if cell.join == Join::DroppedAfter {
        let dropped = caught(|| drop(task));
        assert!(dropped.is_ok(), "the handle's drop panicked: {cell:?}");
        return None;
    }
    joiner.wait_for(1);
    match poll_once(&mut task, Waker::noop()) {
        Poll::Ready(result) => Some(end_of(result)),
        Poll::Pending => panic!("the joiner was woken too early: {cell:?}"),
    }
}

fn outcome(
    handle: &Handle,
    counts: &Counts,
    joined: Option<End>,
    joiner: &CountingWaker,
    unhandled_before: u64,
) -> Outcome {
    let metrics = handle.metrics();
    assert_eq!(metrics.registered_tasks, 0, "a task that is over is still known");
    Outcome {
        polls: counts.polls.get(),
        future_drops: counts.future_drops.get(),
        outputs: counts.outputs.get(),
        output_drops: counts.output_drops.get(),
        payloads: counts.payloads.get(),
        payload_drops: counts.payload_drops.get(),
        joined,
        wakes: joiner.wakes(),
        unhandled_panics: metrics.unhandled_panics - unhandled_before,
    }
}

const ENDINGS: [Ending; 4] =
    [Ending::Ready, Ending::PendingThenReady, Ending::Panic, Ending::PendingThenPanic];

fn all_cells_on(runtime: &Runtime) -> usize {
    let mut cells = 0;
    for script in scripts(&ENDINGS) {
        for join in joins(script.ending) {
            let cell = Cell { script, join };
            assert_eq!(live(runtime.handle(), cell), cell.expected(false), "{cell:?}");
            cells += 1;
        }
    }
    cells
}

#[test]
fn every_part_of_a_task_is_dropped_once_on_one_worker() {
    within(LONG, || {
        let cells = all_cells_on(&runtime(1));
        assert_eq!(cells, 8 * (12 + 16 + 12 + 16));
    });
}

#[test]
fn every_part_of_a_task_is_dropped_once_on_one_free_worker_of_two() {
    within(LONG, || {
        let runtime = runtime(2);
        let _held = Blocker::new(runtime.handle());
        all_cells_on(&runtime);
    });
}

#[test]
fn a_task_that_the_shutdown_finds_unpolled_is_dropped_once() {
    within(LONG, || {
        for script in scripts(&[Ending::Ready]) {
            for join in
                [Join::Awaited, Join::DroppedBefore, Join::DroppedAfterOnePoll, Join::DroppedAfter]
            {
                let cell = Cell { script, join };
                assert_eq!(live_unpolled(cell), cell.expected(true), "{cell:?}");
            }
        }
    });
}

/// Spawns a task behind a poll and shuts the runtime down before that is over.
fn live_unpolled(cell: Cell) -> Outcome {
    let runtime = runtime(1);
    let handle = runtime.handle().clone();
    let blocker = Blocker::new(&handle);
    let (probe, counts) = Probe::new(cell.script);
    let task = handle.spawn(probe);
    let abort = task.abort_handle();
    let (joiner, waker) = CountingWaker::new();
    let kept = keep(task, cell.join, &waker);
    drop(waker);
    // The worker is inside a poll, so this returns at once, with the runtime closed.
    let report = runtime.shutdown_timeout(Duration::ZERO);
    assert_eq!(report.still_running, 1);
    blocker.release();
    counts.future_drops.wait_for(1);
    while !abort.is_finished() {
        std::thread::yield_now();
    }
    let joined = collect(kept, cell, &joiner);
    assert_eq!(joiner.wakers(), 0, "a join waker was not dropped: {cell:?}");
    outcome(&handle, &counts, joined, &joiner, 0)
}
