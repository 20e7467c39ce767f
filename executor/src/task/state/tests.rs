//! The state word alone, without a task.

mod transitions;
