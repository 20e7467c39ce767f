//! One queue of a worker: open to thieves, or not, if there can be none.
//!
//! With several workers it is a stealing deque, each pop from which is a full barrier, and that of the last task
//! two. A runtime's only worker has an ordinary queue, of which other threads see the length.

use super::{STEAL_LIMIT, until_settled};
use crate::sync::deque::{Injector, Stealer, Worker};
use crate::task::Runnable;
use std::collections::VecDeque;
use std::sync::Arc;
// Not `sync`'s atomics: who goes by the length has got the core from the thread that wrote it, and it orders
// nothing for others.
use std::sync::atomic::{AtomicUsize, Ordering};

/// From which capacity on an ordinary queue gives memory back.
const MUCH: usize = 1 << 10;

/// Which end is popped.
pub(super) enum Order {
    NewestFirst,
    OldestFirst,
}

/// The owner's side.
pub(super) enum Deque {
    Stealing { own: Worker<Runnable>, far_end: Stealer<Runnable> },
    Ordinary { tasks: VecDeque<Runnable>, order: Order, len: Arc<AtomicUsize> },
}

/// What other threads see of it.
pub(super) enum Visible {
    Stealing(Stealer<Runnable>),
    Ordinary(Arc<AtomicUsize>),
}

impl Deque {
    pub(super) fn stealing(order: Order) -> (Self, Visible) {
        let own = match order {
            Order::NewestFirst => Worker::new_lifo(),
            Order::OldestFirst => Worker::new_fifo(),
        };
        let (far_end, visible) = (own.stealer(), own.stealer());
        (Self::Stealing { own, far_end }, Visible::Stealing(visible))
    }

    pub(super) fn ordinary(order: Order) -> (Self, Visible) {
        let len = Arc::<AtomicUsize>::default();
        let deque = Self::Ordinary { tasks: VecDeque::new(), order, len: len.clone() };
        (deque, Visible::Ordinary(len))
    }

    #[inline]
    pub(super) fn push(&mut self, task: Runnable) {
        match self {
            Self::Stealing { own, .. } => own.push(task),
            Self::Ordinary { tasks, len, .. } => {
                tasks.push_back(task);
                len.store(tasks.len(), Ordering::Relaxed);
            }
        }
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<Runnable> {
        match self {
            Self::Stealing { own, .. } => own.pop(),
            Self::Ordinary { tasks, order, len } => {
                let task = match order {
                    Order::NewestFirst => tasks.pop_back(),
                    Order::OldestFirst => tasks.pop_front(),
                }?;
                len.store(tasks.len(), Ordering::Relaxed);
                Some(task)
            }
        }
    }

    /// The one that was pushed first.
    pub(super) fn pop_oldest(&mut self) -> Option<Runnable> {
        match self {
            Self::Stealing { far_end, .. } => until_settled(|| far_end.steal()),
            Self::Ordinary { tasks, len, .. } => {
                let task = tasks.pop_front()?;
                len.store(tasks.len(), Ordering::Relaxed);
                Some(task)
            }
        }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Stealing { own, .. } => own.is_empty(),
            Self::Ordinary { tasks, .. } => tasks.is_empty(),
        }
    }

    /// Takes a batch from the injector, and gives the first of them.
    pub(super) fn take_from(&mut self, injector: &Injector<Runnable>) -> Option<Runnable> {
        if let Self::Stealing { own, .. } = self {
            return until_settled(|| injector.steal_batch_with_limit_and_pop(own, STEAL_LIMIT));
        }
        let first = until_settled(|| injector.steal())?;
        for _ in 1..STEAL_LIMIT {
            let Some(next) = until_settled(|| injector.steal()) else { break };
            self.push(next);
        }
        Some(first)
    }

    /// Gives back what a flood has left, as a stealing deque does by itself. To be called now and then.
    pub(super) fn shrink(&mut self) {
        if let Self::Ordinary { tasks, .. } = self
            && tasks.capacity() > MUCH.max(4 * tasks.len())
        {
            tasks.shrink_to(tasks.capacity() / 2);
        }
    }

    /// The owner's side and the far end, if others can steal from it.
    pub(super) fn shared(&self) -> Option<(&Worker<Runnable>, &Stealer<Runnable>)> {
        match self {
            Self::Stealing { own, far_end } => Some((own, far_end)),
            Self::Ordinary { .. } => None,
        }
    }
}

impl Visible {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Stealing(stealer) => stealer.len(),
            Self::Ordinary(len) => len.load(Ordering::Relaxed),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Stealing(stealer) => stealer.is_empty(),
            Self::Ordinary(len) => len.load(Ordering::Relaxed) == 0,
        }
    }

    /// Its far end, if it can be stolen from.
    pub(super) fn stealer(&self) -> Option<&Stealer<Runnable>> {
        match self {
            Self::Stealing(stealer) => Some(stealer),
            Self::Ordinary(_) => None,
        }
    }
}
