//! Panics that tests provoke: the panic hook says nothing about them.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::Once;

/// What a panic that a test provokes carries.
pub struct Bomb {
    /// Which panic it was.
    pub name: &'static str,
    /// Something that is dropped with the payload.
    pub cargo: Option<Box<dyn Any + Send>>,
}

impl Bomb {
    /// The bomb that a panic carries, if it is one.
    pub fn name_of(payload: &(dyn Any + Send)) -> Option<&'static str> {
        payload.downcast_ref::<Self>().map(|bomb| bomb.name)
    }
}

/// Panics, unheard.
pub fn explode(name: &'static str) -> ! {
    explode_with(name, None)
}

/// Panics, unheard, with something to be dropped with the payload.
pub fn explode_with(name: &'static str, cargo: Option<Box<dyn Any + Send>>) -> ! {
    install();
    panic_any(Bomb { name, cargo })
}

/// Explodes when it is dropped.
pub struct ExplodesOnDrop(pub &'static str);

impl Drop for ExplodesOnDrop {
    fn drop(&mut self) {
        explode(self.0)
    }
}

/// Explodes when it is dropped, with a payload that explodes when it is dropped, and so on.
pub struct Chain(pub u32);

impl Drop for Chain {
    fn drop(&mut self) {
        match self.0 {
            0 => {}
            left => explode_with("chain", Some(Box::new(Chain(left - 1)))),
        }
    }
}

thread_local! {
    static SILENT: Cell<bool> = const { Cell::new(false) };
    /// Where the last silent panic of this thread came from.
    static FILE: Cell<String> = const { Cell::new(String::new()) };
}

/// Runs `body` and gives its panic, of whatever kind, unheard.
pub fn caught<R>(body: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    install();
    let outer = SILENT.replace(true);
    let result = catch_unwind(AssertUnwindSafe(body));
    SILENT.set(outer);
    result
}

/// The message that `body` panics with.
///
/// # Panics
///
/// If `body` does not panic, or not with a text.
pub fn panic_text<R>(body: impl FnOnce() -> R) -> String {
    let payload = caught(body).err().expect("a panic");
    text_of(&*payload).expect("a panic with a text").to_owned()
}

/// The file that is blamed for the panic of `body`.
///
/// # Panics
///
/// If `body` does not panic.
pub fn panic_file<R>(body: impl FnOnce() -> R) -> String {
    assert!(caught(body).is_err(), "no panic");
    FILE.take()
}

/// The text that a panic carries, if it is one.
pub fn text_of(payload: &(dyn Any + Send)) -> Option<&str> {
    let text = payload.downcast_ref::<&'static str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

/// Puts a filter before the panic hook.
fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if SILENT.try_with(Cell::get) == Ok(true) {
                let file = info.location().map_or("", |location| location.file());
                let _ = FILE.try_with(|last| last.set(file.to_owned()));
            } else if !info.payload().is::<Bomb>() {
                loud(info);
            }
        }));
    });
}
