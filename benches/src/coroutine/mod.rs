//! filch's coroutines beside other libraries'. Runtimes play no part in it.
//!
//! The libraries take the place of the runtimes: same driver, same report.

mod libraries;

use std::fmt;

use crate::cases::coroutine;
use crate::child::Child;
use crate::machine;
use crate::probe::{Contestant, ProbeInfo, Run, Scale, Setup};
use crate::results::Measured;

/// A library of coroutines.
pub trait Library {
    /// Name in tables and options.
    const NAME: &'static str;
    /// Name of the package in the lock file.
    const PACKAGE: &'static str;

    /// Starts a coroutine that yields the sum of what it was sent, over and over. Each call sends.
    fn adder() -> impl FnMut(u64) -> u64;

    /// Makes a coroutine that yields `value` and returns what it is sent; sends `value` on to it and
    /// gives what it returned.
    fn echo(value: u64) -> u64;
}

type Case = fn(Scale) -> Run;

/// Every library that was compiled in, filch first.
pub fn contestants() -> Vec<Box<dyn Contestant>> {
    vec![
        #[cfg(feature = "filch")]
        Box::new(Entry::of::<libraries::Filch>()),
        Box::new(Entry::of::<libraries::Genawaiter>()),
        Box::new(Entry::of::<libraries::Corosensei>()),
    ]
}

/// The [`Contestant`] made of a [`Library`].
struct Entry {
    name: &'static str,
    package: &'static str,
    cases: [(ProbeInfo, Case); 2],
}

impl Entry {
    fn of<L: Library>() -> Self {
        let cases: [(ProbeInfo, Case); 2] = [
            (ProbeInfo::case("send_suspend", "round trip"), coroutine::round_trips::<L>),
            (ProbeInfo::case("make_send_end", "coroutine"), coroutine::short_lives::<L>),
        ];
        Self { name: L::NAME, package: L::PACKAGE, cases }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Entry").field(&self.name).finish()
    }
}

impl Contestant for Entry {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> String {
        machine::locked_version(self.package).into()
    }

    fn probes(&self) -> Vec<ProbeInfo> {
        self.cases.iter().map(|(info, _)| *info).collect()
    }

    fn measure(&self, probe: usize, setup: &Setup) -> Measured {
        let (_, run) = self.cases[probe];
        run(setup.scale.tenth());
        run(setup.scale).figures().into()
    }

    fn memory(&self, _child: &Child) -> f64 {
        unreachable!("the guards that ask for it compare runtimes")
    }
}
