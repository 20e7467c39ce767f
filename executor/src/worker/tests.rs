//! What a worker does between two polls.

use super::*;
use crate::Builder;
use crate::context;
use crate::queue::FAIRNESS_INTERVAL;
use duties::TEMPO_INTERVAL;

/// A chain of joiners, each of which runs as soon as the one before has ended.
#[test]
fn a_joiner_that_runs_at_once_keeps_its_worker_from_no_duty() {
    const ROUNDS: u32 = 3 * TEMPO_INTERVAL;
    let runtime = Builder::new().worker_threads(1).build().expect("the thread starts");
    let (in_a_queue, rounds) = runtime.block_on(async {
        let backref = Backref::new(runtime.handle().shared());
        let (mut joiner, _handle) = task::new(async {}, backref);
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
