//! Everything that goes into a coroutine or is made in it is dropped exactly once: in every state,
//! by its end, its drop or its panic.

use filch::coroutine::{Co, Coroutine, SendError, Step};
use filch_tests::quiet::ExplodesOnDrop;
use filch_tests::{Bomb, Counter, caught, explode};
use parking_lot::Mutex;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

/// Counts drops.
struct Counted(Counter);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.add();
    }
}

/// How often each kind of value was dropped.
#[derive(Clone, Default)]
struct Drops {
    captured: Counter,
    local: Counter,
    yielded: Counter,
    sent: Counter,
    output: Counter,
}

impl Drops {
    fn counts(&self) -> [u64; 5] {
        [&self.captured, &self.local, &self.yielded, &self.sent, &self.output].map(Counter::get)
    }
}

/// How the body of [`coroutine`] goes on after its second value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Return,
    Panic,
    Wait,
}

type Values = Coroutine<Counted, Counted, Counted>;

/// Yields twice, keeping what it is sent.
fn coroutine(drops: &Drops, then: Then) -> Values {
    let captured = Counted(drops.captured.clone());
    let drops = drops.clone();
    let body = async move |co: Co<Counted, Counted>| {
        let _captured = captured;
        let _local = Counted(drops.local.clone());
        let _first = co.suspend(Counted(drops.yielded.clone())).await;
        let _second = co.suspend(Counted(drops.yielded.clone())).await;
        match then {
            Then::Return => Counted(drops.output.clone()),
            Then::Panic => explode("the body"),
            Then::Wait => pending().await,
        }
    };
    Coroutine::new(body).erase()
}

fn sent(drops: &Drops) -> Option<Counted> {
    Some(Counted(drops.sent.clone()))
}

#[test]
fn dropped_before_it_began() {
    let drops = Drops::default();
    drop(coroutine(&drops, Then::Return));
    assert_eq!(drops.counts(), [1, 0, 0, 0, 0]);
}

#[test]
fn dropped_while_suspended() {
    let drops = Drops::default();
    let mut coroutine = coroutine(&drops, Then::Return);
    drop(coroutine.send(None));
    assert_eq!(drops.counts(), [0, 0, 1, 0, 0]);
    drop(coroutine.send(sent(&drops)));
    assert_eq!(drops.counts(), [0, 0, 2, 0, 0]);
    drop(coroutine);
    assert_eq!(drops.counts(), [1, 1, 2, 1, 0]);
}

#[test]
fn dropped_while_it_waits_for_something_else() {
    let drops = Drops::default();
    let mut coroutine = coroutine(&drops, Then::Wait);
    drop(coroutine.send(None));
    drop(coroutine.send(sent(&drops)));
    assert!(matches!(coroutine.send(sent(&drops)), Err(SendError::Pending(None))));
    assert_eq!(drops.counts(), [0, 0, 2, 0, 0]);
    // Refused: the value is in the error.
    drop(coroutine.send(sent(&drops)));
    assert_eq!(drops.counts(), [0, 0, 2, 1, 0]);
    drop(coroutine);
    assert_eq!(drops.counts(), [1, 1, 2, 3, 0]);
}

#[test]
fn run_to_its_end() {
    let drops = Drops::default();
    let mut coroutine = coroutine(&drops, Then::Return);
    drop(coroutine.send(None));
    drop(coroutine.send(sent(&drops)));
    let output = coroutine.send(sent(&drops));
    assert_eq!(drops.counts(), [1, 1, 2, 2, 0], "the body is gone before its output is given out");
    drop(output);
    drop(coroutine);
    assert_eq!(drops.counts(), [1, 1, 2, 2, 1]);
}

#[test]
fn a_panic_drops_the_body_and_finishes_the_coroutine() {
    let drops = Drops::default();
    let mut coroutine = coroutine(&drops, Then::Panic);
    drop(coroutine.send(None));
    drop(coroutine.send(sent(&drops)));
    let Err(payload) = caught(|| coroutine.send(sent(&drops))) else { panic!("no panic") };
    assert_eq!(Bomb::name_of(&*payload), Some("the body"));
    assert_eq!(drops.counts(), [1, 1, 2, 2, 0]);
    assert!(coroutine.is_finished());
    let Err(error) = coroutine.send(sent(&drops)) else { panic!("it is finished") };
    assert!(matches!(&error, SendError::Finished(Some(_))));
    assert_eq!(drops.counts(), [1, 1, 2, 2, 0], "the value is handed back");
}

#[test]
fn a_panic_before_the_first_suspension_finishes_it_too() {
    let mut coroutine = Coroutine::<_, _, ()>::new(async |_: Co<(), u8>| explode("at once"));
    assert!(caught(|| coroutine.send(None)).is_err());
    assert_eq!(coroutine.send(Some(1)), Err(SendError::Finished(Some(1))));
}

#[test]
fn a_panic_in_an_inner_coroutine_does_not_disturb_the_outer_one() {
    let mut outer = Coroutine::new(async |co: Co<u8, u8>| {
        let mut inner = Coroutine::new(async |inner: Co<u8, u8>| {
            inner.suspend(1).await;
            explode("inner")
        });
        let first: Result<Step<u8, ()>, _> = inner.send(None);
        assert_eq!(first, Ok(Step::Yielded(1)));
        let mut suspension = pin!(co.suspend(10));
        let early = suspension.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(early.is_pending());
        assert!(caught(|| inner.send(None)).is_err());
        let got = suspension.await;
        (got, co.suspend(20).await)
    });
    assert_eq!(outer.send(None), Ok(Step::Yielded(10)));
    assert_eq!(outer.send(Some(1)), Ok(Step::Yielded(20)));
    assert_eq!(outer.send(Some(2)), Ok(Step::Complete((Some(1), Some(2)))));
}

#[test]
fn a_destructor_of_the_body_that_panics_at_the_end_finishes_it() {
    struct Body(ExplodesOnDrop);
    impl Future for Body {
        type Output = u8;
        fn poll(self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> std::task::Poll<u8> {
            let _ = &self.0;
            std::task::Poll::Ready(1)
        }
    }
    let mut coroutine = Coroutine::from_future(Body(ExplodesOnDrop("the body's destructor")));
    assert!(caught(|| coroutine.send(None)).is_err());
    assert_eq!(coroutine.send(None), Err(SendError::Finished(None)));
}

#[test]
fn a_yielded_value_whose_destructor_panics_is_the_receivers_affair() {
    let mut coroutine = Coroutine::new(async |co: Co<ExplodesOnDrop, ()>| {
        co.suspend(ExplodesOnDrop("yielded")).await;
        5
    });
    assert!(caught(|| drop(coroutine.send(None))).is_err());
    assert!(matches!(coroutine.send(None), Ok(Step::Complete(5))));
}

#[test]
fn locals_are_dropped_in_reverse_order() {
    struct Named(&'static str, Arc<Mutex<Vec<&'static str>>>);
    impl Drop for Named {
        fn drop(&mut self) {
            self.1.lock().push(self.0);
        }
    }
    let order = Arc::new(Mutex::new(Vec::new()));
    let (outer, inner) = (Named("outer", order.clone()), order.clone());
    let mut coroutine = Coroutine::new(async move |co: Co<(), ()>| {
        let _outer = outer;
        let _inner = Named("inner", inner);
        co.suspend(()).await;
    });
    let _ = coroutine.send(None);
    drop(coroutine);
    assert_eq!(*order.lock(), ["inner", "outer"]);
}

#[test]
fn a_body_may_use_its_coroutines_channel_in_destructors_that_run_at_its_end() {
    struct AtEnd<'a>(&'a Co<u8, u8>, &'a Counter);
    impl Drop for AtEnd<'_> {
        fn drop(&mut self) {
            let mut suspension = pin!(self.0.suspend(9));
            // It places a value, and takes it back when it is dropped.
            if suspension.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
                self.1.add();
            }
        }
    }
    let reached = Counter::new();
    let mut coroutine = Coroutine::new(async |co: Co<u8, u8>| {
        let _at_end = AtEnd(&co, &reached);
        co.suspend(1).await
    });
    assert_eq!(coroutine.send(None), Ok(Step::Yielded(1)));
    assert_eq!(coroutine.send(Some(2)), Ok(Step::Complete(Some(2))));
    assert_eq!(reached.get(), 1);
}

#[test]
fn a_resume_that_is_dropped_has_sent_its_value() {
    let open = std::cell::Cell::new(false);
    let mut coroutine = Coroutine::new(async |co: Co<u8, u8>| {
        let got = co.suspend(1).await;
        poll_fn(|_| if open.get() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending })
            .await;
        got
    });
    assert_eq!(coroutine.send(None), Ok(Step::Yielded(1)));
    {
        let mut resume = pin!(coroutine.resume(Some(2)));
        assert!(resume.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    open.set(true);
    assert_eq!(coroutine.send(None), Ok(Step::Complete(Some(2))));
}
