package main

import "sync"

// Edge of a block.
const edge = 32

type block [edge * edge]int32

// product is two matrices and their product, stored by blocks.
type product struct {
	side                int
	left, right, result []block
}

// part is side³ products of blocks, from these blocks on.
type part struct{ row, column, depth, side int }

func matmul(reduction int) result {
	side := 32 >> reduction
	matrices := newProduct(side)
	took := timed(side*side*side, func() {
		var root sync.WaitGroup
		root.Add(1)
		go matrices.multiply(part{0, 0, 0, side}, &root)
		root.Wait()
	})
	check(matrices.isRight(), "product of the matrices")
	return took
}

func newProduct(side int) *product {
	blocks := side * side
	matrices := &product{side, make([]block, blocks), make([]block, blocks), make([]block, blocks)}
	fill := func(block *block, seed int) {
		for index := range block {
			block[index] = int32((seed*31+index*17)%101) - 50
		}
	}
	for index := range blocks {
		fill(&matrices.left[index], index)
		fill(&matrices.right[index], blocks+index)
	}
	return matrices
}

func (matrices *product) multiply(whole part, parent *sync.WaitGroup) {
	defer parent.Done()
	if whole.side == 1 {
		matrices.multiplyBlock(whole)
		return
	}
	half := whole.side / 2
	for phase := range 2 {
		var quarters sync.WaitGroup
		quarters.Add(4)
		for number := range 4 {
			quarter := part{
				whole.row + half*(number/2),
				whole.column + half*(number%2),
				whole.depth + half*phase,
				half,
			}
			go matrices.multiply(quarter, &quarters)
		}
		quarters.Wait()
	}
}

func (matrices *product) multiplyBlock(part part) {
	left := &matrices.left[part.row*matrices.side+part.depth]
	right := &matrices.right[part.depth*matrices.side+part.column]
	result := &matrices.result[part.row*matrices.side+part.column]
	for row := range edge {
		sums := result[row*edge : (row+1)*edge]
		for inner := range edge {
			factor := left[row*edge+inner]
			numbers := right[inner*edge : (inner+1)*edge]
			for column := range sums {
				sums[column] += factor * numbers[column]
			}
		}
	}
}

// isRight is Freivalds' check: for a vector v, left (right v) is result v.
func (matrices *product) isRight() bool {
	vector := make([]int32, matrices.side*edge)
	for index := range vector {
		vector[index] = int32(index%13) - 6
	}
	expected := matrices.apply(matrices.left, matrices.apply(matrices.right, vector))
	image := matrices.apply(matrices.result, vector)
	for index := range image {
		if image[index] != expected[index] {
			return false
		}
	}
	return true
}

func (matrices *product) apply(matrix []block, vector []int32) []int32 {
	image := make([]int32, len(vector))
	for index := range matrix {
		rows := image[index/matrices.side*edge:]
		part := vector[index%matrices.side*edge:]
		for position, factor := range matrix[index] {
			rows[position/edge] += factor * part[position%edge]
		}
	}
	return image
}
