//! How large a wheel is where it stands.

use std::task::Waker;
use std::thread;

use filch_timers::Wheel;

// tokio-rs/tokio#8093: the slots, built on the stack, overflowed it.
#[test]
fn a_wheel_takes_little_of_the_stack() {
    assert!(size_of::<Wheel<Waker>>() <= 512, "{} bytes", size_of::<Wheel<Waker>>());
    // The slots alone are larger than this stack.
    let small = thread::Builder::new().stack_size(16 * 1024);
    let wheel = small.spawn(|| {
        let mut wheel = Wheel::with_capacity(0, 1_000);
        wheel.insert(5, 'a');
        wheel
    });
    assert_eq!(wheel.unwrap().join().unwrap().next_expiry(), Some(5));
}
