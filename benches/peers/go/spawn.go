package main

import (
	"sync"
	"sync/atomic"
)

func spawnJoinBatch(reduction int) result {
	const batch = 10_000
	times := count(100, reduction)
	// The result is that the wait ends: a goroutine too few or too many would be an error of the group.
	return timed(times*batch, func() {
		for range times {
			var group sync.WaitGroup
			group.Add(batch)
			for range batch {
				go group.Done()
			}
			group.Wait()
		}
	})
}

func spawnDetached(reduction int) result {
	tasks := count(1_000_000, reduction)
	return timed(tasks, func() {
		var left atomic.Int64
		left.Store(int64(tasks))
		done := make(chan struct{})
		for range tasks {
			go func() {
				if left.Add(-1) == 0 {
					close(done)
				}
			}()
		}
		<-done
	})
}

func spawnAwaitOne(reduction int) result {
	times := count(300_000, reduction)
	sum := 0
	took := timed(times, func() {
		for number := range times {
			answer := make(chan int, 1)
			go func() { answer <- number }()
			sum += <-answer
		}
	})
	check(sum == times*(times-1)/2, "sum of what the tasks returned")
	return took
}

func chainedSpawn(reduction int) result {
	depth := count(1_000_000, reduction)
	reached := 0
	took := timed(depth, func() {
		done := make(chan int, 1)
		link(depth, 0, done)
		reached = <-done
	})
	check(reached == depth, "depth of the chain")
	return took
}

func link(left, depth int, done chan<- int) {
	if left == 0 {
		done <- depth
		return
	}
	go link(left-1, depth+1, done)
}
