//! A test that hangs prints what its runtimes do and ends the process.

use crate::process;
use filch::{Handle, Runtime};
use std::cell::RefCell;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a test may take before it counts as hanging: far longer than any does.
pub const LONG: Duration = Duration::from_secs(60);

/// Who waits for the end of one test.
struct Dog {
    runtimes: Mutex<Vec<Handle>>,
    over: Mutex<bool>,
    bell: Condvar,
}

thread_local! {
    static DOG: RefCell<Option<Arc<Dog>>> = const { RefCell::new(None) };
}

/// Locks, whether or not a test panicked with the lock in its hands.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `body` on this thread.
///
/// If it takes longer than `limit`, the process prints its threads and the metrics of the runtimes
/// that this thread made with [`runtime`] or gave to [`watch`], and aborts.
pub fn within<R>(limit: Duration, body: impl FnOnce() -> R) -> R {
    let dog = Arc::new(Dog {
        runtimes: Mutex::new(Vec::new()),
        over: Mutex::new(false),
        bell: Condvar::new(),
    });
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let watching = dog.clone();
    let thread = std::thread::Builder::new()
        .name("watchdog".to_owned())
        .spawn(move || watching.watch(&test, limit))
        .expect("a thread for the watchdog");
    let guard = Guard { outer: DOG.replace(Some(dog.clone())), dog };
    let result = body();
    drop(guard);
    thread.join().expect("the watchdog's thread");
    result
}

/// Calls the dog off, also when the test panics.
struct Guard {
    outer: Option<Arc<Dog>>,
    dog: Arc<Dog>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        DOG.set(self.outer.take());
        *lock(&self.dog.over) = true;
        self.dog.bell.notify_all();
    }
}

impl Dog {
    fn watch(&self, test: &str, limit: Duration) {
        let over = lock(&self.over);
        let wait = self.bell.wait_timeout_while(over, limit, |over| !*over);
        if *wait.unwrap_or_else(PoisonError::into_inner).0 {
            return;
        }
        let runtimes = std::mem::take(&mut *lock(&self.runtimes));
        give_up(&format!("{test} hangs: not over after {limit:?}"), &runtimes);
    }
}

/// Says what this process does, and aborts it.
pub fn give_up(why: &str, runtimes: &[Handle]) -> ! {
    // Not `eprintln!`: that is captured by the test harness, and lost by the abort.
    let mut out = std::io::stderr();
    let _ = writeln!(out, "\n{why}\nthreads: {:?}", process::thread_states());
    for runtime in runtimes {
        let _ = writeln!(out, "{runtime:?}");
        let _ = writeln!(out, "{:#?}", runtime.metrics());
    }
    std::process::abort()
}

/// Has this test's watchdog, if there is one, print the runtime's metrics when it gives up.
///
/// The watchdog keeps a handle until the test is over.
pub fn watch(runtime: &Handle) {
    DOG.with_borrow(|dog| {
        if let Some(dog) = dog {
            lock(&dog.runtimes).push(runtime.clone());
        }
    });
}

/// A runtime with so many workers, watched.
///
/// # Panics
///
/// If it cannot be built.
pub fn runtime(workers: usize) -> Runtime {
    let runtime = Runtime::builder().worker_threads(workers).build().expect("a runtime");
    watch(runtime.handle());
    runtime
}

/// A runtime with so many workers whose clock advances by itself, watched.
///
/// # Panics
///
/// If it cannot be built.
pub fn paused(workers: usize) -> Runtime {
    let mut builder = Runtime::builder();
    let runtime = builder.worker_threads(workers).start_paused(true).build().expect("a runtime");
    watch(runtime.handle());
    runtime
}

/// A runtime with so many workers whose clock is turned by [`Handle::advance`] only, watched.
///
/// # Panics
///
/// If it cannot be built.
pub fn stopped(workers: usize) -> Runtime {
    let mut builder = Runtime::builder();
    let builder = builder.worker_threads(workers).start_paused(true).auto_advance(false);
    let runtime = builder.build().expect("a runtime");
    watch(runtime.handle());
    runtime
}
