//! A future that does as it is told and counts what is done to it, to its output and to the
//! payloads of its panics.

use crate::event::{Action, Counter};
use crate::quiet::{explode, explode_with};
use parking_lot::Mutex;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread::ThreadId;

/// How a probe ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Ready at its first poll.
    Ready,
    /// Pending at its first poll, ready at the second.
    PendingThenReady,
    /// Panics at its first poll.
    Panic,
    /// Pending at its first poll, panics at the second.
    PendingThenPanic,
    /// Never: always pending.
    Pending,
}

impl Ending {
    /// How many polls it takes.
    pub fn polls(self) -> u64 {
        match self {
            Self::Ready | Self::Panic => 1,
            Self::PendingThenReady | Self::PendingThenPanic => 2,
            Self::Pending => u64::MAX,
        }
    }

    /// Whether the last of these polls panics.
    pub fn is_panic(self) -> bool {
        matches!(self, Self::Panic | Self::PendingThenPanic)
    }
}

/// What a probe does.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// How it ends.
    pub ending: Ending,
    /// Whether the future's destructor panics.
    pub future_explodes: bool,
    /// Whether the output's destructor panics.
    pub output_explodes: bool,
    /// Whether the destructors of all these panics' payloads panic.
    pub payload_explodes: bool,
}

impl Script {
    /// A probe that ends so and does not panic otherwise.
    pub const fn quiet(ending: Ending) -> Self {
        Self { ending, future_explodes: false, output_explodes: false, payload_explodes: false }
    }
}

/// What was done to a probe.
#[derive(Default)]
pub struct Counts {
    /// Polls.
    pub polls: Counter,
    /// Drops of the future.
    pub future_drops: Counter,
    /// Outputs given.
    pub outputs: Counter,
    /// Drops of the output.
    pub output_drops: Counter,
    /// Panics.
    pub payloads: Counter,
    /// Drops of what they carried.
    pub payload_drops: Counter,
    waker: Mutex<Option<Waker>>,
    in_poll: Mutex<Option<(u64, Action)>>,
    in_drop: Mutex<Option<Action>>,
    dropped_on: Mutex<Option<ThreadId>>,
}

impl Counts {
    /// The waker of the last poll that was pending.
    ///
    /// # Panics
    ///
    /// If there was none.
    pub fn take_waker(&self) -> Waker {
        self.waker.lock().take().expect("no pending poll")
    }

    /// Wakes the probe, if it has been pending since the waker was last used.
    pub fn wake(&self) {
        let waker = self.waker.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Has the probe call `action` inside its `poll`th poll.
    pub fn during_poll(&self, poll: u64, action: impl FnOnce() + Send + 'static) {
        *self.in_poll.lock() = Some((poll, Box::new(action)));
    }

    /// Has the probe call `action` inside its destructor.
    pub fn during_drop(&self, action: impl FnOnce() + Send + 'static) {
        *self.in_drop.lock() = Some(Box::new(action));
    }

    /// The thread that dropped the future.
    pub fn dropped_on(&self) -> Option<ThreadId> {
        *self.dropped_on.lock()
    }

    fn explode(self: &Arc<Self>, script: Script, name: &'static str) -> ! {
        self.payloads.add();
        let payload = Payload { counts: self.clone(), explodes: script.payload_explodes };
        explode_with(name, Some(Box::new(payload)))
    }
}

/// The future.
pub struct Probe {
    script: Script,
    counts: Arc<Counts>,
}

impl Probe {
    /// A probe and its counts.
    pub fn new(script: Script) -> (Self, Arc<Counts>) {
        let counts = Arc::<Counts>::default();
        (Self { script, counts: counts.clone() }, counts)
    }
}

impl Future for Probe {
    type Output = Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        let (counts, script) = (&self.counts, self.script);
        let poll = counts.polls.get() + 1;
        let pending = poll < script.ending.polls();
        if pending {
            // Before the poll is counted: whoever waits for the count may want the waker.
            *counts.waker.lock() = Some(cx.waker().clone());
        }
        counts.polls.add();
        let action = counts.in_poll.lock().take_if(|(when, _)| *when == poll);
        if let Some((_, action)) = action {
            action();
        }
        if pending {
            return Poll::Pending;
        }
        assert_eq!(poll, script.ending.polls(), "polled after its end");
        if script.ending.is_panic() {
            counts.explode(script, "poll");
        }
        counts.outputs.add();
        Poll::Ready(Output { script, counts: counts.clone() })
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        let counts = &self.counts;
        *counts.dropped_on.lock() = Some(std::thread::current().id());
        let action = counts.in_drop.lock().take();
        if let Some(action) = action {
            action();
        }
        counts.future_drops.add();
        if self.script.future_explodes {
            counts.explode(self.script, "future");
        }
    }
}

/// What a probe gives.
pub struct Output {
    script: Script,
    counts: Arc<Counts>,
}

impl Drop for Output {
    fn drop(&mut self) {
        self.counts.output_drops.add();
        if self.script.output_explodes {
            self.counts.explode(self.script, "output");
        }
    }
}

struct Payload {
    counts: Arc<Counts>,
    explodes: bool,
}

impl Drop for Payload {
    fn drop(&mut self) {
        self.counts.payload_drops.add();
        if self.explodes {
            explode("payload");
        }
    }
}
