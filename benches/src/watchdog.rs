//! Ends the process when a runtime hangs, and says which.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// Far beyond what any measurement takes on a slow machine.
const LIMIT: Duration = Duration::from_secs(120);

/// Exit code for a hang.
const HUNG: i32 = 3;

/// A thread that sleeps until a measurement takes too long. It does nothing during one.
#[derive(Debug)]
pub struct Watchdog {
    orders: Sender<Order>,
}

#[derive(Debug)]
enum Order {
    Watch(String),
    Relax,
}

impl Watchdog {
    /// Starts the thread.
    pub fn start() -> Self {
        let (orders, inbox) = mpsc::channel();
        thread::spawn(move || {
            while let Ok(order) = inbox.recv() {
                let Order::Watch(what) = order else { continue };
                if let Err(RecvTimeoutError::Timeout) = inbox.recv_timeout(LIMIT) {
                    eprintln!("{what} did not end within {} s", LIMIT.as_secs());
                    std::process::exit(HUNG);
                }
            }
        });
        Self { orders }
    }

    /// Runs `work` under watch.
    pub fn watch<T>(&self, what: String, work: impl FnOnce() -> T) -> T {
        self.tell(Order::Watch(what));
        let result = work();
        self.tell(Order::Relax);
        result
    }

    fn tell(&self, order: Order) {
        self.orders.send(order).expect("the watchdog lives on");
    }
}
