//! The cells of the matrix and what has to come of each.

use filch_tests::probe::{Ending, Script};

/// What becomes of the handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Join {
    Awaited,
    /// Dropped before the task is polled.
    DroppedBefore,
    /// Polled once, with the task still queued, and dropped then.
    DroppedAfterOnePoll,
    /// Dropped when the task is over.
    DroppedAfter,
    /// Aborted at that moment, and awaited.
    Aborted(Moment, Source),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    BeforeFirstPoll,
    InPoll(u64),
    WhileIdle,
    InDestructor,
    AfterCompletion,
}

/// Where `abort` is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// By the task itself, or while it cannot, by another one on its worker.
    Worker,
    ForeignThread,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    pub(crate) script: Script,
    pub(crate) join: Join,
}

/// How the task ends for its handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Output,
    Cancelled,
    /// The panic of that name.
    Panic(&'static str),
}

/// All counts of a cell.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) polls: u64,
    pub(crate) future_drops: u64,
    pub(crate) outputs: u64,
    pub(crate) output_drops: u64,
    pub(crate) payloads: u64,
    pub(crate) payload_drops: u64,
    /// What the handle gave, if it was awaited.
    pub(crate) joined: Option<End>,
    /// How often the waker that awaited was woken.
    pub(crate) wakes: u64,
    pub(crate) unhandled_panics: u64,
}

impl Cell {
    /// What has to come of it.
    pub(crate) fn expected(self, shut_down_before: bool) -> Outcome {
        let Script { ending, future_explodes, output_explodes, .. } = self.script;
        let stopped_after = match self.join {
            _ if shut_down_before => 0,
            Join::Aborted(Moment::BeforeFirstPoll, _) => 0,
            Join::Aborted(Moment::WhileIdle, _) => 1,
            Join::Aborted(Moment::InPoll(poll), _) => poll,
            _ => u64::MAX,
        };
        let polls = ending.polls().min(stopped_after);
        let ended = polls == ending.polls();
        let end = match (ended, ending.is_panic()) {
            (true, true) => End::Panic("poll"),
            (_, _) if future_explodes => End::Panic("future"),
            (true, false) => End::Output,
            (false, _) => End::Cancelled,
        };
        let outputs = u64::from(ended && !ending.is_panic());
        let payloads = u64::from(ended && ending.is_panic())
            + u64::from(future_explodes)
            + if output_explodes { outputs } else { 0 };
        let awaited = matches!(self.join, Join::Awaited | Join::Aborted(..));
        // Panics that are nobody's outcome: the destructor's after the poll's, the output's after
        // the destructor's, and the output's on a worker because the handle was gone.
        let dropped_by_worker =
            matches!(self.join, Join::DroppedBefore | Join::DroppedAfterOnePoll);
        let beside_the_outcome = match end {
            End::Panic("poll") => future_explodes,
            End::Panic(_) => outputs == 1 && output_explodes,
            End::Output => output_explodes && dropped_by_worker,
            End::Cancelled => false,
        };
        Outcome {
            polls,
            future_drops: 1,
            outputs,
            output_drops: outputs,
            payloads,
            payload_drops: payloads,
            joined: awaited.then_some(end),
            wakes: u64::from(awaited),
            unhandled_panics: u64::from(!awaited && matches!(end, End::Panic(_)))
                + u64::from(beside_the_outcome),
        }
    }
}

pub(crate) fn scripts(endings: &[Ending]) -> impl Iterator<Item = Script> {
    let panics = (0..8_u8).map(|bits| (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0));
    endings.iter().flat_map(move |&ending| {
        panics.clone().map(move |(future_explodes, output_explodes, payload_explodes)| Script {
            ending,
            future_explodes,
            output_explodes,
            payload_explodes,
        })
    })
}

pub(crate) fn joins(ending: Ending) -> Vec<Join> {
    let mut joins =
        vec![Join::Awaited, Join::DroppedBefore, Join::DroppedAfterOnePoll, Join::DroppedAfter];
    let mut moments = vec![Moment::BeforeFirstPoll, Moment::InDestructor, Moment::AfterCompletion];
    moments.extend((1..=ending.polls()).map(Moment::InPoll));
    if ending.polls() > 1 {
        moments.push(Moment::WhileIdle);
    }
    for moment in moments {
        joins.push(Join::Aborted(moment, Source::Worker));
        joins.push(Join::Aborted(moment, Source::ForeignThread));
    }
    joins
}
