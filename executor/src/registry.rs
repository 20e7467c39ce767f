//! Where the idle tasks of a runtime can be found.
//!
//! A runtime that shuts down has to drop the futures of tasks that nobody will wake. A task that is
//! queued is found in its queue and one that is polled by its worker, so only idle tasks need an
//! entry: a task enters when it is about to become idle for the first time, and leaves when it
//! completes. A task that is ready at its first poll, or that only ever yields, is never entered.
//!
//! There is one registry for each worker, behind that worker's own lock, so that entering costs
//! an uncontended lock. A task that was stolen leaves the registry that it entered.

#![allow(unsafe_code, reason = "one block: the registry is what keeps its entries valid")]

#[cfg(all(test, not(filch_loom)))]
mod tests;

use crate::sync::Mutex;
use crate::task::{Kept, TaskRef};

/// The idle tasks that became so on one worker.
pub(crate) struct Registry {
    tasks: Mutex<Tasks>,
}

/// Eight bytes for each task, as a task's address leaves zero for the vacant places. (A `Slab` links
/// those through the places themselves, which takes it sixteen.)
#[derive(Default)]
struct Tasks {
    places: Vec<Option<Kept>>,
    /// The places to be used again, the one vacated last on top: it is likely in cache.
    vacant: Vec<u32>,
}

const _: () = assert!(size_of::<Option<Kept>>() == size_of::<usize>());

impl Tasks {
    fn len(&self) -> usize {
        self.places.len() - self.vacant.len()
    }
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self { tasks: Mutex::new(Tasks::default()) }
    }

    /// Enters a task; gives the place that it has to be forgotten by.
    ///
    /// # Panics
    ///
    /// If more than 2³² tasks are idle that became so on one worker.
    pub(crate) fn keep(&self, task: Kept) -> u32 {
        let mut tasks = self.tasks.lock();
        if let Some(index) = tasks.vacant.pop() {
            tasks.places[index as usize] = Some(task);
            return index;
        }
        let index = u32::try_from(tasks.places.len());
        let index = index.expect("more than 2^32 idle tasks on one worker");
        tasks.places.push(Some(task));
        index
    }

    /// Takes a task out.
    pub(crate) fn forget(&self, index: u32) {
        let mut tasks = self.tasks.lock();
        let task = tasks.places[index as usize].take();
        assert!(task.is_some(), "no task at place {index}: it was forgotten twice");
        tasks.vacant.push(index);
    }

    pub(crate) fn len(&self) -> usize {
        self.tasks.lock().len()
    }

    /// References to up to `limit` tasks, from place `from` on, and the place to go on from.
    pub(crate) fn references(&self, from: usize, limit: usize) -> (Vec<TaskRef>, Option<usize>) {
        let tasks = self.tasks.lock();
        let mut found = Vec::with_capacity(limit);
        for index in from..tasks.places.len() {
            if found.len() == limit {
                return (found, Some(index));
            }
            if let Some(task) = &tasks.places[index] {
                // SAFETY: the task is in its place, so it was not forgotten yet; `forget` would need
                // the lock that is held here.
                found.push(unsafe { task.reference() });
            }
        }
        (found, None)
    }
}
