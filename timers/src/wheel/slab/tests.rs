//! Unit tests of the slab.

use super::*;

#[test]
fn an_index_whose_generations_are_used_up_is_never_used_again() {
    let mut slab = Slab::with_capacity(2);
    let old = slab.insert('a');
    slab.get_mut(0).generation = u32::MAX;
    let last = slab.key(0).unwrap();
    assert_eq!(slab.find(old), None);
    assert_eq!(slab.remove(slab.find(last).unwrap()), 'a');

    let next = slab.insert('b');
    assert_eq!((next.index, slab.len()), (1, 1));
    assert_eq!((slab.find(old), slab.find(last), slab.key(0)), (None, None, None));

    slab.remove(1);
    slab.shrink_to(0);
    assert_eq!(slab.extent(), 1, "whoever forgets index 0 uses its generations again");
    assert_eq!(slab.insert('c').index, 1);
}

#[test]
fn an_index_that_was_given_back_begins_with_a_generation_of_its_own() {
    let mut slab = Slab::with_capacity(0);
    let mut stale = Vec::new();
    for round in 0..5 {
        let keys: Vec<Key> = (0..4).map(|number| slab.insert(number)).collect();
        // The last index is used more often than the others.
        for _ in 0..round {
            slab.remove(3);
            stale.push(slab.insert(3));
        }
        for key in keys.iter().rev() {
            slab.remove(key.index);
        }
        stale.extend(keys);
        slab.shrink_to(round % 3);
        assert_eq!(slab.extent() as usize, round % 3);
    }
    for number in 0..4 {
        let key = slab.insert(number);
        assert!(!stale.contains(&key), "{key:?} names two entries");
    }
    assert!(stale.iter().all(|&key| slab.find(key).is_none()));
}

#[test]
fn after_shrinking_the_places_at_the_front_are_used_first() {
    let mut slab = Slab::with_capacity(0);
    for number in 0..8 {
        slab.insert(number);
    }
    for index in [2, 0, 5, 6] {
        slab.remove(index);
    }
    slab.shrink_to(0);
    assert_eq!((slab.extent(), slab.len()), (8, 4), "7 is in use and keeps the others");
    let indices: Vec<u32> = (0..5).map(|number| slab.insert(number).index).collect();
    assert_eq!(indices, [0, 2, 5, 6, 8]);
}

#[test]
fn a_worn_entry_is_not_given_back() {
    for (generation, kept) in [(WORN - 1, false), (WORN + 1, true)] {
        let mut slab = Slab::with_capacity(0);
        slab.insert('a');
        slab.get_mut(0).generation = generation;
        slab.remove(0);
        slab.shrink_to(0);
        assert_eq!(slab.extent() == 1, kept, "generation {generation}");
        let key = slab.insert('b');
        assert_eq!((key.index, key.generation.get()), (0, generation + 2));
    }
}

// tokio#8570: a shutdown that turned the wheel to the end of time went through every slot.
#[test]
fn what_was_drained_already_is_not_looked_at_again() {
    let mut slab = Slab::with_capacity(0);
    for number in 0..100 {
        slab.insert(number);
    }
    for number in 0..60 {
        let first = slab.first().unwrap();
        assert_eq!(slab.remove(first.index), number);
    }
    assert_eq!(slab.first, 59, "the search goes on where it ended");
    let again = slab.insert(7);
    assert_eq!(again.index, 59);
    slab.remove(60);
    assert_eq!(slab.first(), Some(again));
    slab.remove(again.index);
    assert_eq!(slab.first().map(|key| key.index), Some(61));

    slab.shrink_to(0);
    assert_eq!(slab.first().map(|key| key.index), Some(61));
    assert_eq!(slab.insert(8).index, 0, "in front of where the search had come to");
    assert_eq!(slab.first().map(|key| key.index), Some(0));
}
