//! Trees of tasks: spawn the children, await them, combine.
//!
//! A parent never spawns its children in its own `async fn` but through a plain function that
//! returns the join handle: an `async fn` that spawns itself could not be proven `Send`.

use super::{in_task, timed};
use crate::peer::Peer;
use crate::probe::{Run, Scale};

/// Children of each inner task of `skynet`.
pub const FAN_OUT: u64 = 10;

/// `skynet`: a tree of tasks with ten children each and 1 000 000 leaves; a leaf returns its
/// number, the others the sum of their children. 1 111 111 tasks, the root included.
pub fn skynet<P: Peer>(peer: &P, scale: Scale) -> Run {
    let leaves = scale.count(1_000_000) as u64;
    let body = async move { spawn_branch::<P>(0, leaves).await };
    let (cost, sum) = in_task(peer, timed(body));
    assert_eq!(sum, leaves * (leaves - 1) / 2, "sum of the leaves");
    Run::new(cost, nodes(leaves))
}

/// Nodes of the tree of `skynet` with so many leaves.
pub fn nodes(leaves: u64) -> usize {
    ((leaves * FAN_OUT - 1) / (FAN_OUT - 1)) as usize
}

fn spawn_branch<P: Peer>(first: u64, leaves: u64) -> P::Join<u64> {
    P::spawn(branch::<P>(first, leaves))
}

async fn branch<P: Peer>(first: u64, leaves: u64) -> u64 {
    if leaves == 1 {
        return first;
    }
    let each = leaves / FAN_OUT;
    let children: Vec<_> =
        (0..FAN_OUT).map(|child| spawn_branch::<P>(first + child * each, each)).collect();
    let mut sum = 0;
    for child in children {
        sum += child.await;
    }
    sum
}

/// `fib`: the 25th Fibonacci number, every call of the recursion a task of its own: 242 785 tasks.
pub fn fib<P: Peer>(peer: &P, scale: Scale) -> Run {
    let expected = Fibonacci::new(scale);
    let n = expected.n;
    let body = async move { spawn_fib::<P>(n).await };
    let (cost, value) = in_task(peer, timed(body));
    assert_eq!(value, expected.value, "Fibonacci number");
    Run::new(cost, expected.calls)
}

/// A Fibonacci number.
#[derive(Clone, Copy, Debug)]
pub struct Fibonacci {
    /// Its rank.
    pub n: u64,
    /// The number.
    pub value: u64,
    /// Calls of the recursion for it.
    pub calls: usize,
}

impl Fibonacci {
    /// The one that `fib` computes.
    pub fn new(scale: Scale) -> Self {
        // Five less is about a tenth of the calls.
        let n = 25 - 5 * u64::from(scale.reduction());
        let (value, next) = (0..n).fold((0, 1), |(a, b), _| (b, a + b));
        // calls(n) = 1 + calls(n - 1) + calls(n - 2) = 2 fib(n + 1) - 1
        Self { n, value, calls: 2 * next as usize - 1 }
    }
}

fn spawn_fib<P: Peer>(n: u64) -> P::Join<u64> {
    P::spawn(fib_task::<P>(n))
}

async fn fib_task<P: Peer>(n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let first = spawn_fib::<P>(n - 1);
    let second = spawn_fib::<P>(n - 2);
    first.await + second.await
}

/// `nqueens`: the solutions of the ten queens' problem, a task for each legal placement: an
/// irregular tree of 35 539 tasks, the root included.
pub fn nqueens<P: Peer>(peer: &P, scale: Scale) -> Run {
    let (board, expected) = queens(scale);
    let body = async move { spawn_place::<P>(board).await };
    let (cost, found) = in_task(peer, timed(body));
    assert_eq!(found, expected, "solutions and placements");
    Run::new(cost, expected.1)
}

/// The board of `nqueens`, and its solutions and legal placements, the root included.
pub fn queens(scale: Scale) -> (Board, (usize, usize)) {
    // Sizes about a tenth of each other.
    match scale.reduction() {
        0 => (Board::empty(10), (724, 35_539)),
        1 => (Board::empty(8), (92, 2_057)),
        _ => (Board::empty(6), (4, 153)),
    }
}

/// The rows above, as the columns of the next row that they attack.
#[derive(Clone, Copy, Debug)]
pub struct Board {
    size: u32,
    columns: u32,
    falling: u32,
    rising: u32,
}

impl Board {
    fn empty(size: u32) -> Self {
        Self { size, columns: 0, falling: 0, rising: 0 }
    }

    /// Whether there is a queen in each row.
    pub fn is_full(self) -> bool {
        self.columns.count_ones() == self.size
    }

    /// The boards with one more queen in the next row.
    pub fn children(self) -> impl Iterator<Item = Self> {
        let taken = self.columns | self.falling | self.rising;
        (0..self.size).map(|column| 1 << column).filter(move |queen| taken & queen == 0).map(
            move |queen| Self {
                size: self.size,
                columns: self.columns | queen,
                falling: (self.falling | queen) << 1,
                rising: (self.rising | queen) >> 1,
            },
        )
    }
}

fn spawn_place<P: Peer>(board: Board) -> P::Join<(usize, usize)> {
    P::spawn(place::<P>(board))
}

/// Solutions below this board, and tasks it took to find them.
async fn place<P: Peer>(board: Board) -> (usize, usize) {
    if board.is_full() {
        return (1, 1);
    }
    let children: Vec<_> = board.children().map(spawn_place::<P>).collect();
    let mut found = (0, 1);
    for child in children {
        let (solutions, tasks) = child.await;
        found = (found.0 + solutions, found.1 + tasks);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(board: Board) -> (usize, usize) {
        if board.is_full() {
            return (1, 1);
        }
        board.children().map(count).fold((0, 1), |sum, child| (sum.0 + child.0, sum.1 + child.1))
    }

    #[test]
    fn queens_are_placed_as_the_case_expects() {
        assert_eq!(count(Board::empty(10)), (724, 35_539));
        assert_eq!(count(Board::empty(8)), (92, 2_057));
        assert_eq!(count(Board::empty(6)), (4, 153));
    }
}
