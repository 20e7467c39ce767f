//! What can be awaited: a `Future`, and whatever turns itself into one (`IntoFuture`).
//!
//! `cargo run --example awaitable`
//!
//! Output:
//!
//! ```text
//! 3 left
//! 2 left
//! 1 left
//! a future of one's own: lift-off
//! a request with its defaults: GET /, once
//! a request with settings: GET /moon, up to 3 times
//! ```

use std::future::{IntoFuture, Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A future written by hand: where an `async fn` would `await`, it returns `Pending`.
struct Countdown(u32);

impl Future for Countdown {
    type Output = &'static str;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<&'static str> {
        if self.0 == 0 {
            return Poll::Ready("lift-off");
        }
        println!("{} left", self.0);
        self.0 -= 1;
        // Whoever returns `Pending` has to see to it that somebody wakes the task.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A builder: no future, but it can be awaited, as an object with `__await__` can in Python.
struct Request {
    path: &'static str,
    tries: u32,
}

fn get(path: &'static str) -> Request {
    Request { path, tries: 1 }
}

impl Request {
    fn tries(self, tries: u32) -> Self {
        Self { tries, ..self }
    }
}

impl IntoFuture for Request {
    type Output = String;
    type IntoFuture = Ready<String>;

    fn into_future(self) -> Ready<String> {
        let times = match self.tries {
            1 => "once".to_owned(),
            tries => format!("up to {tries} times"),
        };
        ready(format!("GET {}, {times}", self.path))
    }
}

fn main() {
    filch::run(async {
        println!("a future of one's own: {}", Countdown(3).await);
        println!("a request with its defaults: {}", get("/").await);
        println!("a request with settings: {}", get("/moon").tries(3).await);
        // `1.await` does not compile: "`{integer}` is not a future".
    });
}
