//! Structured joins whose parent and children are of different runtimes.

use filch_tests::{Blocker, LONG, panic_text, runtime, within};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

/// The parent begins no child any more; the other runtime's worker would take them from the end, and
/// the outputs come in that order.
#[test]
fn no_child_is_begun_elsewhere_once_the_parents_runtime_shuts_down() {
    within(LONG, || {
        let (closing, other) = (runtime(2), runtime(1));
        let root = closing.handle().clone();
        let mut blocker = Some(Blocker::new(other.handle()));
        let mut closing = Some(closing);
        let alive = Arc::new(());
        let children = (0..10).map(|n| {
            let closing = if n == 1 { closing.take() } else { None };
            let alive = alive.clone();
            async move {
                closing.into_iter().for_each(filch::Runtime::shutdown_background);
                drop(alive);
                n
            }
        });
        let children: Vec<_> = children.collect();
        let text = panic_text(|| {
            let outputs = root.block_on(async {
                let _entered = other.handle().enter();
                let mut join = pin!(filch::join_all(children));
                poll_fn(|cx| {
                    let polled = join.as_mut().poll(cx);
                    drop(blocker.take());
                    polled
                })
                .await
            });
            panic!("{outputs:?}");
        });
        assert_eq!(text, "a child of join() was cancelled: its runtime shuts down");
        assert_eq!(Arc::strong_count(&alive), 1);
    });
}
