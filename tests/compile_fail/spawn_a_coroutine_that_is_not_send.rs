use filch::coroutine::Coroutine;
use std::rc::Rc;

fn spawn(coroutine: Coroutine<u8, Rc<u8>, ()>) {
    drop(coroutine.spawn());
}

fn main() {}
