//! Many children: one shared list of them, and a helper that other workers can take.
//!
//! A task for each child would cost an allocation, a push, a pop and a read-modify-write for each of
//! them, though most are run by their parent. So the children that nobody has begun stand in one
//! list. The parent takes them from its front, one by one, and polls each as a part of itself. In the
//! parent's queue, where other workers can see it, lies one task, the *helper*: it takes the child at
//! the list's end and goes on as that child's task, and before it does, it queues the next helper, if
//! there are children left. So whenever a worker looks for work, a child that nobody has begun can be
//! had in one steal; also by the parent's own worker, when the parent waits for a child in its middle.
//!
//! Since helpers take from the end only, one after the other, what is taken is a front part of the
//! children in order and an end part in reverse order: the newest helper that has a child has the
//! first one of the end part.

use super::{CANCELLED, Child, DEEPEST, failed};
use crate::context;
use crate::sync::{Arc, Mutant, ShortMutex, ShortMutexGuard, mutated};
use crate::worker::{Begin, Core};
use pin_project_lite::pin_project;
use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::{mem, vec};

pin_project! {
    /// The future of [`join_all`](super::join_all()).
    ///
    /// By hand and not an `async fn`: it is a part of each node of a tree, leaves too if they are of
    /// the same type, and the compiler's would be several times as large.
    pub(super) struct JoinAll<I, F>
    where
        F: Future,
    {
        #[pin]
        child: Option<F>,
        family: Option<Family<F>>,
        phase: Phase<I, Option<F::Output>>,
    }
}

enum Phase<I, T> {
    Unbegun(I),
    /// The parent runs one child after the other.
    Here,
    /// The parent awaits the helper, if there is one, and then the one before it.
    Elsewhere(Option<Child<T>>),
    Over,
}

impl<I, F: Future> JoinAll<I, F> {
    pub(super) fn new(futures: I) -> Self {
        Self { child: None, family: None, phase: Phase::Unbegun(futures) }
    }

    /// The end, for better or worse: lets go of all children.
    fn end(self: Pin<&mut Self>) {
        let this = self.project();
        *this.phase = Phase::Over;
        *this.family = None;
    }
}

impl<I, F> Future for JoinAll<I, F>
where
    I: IntoIterator<Item = F>,
    F: Future<Output: Send + 'static> + Send + 'static,
{
    type Output = Vec<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.as_mut().project();
        if let Phase::Unbegun(_) = this.phase
            && let Phase::Unbegun(futures) = mem::replace(this.phase, Phase::Over)
        {
            let (family, first) = Family::new(futures.into_iter().collect());
            this.child.set(first);
            *this.family = Some(family);
            *this.phase = Phase::Here;
        }
        let family = this.family.as_ref().expect("join_all() polled after completion");
        while this.child.is_some() {
            match ready!(poll_in_place(this.child.as_mut(), cx, family)) {
                Ok(output) => {
                    if family.next(output, this.child.as_mut()) == Begin::Later {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                }
                Err(panic) => {
                    self.end();
                    resume_unwind(panic);
                }
            }
        }
        if let Phase::Here = this.phase {
            family.dismiss_idle_helper();
            *this.phase = Phase::Elsewhere(family.newest_helper());
        }
        while let Phase::Elsewhere(Some(helper)) = this.phase {
            let polled = ready!(helper.poll(cx));
            *this.phase = Phase::Elsewhere(family.newest_helper());
            match polled {
                Ok(output) => family.put(output),
                Err(error) => {
                    self.end();
                    failed(error);
                }
            }
        }
        let outputs = family.outputs();
        self.end();
        // None: the runtime is shut down, and nobody has begun the others.
        Poll::Ready(outputs.unwrap_or_else(|| panic!("{CANCELLED}")))
    }
}

/// Polls a child as a part of its parent, with its panics in a net as a task's are.
///
/// Once it is ready, or has panicked, it is dropped.
#[inline]
fn poll_in_place<F>(
    mut child: Pin<&mut Option<F>>,
    cx: &mut Context<'_>,
    family: &Family<F>,
) -> Poll<Result<F::Output, Box<dyn Any + Send>>>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let poll = || child.as_mut().as_pin_mut().map(|child| child.poll(cx));
    let result = match context::nested(|| catch_unwind(AssertUnwindSafe(poll))) {
        Ok(Some(Poll::Ready(output))) => Ok(output),
        Ok(_) => {
            // The others go on without the parent.
            family.call_helper();
            return Poll::Pending;
        }
        Err(panic) => Err(panic),
    };
    let dropped = catch_unwind(AssertUnwindSafe(|| child.set(None)));
    Poll::Ready(match (result, dropped) {
        (result, Ok(())) => result,
        // The first panic is the child's outcome; a value gives way to the destructor's panic.
        (Err(panic), Err(second)) => {
            context::report(second);
            Err(panic)
        }
        (Ok(output), Err(panic)) => {
            context::discard(output);
            Err(panic)
        }
    })
}

/// The parent's hold on its children.
struct Family<F: Future>(Arc<ShortMutex<Members<F>>>);

struct Members<F: Future> {
    /// The children that nobody has begun.
    waiting: vec::IntoIter<F>,
    /// One for each child that was taken from the end, the last child's first; and behind them one
    /// that is still to take a child, or finds none.
    helpers: Vec<Child<Option<F::Output>>>,
    /// Those of the first children.
    outputs: Vec<F::Output>,
    /// How many children there are.
    count: usize,
}

impl<F> Members<F>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    /// Queues a helper, if there is a child for it.
    ///
    /// Under the lock, so that it does not take its child before it stands in the list.
    fn call_helper(mut members: ShortMutexGuard<'_, Self>, family: &Arc<ShortMutex<Self>>) {
        if members.waiting.len() == 0 {
            return;
        }
        let helper = || Child::spawn(help(family.clone()));
        if mutated(Mutant::UnlistedHelper) {
            drop(members);
            let helper = helper();
            return family.lock().helpers.push(helper);
        }
        members.helpers.push(helper());
    }
}

impl<F> Family<F>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    /// The family of these children, and the first one of them, unless that would be too deep here.
    fn new(futures: Vec<F>) -> (Self, Option<F>) {
        let count = futures.len();
        let mut waiting = futures.into_iter();
        let nests = context::may_nest(DEEPEST);
        let first = if nests { waiting.next() } else { None };
        let members =
            Members { waiting, helpers: Vec::new(), outputs: Vec::with_capacity(count), count };
        let family = Self(Arc::new(ShortMutex::new(members)));
        if !nests {
            family.spawn_all();
        } else if context::with_core(Core::is_alone) != Some(true) {
            // With one worker, nobody can take a child as long as the parent does not wait.
            family.call_helper();
        }
        (family, first)
    }

    /// Gives each child a task of its own.
    #[cold]
    fn spawn_all(&self) {
        let children = mem::take(&mut self.0.lock().waiting);
        // From the last one on, so that the first one is on top.
        let tasks = children.rev().map(|child| Child::spawn(async { Some(child.await) }));
        let tasks: Vec<_> = tasks.collect();
        self.0.lock().helpers = tasks;
    }

    /// Queues a helper, if there is none and a child for it.
    fn call_helper(&self) {
        let members = self.0.lock();
        if members.helpers.is_empty() {
            Members::call_helper(members, &self.0);
        }
    }

    /// Keeps the output of the child that the parent has run, and puts the next one in its place, which
    /// is empty.
    #[inline]
    fn next(&self, output: F::Output, mut place: Pin<&mut Option<F>>) -> Begin {
        let mut members = self.0.lock();
        members.outputs.push(output);
        if members.waiting.len() == 0 {
            return Begin::Never;
        }
        let begin = context::with_core(Core::begin_in_place).unwrap_or(Begin::Now);
        if begin == Begin::Never {
            let unbegun = mem::take(&mut members.waiting);
            drop(members);
            // On a runtime that shuts down nothing is begun any more; nor by a helper on another
            // runtime, whose outputs would come from the last one on.
            unbegun.for_each(context::discard);
        } else {
            place.set(members.waiting.next());
        }
        begin
    }

    /// Takes back the newest helper, if it has no child.
    fn dismiss_idle_helper(&self) {
        let idle = {
            let mut members = self.0.lock();
            let is_idle = members.helpers.len() > members.count - members.outputs.len();
            is_idle.then(|| members.helpers.pop()).flatten()
        };
        if let Some(idle) = idle {
            idle.withdraw();
        }
    }

    fn newest_helper(&self) -> Option<Child<Option<F::Output>>> {
        self.0.lock().helpers.pop()
    }

    /// Keeps the output of the helper that was awaited.
    fn put(&self, output: Option<F::Output>) {
        self.0.lock().outputs.extend(output);
    }

    /// The outputs, if there is one of each child.
    fn outputs(&self) -> Option<Vec<F::Output>> {
        let mut members = self.0.lock();
        (members.outputs.len() == members.count).then(|| mem::take(&mut members.outputs))
    }
}

impl<F: Future> Drop for Family<F> {
    fn drop(&mut self) {
        let (waiting, helpers, outputs) = {
            let mut members = self.0.lock();
            let outputs = mem::take(&mut members.outputs);
            (mem::take(&mut members.waiting), mem::take(&mut members.helpers), outputs)
        };
        drop(helpers);
        waiting.for_each(context::discard);
        outputs.into_iter().for_each(context::discard);
    }
}

/// What a helper does: takes the last child and becomes its task.
async fn help<F>(family: Arc<ShortMutex<Members<F>>>) -> Option<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let child = {
        let mut members = family.lock();
        let child = members.waiting.next_back();
        // Before the child is polled, which may take its time.
        Members::call_helper(members, &family);
        child
    };
    drop(family);
    Some(child?.await)
}
