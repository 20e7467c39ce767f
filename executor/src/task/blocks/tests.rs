//! Which blocks are kept, for what, and how many.

use super::depot::{MAGAZINE, MOST};
use super::{Blocks, CLASSES, Class, Depot, GRAIN, LIMIT, Memory, allocate, free, rounded};
use std::alloc::{Layout, dealloc};
use std::ptr::NonNull;
use std::sync::Arc;

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).expect("a layout")
}

/// Those of the only worker of a runtime.
fn blocks() -> Blocks {
    Blocks::new(Arc::new(Depot::new()))
}

/// How many bytes lie there.
fn kept(blocks: &Blocks) -> usize {
    let kept = |(class, list): (usize, &Vec<_>)| list.len() * Class(class).size();
    blocks.classes.iter().enumerate().map(kept).sum()
}

/// Gets a block for a task of this size.
fn obtain(blocks: &mut Blocks, size: usize) -> NonNull<u8> {
    allocate(layout(size, 8), Memory::Blocks(blocks))
}

/// What a task of this size leaves on a worker with these blocks.
fn give(blocks: &mut Blocks, block: NonNull<u8>, size: usize) -> bool {
    let kept = blocks.keep(block, Class::of(layout(size, 8)).expect("a size that is kept"));
    if !kept {
        // SAFETY: it was obtained for this size, and was not kept.
        unsafe { dealloc(block.as_ptr(), rounded(layout(size, 8))) }
    }
    kept
}

#[test]
fn a_block_has_room_for_its_whole_class_and_is_not_much_larger() {
    for size in 1..2 * GRAIN * CLASSES {
        let wanted = layout(size, 8);
        let got = rounded(wanted);
        match Class::of(wanted) {
            Some(class) => {
                assert!(got.size() >= size && got.size() < size + GRAIN, "{size}: {got:?}");
                assert_eq!((got.size(), got.align()), (class.size(), 8));
                assert_eq!(rounded(got), got, "its own size is of the same class");
            }
            None => {
                assert!(size > GRAIN * CLASSES - GRAIN / 2, "{size} is not kept");
                assert_eq!(got, wanted);
            }
        }
    }
}

#[test]
fn a_task_that_needs_more_than_a_words_alignment_gets_what_it_asks_for() {
    for align in [16, 64, 4096] {
        let wanted = layout(256, align);
        assert!(Class::of(wanted).is_none());
        let mut blocks = blocks();
        let block = allocate(wanted, Memory::Blocks(&mut blocks));
        assert_eq!(block.addr().get() % align, 0);
        // SAFETY: it was just allocated for this layout.
        unsafe { free(block, wanted) };
    }
}

#[test]
fn the_block_that_was_freed_last_serves_the_next_task_of_its_class() {
    let mut blocks = blocks();
    let [first, second] = [56, 50].map(|size| obtain(&mut blocks, size));
    assert!(give(&mut blocks, first, 56) && give(&mut blocks, second, 50));
    let other = obtain(&mut blocks, 80);
    assert!(other != first && other != second, "another class");
    assert_eq!([41, 56].map(|size| obtain(&mut blocks, size)), [second, first]);
    assert_eq!(kept(&blocks), 0);
    for (block, size) in [(first, 56), (second, 56), (other, 80)] {
        give(&mut blocks, block, size);
    }
}

/// Gets more blocks of this size than are kept, and gives them; how many were kept.
fn overfill(blocks: &mut Blocks, size: usize) -> usize {
    let most = (LIMIT + MOST * MAGAZINE) / size + 1_000;
    let taken: Vec<_> = (0..most).map(|_| obtain(blocks, size)).collect();
    taken.into_iter().filter(|&block| give(blocks, block, size)).count()
}

#[test]
fn no_more_than_the_limit_is_kept_and_older_sizes_give_way() {
    let mut blocks = blocks();
    let small = overfill(&mut blocks, 56);
    let in_depot = MOST * (MAGAZINE / 56);
    assert_eq!(small, LIMIT / 56 + in_depot, "here and in the depot");
    let large = overfill(&mut blocks, 200);
    let in_depot = MOST * (MAGAZINE / 200);
    assert_eq!(large, LIMIT / 200 + in_depot, "the small ones have made room in both");
    assert!(kept(&blocks) <= blocks.room && blocks.room <= LIMIT);
}

#[test]
fn sizes_that_are_in_use_together_do_not_take_room_from_each_other_with_each_block() {
    const SIZES: [usize; 2] = [56, 200];
    let mut blocks = blocks();
    let count = 8 * LIMIT / SIZES.iter().sum::<usize>();
    let taken: Vec<_> = (0..count).map(|_| SIZES.map(|size| obtain(&mut blocks, size))).collect();
    let room = |blocks: &Blocks| blocks.classes.each_ref().map(Vec::capacity);
    let mut moves = 0;
    for (block, size) in taken.into_iter().flat_map(|pair| pair.into_iter().zip(SIZES)) {
        let before = room(&blocks);
        give(&mut blocks, block, size);
        moves += usize::from(room(&blocks) != before);
    }
    // At most one for each magazine of them, beside the first ones, when there is room for twice as many.
    let most = 8 * LIMIT / MAGAZINE + 2 * (LIMIT / MAGAZINE).ilog2() as usize;
    assert!((LIMIT / MAGAZINE..=most).contains(&moves), "{moves} times, of {most} at most");
}

#[test]
fn what_one_worker_has_too_many_of_serves_another_one() {
    let depot = Arc::new(Depot::new());
    let [mut ends, mut spawns] = [0, 1].map(|_| Blocks::new(depot.clone()));
    let magazine = MAGAZINE / 56;
    let blocks: Vec<_> = (0..LIMIT / 56 + 1).map(|_| obtain(&mut ends, 56)).collect();
    for &block in &blocks {
        assert!(give(&mut ends, block, 56));
    }
    assert_eq!(kept(&ends), (blocks.len() - magazine) * 56, "one magazine has left");
    let fetched: Vec<_> = (0..magazine).map(|_| obtain(&mut spawns, 50)).collect();
    assert!(fetched.iter().all(|block| blocks.contains(block)));
    assert_eq!(kept(&spawns), 0);
    // Of the next size there are none; and of this one, no more.
    let others = [obtain(&mut spawns, 80), obtain(&mut spawns, 56)];
    assert!(others.iter().all(|block| !blocks.contains(block)));
    for (block, size) in
        fetched.into_iter().map(|block| (block, 56)).chain([(others[0], 80), (others[1], 56)])
    {
        assert!(give(&mut spawns, block, size));
    }
}

#[test]
fn a_worker_that_fetches_blocks_keeps_no_more_than_the_limit_either() {
    let depot = Arc::new(Depot::new());
    let mut spawns = Blocks::new(depot.clone());
    let fill = |blocks: &mut Blocks, size| {
        let taken: Vec<_> = (0..LIMIT / size + 1).map(|_| obtain(blocks, size)).collect();
        taken.into_iter().for_each(|block| assert!(give(blocks, block, size)));
    };
    let sizes = [72, 88, 104, 120, 200, 504, 1_000];
    sizes.into_iter().for_each(|size| fill(&mut Blocks::new(depot.clone()), size));
    fill(&mut spawns, 56);
    assert!(kept(&spawns) + 2 * MAGAZINE > LIMIT);
    for size in sizes {
        assert!(depot.may_have(Class::of(layout(size, 8)).expect("kept")));
        let blocks = [0, 1].map(|_| obtain(&mut spawns, size));
        assert!(spawns.room <= LIMIT, "{} bytes after those of {size}", spawns.room);
        assert!(blocks.into_iter().all(|block| give(&mut spawns, block, size)));
    }
}

#[test]
fn a_worker_keeps_the_memory_of_the_tasks_that_end_on_it() {
    let runtime = crate::Builder::new().worker_threads(1).build().expect("threads start");
    let bytes = || crate::context::try_with_core(|core| kept(&core.blocks));
    let (before, after, again) = runtime
        .block_on(runtime.spawn(async move {
            let before = bytes();
            crate::spawn(async { [0_u8; 300] }).await.expect("it ends");
            let after = bytes();
            crate::spawn(async { [1_u8; 300] }).await.expect("it ends");
            (before, after, bytes())
        }))
        .expect("no panic");
    assert!(before.is_some() && after > before, "{before:?}, {after:?}");
    assert_eq!(again, after, "the second task had the block of the first");
    assert_eq!(bytes(), None, "this thread works for nobody");
}

/// A depot full of blocks of this size.
fn depot_with(size: usize) -> Depot {
    let depot = Arc::new(Depot::new());
    let mut ends = Blocks::new(depot.clone());
    overfill(&mut ends, size);
    drop(ends);
    Arc::into_inner(depot).expect("nobody else has it")
}

fn obtain_outside(depot: &Depot, size: usize) -> NonNull<u8> {
    allocate(layout(size, 8), Memory::Thread(Some(depot)))
}

/// On a thread that works for no runtime, and has no magazine yet.
fn outside(test: impl FnOnce() + Send) {
    // Joined by its handle: ThreadSanitizer does not see how a scope waits.
    std::thread::scope(|scope| scope.spawn(test).join().expect("no panic"));
}

#[test]
fn a_thread_outside_takes_a_magazine_and_uses_it_up_before_the_next() {
    let depot = depot_with(56);
    outside(|| {
        let (before, mut taken) = (depot.len(), Vec::new());
        for count in 0..3 * (MAGAZINE / 56) {
            assert_eq!(before - depot.len(), count.div_ceil(MAGAZINE / 56));
            taken.push((obtain_outside(&depot, 56), 56));
        }
        taken.push((obtain_outside(&depot, 56), 56));
        // Of another size, as long as some of that magazine is left.
        taken.extend([200, 200].map(|size| (obtain_outside(&depot, size), size)));
        assert_eq!(before - depot.len(), 4);
        for (block, size) in taken {
            // SAFETY: it was just obtained for this size, and nobody uses it.
            unsafe { free(block, layout(size, 8)) };
        }
    });
}

#[test]
fn a_thread_outside_whose_size_the_depot_has_not_asks_the_allocator() {
    let depot = depot_with(56);
    let before = depot.len();
    outside(|| {
        let block = obtain_outside(&depot, 200);
        // SAFETY: it was just obtained for this size, and nobody uses it.
        unsafe { free(block, layout(200, 8)) };
    });
    assert_eq!(depot.len(), before);
}
