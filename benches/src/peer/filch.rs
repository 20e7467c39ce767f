//! filch.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use filch::{Builder, Handle, JoinHandle, Runtime};

use super::Peer;

/// A filch runtime.
#[derive(Debug)]
pub struct Filch(Runtime);

/// filch's join handle, its error turned into a panic.
#[derive(Debug)]
pub struct Join<T>(JoinHandle<T>);

impl<T> Future for Join<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let outcome = Pin::new(&mut self.0).poll(cx);
        outcome.map(|outcome| outcome.expect("the task ended well"))
    }
}

impl Peer for Filch {
    const NAME: &'static str = "filch";
    const PACKAGE: &'static str = "filch";

    type Join<T: Send + 'static> = Join<T>;
    type Handle = Handle;

    fn start(workers: usize) -> Self {
        let runtime = Builder::new().worker_threads(workers).build();
        Self(runtime.expect("a filch runtime"))
    }

    fn handle(&self) -> Handle {
        self.0.handle().clone()
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    fn spawn<F>(future: F) -> Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Join(filch::spawn(future))
    }

    fn spawn_detached<F>(future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(filch::spawn(future));
    }

    fn spawn_on<F>(handle: &Handle, future: F) -> Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Join(handle.spawn(future))
    }

    fn spawn_detached_on<F>(handle: &Handle, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(handle.spawn(future));
    }

    fn join<A, B>(a: A, b: B) -> impl Future<Output = (A::Output, B::Output)> + Send
    where
        A: Future<Output: Send> + Send,
        B: Future<Output: Send + 'static> + Send + 'static,
    {
        filch::join(a, b)
    }

    fn join_all<F>(futures: Vec<F>) -> impl Future<Output = Vec<F::Output>> + Send
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        filch::join_all(futures)
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        filch::yield_now()
    }
}
