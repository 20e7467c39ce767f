#![deny(unused_must_use)]

use filch::coroutine::{Co, Coroutine};

async fn one() -> u32 {
    1
}

fn main() {
    one();
    Coroutine::from_future(one());
    let mut coroutine = Coroutine::new(async |co: Co<u8, u8>| {
        co.suspend(1);
    });
    coroutine.send(None).unwrap();
}
