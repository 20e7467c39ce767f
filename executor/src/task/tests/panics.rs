//! Every combination of panics, and who hears of them.

use super::rig::{Counts, End, Ending, NOTHING, Rig, set};
use crate::sync::Mutex;
use crate::task::PanicReporter;
use crate::task::panic::Hook;
use crate::task::panic::discard;
use std::any::Any;
use std::cell::Cell;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Waker;

/// What a panic carries here; its destructor may panic with another one, and so on.
struct Payload {
    name: &'static str,
    /// How many more come out of it.
    more: u32,
    alive: Arc<AtomicU32>,
}

impl Payload {
    fn new(name: &'static str, more: u32, alive: &Arc<AtomicU32>) -> Self {
        alive.fetch_add(1, Ordering::Relaxed);
        Self { name, more, alive: alive.clone() }
    }

    /// Panics with it, without a message on the terminal.
    fn throw(self) -> ! {
        resume_unwind(Box::new(self))
    }

    fn name(payload: &(dyn Any + Send)) -> &'static str {
        payload.downcast_ref::<Self>().expect("only these are thrown").name
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::Relaxed);
        if self.more > 0 && !std::thread::panicking() {
            Self::new("of a payload", self.more - 1, &self.alive).throw();
        }
    }
}

/// What becomes of the handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Handle {
    DroppedBefore,
    DroppedAfter,
    Awaited,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    ending: Ending,
    handle: Handle,
    future_drop_panics: bool,
    output_drop_panics: bool,
    /// How many panics come out of each payload.
    more: u32,
    hook_panics: bool,
}

impl Case {
    fn all() -> impl Iterator<Item = Self> {
        let endings = [Ending::Ready, Ending::Panics, Ending::Cancelled];
        let handles = [Handle::DroppedBefore, Handle::DroppedAfter, Handle::Awaited];
        endings.into_iter().flat_map(move |ending| {
            handles.into_iter().flat_map(move |handle| {
                (0..24).map(move |bits| Self {
                    ending,
                    handle,
                    future_drop_panics: bits & 1 != 0,
                    output_drop_panics: bits & 2 != 0,
                    hook_panics: bits & 4 != 0,
                    more: bits / 8,
                })
            })
        })
    }

    /// The panic that is the task's outcome.
    fn outcome(self) -> Option<&'static str> {
        match self.ending {
            Ending::Panics => Some("poll"),
            _ => self.future_drop_panics.then_some("future"),
        }
    }

    /// The panic that a worker meets and that is nobody's outcome.
    fn beside_the_outcome(self) -> Option<&'static str> {
        let gone = self.handle == Handle::DroppedBefore;
        match (self.ending, self.future_drop_panics) {
            (Ending::Panics, true) => Some("future"),
            (Ending::Ready, future) if future || gone => {
                self.output_drop_panics.then_some("output")
            }
            _ => None,
        }
    }

    fn check(self) {
        let alive = Arc::new(AtomicU32::new(0));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (own, hook_alive) = (heard.clone(), alive.clone());
        let hook: Hook = Box::new(move |payload| {
            own.lock().push(Payload::name(payload));
            if self.hook_panics {
                Payload::new("hook", self.more, &hook_alive).throw();
            }
        });
        let reporter = Arc::new(PanicReporter::new(Some(hook)));
        let rig = Rig::reporting(Some(reporter.clone()));
        self.prepare(&rig, &alive);
        rig.did();
        if self.handle == Handle::DroppedBefore {
            drop(rig.take_handle());
        }
        assert_eq!(rig.run(), End::Complete);
        match self.handle {
            Handle::DroppedBefore => {}
            Handle::DroppedAfter => drop(rig.take_handle()),
            Handle::Awaited => self.check_result(&rig),
        }
        let happened = u32::from(self.ending == Ending::Ready);
        let expected = Counts {
            polls: u32::from(self.ending != Ending::Cancelled),
            future_drops: 1,
            output_drops: happened,
            frees: 1,
            ..NOTHING
        };
        assert_eq!(rig.did(), expected);
        let outcome = self.outcome().filter(|_| self.handle != Handle::Awaited);
        let unheard: Vec<_> = self.beside_the_outcome().into_iter().chain(outcome).collect();
        assert_eq!(*heard.lock(), unheard);
        assert_eq!(reporter.unhandled(), unheard.len() as u64);
        assert_eq!(alive.load(Ordering::Relaxed), 0, "a payload leaked");
    }

    fn prepare(self, rig: &Rig, alive: &Arc<AtomicU32>) {
        let own = alive.clone();
        match self.ending {
            Ending::Ready => rig.step_ready(),
            Ending::Panics => rig.step(move |_| Payload::new("poll", self.more, &own).throw()),
            Ending::Cancelled => rig.abort(),
        }
        if self.future_drop_panics {
            let own = alive.clone();
            set(&rig.on_future_drop, move || Payload::new("future", self.more, &own).throw());
        }
        if self.output_drop_panics {
            let own = alive.clone();
            set(&rig.on_output_drop, move || Payload::new("output", self.more, &own).throw());
        }
    }

    fn check_result(self, rig: &Rig) {
        let rest = match (self.outcome(), rig.result()) {
            (None, Ok(output)) => {
                assert_eq!(self.ending, Ending::Ready);
                discard(output)
            }
            (None, Err(error)) => {
                assert_eq!(self.ending, Ending::Cancelled);
                assert!(error.is_cancelled() && !error.is_panic());
                discard(error)
            }
            (Some(name), Err(error)) => {
                assert!(error.is_panic() && !error.is_cancelled());
                if self.hook_panics {
                    // Dropped as a whole, an error keeps the panics of its payload to itself.
                    assert!(discard(error).is_ok());
                    return;
                }
                let payload = error.into_panic();
                assert_eq!(Payload::name(&*payload), name);
                discard(payload)
            }
            (Some(name), Ok(_)) => panic!("the panic {name} is lost"),
        };
        if let Err(payload) = rest {
            crate::task::panic::discard_payload(payload);
        }
    }
}

#[test]
fn every_combination_of_panics_drops_all_once_and_is_heard_of_once() {
    for case in Case::all() {
        let checked = std::panic::catch_unwind(|| case.check());
        assert!(checked.is_ok(), "{case:?}");
    }
}

#[test]
fn a_panic_in_the_destructor_is_the_outcome_of_a_runnable_that_is_dropped() {
    let alive = Arc::new(AtomicU32::new(0));
    let rig = Rig::new();
    let own = alive.clone();
    set(&rig.on_future_drop, move || Payload::new("future", 1, &own).throw());
    drop(rig.take());
    let error = rig.result().err().expect("it panicked");
    assert!(error.is_panic());
    drop(error);
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

#[test]
fn a_panic_that_the_handle_collected_is_not_reported() {
    let reporter = Arc::new(PanicReporter::new(None));
    let rig = Rig::reporting(Some(reporter.clone()));
    rig.step(|_| resume_unwind(Box::new("poll")));
    assert_eq!(rig.run(), End::Complete);
    let error = rig.result().err().expect("it panicked");
    drop(error);
    assert_eq!(reporter.unhandled(), 0);
}

#[test]
fn a_task_that_panicked_is_not_polled_again() {
    let rig = Rig::new();
    let waker = rig.poll_for_waker();
    waker.wake_by_ref();
    rig.step(|_| resume_unwind(Box::new("poll")));
    assert_eq!(rig.run(), End::Complete);
    rig.did();
    waker.wake();
    assert_eq!(rig.did(), NOTHING);
    assert!(rig.result().is_err_and(|error| error.is_panic()));
}

#[test]
fn a_panic_after_a_wake_of_itself_leaves_nothing_on_the_thread() {
    let rig = Rig::new();
    rig.step(|cx| {
        cx.waker().wake_by_ref();
        resume_unwind(Box::new("poll"))
    });
    assert_eq!(rig.run(), End::Complete);
    let next = Rig::new();
    assert_eq!(next.run(), End::Idle);
}

#[test]
fn an_output_may_own_references_to_its_task() {
    for handle in [Handle::DroppedBefore, Handle::DroppedAfter, Handle::Awaited] {
        let rig = Rig::new();
        let waker = rig.poll_for_waker();
        let abort_handle = rig.abort_handle();
        waker.wake_by_ref();
        set(&rig.on_output_drop, move || {
            abort_handle.abort();
            drop(abort_handle);
            waker.wake_by_ref();
            waker.wake();
        });
        rig.step_ready();
        rig.did();
        if handle == Handle::DroppedBefore {
            drop(rig.take_handle());
        }
        assert_eq!(rig.run(), End::Complete);
        match handle {
            Handle::DroppedBefore => {}
            Handle::DroppedAfter => drop(rig.take_handle()),
            Handle::Awaited => drop(rig.poll_handle(Waker::noop())),
        }
        let counts = rig.did();
        assert_eq!((counts.schedules, counts.output_drops, counts.frees), (0, 1, 1));
    }
}

thread_local! {
    static DROPPED: Cell<u32> = const { Cell::new(0) };
    static MORE: Cell<u32> = const { Cell::new(0) };
}

/// A payload without a size, so that leaking its box leaks no memory.
struct Link;

impl Drop for Link {
    fn drop(&mut self) {
        DROPPED.set(DROPPED.get() + 1);
        if MORE.get() > 0 && !std::thread::panicking() {
            MORE.set(MORE.get() - 1);
            resume_unwind(Box::new(Self));
        }
    }
}

#[test]
fn an_endless_chain_of_panics_is_given_up_after_sixteen() {
    for length in [1, 2, 15, 16, 17, 1000] {
        DROPPED.set(0);
        MORE.set(length - 1);
        let rig = Rig::new();
        drop(rig.take_handle());
        rig.step(|_| resume_unwind(Box::new(Link)));
        assert_eq!(rig.run(), End::Complete);
        assert_eq!(rig.did().frees, 1);
        assert_eq!(DROPPED.get(), length.min(16));
    }
}

#[test]
fn a_join_error_shows_the_message_of_its_panic() {
    let error_of = |payload: Box<dyn Any + Send>| {
        let rig = Rig::new();
        rig.step(|_| resume_unwind(payload));
        assert_eq!(rig.run(), End::Complete);
        let error = rig.result().err().expect("it panicked");
        (error.id(), error)
    };
    let (id, error) = error_of(Box::new("oh no"));
    assert_eq!(error.to_string(), format!("task {id} panicked with message \"oh no\""));
    assert_eq!(format!("{error:?}"), format!("JoinError::Panic({id:?} with message \"oh no\")"));
    let (id, error) = error_of(Box::new("oh dear".to_owned()));
    assert_eq!(error.to_string(), format!("task {id} panicked with message \"oh dear\""));
    let (id, error) = error_of(Box::new(7));
    assert_eq!(error.to_string(), format!("task {id} panicked"));
    assert_eq!(error.into_panic().downcast_ref(), Some(&7));
}

#[test]
fn a_join_error_of_a_cancelled_task_has_no_panic() {
    let rig = Rig::new();
    drop(rig.take());
    let error = rig.result().err().expect("it was cancelled");
    let id = error.id();
    let error = error.try_into_panic().expect_err("there was no panic");
    assert_eq!(error.to_string(), format!("task {id} was cancelled"));
    assert_eq!(format!("{error:?}"), format!("JoinError::Cancelled({id:?})"));
}

#[test]
#[should_panic(expected = "`JoinError::into_panic` called, but task")]
fn there_is_no_payload_in_a_cancellation() {
    let rig = Rig::new();
    drop(rig.take());
    let error = rig.result().err().expect("it was cancelled");
    drop(error.into_panic());
}
