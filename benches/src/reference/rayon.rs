//! rayon: the trees of the cases by `rayon::join`, whose two halves are closures on the stack.
//!
//! What a case divides into tasks is divided into joins here, down to the same leaves. The structured and
//! the spawned twin of a case are the same to it.

use rayon::ThreadPoolBuilder;

use crate::cases::fork::{self, Board, FAN_OUT};
use crate::cases::matmul::{self, Part, Product};
use crate::child::Child;
use crate::clock::{Cost, Stopwatch};
use crate::machine;
use crate::probe::{Contestant, ProbeInfo, Run, Scale, Setup};
use crate::results::Measured;

/// Name in tables and options.
pub(super) const NAME: &str = "rayon";

type Case = fn(Scale) -> Run;

const CASES: [(&str, Case); 6] = [
    ("skynet", skynet),
    ("skynet_join", skynet),
    ("fib", fib),
    ("fib_join", fib),
    ("nqueens", nqueens),
    ("matmul", matmul),
];

/// rayon, with a pool of its own for each measurement.
#[derive(Debug)]
pub(super) struct Rayon {
    probes: Vec<ProbeInfo>,
}

impl Rayon {
    pub(super) fn new(probes: &[ProbeInfo]) -> Self {
        Self { probes: probes.to_vec() }
    }
}

fn case(name: &str) -> Option<Case> {
    CASES.iter().find(|(one, _)| *one == name).map(|(_, case)| *case)
}

impl Contestant for Rayon {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> String {
        machine::locked_version("rayon").into()
    }

    fn is_reference(&self) -> bool {
        true
    }

    fn probes(&self) -> Vec<ProbeInfo> {
        self.probes.clone()
    }

    fn takes_part(&self, probe: &ProbeInfo) -> bool {
        case(probe.name).is_some()
    }

    fn measure(&self, probe: usize, setup: &Setup) -> Measured {
        let run = case(self.probes[probe].name).expect("it takes part");
        let pool = ThreadPoolBuilder::new().num_threads(setup.workers).build();
        let run = || {
            run(setup.scale.tenth());
            run(setup.scale)
        };
        pool.expect("a pool of rayon").install(run).figures().into()
    }

    fn memory(&self, _child: &Child) -> f64 {
        unreachable!("it has no guards")
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (Cost, T) {
    let watch = Stopwatch::start();
    let output = work();
    (watch.stop(), output)
}

fn skynet(scale: Scale) -> Run {
    let leaves = scale.count(1_000_000) as u64;
    let (cost, sum) = timed(|| branch(0, leaves));
    assert_eq!(sum, leaves * (leaves - 1) / 2, "sum of the leaves");
    Run::new(cost, fork::nodes(leaves))
}

fn branch(first: u64, leaves: u64) -> u64 {
    if leaves == 1 {
        return first;
    }
    let each = leaves / FAN_OUT;
    let children: [u64; FAN_OUT as usize] =
        std::array::from_fn(|child| first + child as u64 * each);
    sum_of_all(&children, &|first| branch(*first, each), &|a, b| a + b)
}

/// `of` all of `parts`, which are some, halved down to one.
fn sum_of_all<P: Sync, T: Send>(
    parts: &[P],
    of: &(impl Fn(&P) -> T + Sync),
    sum: &(impl Fn(T, T) -> T + Sync),
) -> T {
    if let [part] = parts {
        return of(part);
    }
    let (left, right) = parts.split_at(parts.len() / 2);
    let (a, b) = rayon::join(|| sum_of_all(left, of, sum), || sum_of_all(right, of, sum));
    sum(a, b)
}

fn fib(scale: Scale) -> Run {
    let expected = fork::Fibonacci::new(scale);
    let (cost, value) = timed(|| call(expected.n));
    assert_eq!(value, expected.value, "Fibonacci number");
    Run::new(cost, expected.calls)
}

fn call(n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let (a, b) = rayon::join(|| call(n - 1), || call(n - 2));
    a + b
}

fn nqueens(scale: Scale) -> Run {
    let (board, expected) = fork::queens(scale);
    let (cost, found) = timed(|| place(board));
    assert_eq!(found, expected, "solutions and placements");
    Run::new(cost, expected.1)
}

fn place(board: Board) -> (usize, usize) {
    if board.is_full() {
        return (1, 1);
    }
    let children: Vec<_> = board.children().collect();
    if children.is_empty() {
        return (0, 1);
    }
    let sum = |a: (usize, usize), b: (usize, usize)| (a.0 + b.0, a.1 + b.1);
    sum(sum_of_all(&children, &|child| place(*child), &sum), (0, 1))
}

fn matmul(scale: Scale) -> Run {
    let side = matmul::side(scale);
    let product = Product::new(side);
    let (cost, ()) = timed(|| multiply(&product, Part::whole(side)));
    assert!(product.is_right(), "product of the matrices");
    Run::new(cost, side.pow(3))
}

fn multiply(product: &Product, part: Part) {
    if part.side == 1 {
        return product.multiply_block(part);
    }
    for phase in 0..2 {
        let quarters: [_; 4] = std::array::from_fn(|number| part.quarter(phase, number));
        sum_of_all(&quarters, &|quarter| multiply(product, *quarter), &|(), ()| ());
    }
}
