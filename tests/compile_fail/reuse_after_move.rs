async fn one() -> i32 {
    1
}

fn main() {
    let coroutine = one();
    assert_eq!(filch::run(coroutine), 1);
    assert_eq!(filch::run(coroutine), 1);
}
