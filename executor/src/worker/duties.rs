//! What a worker does every so many picks: it looks at the far ends of its queues, and whether it is of use.

use super::Core;
use crate::sync::{Mutant, NAPS, mutated};
use crate::task::Runnable;
use crate::tempo::Crew;
use std::time::Instant;

/// Every how many looks at the far ends of its queues a worker looks whether it is of use.
pub(super) const TEMPO_INTERVAL: u32 = 4;

impl Core {
    /// The pick in which the duties are done that come round every so many picks.
    #[cold]
    pub(super) fn pick_fairly(&mut self) -> Option<Runnable> {
        let keeps_tempo = NAPS && self.queue.rounds().is_multiple_of(TEMPO_INTERVAL);
        if keeps_tempo && self.keep_tempo(Instant::now()) {
            // Or the next pick would look at the injector, and take back what it has just given away.
            self.queue.begin_round();
            return None;
        }
        let task = self.queue.pick(&self.handle.shared().injector);
        self.notify_of_batch();
        task
    }

    /// What came out of the injector with the task that is run now was visible to nobody on its way
    /// into this worker's queue: a worker that does not search has to act as its pusher.
    pub(super) fn notify_of_batch(&self) {
        if !self.searching && !self.handle.shared().workers[self.index].stealers.is_empty() {
            self.notify();
        }
    }

    /// Looks whether this worker is of use beside the others. True: it is not, and has given its
    /// tasks away.
    #[cold]
    pub(super) fn keep_tempo(&mut self, now: Instant) -> bool {
        if self.handle.shared().workers.len() == 1 {
            return false;
        }
        let (polls, crew) = self.progress();
        let shared = self.handle.shared();
        let queued = shared.workers[self.index].stealers.len();
        let others = || {
            let all = shared.workers.iter().enumerate();
            let others = all.filter(|(other, _)| *other != self.index);
            others.map(|(_, worker)| worker.stats.polls()).fold(0, u64::wrapping_add)
        };
        let retires = self.tempo.works(now, polls, queued, crew, &shared.tempos, others);
        if retires {
            self.give_tasks_away();
        }
        retires
    }

    fn give_tasks_away(&mut self) {
        let early = mutated(Mutant::AnnouncedBeforePush);
        if early {
            self.handle.shared().idle.notify_remote();
        }
        while let Some(task) = self.drain() {
            self.handle.shared().injector.push(task);
        }
        if !early {
            self.handle.shared().idle.notify_remote();
        }
    }

    /// How many tasks this worker has polled, and who is at work.
    pub(super) fn progress(&self) -> (u64, Crew) {
        let shared = self.handle.shared();
        let crew = Crew { workers: shared.workers.len(), at_work: shared.idle.at_work() };
        (shared.workers[self.index].stats.polls(), crew)
    }
}
