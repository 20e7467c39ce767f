//! Whom the passing of a deadline wakes.

use filch::{Builder, Runtime};
use filch_tests::{Counter, LONG, process, runtime, watch, within};
use std::time::Duration;

const WORKERS: usize = 8;

fn wait_until_all_sleep(runtime: &Runtime) {
    while runtime.metrics().parked_workers < runtime.metrics().workers.len() {
        std::thread::yield_now();
    }
}

/// A task sleeps again and again while all workers but its own sleep anyway.
fn sleep_in_a_row(runtime: &Runtime, times: u64, duration: Duration) {
    let slept = runtime.spawn(async move {
        for _ in 0..times {
            filch::sleep(duration, ()).await;
        }
    });
    futures_lite::future::block_on(slept).unwrap();
    wait_until_all_sleep(runtime);
}

/// Heph's #383: all threads woke for one deadline. Nor does a worker need help to run one task.
#[test]
fn a_deadline_notifies_no_other_worker() {
    within(LONG, || {
        let runtime = runtime(WORKERS);
        let sum = |runtime: &Runtime| {
            let workers = runtime.metrics().workers;
            let of = |what: fn(&filch::WorkerMetrics) -> u64| workers.iter().map(what).sum();
            let sums: [u64; 2] = [of(|worker| worker.wakes), of(|worker| worker.parks)];
            sums
        };
        let times = 200;
        wait_until_all_sleep(&runtime);
        let before = sum(&runtime);
        sleep_in_a_row(&runtime, times, Duration::from_millis(2));
        let [wakes, parks] = sum(&runtime);
        // A sleep that was due when it was registered, as the thread had to wait for its processor,
        // yields instead, which may wake another worker.
        let [wakes, parks] = [wakes - before[0], parks - before[1]];
        assert!(wakes < times / 4, "{wakes} workers were notified in {times} sleeps");
        assert!(parks < times * 3 / 2, "workers went to sleep {parks} times in {times} sleeps");
    });
}

/// The worker that has the timer wakes; later the one that answers for workers in long polls. Nobody
/// else does, however many there are. (Which threads these are may change from one deadline to the next.)
#[test]
#[cfg(target_os = "linux")]
fn a_deadline_disturbs_two_threads_at_most() {
    within(LONG, || {
        let mut builder = Builder::new();
        let name = "one-deadline";
        let runtime = builder.worker_threads(WORKERS).thread_name(name).build().unwrap();
        watch(runtime.handle());
        wait_until_all_sleep(&runtime);
        let times = 30;
        let switches = || {
            let before = process::voluntary_switches(name);
            assert_eq!(before.len(), WORKERS);
            // Longer than the watchman's slack, so that it has to look after each of them.
            sleep_in_a_row(&runtime, times, Duration::from_millis(12));
            let after = process::voluntary_switches(name);
            before.iter().map(|(name, before)| after[name] - before).sum::<u64>()
        };
        // Where a worker has to wait for a processor others come to its timer's help. So this asks
        // for one round out of several in which that is rare.
        let rounds: Vec<_> = (0..6).map(|_| switches()).collect();
        let fewest = rounds.iter().min().expect("there are rounds");
        assert!(*fewest < times * 3, "switches in {times} sleeps each: {rounds:?}");
    });
}

/// tokio-rs/tokio#853: a timer that is far ahead is no reason to wake before it is due.
#[test]
#[cfg(target_os = "linux")]
fn a_lone_timer_far_ahead_wakes_its_worker_once() {
    within(LONG, || {
        let mut builder = Builder::new();
        let name = "lone-timer";
        let runtime = builder.worker_threads(1).thread_name(name).build().unwrap();
        watch(runtime.handle());
        // From where the wheel stands, each has its own way through the levels.
        let switches = [150, 270, 330].map(|millis| {
            wait_until_all_sleep(&runtime);
            let before = process::voluntary_switches(name);
            sleep_in_a_row(&runtime, 1, Duration::from_millis(millis));
            let after = process::voluntary_switches(name);
            assert_eq!(before.len(), 1);
            after.values().sum::<u64>() - before.values().sum::<u64>()
        });
        // One to begin the task and one for the timer; a lock that was taken may add some.
        assert!(switches.iter().min() <= Some(&3), "{switches:?}");
    });
}

/// Tasks that wake at once do not wait for each other's polls.
#[test]
fn those_who_wake_together_run_side_by_side() {
    within(LONG, || {
        for workers in [2, 3, WORKERS] {
            let runtime = runtime(workers);
            for _ in 0..100 {
                wait_until_all_sleep(&runtime);
                let inside = Counter::new();
                let meet = move |deadline, inside: Counter| async move {
                    filch::sleep_until(deadline, ()).await;
                    inside.add();
                    // Blocks the worker, so each of them needs one of its own.
                    inside.wait_for(workers as u64);
                };
                let counter = inside.clone();
                let tasks = runtime.spawn(async move {
                    let deadline = filch::now() + Duration::from_micros(500);
                    let spawn = |_| filch::spawn(meet(deadline, counter.clone()));
                    (0..workers).map(spawn).collect::<Vec<_>>()
                });
                for task in futures_lite::future::block_on(tasks).unwrap() {
                    futures_lite::future::block_on(task).unwrap();
                }
                assert_eq!(inside.get(), workers as u64);
            }
        }
    });
}
