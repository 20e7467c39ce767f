async fn awaits() -> i32 {
    1_i32.await
}

fn main() {
    filch::run(awaits());
}
