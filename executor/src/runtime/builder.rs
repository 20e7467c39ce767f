//! Building a runtime.

use super::handle::{Handle, Runtime};
use super::shared::{SeatedCore, Shared};
use crate::context::{self, Driving};
use crate::idle::{MAX_WORKERS, Seat};
use crate::queue::LocalQueue;
use crate::registry::Registry;
use crate::stats::Stats;
use crate::sync::Arc;
use crate::sync::thread;
use crate::task::{PanicHook, PanicReporter, discard_payload};
use crate::timers::{Lease, Source, VirtualTime, Watch, real_time};
use crate::unwind;
use crate::worker::{Core, NoRoot, Stop, Worker, drive, take_up};
use crossbeam_utils::CachePadded;
use std::any::Any;
use std::fmt;
use std::io;

/// The environment variable that sets the default number of workers.
const WORKERS_VARIABLE: &str = "FILCH_WORKER_THREADS";

type ThreadHook = std::sync::Arc<dyn Fn() + Send + Sync>;

/// Builds a [`Runtime`] that differs from the default.
///
/// ```
/// let runtime = filch::Builder::new().worker_threads(2).thread_name("crawler").build()?;
/// assert_eq!(runtime.block_on(async { 1 + 1 }), 2);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Default)]
pub struct Builder {
    workers: Option<usize>,
    name: Option<String>,
    stack_size: Option<usize>,
    on_start: Option<ThreadHook>,
    on_stop: Option<ThreadHook>,
    on_unhandled_panic: Option<PanicHook>,
    paused: bool,
    manual: bool,
}

impl Builder {
    /// A builder with the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many workers the runtime has: at least 1, at most 32 767.
    ///
    /// Default: the environment variable `FILCH_WORKER_THREADS`, or else the number of processors
    /// that this process may use.
    ///
    /// Each keeps up to a megabyte (2<sup>20</sup> bytes) of the memory of tasks that ended, for new
    /// ones, until the runtime goes. More workers than processors are of use if tasks block their
    /// threads; while they do not, the rest keeps out of the way. To an only worker each task costs a little
    /// less than to one of several, as there is nobody who is to be told of it, or may take it.
    pub fn worker_threads(&mut self, workers: usize) -> &mut Self {
        self.workers = Some(workers);
        self
    }

    /// What the workers' threads are called; each adds its number. Default: `filch`.
    pub fn thread_name(&mut self, name: impl Into<String>) -> &mut Self {
        self.name = Some(name.into());
        self
    }

    /// How large the workers' stacks are, in bytes. Default: that of `std::thread`.
    pub fn thread_stack_size(&mut self, bytes: usize) -> &mut Self {
        self.stack_size = Some(bytes);
        self
    }

    /// Called on each worker's thread before it works. A panic in it is caught and ignored.
    pub fn on_thread_start(&mut self, f: impl Fn() + Send + Sync + 'static) -> &mut Self {
        self.on_start = Some(std::sync::Arc::new(f));
        self
    }

    /// Called on each worker's thread after its work. A panic in it is caught and ignored.
    pub fn on_thread_stop(&mut self, f: impl Fn() + Send + Sync + 'static) -> &mut Self {
        self.on_stop = Some(std::sync::Arc::new(f));
        self
    }

    /// Called once for each panic of a task that no `JoinHandle` will ever give out, with what it
    /// panicked with. A panic in it is caught and ignored.
    ///
    /// It is called on whichever thread drops the panic: a worker, if the handle was dropped
    /// before; else the thread that drops the handle. A panic in the destructor of an *output* is
    /// reported if a worker drops it; one that a handle takes along when it is dropped is caught,
    /// and that is all: the runtime may be gone by then.
    pub fn on_unhandled_panic(
        &mut self,
        f: impl Fn(&(dyn Any + Send)) + Send + Sync + 'static,
    ) -> &mut Self {
        self.on_unhandled_panic = Some(Box::new(f));
        self
    }

    /// Whether the runtime goes by a virtual clock, which stands until there is nothing to do but to
    /// wait for it. Default: false, the system's clock.
    ///
    /// For tests: sleeps, timeouts and intervals take no time, and how long they took is exact. When
    /// every worker is idle, no task is queued, no future that `block_on` drives was woken and
    /// no closure of [`spawn_blocking`](crate::spawn_blocking()) runs, the clock jumps to the
    /// earliest deadline of a sleep that was not dropped. This works with any number of workers.
    /// [`Handle::hold_clock`] keeps the clock from it, and [`Handle::advance`] turns it by hand.
    ///
    /// The clock begins at the [`Instant`](std::time::Instant) at which the runtime is built;
    /// [`now`](crate::now()) reads it. What asks the system for the time gets the system's.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let runtime = filch::Builder::new().start_paused(true).build()?;
    /// runtime.block_on(async {
    ///     let start = filch::now();
    ///     filch::sleep(Duration::from_secs(86_400), ()).await;
    ///     assert_eq!(filch::now() - start, Duration::from_secs(86_400));
    /// });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn start_paused(&mut self, paused: bool) -> &mut Self {
        self.paused = paused;
        self
    }

    /// Whether a virtual clock advances by itself when all are idle. Default: true.
    ///
    /// If not, only [`Handle::advance`] turns it. Without [`start_paused`](Self::start_paused) this
    /// has no meaning.
    pub fn auto_advance(&mut self, auto: bool) -> &mut Self {
        self.manual = !auto;
        self
    }

    /// Starts the workers.
    ///
    /// The builder may be used again, with all settings but `on_unhandled_panic`, which goes to
    /// the first runtime.
    ///
    /// # Errors
    ///
    /// * `InvalidInput`: 0 workers, or more than 32 767, or a `FILCH_WORKER_THREADS` that is not
    ///   such a number; a thread name with a NUL character in it.
    /// * The system's error, if it will not start a thread. Those that were started have ended
    ///   when this returns.
    pub fn build(&mut self) -> io::Result<Runtime> {
        self.build_with(false)
    }

    /// Builds a runtime in which the thread that calls `block_on` is one of the workers.
    pub(super) fn build_for_caller(&mut self) -> io::Result<Runtime> {
        self.build_with(true)
    }

    fn build_with(&mut self, caller_works: bool) -> io::Result<Runtime> {
        let (handle, cores) = self.assemble(caller_works)?;
        let shared = handle.shared();
        let mut threads = Vec::with_capacity(cores.len());
        let mut cores = cores.into_iter();
        if caller_works {
            *shared.spare.lock() = cores.next();
        }
        let mut failed = None;
        for (seat, core) in cores {
            // The core goes first, so that a shutdown counts this worker in.
            let thread = match failed {
                None => self.start(&handle, &seat, core),
                Some(_) => Err((io::Error::other("not tried"), core)),
            };
            match thread {
                Ok(thread) => threads.push(thread),
                Err((error, core)) => {
                    failed.get_or_insert(error);
                    shared.give_up_worker(core);
                }
            }
        }
        let runtime = Runtime::assemble(handle, threads);
        match failed {
            None => Ok(runtime),
            // Dropping the runtime ends what was started.
            Some(error) => Err(error),
        }
    }

    /// All of a runtime but its threads.
    pub(crate) fn assemble(&mut self, caller_works: bool) -> io::Result<(Handle, Vec<SeatedCore>)> {
        let count = self.worker_count()?;
        if self.name.as_ref().is_some_and(|name| name.contains('\0')) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "Builder::thread_name has a NUL character in it: the system takes none in a name",
            ));
        }
        let (source, watch) = (self.source(), Arc::new(Watch::new()));
        let new_worker = |_| new_worker(Lease::new(source.clone(), watch.clone()), count == 1);
        let (queues, workers): (Vec<_>, Vec<_>) = (0..count).map(new_worker).unzip();
        let panics = PanicReporter::new(self.on_unhandled_panic.take());
        let shared = Shared::new(workers.into(), watch, source);
        let handle = Handle::new(Arc::new(shared), panics);
        let shared = handle.shared();
        let cores = queues.into_iter().enumerate().map(|(index, queue)| {
            let has_thread = !(caller_works && index == 0);
            let seat = if has_thread { Seat::starting(index) } else { Seat::new(index, false) };
            shared.workers[index].timers.rest_on(&seat.parker);
            (seat, Core::new(handle.clone(), index, queue))
        });
        let cores = cores.collect();
        Ok((handle, cores))
    }

    fn source(&self) -> Source {
        if self.paused {
            Source::Virtual(Arc::new(VirtualTime::new(!self.manual)))
        } else {
            Source::System(real_time())
        }
    }

    fn worker_count(&self) -> io::Result<usize> {
        let invalid = |text: String| Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        let (count, source) = match self.workers {
            Some(count) => (count, "Builder::worker_threads"),
            None => match std::env::var_os(WORKERS_VARIABLE) {
                None => return Ok(num_cpus::get().clamp(1, MAX_WORKERS)),
                Some(text) => match text.to_str().and_then(|text| text.trim().parse().ok()) {
                    Some(count) => (count, WORKERS_VARIABLE),
                    None => {
                        return invalid(format!(
                            "{WORKERS_VARIABLE} is {text:?}: set it to a number from 1 to {MAX_WORKERS}, or unset it"
                        ));
                    }
                },
            },
        };
        if (1..=MAX_WORKERS).contains(&count) {
            return Ok(count);
        }
        invalid(format!("{source} is {count}: a runtime needs from 1 to {MAX_WORKERS} workers"))
    }

    /// Starts a worker's thread. Gives the core back if that fails.
    fn start(
        &self,
        handle: &Handle,
        seat: &Arc<Seat<Box<Core>>>,
        core: Box<Core>,
    ) -> Result<thread::JoinHandle<()>, (io::Error, Box<Core>)> {
        let name = format!("{}-{}", self.name.as_deref().unwrap_or("filch"), seat.index);
        let mut thread = thread::Builder::new().name(name);
        if let Some(bytes) = self.stack_size {
            thread = thread.stack_size(bytes);
        }
        let (on_start, on_stop) = (self.on_start.clone(), self.on_stop.clone());
        let own = (handle.clone(), seat.clone());
        let started = thread.spawn(move || {
            context::without_core(own.0.shared(), || call(on_start.as_ref()));
            unwind::never(|| work(&own.0, &own.1));
            context::without_core(own.0.shared(), || {
                call(on_stop.as_ref());
                // This may be the last reference to them, and their destructors are the user's.
                in_net(|| drop(on_start));
                in_net(|| drop(on_stop));
            });
        });
        match started {
            Ok(thread) => {
                let shared = handle.shared();
                shared.give_core(seat, core);
                Ok(thread)
            }
            Err(error) => Err((error, core)),
        }
    }
}

fn new_worker(timers: Lease, is_alone: bool) -> (LocalQueue, CachePadded<Worker>) {
    let (queue, stealers) = LocalQueue::new(is_alone);
    let (registry, stats) = (Registry::new(), Stats::default());
    let worker = Worker { stealers, registry, stats, timers };
    (queue, CachePadded::new(worker))
}

/// A worker's thread.
fn work(handle: &Handle, seat: &Arc<Seat<Box<Core>>>) {
    let _driving = Driving::begin();
    let _entered = context::enter(handle.clone(), false);
    let shared = handle.shared();
    let stats = &shared.workers[seat.index].stats;
    shared.idle.begin(seat, || shared.work_visible());
    shared.lay_to_rest(seat);
    if shared.is_closed() {
        // Whoever closed it unparked those who had begun.
        seat.parker.unpark();
    }
    loop {
        seat.parker.park();
        let is_awake = take_up(shared.idle.claim(seat), stats);
        shared.leave_watch(seat);
        if !is_awake {
            continue;
        }
        match drive(handle, seat, &mut NoRoot) {
            Stop::Closed => {
                let core = context::take_core().expect("a worker that stopped has its core");
                return handle.stop_worker(core);
            }
            Stop::Lent => {}
            Stop::RootReady => unreachable!("a worker's thread has no root"),
        }
    }
}

/// Calls a user's hook.
fn call(hook: Option<&ThreadHook>) {
    if let Some(hook) = hook {
        in_net(|| hook());
    }
}

/// Calls the user's code; its panics are nobody's.
fn in_net(f: impl FnOnce()) {
    if let Err(payload) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)) {
        discard_payload(payload);
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("worker_threads", &self.workers)
            .field("thread_name", &self.name)
            .field("thread_stack_size", &self.stack_size)
            .field("start_paused", &self.paused)
            .field("auto_advance", &!self.manual)
            .finish_non_exhaustive()
    }
}
