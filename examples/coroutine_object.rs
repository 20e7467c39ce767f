//! Calling an `async fn` runs nothing: it gives an object, which does something once it is driven.
//!
//! `cargo run --example coroutine_object`
//!
//! Output:
//!
//! ```text
//! called: nothing has run
//! made a coroutine of it: nothing has run: Coroutine(created)
//! running
//! sent None: Ok(Complete(1))
//! and now it is Coroutine(finished)
//! dropped unrun: nothing has run
//! ```

use filch::coroutine::Coroutine;

async fn one() -> u32 {
    println!("running");
    1
}

fn main() {
    let future = one();
    println!("called: nothing has run");

    let mut coroutine = Coroutine::from_future(future);
    println!("made a coroutine of it: nothing has run: {coroutine:?}");

    let step = coroutine.send(None);
    println!("sent None: {step:?}");
    println!("and now it is {coroutine:?}");

    // Python warns at run time: "coroutine 'one' was never awaited". Without this `drop`, and with
    // no other use of the object, the compiler would: "unused implementer of `Future`".
    drop(one());
    println!("dropped unrun: nothing has run");
}
