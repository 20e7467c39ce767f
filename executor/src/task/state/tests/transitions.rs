//! All states that can be reached, and all ways between them.

use crate::task::state::{Complete, Detach, Drawn, JoinSlot, Pend, RESERVE, Snapshot, State, Wake};
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, VecDeque};

/// What the scheduler's side of a task is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Run {
    Scheduled,
    /// In a poll.
    Running,
    /// Dropping the future of a cancelled task.
    Cancelling,
    /// It was told that nobody joins, and has dropped the output.
    Unjoined,
    /// It was told to wake the joiner, and has taken the waker.
    WakingJoiner,
    Idle,
    /// It may not touch the task any more.
    Gone,
}

/// What the handle is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Handle {
    Waiting,
    /// It wrote its waker into the slot.
    Offering,
    /// It has emptied the stage of a complete task.
    Releasing,
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    StartRun,
    /// The end of a run in which the task woke itself.
    Yield,
    Pend,
    Complete {
        output: bool,
    },
    CompleteUnjoined,
    ReleaseJoinSlot,
    WakeByRef,
    WakeByVal,
    AddRef,
    DropRef,
    /// The poll takes a reference out of the reserve, or puts one back: does not use the word.
    DrawRef,
    ReturnRef,
    Cancel,
    CancelOwned,
    ClaimJoinSlot,
    OfferJoinWaker,
    Detach,
    /// Moves the output out: does not use the word.
    TakeOutput,
    ReleaseJoin,
}

const OPS: [Op; 20] = [
    Op::StartRun,
    Op::Yield,
    Op::Pend,
    Op::Complete { output: false },
    Op::Complete { output: true },
    Op::CompleteUnjoined,
    Op::ReleaseJoinSlot,
    Op::WakeByRef,
    Op::WakeByVal,
    Op::AddRef,
    Op::DropRef,
    Op::DrawRef,
    Op::ReturnRef,
    Op::Cancel,
    Op::CancelOwned,
    Op::ClaimJoinSlot,
    Op::OfferJoinWaker,
    Op::Detach,
    Op::TakeOutput,
    Op::ReleaseJoin,
];

/// How far the search goes.
const MOST_REFERENCES: u64 = 2;
const MOST_WAKES: u64 = 2;
const MOST_DRAWN: Drawn = 1;

/// What the word has to be, and where in their protocols its users are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Model {
    run: Run,
    handle: Handle,
    references: u64,
    /// How many of these a run has taken out of the reserve that was not settled yet.
    drawn: Drawn,
    wakes: u64,
    complete: bool,
    join_waker: bool,
    cancelled: bool,
    output: bool,
}

/// The decoded word: the flags in the order of their bits, references without the reserve, wakes.
type Word = ([bool; 5], i64, u64);

fn decoded(word: Snapshot) -> Word {
    let flags = [
        word.is_complete(),
        word.has_join(),
        word.has_join_waker(),
        word.is_cancelled(),
        word.has_output(),
    ];
    let reserve = if word.is_complete() { 0 } else { RESERVE };
    (flags, word.counted().cast_signed() - reserve, word.wakes())
}

impl Model {
    const BORN: Self = Self {
        run: Run::Scheduled,
        handle: Handle::Waiting,
        references: 0,
        drawn: 0,
        wakes: 1,
        complete: false,
        join_waker: false,
        cancelled: false,
        output: false,
    };

    fn word(&self) -> Word {
        let join = self.handle != Handle::Gone;
        let flags = [self.complete, join, self.join_waker, self.cancelled, self.output];
        (flags, self.references.cast_signed() - self.drawn, self.wakes)
    }

    /// Whether anybody may still touch the task.
    fn is_reachable(&self) -> bool {
        self.run != Run::Gone || self.handle != Handle::Gone || self.references > 0
    }

    /// Whether somebody has the right to do this now.
    fn allows(&self, op: Op) -> bool {
        let referred = self.references > 0;
        match op {
            Op::StartRun | Op::CancelOwned => self.run == Run::Scheduled,
            Op::Yield | Op::Pend => self.run == Run::Running,
            // A future that was cancelled leaves an outcome if its destructor panics.
            Op::Complete { output } => {
                self.run == Run::Cancelling || self.run == Run::Running && output
            }
            Op::CompleteUnjoined => self.run == Run::Unjoined,
            Op::ReleaseJoinSlot => self.run == Run::WakingJoiner,
            // The poll's own waker may be lent to another thread.
            Op::WakeByRef => (referred || self.run == Run::Running) && self.wakes < MOST_WAKES,
            Op::WakeByVal => referred && self.wakes < MOST_WAKES,
            Op::AddRef => {
                // By a reference, the poll's waker, the handle or the registry.
                let entitled = referred
                    || self.handle == Handle::Waiting
                    || matches!(self.run, Run::Running | Run::Idle);
                entitled && self.references < MOST_REFERENCES
            }
            Op::DropRef => referred,
            Op::DrawRef => {
                let room = self.references < MOST_REFERENCES && self.drawn < MOST_DRAWN;
                self.run == Run::Running && room
            }
            Op::ReturnRef => self.run == Run::Running && referred && self.drawn > -MOST_DRAWN,
            Op::Cancel => (referred || self.handle == Handle::Waiting) && self.wakes < MOST_WAKES,
            Op::ClaimJoinSlot | Op::Detach => self.handle == Handle::Waiting,
            Op::OfferJoinWaker => self.handle == Handle::Offering,
            Op::TakeOutput => self.handle == Handle::Waiting && self.complete,
            Op::ReleaseJoin => self.handle == Handle::Releasing,
        }
    }

    /// Does it to the model and to the word. True: the task is the caller's to free.
    fn apply(&mut self, op: Op, word: &State) -> bool {
        match op {
            Op::StartRun | Op::Yield | Op::Pend => self.apply_to_run(op, word),
            Op::Complete { .. } | Op::CompleteUnjoined | Op::ReleaseJoinSlot => {
                return self.apply_to_end(op, word);
            }
            Op::WakeByRef | Op::WakeByVal | Op::AddRef | Op::DropRef => {
                return self.apply_to_reference(op, word);
            }
            Op::DrawRef => {
                self.references += 1;
                self.drawn += 1;
            }
            Op::ReturnRef => {
                self.references -= 1;
                self.drawn -= 1;
            }
            Op::Cancel => {
                let marks = !self.complete && !self.cancelled;
                let schedules = marks && self.wakes == 0;
                let expected = if schedules { Wake::Schedule } else { Wake::Nothing };
                assert_eq!(word.cancel(), expected);
                self.cancelled |= marks;
                self.wakes += u64::from(marks);
                self.scheduled_if(schedules);
            }
            Op::CancelOwned => {
                word.cancel_owned();
                self.cancelled = true;
            }
            Op::ClaimJoinSlot
            | Op::OfferJoinWaker
            | Op::Detach
            | Op::TakeOutput
            | Op::ReleaseJoin => return self.apply_to_handle(op, word),
        }
        false
    }

    fn scheduled_if(&mut self, scheduled: bool) {
        if scheduled {
            assert_eq!(self.run, Run::Idle, "a second `Runnable`");
            self.run = Run::Scheduled;
        }
    }

    fn apply_to_run(&mut self, op: Op, word: &State) {
        match op {
            Op::StartRun => {
                assert_eq!(decoded(word.start_run()), self.word());
                self.wakes = 1;
                self.run = if self.cancelled { Run::Cancelling } else { Run::Running };
            }
            Op::Yield => {
                assert_eq!(word.is_woken_again(), self.wakes > 1);
                word.settle(std::mem::take(&mut self.drawn));
                self.run = Run::Scheduled;
            }
            _ => {
                let idle = self.wakes == 1;
                let expected = if idle { Pend::Idle } else { Pend::Reschedule };
                assert_eq!(word.pend(std::mem::take(&mut self.drawn)), expected);
                self.wakes -= 1;
                self.run = if idle { Run::Idle } else { Run::Scheduled };
            }
        }
    }

    fn apply_to_end(&mut self, op: Op, word: &State) -> bool {
        match op {
            Op::Complete { output } => {
                let (expected, run) = match (self.handle, self.join_waker) {
                    (Handle::Gone, _) => (Complete::NobodyJoins, Run::Unjoined),
                    (_, true) => (Complete::WakeJoiner, Run::WakingJoiner),
                    (_, false) => (Complete::Done, Run::Gone),
                };
                assert_eq!(word.complete(output, self.drawn), expected);
                self.run = run;
                if expected != Complete::NobodyJoins {
                    (self.complete, self.output, self.drawn) = (true, output, 0);
                }
                false
            }
            Op::CompleteUnjoined => {
                self.run = Run::Gone;
                self.complete = true;
                word.complete_unjoined(std::mem::take(&mut self.drawn))
            }
            _ => {
                self.run = Run::Gone;
                self.join_waker = false;
                word.release_join_slot()
            }
        }
    }

    fn apply_to_reference(&mut self, op: Op, word: &State) -> bool {
        if matches!(op, Op::WakeByVal | Op::DropRef) {
            self.references -= 1;
        }
        match op {
            Op::AddRef => {
                word.add_ref();
                self.references += 1;
                false
            }
            Op::DropRef => word.drop_ref(),
            _ => {
                let schedules = !self.complete && self.wakes == 0;
                self.wakes += 1;
                self.scheduled_if(schedules);
                let by_value = op == Op::WakeByVal;
                let wake = if by_value { word.wake_by_val() } else { word.wake_by_ref() };
                assert_eq!(wake == Wake::Schedule, schedules);
                wake == Wake::Free
            }
        }
    }

    fn apply_to_handle(&mut self, op: Op, word: &State) -> bool {
        match op {
            Op::ClaimJoinSlot => {
                let expected = match (self.complete, self.join_waker) {
                    (true, _) => JoinSlot::Complete,
                    (false, true) => JoinSlot::Reclaimed,
                    (false, false) => JoinSlot::Free,
                };
                assert_eq!(word.claim_join_slot(), expected);
                if !self.complete {
                    (self.join_waker, self.handle) = (false, Handle::Offering);
                }
            }
            Op::OfferJoinWaker => {
                assert_eq!(word.offer_join_waker(), !self.complete);
                self.join_waker |= !self.complete;
                self.handle = Handle::Waiting;
            }
            Op::Detach => {
                let (expected, handle) = match (self.complete, self.join_waker) {
                    (true, _) => (Detach::Complete { output: self.output }, Handle::Releasing),
                    (false, true) => (Detach::TakeWaker, Handle::Waiting),
                    (false, false) => (Detach::Detached, Handle::Gone),
                };
                assert_eq!(word.detach(), expected);
                self.join_waker &= self.complete;
                self.handle = handle;
            }
            Op::TakeOutput => self.handle = Handle::Releasing,
            _ => {
                self.handle = Handle::Gone;
                return word.release_join();
            }
        }
        false
    }
}

/// The states that the module's documentation allows.
fn is_legal(word: Word) -> bool {
    let ([complete, join, join_waker, cancelled, output], references, wakes) = word;
    if !complete {
        // The handle alone offers a waker, there is no output yet, and whoever cancels a task
        // schedules it.
        return (join || !join_waker) && !output && (wakes > 0 || !cancelled);
    }
    // It was in a run, which has one wake. Without output and cancellation it was completed
    // after its handle had gone. What nobody refers to is freed.
    let unjoined = !output && !cancelled;
    wakes > 0 && !(unjoined && (join || join_waker)) && (join || join_waker || references > 0)
}

/// A word in the state that this sequence leads to; everything on the way is checked.
fn replay(path: &[Op]) -> (Model, State) {
    let (mut model, word) = (Model::BORN, State::new());
    for &op in path {
        assert!(!model.apply(op, &word));
    }
    (model, word)
}

#[test]
fn every_transition_of_every_reachable_state_is_as_documented() {
    let mut paths = HashMap::from([(Model::BORN, Vec::new())]);
    let mut open = VecDeque::from([Model::BORN]);
    let mut words = BTreeSet::from([Model::BORN.word()]);
    let mut frees = 0;
    while let Some(before) = open.pop_front() {
        for op in OPS.into_iter().filter(|&op| before.allows(op)) {
            let mut path = paths[&before].clone();
            let (mut model, word) = replay(&path);
            assert_eq!(model, before);
            path.push(op);
            let freed = model.apply(op, &word);
            assert_eq!(
                freed,
                !model.is_reachable(),
                "freed by the last right only: {model:?} after {path:?}"
            );
            if freed {
                frees += 1;
                continue;
            }
            assert_eq!(decoded(word.load()), model.word(), "{path:?}");
            assert!(model.drawn != 0 || is_legal(model.word()), "{word:?} after {path:?}");
            if model.drawn == 0 {
                words.insert(model.word());
            }
            if let Entry::Vacant(entry) = paths.entry(model) {
                entry.insert(path);
                open.push_back(model);
            }
        }
    }
    let legal: BTreeSet<_> = (0..32_u32)
        .map(|bits| [1, 2, 4, 8, 16].map(|bit| bits & bit != 0))
        .flat_map(|flags| {
            (0..=MOST_REFERENCES.cast_signed()).map(move |references| (flags, references))
        })
        .flat_map(|(flags, refs)| (0..=MOST_WAKES).map(move |wakes| (flags, refs, wakes)))
        .filter(|&word| is_legal(word))
        .collect();
    assert_eq!(words, legal, "the search reaches every legal word");
    assert!(frees > 0);
    println!("{} states, {} words, {frees} ways to free", paths.len(), words.len());
}

/// So the search above is about those, too.
#[test]
fn a_task_that_never_has_a_handle_is_one_whose_handle_was_given_up() {
    let word = State::new();
    assert_eq!(word.detach(), Detach::Detached);
    assert_eq!(word.load(), State::new_detached().load());
}

#[test]
fn the_state_shows_its_fields() {
    let word = State::new();
    let scheduled = "State { phase: \"scheduled\", wakes: 1, references: 0, join: true, \
                     join_waker: false, cancelled: false, output: false }";
    assert_eq!(format!("{word:?}"), scheduled);
    let _ = word.start_run();
    word.add_ref();
    assert_eq!(word.pend(0), Pend::Idle);
    assert!(word.offer_join_waker());
    let idle = "State { phase: \"idle\", wakes: 0, references: 1, join: true, \
                join_waker: true, cancelled: false, output: false }";
    assert_eq!(format!("{word:?}"), idle);
    assert_eq!(word.cancel(), Wake::Schedule);
    assert_eq!(word.complete(true, 0), Complete::WakeJoiner);
    let complete = "State { phase: \"complete\", wakes: 1, references: 1, join: true, \
                    join_waker: true, cancelled: true, output: true }";
    assert_eq!(format!("{word:?}"), complete);
}
