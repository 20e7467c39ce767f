//! Compute-bound work: every runtime should take the same time. A large win is an error.

use std::array;
use std::sync::{Arc, Mutex};

use super::{in_task, timed};
use crate::peer::Peer;
use crate::probe::{Run, Scale};

/// Edge of a block.
const EDGE: usize = 32;
/// Blocks along an edge of the matrix at full scale: 1024 numbers.
const SIDE: usize = 32;

type Block = [i32; EDGE * EDGE];

/// `matmul`: two 1024 x 1024 matrices of `i32`, divided into quarters down to blocks of 32 x 32,
/// in two phases of four tasks at each step; per product of two blocks (32 768 of them).
pub fn matmul<P: Peer>(peer: &P, scale: Scale) -> Run {
    let side = side(scale);
    let product = Arc::new(Product::new(side));
    let whole = Part::whole(side);
    let shared = Arc::clone(&product);
    let body = async move { spawn_part::<P>(shared, whole).await };
    let (cost, ()) = in_task(peer, timed(body));
    assert!(product.is_right(), "product of the matrices");
    Run::new(cost, side.pow(3))
}

/// Blocks along an edge of the matrix.
pub fn side(scale: Scale) -> usize {
    // Half the edge is an eighth of the work.
    SIDE >> scale.reduction()
}

/// A part of the work: `side`³ products of blocks, from these blocks on.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    row: usize,
    column: usize,
    depth: usize,
    /// Blocks along its edges.
    pub side: usize,
}

impl Part {
    /// All of the work.
    pub fn whole(side: usize) -> Self {
        Self { row: 0, column: 0, depth: 0, side }
    }

    /// The quarter of the result with this number, of the half of the depth that `phase` names.
    pub fn quarter(self, phase: usize, number: usize) -> Self {
        let side = self.side / 2;
        Self {
            row: self.row + side * (number / 2),
            column: self.column + side * (number % 2),
            depth: self.depth + side * phase,
            side,
        }
    }
}

fn spawn_part<P: Peer>(product: Arc<Product>, part: Part) -> P::Join<()> {
    P::spawn(multiply::<P>(product, part))
}

async fn multiply<P: Peer>(product: Arc<Product>, part: Part) {
    if part.side == 1 {
        product.multiply_block(part);
        return;
    }
    for phase in 0..2 {
        let quarters: [_; 4] = array::from_fn(|number| {
            spawn_part::<P>(Arc::clone(&product), part.quarter(phase, number))
        });
        for quarter in quarters {
            quarter.await;
        }
    }
}

/// Two matrices and their product, stored by blocks.
#[derive(Debug)]
pub struct Product {
    side: usize,
    left: Vec<Block>,
    right: Vec<Block>,
    /// The tasks of a phase write to different blocks: no lock is ever waited for.
    result: Vec<Mutex<Block>>,
}

impl Product {
    /// Matrices of so many blocks along an edge; the product is still zero.
    pub fn new(side: usize) -> Self {
        let block =
            |seed: usize| array::from_fn(|index| ((seed * 31 + index * 17) % 101) as i32 - 50);
        let blocks = side * side;
        Self {
            side,
            left: (0..blocks).map(block).collect(),
            right: (blocks..2 * blocks).map(block).collect(),
            result: (0..blocks).map(|_| Mutex::new([0; EDGE * EDGE])).collect(),
        }
    }

    /// Adds the one product that a part of side 1 is.
    pub fn multiply_block(&self, part: Part) {
        let left = &self.left[part.row * self.side + part.depth];
        let right = &self.right[part.depth * self.side + part.column];
        let result = &self.result[part.row * self.side + part.column];
        let mut result = result.lock().unwrap();
        for (left, result) in left.chunks_exact(EDGE).zip(result.chunks_exact_mut(EDGE)) {
            for (factor, right) in left.iter().zip(right.chunks_exact(EDGE)) {
                for (sum, number) in result.iter_mut().zip(right) {
                    *sum = sum.wrapping_add(factor.wrapping_mul(*number));
                }
            }
        }
    }

    /// Freivalds' check: for a vector v, left (right v) is result v.
    pub fn is_right(&self) -> bool {
        let vector: Vec<i32> = (0..self.side * EDGE).map(|n| n as i32 % 13 - 6).collect();
        let result: Vec<Block> = self.result.iter().map(|b| *b.lock().unwrap()).collect();
        let product = self.apply(&self.left, &self.apply(&self.right, &vector));
        product == self.apply(&result, &vector)
    }

    fn apply(&self, matrix: &[Block], vector: &[i32]) -> Vec<i32> {
        let mut image = vec![0_i32; vector.len()];
        for (index, block) in matrix.iter().enumerate() {
            let rows = &mut image[index / self.side * EDGE..][..EDGE];
            let part = &vector[index % self.side * EDGE..][..EDGE];
            for (sum, row) in rows.iter_mut().zip(block.chunks_exact(EDGE)) {
                for (factor, number) in row.iter().zip(part) {
                    *sum = sum.wrapping_add(factor.wrapping_mul(*number));
                }
            }
        }
        image
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_tells_right_from_wrong() {
        let product = Product::new(2);
        for index in 0..8 {
            product.multiply_block(Part {
                row: index / 4,
                column: index / 2 % 2,
                depth: index % 2,
                side: 1,
            });
        }
        assert!(product.is_right());
        product.result[3].lock().unwrap()[5] += 1;
        assert!(!product.is_right());
    }
}
