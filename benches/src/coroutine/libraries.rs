//! The adapters.

use corosensei::{Coroutine as Stackful, CoroutineResult, Yielder};
#[cfg(feature = "filch")]
use filch::coroutine::{Co, Coroutine, Step};
use genawaiter2::GeneratorState;
use genawaiter2::sync::{Co as GenCo, Gen};

use super::Library;

/// filch.
#[cfg(feature = "filch")]
pub(super) struct Filch;

#[cfg(feature = "filch")]
impl Library for Filch {
    const NAME: &'static str = "filch";
    const PACKAGE: &'static str = "filch";

    fn adder() -> impl FnMut(u64) -> u64 {
        let mut coroutine = Coroutine::new(async |co: Co<u64, u64>| {
            let mut sum = 0;
            while let Some(n) = co.suspend(sum).await {
                sum += n;
            }
        });
        assert_eq!(coroutine.send(None), Ok(Step::Yielded(0)), "its start");
        move |n| match coroutine.send(Some(n)) {
            Ok(Step::Yielded(sum)) => sum,
            other => unreachable!("it ends when nothing is sent: {other:?}"),
        }
    }

    fn echo(value: u64) -> u64 {
        let mut coroutine = Coroutine::new(async |co: Co<u64, u64>| co.suspend(value).await);
        let Ok(Step::Yielded(yielded)) = coroutine.send(None) else {
            unreachable!("it yields once")
        };
        match coroutine.send(Some(yielded)) {
            Ok(Step::Complete(Some(returned))) => returned,
            other => unreachable!("it returns what it is sent: {other:?}"),
        }
    }
}

/// genawaiter2's `sync` variant, the one that is `Send`.
pub(super) struct Genawaiter;

impl Library for Genawaiter {
    const NAME: &'static str = "genawaiter2";
    const PACKAGE: &'static str = "genawaiter2";

    fn adder() -> impl FnMut(u64) -> u64 {
        let mut generator = Gen::new(async |mut co: GenCo<u64, Option<u64>>| {
            let mut sum = 0;
            while let Some(n) = co.yield_(sum).await {
                sum += n;
            }
        });
        // What is sent first is lost with this library.
        assert!(matches!(generator.resume_with(None), GeneratorState::Yielded(0)), "its start");
        move |n| match generator.resume_with(Some(n)) {
            GeneratorState::Yielded(sum) => sum,
            GeneratorState::Complete(()) => unreachable!("it ends when nothing is sent"),
        }
    }

    fn echo(value: u64) -> u64 {
        let mut generator =
            Gen::new(async |mut co: GenCo<u64, Option<u64>>| co.yield_(value).await);
        let GeneratorState::Yielded(yielded) = generator.resume_with(None) else {
            unreachable!("it yields once")
        };
        match generator.resume_with(Some(yielded)) {
            GeneratorState::Complete(Some(returned)) => returned,
            other => unreachable!("it returns what it is sent: {other:?}"),
        }
    }
}

/// corosensei: a stack for each coroutine.
pub(super) struct Corosensei;

impl Library for Corosensei {
    const NAME: &'static str = "corosensei";
    const PACKAGE: &'static str = "corosensei";

    fn adder() -> impl FnMut(u64) -> u64 {
        let body = |yielder: &Yielder<Option<u64>, u64>, _: Option<u64>| {
            let mut sum = 0;
            while let Some(n) = yielder.suspend(sum) {
                sum += n;
            }
        };
        let mut coroutine = Stackful::new(body);
        assert_eq!(coroutine.resume(None).as_yield(), Some(0), "its start");
        move |n| match coroutine.resume(Some(n)) {
            CoroutineResult::Yield(sum) => sum,
            CoroutineResult::Return(()) => unreachable!("it ends when nothing is sent"),
        }
    }

    fn echo(value: u64) -> u64 {
        let body =
            move |yielder: &Yielder<Option<u64>, u64>, _: Option<u64>| yielder.suspend(value);
        let mut coroutine = Stackful::new(body);
        let CoroutineResult::Yield(yielded) = coroutine.resume(None) else {
            unreachable!("it yields once")
        };
        match coroutine.resume(Some(yielded)) {
            CoroutineResult::Return(Some(returned)) => returned,
            _ => unreachable!("it returns what it is sent"),
        }
    }
}
