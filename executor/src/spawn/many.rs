//! Spawning many tasks at a time, with one handle for all of them.

use crate::runtime::{Backref, Handle};
use crate::task::{self, JoinGroup};
use std::future::Future;

/// Spawns a task for each future that `futures` gives, on the current runtime, with one handle for
/// all of them.
///
/// As many calls of [`spawn`](crate::spawn()) whose handles are awaited one after the other, for
/// less: the group wakes whoever awaits it a few times, not once for each task, and takes a word
/// for each task.
///
/// Each task is runnable at once, also by other workers, while the iterator makes the next one; no
/// task waits for the iterator. The iterator may itself spawn tasks, and may be as long as memory
/// permits. If it panics, its panic comes out of this call, and the tasks that were spawned until
/// then are detached.
///
/// # Panics
///
/// * Outside a runtime: "no running event loop". See [`Handle::spawn_many`] for spawning from
///   anywhere.
/// * If the iterator panics, with its panic.
///
/// ```
/// let squares = filch::run(async {
///     let group = filch::spawn_many((0..100).map(|n| async move { n * n }));
///     group.await.collect::<Result<Vec<i32>, _>>()
/// });
/// assert_eq!(squares.unwrap()[99], 9_801);
/// ```
#[track_caller]
pub fn spawn_many<I>(futures: I) -> JoinGroup<<I::Item as Future>::Output>
where
    I: IntoIterator,
    I::Item: Future + Send + 'static,
    <I::Item as Future>::Output: Send + 'static,
{
    Handle::current().spawn_many(futures)
}

/// How many tasks' words are reserved on the word of the iterator alone.
const LARGEST_RESERVE: usize = 1 << 16;

/// The way of [`Handle::spawn_many`].
pub(crate) fn spawn_on<I>(handle: &Handle, futures: I) -> JoinGroup<<I::Item as Future>::Output>
where
    I: IntoIterator,
    I::Item: Future + Send + 'static,
    <I::Item as Future>::Output: Send + 'static,
{
    let futures = futures.into_iter();
    let mut members = Vec::with_capacity(futures.size_hint().0.min(LARGEST_RESERVE));
    // Each is pushed, and announced, before the iterator is asked for the next: that is code of
    // others, and may take its time, so nothing may wait for it.
    for future in futures {
        let (task, member) =
            task::new_member(future, Backref::new(handle.shared()), handle.memory());
        members.push(member);
        handle.push(task);
    }
    JoinGroup::new(members)
}
