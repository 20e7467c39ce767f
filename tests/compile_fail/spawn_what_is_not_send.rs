use std::rc::Rc;

fn main() {
    let local = Rc::new(1);
    drop(filch::spawn(std::future::ready(local)));
}
