//! Which tasks go first, as those before them ended or not.

use super::{LONGEST, SHORTEST};
use crate::queue::tests::Queues;

const SPAWNED: usize = 0;
const WOKEN: usize = 1;

/// At which of so many picks a woken task went first, where both kinds never run out, and woken ones end or
/// do not. (Whether a pick from the far ends was one of these is not to be seen, so it is left out.)
fn turns(queues: &mut Queues, picks: usize, ends: bool) -> Vec<usize> {
    let mut turns = Vec::new();
    for pick in 0..picks {
        queues.spawn([SPAWNED]);
        queues.wake([WOKEN]);
        let is_far = queues.local.picks_fairly_next();
        if queues.pick() == Some(WOKEN) {
            if ends {
                queues.local.note_end();
            }
            turns.extend((!is_far).then_some(pick));
        }
    }
    turns
}

fn distances(turns: &[usize]) -> Vec<usize> {
    turns.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[test]
fn who_ends_comes_ever_sooner_and_who_waits_again_ever_later() {
    let mut queues = Queues::new();
    let ended = distances(&turns(&mut queues, 2_000, true));
    let (shortest, longest) = (SHORTEST as usize, LONGEST as usize);
    for (step, &distance) in ended.iter().enumerate() {
        let interval = (longest >> (step + 1).min(30)).max(shortest);
        // Picks from the far ends come in between.
        let is_right = (interval..=2 * interval + 1).contains(&distance);
        assert!(is_right, "after {} that ended: {distance}", step + 1);
    }
    assert!(ended.len() > 600, "every other pick in the end: {}", ended.len());
    let waited = distances(&turns(&mut queues, 4_000, false));
    for (step, &distance) in waited.iter().enumerate() {
        let interval = (shortest << (step + 1).min(30)).min(longest);
        // It is longer if one of those from the far ends was on trial, too.
        assert!(distance >= interval, "after {} that waited: {distance}", step + 1);
    }
    assert!(waited.len() > 10, "still tried now and then: {}", waited.len());
    queues.drain();
}

#[test]
fn a_spawned_task_has_every_other_pick_at_least() {
    let mut queues = Queues::new();
    let turns = turns(&mut queues, 2_000, true);
    assert!(turns.windows(2).all(|pair| pair[1] > pair[0] + 1), "two in a row");
    queues.drain();
}

/// Where nothing is spawned nothing is on trial, and nothing is learnt.
#[test]
fn woken_tasks_among_themselves_are_not_judged() {
    let mut queues = Queues::new();
    drop(turns(&mut queues, 1_000, true));
    queues.drain();
    queues.wake([WOKEN; 500]);
    assert_eq!(queues.picks(500), [WOKEN; 500]);
    let ended = turns(&mut queues, 4, true);
    assert_eq!(distances(&ended), [2], "at once as before");
    queues.drain();
}
