//! What a worker does between two polls.

use super::*;
use crate::Builder;
use crate::context;
use crate::queue::FAIRNESS_INTERVAL;
use crate::tempo::{Crew, Tempos};
use duties::TEMPO_INTERVAL;
use std::sync::mpsc;
use std::time::Duration;

/// A chain of joiners, each of which runs as soon as the one before has ended.
#[test]
fn a_joiner_that_runs_at_once_keeps_its_worker_from_no_duty() {
    const ROUNDS: u32 = 3 * TEMPO_INTERVAL;
    let runtime = Builder::new().worker_threads(1).build().expect("the thread starts");
    let (in_a_queue, rounds) = runtime.block_on(async {
        let backref = Backref::new(runtime.handle().shared());
        let (mut joiner, _handle) = task::new(async {}, backref, task::Memory::Thread(None));
        let rounds = || context::with_core(|core| core.queue.rounds()).expect("a core");
        let first = rounds();
        let mut in_a_queue = Vec::new();
        for turn in 0..ROUNDS * FAIRNESS_INTERVAL {
            let next = context::with_core(|core| {
                core.prefer(joiner, true).or_else(|| {
                    in_a_queue.push(turn);
                    core.pick()
                })
            });
            joiner = next.flatten().expect("it is preferred, or picked");
        }
        (in_a_queue, rounds() - first)
    });
    // Each pick with duties, of which the tempo is one every so often, finds the joiner queued.
    assert_eq!(rounds, ROUNDS);
    let expected: Vec<_> = (0..ROUNDS).map(|n| in_a_queue[0] + n * FAIRNESS_INTERVAL).collect();
    assert!(in_a_queue[0] < FAIRNESS_INTERVAL);
    assert_eq!(in_a_queue, expected);
}

/// Else the tasks that it gives away would come back to it with its next look at the injector.
#[test]
fn a_worker_that_retires_leaves_its_tasks_to_others_for_a_whole_round() {
    let runtime = Builder::new().worker_threads(2).build().expect("the threads start");
    let ((begins, begun), (ends, end)) = (mpsc::channel(), mpsc::channel::<()>());
    let other = runtime.spawn(async move {
        begins.send(()).expect("the test waits");
        end.recv().expect_err("nothing is sent");
    });
    begun.recv().expect("the task runs");
    // The other worker is at work; this thread takes the place of the second one, once that is parked.
    let (first, idle, left) = loop {
        let backref = Backref::new(runtime.handle().shared());
        let (task, _handle) = task::new(async {}, backref, task::Memory::Thread(None));
        let looked = runtime.block_on(async {
            context::with_core(|core| {
                core.come_before_a_retirement();
                core.queue.push_spawned(task);
                let first = core.pick().is_some();
                let idle = (1..FAIRNESS_INTERVAL).filter(|_| core.pick().is_none()).count();
                (first, idle, core.handle.shared().injector.len())
            })
        });
        match looked {
            Some(looked) => break looked,
            None => std::thread::yield_now(),
        }
    };
    drop(ends);
    runtime.block_on(other).expect("no panic");
    assert_eq!((first, idle, left), (false, FAIRNESS_INTERVAL as usize - 1, 1));
}

impl Core {
    /// Has the next pick look at the injector, and before that at a tempo which says that this worker is
    /// to retire.
    fn come_before_a_retirement(&mut self) {
        while !self.queue.rounds().is_multiple_of(3 * TEMPO_INTERVAL) {
            assert!(self.pick().is_none());
        }
        self.queue.pick_fairly_next();
        self.tempo = Tempo::new();
        let tempos = Tempos::new(2);
        let crew = Crew { workers: 2, at_work: 2 };
        let (polls, _) = self.progress();
        let now = Instant::now();
        // A million polls in a second, and those before: small ones, and the others get on.
        for (ago, polls) in
            [(3, 2_000_000), (2, 1_000_000)].map(|(ago, fewer)| (ago, polls.wrapping_sub(fewer)))
        {
            let at = now.checked_sub(Duration::from_secs(ago)).expect("the clock runs that long");
            assert!(!self.tempo.works(at, polls, 0, crew, &tempos, || u64::MAX));
        }
    }
}
