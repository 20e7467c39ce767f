//! A countdown that tasks of any runtime can share.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_channel::oneshot;

/// Counts down to zero, then signals once.
///
/// Handed out as `&'static`, so that a task carries eight bytes and no reference count: the
/// harness must not be what the case measures. A few bytes leak with each.
#[derive(Debug)]
pub struct Latch {
    remaining: AtomicUsize,
    signal: Mutex<Option<oneshot::Sender<()>>>,
}

impl Latch {
    /// A latch for `count` calls of [`count_down`](Self::count_down), and what its last one
    /// resolves.
    ///
    /// # Panics
    /// When `count` is zero.
    pub fn new(count: usize) -> (&'static Self, oneshot::Receiver<()>) {
        assert!(count > 0, "a latch needs something to count");
        let (sender, receiver) = oneshot::channel();
        let latch = Box::leak(Box::new(Self {
            remaining: AtomicUsize::new(count),
            signal: Mutex::new(Some(sender)),
        }));
        (latch, receiver)
    }

    /// One less to wait for.
    ///
    /// # Panics
    /// When called more often than was agreed: some task ran twice.
    pub fn count_down(&self) {
        match self.remaining.fetch_sub(1, Ordering::AcqRel) {
            0 => panic!("counted down below zero"),
            1 => self.release(),
            _ => {}
        }
    }

    #[cold]
    fn release(&self) {
        let signal = self.signal.lock().unwrap().take();
        // Nobody waits any more when the run was given up.
        let _ = signal.expect("released once").send(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_count_signals() {
        let (latch, mut open) = Latch::new(2);
        latch.count_down();
        assert_eq!(open.try_recv(), Ok(None));
        latch.count_down();
        assert_eq!(open.try_recv(), Ok(Some(())));
    }
}
