//! Timers allocate nothing once there were as many before. Alone in its process: it counts allocations.

use filch_tests::allocations::{self, Counting};
use filch_tests::{LONG, runtime, within};
use std::array;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const HOUR: Duration = Duration::from_secs(3_600);
const MICRO: Duration = Duration::from_micros(1);

/// Registers sixty-four sleeps, and waits until all have fired: in two batches at least, of which the
/// first is as large as any.
async fn fire() {
    let deadline = filch::now() + 100 * MICRO;
    let mut sleeps: [_; 64] = array::from_fn(|_| Some(filch::sleep_until(deadline, ())));
    poll_fn(|cx| {
        for place in &mut sleeps {
            if let Some(sleep) = place
                && Pin::new(sleep).poll(cx).is_ready()
            {
                *place = None;
            }
        }
        if sleeps.iter().all(Option::is_none) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Registers sixty-four sleeps, gives half of them another deadline, and drops all.
async fn cancel() {
    let mut sleeps: [_; 64] = array::from_fn(|_| filch::sleep(HOUR, ()));
    poll_fn(|cx| {
        for sleep in &mut sleeps {
            assert!(Pin::new(sleep).poll(cx).is_pending());
        }
        Poll::Ready(())
    })
    .await;
    let deadline = filch::now() + 2 * HOUR;
    sleeps.iter_mut().step_by(2).for_each(|sleep| Pin::new(sleep).reset(deadline));
}

async fn use_timers() {
    fire().await;
    cancel().await;
    for _ in 0..20 {
        filch::timeout(HOUR, filch::yield_now()).await.unwrap();
        filch::timeout(MICRO, pending::<()>()).await.unwrap_err();
    }
    let mut interval = filch::interval(50 * MICRO);
    for _ in 0..10 {
        interval.tick().await;
    }
}

#[test]
fn timers_of_a_warm_runtime_allocate_nothing() {
    within(LONG, || {
        // With one worker, all of it happens on one thread: to register, to sleep until the time has
        // come, to fire and to wake.
        let runtime = runtime(1);
        let counts = runtime.spawn(async {
            let mut counts = [0; 12];
            for count in &mut counts {
                let before = allocations::made();
                use_timers().await;
                *count = allocations::made() - before;
            }
            counts
        });
        let counts = futures_lite::future::block_on(counts).unwrap();
        assert!(counts[0] > 0, "the wheel has no memory for entries at first: {counts:?}");
        assert_eq!(counts[2..], [0; 10], "{counts:?}");
    });
}
