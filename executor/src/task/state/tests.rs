//! The state word alone, without a task.

mod limits;
mod transitions;
