package main

import "math/bits"

const fanOut = 10

func skynet(reduction int) result {
	leaves := count(1_000_000, reduction)
	sum := 0
	took := timed((leaves*fanOut-1)/(fanOut-1), func() {
		root := make(chan int, 1)
		go branch(0, leaves, root)
		sum = <-root
	})
	check(sum == leaves*(leaves-1)/2, "sum of the leaves")
	return took
}

func branch(first, leaves int, parent chan<- int) {
	if leaves == 1 {
		parent <- first
		return
	}
	each := leaves / fanOut
	children := make(chan int, fanOut)
	for child := range fanOut {
		go branch(first+child*each, each, children)
	}
	sum := 0
	for range fanOut {
		sum += <-children
	}
	parent <- sum
}

func fib(reduction int) result {
	n := 25 - 5*reduction
	expected, next := 0, 1
	for range n {
		expected, next = next, expected+next
	}
	value := 0
	took := timed(2*next-1, func() {
		root := make(chan int, 1)
		go fibTask(n, root)
		value = <-root
	})
	check(value == expected, "Fibonacci number")
	return took
}

func fibTask(n int, parent chan<- int) {
	if n < 2 {
		parent <- n
		return
	}
	children := make(chan int, 2)
	go fibTask(n-1, children)
	go fibTask(n-2, children)
	parent <- <-children + <-children
}

// board is the rows above, as the columns of the next row that they attack.
type board struct{ size, columns, falling, rising uint32 }

// found is the solutions below a board, and the tasks it took to find them.
type found struct{ solutions, tasks int }

func nqueens(reduction int) result {
	size, expected := uint32(10), found{724, 35_539}
	switch {
	case reduction == 1:
		size, expected = 8, found{92, 2_057}
	case reduction > 1:
		size, expected = 6, found{4, 153}
	}
	var total found
	took := timed(expected.tasks, func() {
		root := make(chan found, 1)
		go place(board{size: size}, root)
		total = <-root
	})
	check(total == expected, "solutions and placements")
	return took
}

func place(above board, parent chan<- found) {
	if bits.OnesCount32(above.columns) == int(above.size) {
		parent <- found{1, 1}
		return
	}
	children := make(chan found, above.size)
	spawned := 0
	taken := above.columns | above.falling | above.rising
	for column := range above.size {
		if queen := uint32(1) << column; taken&queen == 0 {
			below := board{above.size, above.columns | queen, (above.falling | queen) << 1, (above.rising | queen) >> 1}
			go place(below, children)
			spawned++
		}
	}
	total := found{0, 1}
	for range spawned {
		child := <-children
		total.solutions += child.solutions
		total.tasks += child.tasks
	}
	parent <- total
}
