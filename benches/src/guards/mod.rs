//! The price: what a fast case must not be bought with.
//!
//! A guard builds its runtime itself and is alone in the process with it. The main thread plays
//! the thread outside; its own CPU time and context switches are never counted.

pub mod fairness;
pub mod idle;
pub mod latency;
pub mod lateness;
pub mod memory;
pub mod stranding;

use crate::peer::Timers;
use crate::probe::Probe;

/// Every guard, in the order of the report.
pub fn all<P: Timers>() -> Vec<Probe<P>> {
    vec![
        Probe::guard("idle_cpu", "idle", idle::FIELDS, idle::idle::<P>),
        Probe::guard("low_load", "2000 tasks/s of 10 µs", idle::FIELDS, idle::low_load::<P>),
        Probe::guard(
            "stranding_spawn",
            "spawned, then 50 ms of spinning",
            stranding::FIELDS,
            stranding::spawned::<P>,
        ),
        Probe::guard(
            "stranding_wake",
            "woken, then 50 ms of spinning",
            stranding::FIELDS,
            stranding::woken::<P>,
        ),
        Probe::guard(
            "fairness",
            "wait of a new task among hogs",
            fairness::FIELDS,
            fairness::fairness::<P>,
        ),
        Probe::guard(
            "wake_latency",
            "wake from outside to poll",
            latency::FIELDS,
            latency::wake_latency::<P>,
        ),
        Probe::guard(
            "bytes_per_task",
            "resident memory of a pending task",
            memory::FIELDS,
            memory::bytes_per_task::<P>,
        ),
        Probe::timer_guard(
            "bytes_per_sleep",
            "resident memory of a sleeping task",
            memory::FIELDS,
            memory::bytes_per_sleep::<P>,
        ),
        Probe::guard(
            "peak_rss",
            "peak of resident memory",
            memory::PEAK_FIELDS,
            memory::peak_rss::<P>,
        ),
        Probe::timer_guard(
            "stranding_sleep",
            "due 2 ms into 50 ms of spinning",
            stranding::FIELDS,
            stranding::slept::<P>,
        ),
        Probe::timer_guard(
            "lateness_100us",
            "of sleeps of 100 µs",
            lateness::FIELDS,
            lateness::hundred_micros::<P>,
        ),
        Probe::timer_guard(
            "lateness_1ms",
            "of sleeps of 1 ms",
            lateness::FIELDS,
            lateness::milli::<P>,
        ),
        Probe::timer_guard(
            "lateness_10ms",
            "of sleeps of 10 ms",
            lateness::FIELDS,
            lateness::ten_millis::<P>,
        ),
        Probe::timer_guard(
            "lateness_busy_100us",
            "of sleeps of 100 µs among polls of 10 µs",
            lateness::BUSY_FIELDS,
            lateness::busy_hundred_micros::<P>,
        ),
        Probe::timer_guard(
            "lateness_busy_1ms",
            "of sleeps of 1 ms among polls of 10 µs",
            lateness::BUSY_FIELDS,
            lateness::busy_milli::<P>,
        ),
        Probe::timer_guard(
            "lateness_busy_10ms",
            "of sleeps of 10 ms among polls of 10 µs",
            lateness::BUSY_FIELDS,
            lateness::busy_ten_millis::<P>,
        ),
        Probe::timer_guard(
            "drift",
            "of an interval of 1 ms",
            lateness::DRIFT_FIELDS,
            lateness::drift::<P>,
        ),
    ]
}
