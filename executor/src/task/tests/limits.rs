//! The count of wakes at its limit, and ids.

use super::rig::{Counts, End, NOTHING, Rig};
use crate::task::TaskId;
use std::collections::HashSet;
use std::task::Poll;

/// The number in a decoded word.
fn wakes(word: &str) -> u64 {
    let number = word.split_once("wakes: ").and_then(|(_, rest)| rest.split_once(','));
    number.expect("a word shows its wakes").0.parse().expect("it is a number")
}

/// How many wakes the storm has.
fn storm(optimized: u64) -> u64 {
    if cfg!(debug_assertions) {
        eprintln!("only 1000 wakes without optimization; with it, {optimized}");
        return 1000;
    }
    optimized
}

/// A storm of wakes past the limit, from two threads within one poll.
#[test]
fn a_storm_of_wakes_within_one_poll_is_compressed_and_leads_to_one_more_poll() {
    const COMPRESSED_PAST: u64 = 1 << 26;
    const REST: u64 = 1 << 20;
    let each = storm((COMPRESSED_PAST + REST) / 2);
    let rig = Rig::new();
    let desk = rig.0.clone();
    rig.step(move |cx| {
        let waker = cx.waker();
        let wake = || (0..each).for_each(|_| waker.wake_by_ref());
        std::thread::scope(|scope| {
            scope.spawn(wake);
            scope.spawn(wake);
        });
        // What came after the compression, and the two that it leaves.
        assert!((2..2 * REST).contains(&wakes(&desk.word())), "{}", desk.word());
        Poll::Pending
    });
    assert_eq!(rig.run(), End::Woken);
    assert_eq!(rig.did(), Counts { polls: 1, ..NOTHING });
    assert_eq!(rig.run(), End::Idle);
    assert_eq!(rig.did(), Counts { polls: 1, kept: 1, ..NOTHING });
    assert_eq!(wakes(&rig.word()), 0);
}

/// The count of a complete task is not compressed, but wraps. Past 0 it must not be taken for
/// that of an idle task.
#[test]
fn a_storm_of_wakes_of_a_task_that_is_over_never_schedules_it() {
    let rig = Rig::new();
    let waker = rig.poll_for_waker();
    waker.wake_by_ref();
    rig.complete();
    rig.did();
    for _ in 0..storm((1 << 28) + 1000) {
        waker.wake_by_ref();
    }
    drop(waker);
    assert_eq!(rig.did(), NOTHING);
    assert!(rig.word().contains("references: 0, join: true"), "{}", rig.word());
    assert!(rig.result().is_ok());
}

#[test]
fn ids_are_unique_across_threads_and_blocks() {
    const EACH: usize = 10_000;
    let ids = std::thread::scope(|scope| {
        let threads = [0, 1].map(|_| scope.spawn(|| (0..EACH).map(|_| TaskId::next()).collect()));
        threads.map(|thread| -> Vec<_> { thread.join().expect("no panic") })
    });
    let unique: HashSet<_> = ids.iter().flatten().collect();
    assert_eq!(unique.len(), 2 * EACH);
}
