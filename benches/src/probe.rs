//! What the driver sees of a case or a guard.

use std::time::Duration;

use crate::child::Child;
use crate::clock::Cost;
use crate::counters::Counters;
use crate::options::Options;
use crate::peer::Timers;
use crate::results::Measured;
use crate::stats::Combine;
use crate::{cases, guards, machine};

/// One figure of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name, unit included.
    pub name: &'static str,
    /// How rounds become one figure.
    pub combine: Combine,
}

/// Wall time per operation in nanoseconds.
pub const WALL: Field = Field::median("wall_ns");
/// CPU time of the whole process per operation in nanoseconds.
pub const CPU: Field = Field::median("cpu_ns");

impl Field {
    /// A field whose figure is the median over the rounds.
    pub const fn median(name: &'static str) -> Self {
        let combine = Combine::Median;
        Self { name, combine }
    }

    /// A field whose figure is the worst of the rounds.
    pub const fn max(name: &'static str) -> Self {
        let combine = Combine::Max;
        Self { name, combine }
    }
}

/// Throughput or price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Counts how long an operation takes.
    Case,
    /// Watches that a fast case is not bought with something else.
    Guard,
}

/// Everything about a probe but its code.
#[derive(Clone, Copy, Debug)]
pub struct ProbeInfo {
    /// Name, unique among all.
    pub name: &'static str,
    /// Case or guard.
    pub kind: Kind,
    /// What is counted or watched, in a word or two.
    pub operation: &'static str,
    /// Its figures.
    pub fields: &'static [Field],
    /// Whether it is about timers.
    pub timers: bool,
    /// Whether it runs only when it is asked for by its whole name.
    pub on_demand: bool,
}

impl ProbeInfo {
    /// A case.
    pub const fn case(name: &'static str, operation: &'static str) -> Self {
        let fields = &[WALL, CPU];
        Self { name, kind: Kind::Case, operation, fields, timers: false, on_demand: false }
    }

    /// A guard.
    pub const fn guard(
        name: &'static str,
        operation: &'static str,
        fields: &'static [Field],
    ) -> Self {
        Self { name, kind: Kind::Guard, operation, fields, timers: false, on_demand: false }
    }

    /// `case/NAME` or `guard/NAME`: what filters are matched against.
    pub fn path(&self) -> String {
        let kind = match self.kind {
            Kind::Case => "case",
            Kind::Guard => "guard",
        };
        format!("{kind}/{}", self.name)
    }
}

/// How much of a case's full work to do.
///
/// Each step down is a tenth, so that cases whose size is an exponent can follow.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    reduction: u32,
}

impl Scale {
    /// All of it.
    pub const FULL: Self = Self { reduction: 0 };

    /// So many tenths below it.
    pub const fn reduced(reduction: u32) -> Self {
        Self { reduction }
    }

    /// A tenth of this.
    pub const fn tenth(self) -> Self {
        let reduction = self.reduction + 1;
        Self { reduction }
    }

    /// `full`, scaled.
    pub fn count(self, full: usize) -> usize {
        (full / 10_usize.pow(self.reduction)).max(1)
    }

    /// How many tenths lie below the full size.
    pub fn reduction(self) -> u32 {
        self.reduction
    }
}

/// One run of a case.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    cost: Cost,
    operations: usize,
}

impl Run {
    /// `operations` took `cost`.
    pub fn new(cost: Cost, operations: usize) -> Self {
        Self { cost, operations }
    }

    /// How many operations it was.
    pub fn operations(self) -> usize {
        self.operations
    }

    /// One figure for each of [`WALL`] and [`CPU`].
    pub fn figures(self) -> Vec<f64> {
        let each = |time: Duration| time.as_secs_f64() * 1e9 / self.operations as f64;
        vec![each(self.cost.wall), each(self.cost.cpu)]
    }
}

/// What a measurement needs to know.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Worker threads of the runtime.
    pub workers: usize,
    /// Size of the work.
    pub scale: Scale,
}

impl Setup {
    /// What the command line asks for, with this many workers.
    pub fn new(options: &Options, workers: usize) -> Self {
        let full = Scale::FULL;
        let scale = if options.quick { full.tenth() } else { full };
        Self { workers, scale }
    }

    /// `full` seconds, or a quarter of them at less than full scale.
    pub fn seconds(&self, full: f64) -> Duration {
        let short = self.scale.reduction() > 0;
        Duration::from_secs_f64(if short { full / 4.0 } else { full })
    }
}

/// A case or a guard, bound to a runtime.
#[derive(Debug)]
pub struct Probe<P> {
    info: ProbeInfo,
    body: Body<P>,
}

#[derive(Debug)]
enum Body<P> {
    /// How the runtime is started, and what it then does.
    Case(fn(usize) -> P, fn(&P, Scale) -> Run),
    Guard(fn(&Setup) -> Vec<f64>),
}

impl<P: Timers> Probe<P> {
    /// A case: does its work on the given runtime and says what it took.
    pub fn case(name: &'static str, operation: &'static str, run: fn(&P, Scale) -> Run) -> Self {
        let info = ProbeInfo::case(name, operation);
        let body = Body::Case(P::start, run);
        Self { info, body }
    }

    /// A case that needs timers.
    pub fn timer_case(
        name: &'static str,
        operation: &'static str,
        run: fn(&P, Scale) -> Run,
    ) -> Self {
        let info = ProbeInfo { timers: true, ..ProbeInfo::case(name, operation) };
        let body = Body::Case(P::start_with_timers, run);
        Self { info, body }
    }

    /// A guard: builds the runtime itself and returns one figure for each field.
    pub fn guard(
        name: &'static str,
        operation: &'static str,
        fields: &'static [Field],
        run: fn(&Setup) -> Vec<f64>,
    ) -> Self {
        let info = ProbeInfo::guard(name, operation, fields);
        let body = Body::Guard(run);
        Self { info, body }
    }

    /// A guard of timers.
    pub fn timer_guard(
        name: &'static str,
        operation: &'static str,
        fields: &'static [Field],
        run: fn(&Setup) -> Vec<f64>,
    ) -> Self {
        let info = ProbeInfo { timers: true, ..ProbeInfo::guard(name, operation, fields) };
        let body = Body::Guard(run);
        Self { info, body }
    }

    /// Only when it is asked for.
    pub fn on_demand(mut self) -> Self {
        self.info.on_demand = true;
        self
    }

    /// Everything about it but its code.
    pub fn info(&self) -> &ProbeInfo {
        &self.info
    }

    /// One run of a case without a warm-up; nothing of a guard.
    pub fn run_once(&self, setup: &Setup) -> Option<Run> {
        match self.body {
            Body::Case(start, run) => Some(run(&start(setup.workers), setup.scale)),
            Body::Guard(_) => None,
        }
    }

    /// Measures once: on a fresh runtime and, for a case, after a warm-up of a tenth of the work.
    pub fn measure(&self, setup: &Setup) -> Measured {
        match self.body {
            Body::Case(start, run) => {
                let peer = start(setup.workers);
                run(&peer, setup.scale.tenth());
                let before = peer.counters();
                let run = run(&peer, setup.scale);
                let each = |(after, before): (Counters, Counters)| {
                    after.per_operation_since(before, run.operations)
                };
                let counters = peer.counters().zip(before).map(each);
                Measured { figures: run.figures(), counters }
            }
            Body::Guard(run) => run(setup).into(),
        }
    }
}

/// A runtime with all its probes, its type erased.
pub trait Contestant {
    /// Name in tables and options.
    fn name(&self) -> &'static str;
    /// Its version.
    fn version(&self) -> String;
    /// Whether it does the same work by other means, and so is no peer.
    fn is_reference(&self) -> bool {
        false
    }
    /// All probes; the same ones in the same order for every contestant.
    fn probes(&self) -> Vec<ProbeInfo>;
    /// Whether it takes part in this probe.
    fn takes_part(&self, _probe: &ProbeInfo) -> bool {
        true
    }
    /// Measures the probe at this index once.
    fn measure(&self, probe: usize, setup: &Setup) -> Measured;
    /// What [`Child::run`] gives: the figure in bytes, measured in this process.
    fn memory(&self, child: &Child) -> f64;
}

/// The [`Contestant`] made of a [`Peer`](crate::peer::Peer).
#[derive(Debug)]
pub struct Entry<P> {
    probes: Vec<Probe<P>>,
}

impl<P: Timers> Entry<P> {
    /// All cases and guards on `P`.
    pub fn new() -> Self {
        let mut probes = cases::all();
        probes.extend(guards::all());
        Self { probes }
    }
}

impl<P: Timers> Default for Entry<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Timers> Contestant for Entry<P> {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn version(&self) -> String {
        machine::locked_version(P::PACKAGE).into()
    }

    fn probes(&self) -> Vec<ProbeInfo> {
        self.probes.iter().map(|probe| probe.info).collect()
    }

    fn takes_part(&self, probe: &ProbeInfo) -> bool {
        probe.timers || !P::ONLY_TIMERS
    }

    fn measure(&self, probe: usize, setup: &Setup) -> Measured {
        self.probes[probe].measure(setup)
    }

    fn memory(&self, child: &Child) -> f64 {
        guards::memory::measure_here::<P>(child)
    }
}
