//! M1: the parker.

use super::Parker;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::thread::Builder;

crate::model::models! {
    /// M1. Two unparks against a park: no token is lost, and what was written before an unpark is
    /// seen after the park that comes after it, also by the unpark that found a token there.
    m1_park_sees_what_every_unpark_published(None) {
        let shared = Arc::new((Parker::new(), AtomicBool::new(false), AtomicBool::new(false)));
        let (one, two) = (shared.clone(), shared.clone());
        let first = Builder::new().spawn(move || {
            one.1.store(true, Ordering::Relaxed);
            one.0.unpark();
        });
        let second = Builder::new().spawn(move || {
            two.2.store(true, Ordering::Relaxed);
            two.0.unpark();
        });
        // Each flag alone is followed by an unpark, so parking until both are seen never hangs.
        let both = || shared.1.load(Ordering::Relaxed) && shared.2.load(Ordering::Relaxed);
        while !both() {
            shared.0.park();
        }
        for thread in [first, second] {
            thread.unwrap().join().unwrap();
        }
    } fails with UnparkWithoutSwap as twin_m1_unpark_without_swap;
}
