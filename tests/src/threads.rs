//! Threads that borrow from the test.

use std::cell::RefCell;
use std::panic::resume_unwind;
use std::thread::{Scope, ScopedJoinHandle};

/// What [`scope`] spawns with.
pub struct Threads<'scope, 'env: 'scope> {
    scope: &'scope Scope<'scope, 'env>,
    spawned: RefCell<Vec<ScopedJoinHandle<'scope, ()>>>,
}

impl<'scope> Threads<'scope, '_> {
    /// Starts a thread, which is joined at the end of the scope.
    pub fn spawn(&self, body: impl FnOnce() + Send + 'scope) {
        self.spawned.borrow_mut().push(self.scope.spawn(body));
    }
}

/// `std::thread::scope`, with each thread joined by itself at the end: the way in which the scope of
/// the standard library waits for all is unknown to ThreadSanitizer, and a join is known.
///
/// # Panics
///
/// With the panic of the body, or else of the first thread that panicked.
pub fn scope<'env, T>(body: impl for<'scope> FnOnce(&Threads<'scope, 'env>) -> T) -> T {
    std::thread::scope(|scope| {
        let threads = Threads { scope, spawned: RefCell::default() };
        let result = body(&threads);
        for thread in threads.spawned.take() {
            thread.join().unwrap_or_else(|payload| resume_unwind(payload));
        }
        result
    })
}
