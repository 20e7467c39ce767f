//! `await` is a two-way street: a value goes out, and what is sent comes in.
//!
//! `cargo run --example await_two_way`
//!
//! Output:
//!
//! ```text
//! it asks: your name?
//! we say:  Ada
//! it asks: Ada, your year?
//! we say:  1815
//! it returns: Ada was born in 1815
//!
//! it asks: your name?
//! we say nothing
//! it asks: nobody, your year?
//! we say nothing
//! it returns: nobody was born in the year that they do not tell
//! ```

use filch::coroutine::{Co, Coroutine, Step};

async fn interview(co: Co<String, String>) -> String {
    let name = ask(&co, "your name?").await.unwrap_or("nobody".into());
    let year = ask(&co, &format!("{name}, your year?")).await;
    let year = year.unwrap_or("the year that they do not tell".into());
    format!("{name} was born in {year}")
}

/// What one function awaits, its caller awaits: the values pass through both.
async fn ask(co: &Co<String, String>, question: &str) -> Option<String> {
    co.suspend(question.to_owned()).await
}

fn hold(answers: &[&str]) {
    let mut interview = Coroutine::new(interview);
    let mut answers = answers.iter();
    let mut step = interview.send(None);
    while let Ok(Step::Yielded(question)) = step {
        println!("it asks: {question}");
        let answer = answers.next().map(ToString::to_string);
        match &answer {
            Some(answer) => println!("we say:  {answer}"),
            None => println!("we say nothing"),
        }
        step = interview.send(answer);
    }
    if let Ok(Step::Complete(text)) = step {
        println!("it returns: {text}");
    }
}

fn main() {
    hold(&["Ada", "1815"]);
    println!();
    hold(&[]);
}
