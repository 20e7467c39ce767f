//! The handle of many tasks.
//!
//! A group has no counter that its tasks would count down: that would be a line of memory that all
//! workers write, once for each task. Instead it awaits *one* task at a time, by the very protocol of
//! a [`JoinHandle`](super::JoinHandle), and looks at the others when that one is done. Which one it
//! awaits decides how often it is woken in vain. To take the first that is not done would be as bad
//! as can be for tasks that end in their order. So it takes **any of those that are not done, each as
//! likely**: whatever the order in which they end, a wake finds half of them done, on average, and the
//! number of wakes is that of the records in a random order, `1/1 + 1/2 + … + 1/n`: ten for ten
//! thousand tasks.
//!
//! The exception is the first look, which takes the first task: a worker without helpers runs what
//! it has spawned last in first out, so that one is the last or nearly so.

use super::TaskId;
use super::cell::JoinOwner;
use super::error::JoinError;
use crate::rng::Rng;
use std::fmt;
use std::future::Future;
use std::iter::FusedIterator;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec;

/// How many tasks are tried, to find one that is not done, before all are looked at.
const TRIES: usize = 4;

/// Awaits the outputs of many tasks, or aborts them; what [`spawn_many`](crate::spawn_many()) gives.
///
/// The rules are those of a [`JoinHandle`](crate::JoinHandle): dropping the group detaches the tasks,
/// which go on, and whose outputs are dropped when they come. The group works on any thread and in any
/// executor, also after the tasks' runtime is gone. A panic of one task does not disturb the others.
///
/// # Panics
///
/// Polling it again after it gave its outputs panics.
///
/// ```
/// filch::run(async {
///     let group = filch::spawn_many((0..4).map(|n| async move { 12 / n }));
///     let mut outputs = group.await;
///     assert!(outputs.next().unwrap().unwrap_err().is_panic());
///     assert_eq!(outputs.collect::<Result<Vec<i32>, _>>().unwrap(), [12, 6, 4]);
/// });
/// ```
pub struct JoinGroup<T> {
    /// `None` once the outputs were given.
    members: Option<Vec<JoinOwner<T>>>,
    /// All others are done.
    pending: Range<usize>,
    /// The one that is awaited, or was last.
    awaited: usize,
    rng: Rng,
}

impl<T> JoinGroup<T> {
    pub(crate) fn new(members: Vec<JoinOwner<T>>) -> Self {
        let count = members.len();
        Self { members: Some(members), pending: 0..count, awaited: 0, rng: Rng::new(count) }
    }

    /// Asks for all tasks to be cancelled, and returns at once.
    ///
    /// As [`JoinHandle::abort`](crate::JoinHandle::abort) for each of them: those that have finished
    /// keep their outputs.
    ///
    /// ```
    /// filch::run(async {
    ///     let group = filch::spawn_many((0..3).map(|_| std::future::pending::<()>()));
    ///     group.abort();
    ///     assert!(group.await.all(|output| output.unwrap_err().is_cancelled()));
    /// });
    /// ```
    pub fn abort(&self) {
        self.members().iter().for_each(JoinOwner::abort);
    }

    /// Whether all tasks are over: their futures are dropped and awaiting the group will not wait.
    ///
    /// Takes time in proportion to the number of tasks that are over.
    pub fn is_finished(&self) -> bool {
        self.members()[self.pending.clone()].iter().all(JoinOwner::is_finished)
    }

    /// How many tasks the group has; 0 once it gave their outputs.
    pub fn len(&self) -> usize {
        self.members().len()
    }

    /// Whether it has no tasks.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn members(&self) -> &[JoinOwner<T>] {
        self.members.as_deref().unwrap_or_default()
    }
}

/// Chooses a member to await out of those that are not done; `None`: all are.
fn choose<T>(members: &[JoinOwner<T>], pending: &mut Range<usize>, rng: &mut Rng) -> Option<usize> {
    let is_pending = |place: &usize| !members[*place].is_finished();
    // Most orders in which tasks end begin at an end of the group.
    pending.start = pending.clone().find(is_pending)?;
    pending.end = 1 + pending.clone().rfind(is_pending)?;
    // As likely each as in a look at all, and fast if many are not done.
    let any = |_| pending.start + rng.below(pending.len());
    if let Some(place) = (0..TRIES).map(any).find(is_pending) {
        return Some(place);
    }
    // The k-th that is found takes the place of the one before with a chance of 1 in k.
    let mut count = 0;
    let found = pending.clone().filter(is_pending);
    found.reduce(|chosen, place| {
        count += 1;
        if rng.below(count + 1) == 0 { place } else { chosen }
    })
}

impl<T> Future for JoinGroup<T> {
    type Output = JoinOutputs<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<JoinOutputs<T>> {
        let Self { members, pending, awaited, rng } = &mut *self;
        let list = members.as_mut().expect("JoinGroup polled after completion");
        while pending.start < pending.end {
            if !list[*awaited].poll_complete(cx) {
                return Poll::Pending;
            }
            match choose(list, pending, rng) {
                Some(place) => *awaited = place,
                None => *pending = 0..0,
            }
        }
        Poll::Ready(JoinOutputs { members: members.take().unwrap_or_default().into_iter() })
    }
}

impl<T> Unpin for JoinGroup<T> {}
impl<T> std::panic::UnwindSafe for JoinGroup<T> {}
impl<T> std::panic::RefUnwindSafe for JoinGroup<T> {}

impl<T> fmt::Debug for JoinGroup<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinGroup")
            .field("tasks", &self.len())
            .field("finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}

/// The outputs of the tasks of a [`JoinGroup`], in the order in which they were spawned.
///
/// Each is what the task's [`JoinHandle`](crate::JoinHandle) would have given. They are moved out of
/// the tasks one by one; those that are not taken are dropped with the iterator, and a panic in the
/// destructor of one is caught.
///
/// The [`id`](JoinError::id) in an error is unique, but nobody else knows it: the place tells which
/// task it is about.
pub struct JoinOutputs<T> {
    members: vec::IntoIter<JoinOwner<T>>,
}

/// The output of a task that is done.
#[inline]
fn output<T>(member: JoinOwner<T>) -> Result<T, JoinError> {
    match member.into_output() {
        Some(Ok(output)) => Ok(output),
        Some(Err(caught)) => Err(JoinError::panicked(TaskId::next(), caught)),
        None => Err(JoinError::cancelled(TaskId::next())),
    }
}

impl<T> Iterator for JoinOutputs<T> {
    type Item = Result<T, JoinError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.members.next().map(output)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.members.size_hint()
    }
}

impl<T> DoubleEndedIterator for JoinOutputs<T> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.members.next_back().map(output)
    }
}

impl<T> ExactSizeIterator for JoinOutputs<T> {}
impl<T> FusedIterator for JoinOutputs<T> {}
impl<T> std::panic::UnwindSafe for JoinOutputs<T> {}
impl<T> std::panic::RefUnwindSafe for JoinOutputs<T> {}

impl<T> fmt::Debug for JoinOutputs<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinOutputs").field("left", &self.members.len()).finish_non_exhaustive()
    }
}
