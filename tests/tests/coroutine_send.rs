//! `send`: what goes in, what comes out, in which order, and what is refused.

use filch::coroutine::{Co, Coroutine, SendError, Step};
use filch_tests::{LONG, panic_text, within};
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::{pending, poll_fn, ready};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

/// Counts the polls of a future.
async fn counted<F: Future>(future: F, polls: &Cell<u32>) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        polls.set(polls.get() + 1);
        future.as_mut().poll(cx)
    })
    .await
}

#[test]
fn nothing_runs_before_the_first_send() {
    let ran = Cell::new(0);
    // Not even what a closure does before its first `await`, or outside its `async` block.
    let mut one = Coroutine::new(async |_: Co<(), ()>| ran.set(ran.get() + 1));
    let mut two = Coroutine::new(|_: Co<(), ()>| {
        ran.set(ran.get() + 10);
        async { ran.set(ran.get() + 100) }
    });
    assert_eq!(ran.get(), 0);
    assert_eq!(one.send(None), Ok(Step::Complete(())));
    assert_eq!(ran.get(), 1);
    assert_eq!(two.send(None), Ok(Step::Complete(())));
    assert_eq!(ran.get(), 111);
}

#[test]
fn a_value_that_is_refused_at_the_start_does_not_start_it() {
    let ran = Cell::new(false);
    let mut coroutine = Coroutine::new(async |co| {
        ran.set(true);
        co.suspend('a').await
    });
    for n in 0..3 {
        assert_eq!(coroutine.send(Some(n)), Err(SendError::JustStarted(n)));
        assert!(!ran.get());
    }
    assert_eq!(coroutine.send(None), Ok(Step::Yielded('a')));
    assert_eq!(coroutine.send(Some(9)), Ok(Step::Complete(Some(9))));
}

#[test]
fn a_suspension_receives_the_very_option_that_was_sent() {
    let mut coroutine = Coroutine::new(async |co| {
        let mut got = Vec::new();
        for n in 0..4 {
            got.push(co.suspend(n).await);
        }
        got
    });
    let sent = [Some("one"), None, Some("three"), None];
    assert_eq!(coroutine.send(None), Ok(Step::Yielded(0)));
    for (n, value) in (1..4).zip(sent) {
        assert_eq!(coroutine.send(value), Ok(Step::Yielded(n)));
    }
    assert_eq!(coroutine.send(sent[3]), Ok(Step::Complete(sent.to_vec())));
}

#[test]
fn values_need_be_neither_copy_nor_clone_nor_send() {
    struct Token(Rc<u8>);
    let mut coroutine = Coroutine::new(async |co: Co<Token, Token>| {
        let mut token = Token(Rc::new(1));
        while let Some(next) = co.suspend(token).await {
            token = next;
        }
        Token(Rc::new(7))
    });
    let Ok(Step::Yielded(first)) = coroutine.send(None) else { panic!("it yields") };
    assert_eq!((*first.0, Rc::strong_count(&first.0)), (1, 1));
    let sent = Rc::new(5);
    let Ok(Step::Yielded(back)) = coroutine.send(Some(Token(sent.clone()))) else {
        panic!("it yields")
    };
    assert!(Rc::ptr_eq(&sent, &back.0));
    let Ok(Step::Complete(last)) = coroutine.send(None) else { panic!("it returns") };
    assert_eq!(*last.0, 7);
}

#[test]
fn the_body_may_borrow() {
    let text = String::from("a b c");
    let seen = RefCell::new(Vec::new());
    let mut words = Coroutine::new(async |co: Co<usize, ()>| {
        for word in text.split(' ') {
            seen.borrow_mut().push(word);
            co.suspend(word.len()).await;
        }
        text.as_str()
    });
    for _ in 0..3 {
        assert_eq!(words.send(None), Ok(Step::Yielded(1)));
    }
    assert_eq!(words.send(None), Ok(Step::Complete("a b c")));
    assert_eq!(*seen.borrow(), ["a", "b", "c"]);
}

#[test]
fn what_is_sent_to_a_finished_coroutine_comes_back() {
    let mut coroutine = Coroutine::new(async |_: Co<(), String>| ());
    assert_eq!(coroutine.send(None), Ok(Step::Complete(())));
    for _ in 0..2 {
        let error = coroutine.send(Some("x".to_owned())).unwrap_err();
        assert_eq!(error, SendError::Finished(Some("x".to_owned())));
        assert_eq!(error.into_value(), Some("x".to_owned()));
        assert_eq!(coroutine.send(None), Err(SendError::Finished(None)));
    }
    assert!(coroutine.is_finished());
}

#[test]
fn errors_say_what_python_says() {
    let texts = [
        (SendError::JustStarted(1), "can't send non-None value to a just-started coroutine"),
        (SendError::Finished(Some(1)), "cannot reuse already awaited coroutine"),
        (SendError::Finished(None), "cannot reuse already awaited coroutine"),
    ];
    for (error, text) in texts {
        assert_eq!(error.to_string(), text);
        let _: &dyn std::error::Error = &error;
    }
}

#[test]
fn waiting_for_something_else_is_an_error_that_loses_nothing() {
    let open = Cell::new(false);
    let mut coroutine = Coroutine::new(async |co| {
        let got: Option<u8> = co.suspend('a').await;
        poll_fn(|_| if open.get() { Poll::Ready(()) } else { Poll::Pending }).await;
        (got, co.suspend('b').await)
    });
    assert_eq!(coroutine.send(None), Ok(Step::Yielded('a')));
    // It took the value, and has no next one yet.
    assert_eq!(coroutine.send(Some(1)), Err(SendError::Pending(None)));
    assert_eq!(coroutine.send(Some(2)), Err(SendError::Pending(Some(2))));
    assert_eq!(coroutine.send(None), Err(SendError::Pending(None)));
    open.set(true);
    assert_eq!(coroutine.send(Some(3)), Err(SendError::Pending(Some(3))), "it was not polled");
    assert_eq!(coroutine.send(None), Ok(Step::Yielded('b')));
    assert_eq!(coroutine.send(Some(4)), Ok(Step::Complete((Some(1), Some(4)))));
}

#[test]
fn a_refused_value_does_not_poll() {
    let polls = Cell::new(0);
    let body = poll_fn(|_| {
        polls.set(polls.get() + 1);
        Poll::<()>::Pending
    });
    let mut coroutine = Coroutine::from_future(body);
    assert_eq!(coroutine.send(Some(())), Err(SendError::JustStarted(())));
    assert_eq!(polls.get(), 0);
    assert_eq!(coroutine.send(None), Err(SendError::Pending(None)));
    assert_eq!(coroutine.send(Some(())), Err(SendError::Pending(Some(()))));
    assert_eq!(polls.get(), 1);
}

#[test]
fn each_send_polls_the_body_once() {
    let polls = Cell::new(0);
    let mut coroutine = Coroutine::new(async |co: Co<u32, ()>| {
        let body = async {
            for n in 0..10 {
                co.suspend(n).await;
            }
        };
        counted(body, &polls).await;
    });
    let mut sends = 0;
    while !coroutine.is_finished() {
        let _ = coroutine.send(None).expect("it yields or ends");
        sends += 1;
    }
    assert_eq!((sends, polls.get()), (11, 11));
}

#[test]
fn await_no_await_is_polled_exactly_once() {
    async fn inner() -> u32 {
        ready(1).await
    }
    async fn await_no_await() -> u32 {
        inner().await + inner().await
    }
    let polls = Cell::new(0);
    let mut coroutine = Coroutine::from_future(counted(await_no_await(), &polls));
    assert_eq!(coroutine.send(None), Ok(Step::Complete(2)));
    assert_eq!(polls.get(), 1);

    assert_eq!(within(LONG, || filch::run(counted(await_no_await(), &polls))), 2);
    assert_eq!(polls.get(), 2, "and once by `run`");
}

#[test]
fn a_coroutine_of_a_future_yields_nothing() {
    let mut coroutine: Coroutine<Infallible, (), u8, _> = Coroutine::from_future(ready(3));
    let Ok(Step::Complete(output)) = coroutine.send(None) else { panic!("it is ready") };
    assert_eq!(output, 3);
    assert!(Coroutine::from_future(pending::<()>()).send(None).is_err());
}

#[test]
fn debug_says_where_it_stands() {
    let mut coroutine = Coroutine::new(async |co: Co<(), ()>| {
        co.suspend(()).await;
        filch::yield_now().await;
    });
    let mut seen = vec![format!("{coroutine:?}")];
    while !coroutine.is_finished() {
        let _ = coroutine.send(None);
        seen.push(format!("{coroutine:?}"));
    }
    let states = ["created", "suspended", "busy", "finished"];
    assert_eq!(seen, states.map(|state| format!("Coroutine({state})")));
}

#[test]
fn coroutines_nest() {
    fn tree(depth: u32) -> Coroutine<u32, (), ()> {
        let tree = Coroutine::new(async move |co: Co<u32, ()>| {
            let children = if depth > 1 { 2 } else { 0 };
            for _ in 0..children {
                let mut child = tree(depth - 1);
                while let Ok(Step::Yielded(n)) = child.send(None) {
                    co.suspend(n).await;
                }
            }
            co.suspend(depth).await;
        });
        tree.erase()
    }
    let mut whole = tree(4);
    let mut sum = 0;
    while let Ok(Step::Yielded(n)) = whole.send(None) {
        sum += n;
    }
    // 8 of 1, 4 of 2, 2 of 3, 1 of 4.
    assert_eq!(sum, 8 + 8 + 6 + 4);
}

#[test]
fn a_suspension_polled_after_it_was_ready_panics() {
    let mut coroutine = Coroutine::new(async |co: Co<u8, u8>| {
        let mut suspension = pin!(co.suspend(1));
        let first = suspension.as_mut().await;
        suspension.await;
        first
    });
    assert_eq!(coroutine.send(None), Ok(Step::Yielded(1)));
    let text = panic_text(|| coroutine.send(Some(2)));
    assert_eq!(text, "`Suspend` polled after completion");
    assert!(coroutine.is_finished());
}
