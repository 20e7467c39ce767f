//! What a worker does between two polls.

use super::*;
use crate::Builder;
use crate::context;

/// A chain of joiners, each of which runs as soon as the one before has ended.
#[test]
fn a_joiner_that_runs_at_once_keeps_its_worker_from_no_duty() {
    let runtime = Builder::new().worker_threads(1).build().expect("the thread starts");
    let (first, picks_in_a_queue, end) = runtime.block_on(async {
        let backref = Backref::new(runtime.handle().shared());
        let (mut joiner, _handle) = task::new(async {}, backref);
        let picks = |core: &mut Core| core.queue.picks();
        let first = context::with_core(picks).expect("the root has a core");
        let mut in_a_queue = Vec::new();
        for _ in 0..3 * TEMPO_INTERVAL * FAIRNESS_INTERVAL {
            let next = context::with_core(|core| {
                core.prefer(joiner, true).or_else(|| {
                    in_a_queue.push(core.queue.picks());
                    core.pick()
                })
            });
            joiner = next.flatten().expect("it is preferred, or picked");
        }
        (first, in_a_queue, context::with_core(picks).expect("the root has a core"))
    });
    // As `pick` does: it looks at the tempo before it counts, and at the far ends after that.
    let has_duty = |picks: &u32| {
        picks.is_multiple_of(TEMPO_INTERVAL) || (picks + 1).is_multiple_of(FAIRNESS_INTERVAL)
    };
    let expected: Vec<_> = (first..end).filter(has_duty).collect();
    assert_eq!(picks_in_a_queue, expected);
}
