//! Every operation on a task in every state that it can be in, with a scheduler of one slot.
//!
//! | module | what it checks |
//! |---|---|
//! | [`rig`] | nothing: the scheduler, a future that follows a script, and what is counted |
//! | [`stages`] | nothing: the places in its life where something may be done to a task |
//! | [`wakes`] | wakes, in every state and from every side |
//! | [`aborts`] | aborts, in every state |
//! | [`rights`] | who may touch a task, and that the last one frees it |
//! | [`join`] | the waker in the join slot |
//! | [`lent`] | the join slot in the hands of a joiner that runs at once |
//! | [`panics`] | every combination of panics, and who hears of them |
//! | [`limits`] | storms of wakes, and ids |
//!
//! The state word alone is checked beside it, in `state`.

mod aborts;
mod join;
mod lent;
mod limits;
mod panics;
mod rig;
mod rights;
mod stages;
mod wakes;
