async fn one() -> i32 {
    1
}

fn main() {
    one().await;
}
