//! Which runtime is the current one on this thread, and for which it works.

use super::poll::RUN;
use super::{CONTEXT, Context, try_with_core, with_core};
use crate::runtime::{Handle, NoRuntime};
use crate::timers::{TimersAtHand, TimersRef};
use std::time::Instant;

/// Whether the user has entered another runtime's handle in this poll.
#[inline]
pub(super) fn has_overrides() -> bool {
    RUN.with(|run| run.overrides.get()) > 0
}

/// Whether a handle for which this is true was entered on this thread.
pub(super) fn has_entered(is_meant: impl Fn(&Handle) -> bool) -> bool {
    let any = |context: &Context| context.entered.borrow().iter().any(|(_, it)| is_meant(it));
    CONTEXT.try_with(any).unwrap_or(false)
}

/// The runtime that `spawn` would use on this thread.
pub(crate) fn current() -> Result<Handle, NoRuntime> {
    if !has_overrides()
        && let Some(handle) = try_with_core(|core| core.handle.clone())
    {
        return Ok(handle);
    }
    let top = |context: &Context| context.entered.borrow().last().map(|(_, handle)| handle.clone());
    CONTEXT.try_with(top).ok().flatten().ok_or(NoRuntime)
}

/// The time on the clock of the runtime that `spawn` would use on this thread.
#[inline]
pub(crate) fn now() -> Result<Instant, NoRuntime> {
    if !has_overrides()
        && let Some(now) = with_core(|core| core.handle.shared().source().instant())
    {
        return Ok(now);
    }
    Ok(current()?.shared().source().instant())
}

/// Where a timer that is registered on this thread goes, and whether that worker's place is this
/// thread's.
#[inline]
pub(crate) fn timers() -> Result<(TimersAtHand, bool), NoRuntime> {
    if !has_overrides()
        && let Some(timers) = with_core(|core| core.timers().clone())
    {
        return Ok((timers, true));
    }
    let handle = current()?;
    let workers = &handle.shared().workers;
    let turn = CONTEXT.try_with(|context| {
        let turn = context.foreign_timers.get().wrapping_add(1);
        context.foreign_timers.set(turn);
        // Short-lived threads begin with different workers.
        turn.wrapping_add(std::ptr::from_ref(context).addr() >> 12)
    });
    let timers = workers[turn.unwrap_or(0) % workers.len()].timers.at_hand();
    let own = owns(&timers.reference());
    Ok((timers, own))
}

/// Whether this thread works in the place of the worker with these timers.
#[inline]
pub(crate) fn owns(timers: &TimersRef) -> bool {
    with_core(|core| core.timers().reference() == *timers).unwrap_or(false)
}

/// Makes `handle` this thread's current one until the guard is dropped.
///
/// `by_user`: beside the work that this thread does for a runtime; else it is for that work.
pub(crate) fn enter(handle: Handle, by_user: bool) -> Entered {
    let number = CONTEXT.with(|context| {
        let number = context.guards.get() + 1;
        context.guards.set(number);
        context.entered.borrow_mut().push((number, handle));
        number
    });
    RUN.with(|run| {
        let before = run.overrides.replace(0);
        run.overrides.set(if by_user { before + 1 } else { 0 });
        let restored = (!by_user).then_some(before);
        Entered { number, restored, thread_bound: std::marker::PhantomData }
    })
}

/// The time in which a handle is the current one.
pub(crate) struct Entered {
    number: u64,
    /// How many overrides there were before; `None`: the guard is one itself.
    restored: Option<usize>,
    /// The guard has to be dropped where it was made.
    thread_bound: std::marker::PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        RUN.with(|run| {
            let now = run.overrides.get();
            run.overrides.set(self.restored.unwrap_or(now.saturating_sub(1)));
        });
        let on_top = CONTEXT.try_with(|context| {
            let mut entered = context.entered.borrow_mut();
            let Some(place) = entered.iter().position(|(number, _)| *number == self.number) else {
                return true;
            };
            let on_top = place + 1 == entered.len();
            // What is still on top of the runtime's own entry are guards that the root forgot.
            let end = if self.restored.is_some() { entered.len() } else { place + 1 };
            let left: Vec<_> = entered.drain(place..end).collect();
            // Outside of the borrow: this may be the last handle of a runtime.
            drop(entered);
            drop(left);
            on_top || self.restored.is_some()
        });
        if on_top.is_ok_and(|on_top| !on_top) && !std::thread::panicking() {
            panic!("`EnterGuard`s dropped out of order: drop the one made last first");
        }
    }
}

/// The time in which this thread drives a root future or a worker's loop.
pub(crate) struct Driving {
    /// How deep the thread is in destructors outside.
    refusals: usize,
}

impl Driving {
    /// Begins it; `None`: the thread drives already.
    pub(crate) fn begin() -> Option<Self> {
        let begins = CONTEXT.with(|context| !context.driving.replace(true));
        begins.then(|| Self { refusals: RUN.with(|run| run.refusals.replace(0)) })
    }
}

impl Drop for Driving {
    fn drop(&mut self) {
        RUN.with(|run| run.refusals.set(self.refusals));
        let _ = CONTEXT.try_with(|context| context.driving.set(false));
    }
}
