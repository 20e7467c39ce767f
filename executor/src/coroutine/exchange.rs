//! Where values pass between a coroutine and whoever drives it.
//!
//! While a coroutine is polled, an [`Exchange`] stands on the driver's stack, and a scoped
//! thread-local leads to it. The driver puts the sent value in and polls; the suspension inside
//! takes it and leaves the next value; the driver takes that. Coroutines that drive coroutines nest,
//! so an exchange knows the one outside it. Between polls there is nothing: what has to be kept is
//! kept in the coroutine, which may go on on any thread.
//!
//! Why not a cell that both sides own: it would have to be shared between threads, so each access
//! would cost an atomic operation, and it would be a second allocation. Why not through the waker:
//! combinators replace it.
//!
//! No code of others runs while an exchange is borrowed: values are moved out and dropped later.
//!
//! The thread-local holds as long as polls nest. What breaks that is changing stacks in the middle of
//! a poll, as coroutines with stacks of their own do: the module's documentation forbids it.

use crate::task::{self, TaskId};
use scoped_tls_hkt::scoped_thread_local;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::task::Waker;

/// Tells coroutines apart. They share the tasks' numbers, which are handed out without contention.
pub(super) type Id = TaskId;

/// Numbers the suspensions of a coroutine in the order in which they placed their values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

impl Ticket {
    /// Before the first one.
    pub(super) const START: Self = Self(0);
}

/// What passes during one poll of a coroutine.
pub(super) struct Exchange<Y, R> {
    /// The last ticket that was issued.
    pub(super) issued: Ticket,
    /// The oldest value that has not come out, if it was placed during this poll.
    out: Option<(Ticket, Y)>,
    /// What the driver sent, for the suspension whose value came out last.
    answer: Option<(Ticket, Option<R>)>,
    /// The waker that the coroutine is polled with.
    driver: WakerAddress,
    /// What only combinators bring about.
    aside: Aside<Y, R>,
}

/// What one `suspend(..).await` after another never needs: it is for several suspensions at once,
/// and for those that are not polled or are dropped when their answer comes.
pub(super) type Aside<Y, R> = Option<Box<Set<Y, R>>>;

pub(super) struct Set<Y, R> {
    /// Values that have not come out; all younger than `Exchange::out`.
    queue: BTreeMap<Ticket, Y>,
    /// Answers whose suspension has not been polled since.
    answers: BTreeMap<Ticket, Option<R>>,
    /// What to wake when the answer comes. Has no entry for a suspension that is answered.
    waiters: BTreeMap<Ticket, Waiter>,
    /// Values that were sent to suspensions that are no more, the oldest first.
    unclaimed: VecDeque<R>,
}

impl<Y, R> Default for Set<Y, R> {
    fn default() -> Self {
        Self {
            queue: BTreeMap::new(),
            answers: BTreeMap::new(),
            waiters: BTreeMap::new(),
            unclaimed: VecDeque::new(),
        }
    }
}

/// A waker of somebody else's make: its panics are nobody's.
pub(super) struct Waiter(Option<Waker>);

impl Waiter {
    pub(super) fn wake(mut self) {
        self.0.take().into_iter().for_each(task::wake);
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        task::drop_waker(self.0.take());
    }
}

/// Tells wakers apart without owning them.
type WakerAddress = (usize, usize);

#[inline]
fn address(waker: &Waker) -> WakerAddress {
    (waker.data().addr(), std::ptr::from_ref(waker.vtable()).addr())
}

/// The driver's side.
impl<Y, R> Exchange<Y, R> {
    #[inline]
    pub(super) fn new(
        issued: Ticket,
        answer: Option<(Ticket, Option<R>)>,
        driver: &Waker,
        aside: Aside<Y, R>,
    ) -> Self {
        Self { issued, out: None, answer, driver: address(driver), aside }
    }

    /// After a poll that was pending: the value that comes out. Puts what is to be kept into `aside`,
    /// where nothing is; nothing is left here.
    #[inline]
    pub(super) fn leave(&mut self, aside: &mut Aside<Y, R>) -> Option<(Ticket, Y)> {
        if self.aside.is_some() || self.answer.is_some() {
            self.tidy();
        }
        mem::swap(aside, &mut self.aside);
        self.out.take()
    }

    #[cold]
    fn tidy(&mut self) {
        self.keep_answer();
        if self.out.is_none() {
            self.out = self.aside.as_mut().and_then(|set| set.queue.pop_first());
        }
    }

    /// After the last poll: puts what is to be kept into `aside`.
    #[inline]
    pub(super) fn finish(&mut self, aside: &mut Aside<Y, R>) {
        if self.aside.is_some() || self.answer.is_some() {
            self.keep_answer();
            self.aside.as_deref_mut().into_iter().for_each(Set::finish);
            mem::swap(aside, &mut self.aside);
        }
    }

    /// Puts an answer that was not taken aside.
    #[cold]
    fn keep_answer(&mut self) {
        if let Some((ticket, answer)) = self.answer.take() {
            self.aside.get_or_insert_default().answers.insert(ticket, answer);
        }
    }
}

impl<Y, R> Set<Y, R> {
    /// Nobody comes for the answers any more, and no value comes out.
    #[cold]
    fn finish(&mut self) {
        let answers = mem::take(&mut self.answers);
        self.unclaimed.extend(answers.into_values().flatten());
        self.queue.clear();
        self.waiters.clear();
    }

    /// What to wake now that this suspension is answered.
    #[cold]
    pub(super) fn waiter(&mut self, ticket: Ticket) -> Option<Waiter> {
        self.waiters.remove(&ticket)
    }

    pub(super) fn take_unclaimed(&mut self) -> Option<R> {
        self.unclaimed.pop_front()
    }
}

/// The suspension's side.
impl<Y, R> Exchange<Y, R> {
    /// Whether a future that is polled with `waker` is polled whenever the coroutine is.
    #[inline]
    pub(super) fn is_driver(&self, waker: &Waker) -> bool {
        self.driver == address(waker)
    }

    /// Places a value, to come out after all that were placed before it.
    #[inline]
    pub(super) fn place(&mut self, value: Y) -> Ticket {
        let ticket = Ticket(self.issued.0 + 1);
        self.issued = ticket;
        if self.out.is_none() && self.aside.as_ref().is_none_or(|set| set.queue.is_empty()) {
            self.out = Some((ticket, value));
        } else {
            self.queue(ticket, value);
        }
        ticket
    }

    #[cold]
    fn queue(&mut self, ticket: Ticket, value: Y) {
        self.aside.get_or_insert_default().queue.insert(ticket, value);
    }

    /// Takes the answer to a suspension, if it has come.
    #[inline]
    pub(super) fn take_answer(&mut self, ticket: Ticket) -> Option<Option<R>> {
        match self.answer.take_if(|(for_whom, _)| *for_whom == ticket) {
            Some((_, answer)) => Some(answer),
            None => self.late_answer(ticket),
        }
    }

    #[cold]
    fn late_answer(&mut self, ticket: Ticket) -> Option<Option<R>> {
        self.aside.as_mut().and_then(|set| set.answers.remove(&ticket))
    }

    /// Has `waker` woken when the answer comes. Gives back the waker that it replaces.
    pub(super) fn wait(&mut self, ticket: Ticket, waker: Waker) -> Option<Waiter> {
        self.aside.get_or_insert_default().waiters.insert(ticket, Waiter(Some(waker)))
    }

    /// Whether `waker` is woken when the answer comes.
    pub(super) fn is_waiting(&self, ticket: Ticket, waker: &Waker) -> bool {
        let waiting = self.aside.as_ref().and_then(|set| set.waiters.get(&ticket));
        let waiting = waiting.and_then(|waiting| waiting.0.as_ref());
        waiting.is_some_and(|waiting| waiting.will_wake(waker))
    }

    /// Forgets a suspension. Gives out what nobody needs any more.
    #[cold]
    pub(super) fn withdraw(&mut self, ticket: Ticket) -> (Option<Y>, Option<Waiter>) {
        let answer = self.take_answer(ticket).flatten();
        let value = self.out.take_if(|(whose, _)| *whose == ticket).map(|(_, value)| value);
        if let Some(answer) = answer {
            self.aside.get_or_insert_default().unclaimed.push_back(answer);
        }
        let Some(set) = &mut self.aside else {
            return (value, None);
        };
        (value.or_else(|| set.queue.remove(&ticket)), set.waiter(ticket))
    }
}

/// A coroutine that this thread is polling.
struct Polled<'a> {
    id: Id,
    /// A `RefCell` of an [`Exchange`].
    exchange: &'a dyn Any,
    /// The one in whose poll this one is polled.
    outer: Option<&'a Polled<'a>>,
}

scoped_thread_local!(static INNERMOST: for<'a> &'a Polled<'a>);

thread_local! {
    /// Whether `INNERMOST` is set: asking here is a load, asking there is a call.
    static IS_SET: Cell<bool> = const { Cell::new(false) };
}

/// Puts back what [`IS_SET`] was, also when a poll panics.
struct Leave {
    was_set: bool,
}

impl Drop for Leave {
    #[inline]
    fn drop(&mut self) {
        IS_SET.set(self.was_set);
    }
}

#[inline]
fn with_innermost<T>(f: impl FnOnce(Option<&Polled<'_>>) -> T) -> T {
    if IS_SET.get() { INNERMOST.with(|polled| f(Some(polled))) } else { f(None) }
}

/// Polls a coroutine while its suspensions find `exchange`.
#[inline]
pub(super) fn enter<Y: 'static, R: 'static, T>(
    id: Id,
    exchange: &RefCell<Exchange<Y, R>>,
    poll: impl FnOnce() -> T,
) -> T {
    with_innermost(|outer| {
        let _leave = Leave { was_set: IS_SET.replace(true) };
        INNERMOST.set(&Polled { id, exchange, outer }, poll)
    })
}

/// Looks into the exchange of a coroutine; `None`: this thread is not polling that coroutine.
///
/// `look` must not run code of others.
#[inline]
pub(super) fn look<Y: 'static, R: 'static, T>(
    id: Id,
    look: impl FnOnce(&mut Exchange<Y, R>) -> T,
) -> Option<T> {
    with_innermost(|innermost| {
        let polled = innermost?.find(id)?;
        let exchange = polled.exchange.downcast_ref::<RefCell<Exchange<Y, R>>>()?;
        Some(look(&mut exchange.borrow_mut()))
    })
}

impl Polled<'_> {
    #[inline]
    fn find(&self, id: Id) -> Option<&Self> {
        let mut polled = self;
        while polled.id != id {
            polled = polled.outer?;
        }
        Some(polled)
    }
}
