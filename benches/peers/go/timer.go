package main

import (
	"sync"
	"time"
)

func timerFire(reduction int) result {
	const longest = 200 * time.Millisecond
	tasks := count(200_000, reduction)
	took := timed(tasks, func() {
		var group sync.WaitGroup
		group.Add(tasks)
		for number := range tasks {
			// A permutation: the factor is a prime that divides none of the counts.
			rank := number * 7_919 % tasks
			length := longest * time.Duration(rank+1) / time.Duration(tasks)
			go func() {
				start := time.Now()
				time.Sleep(length)
				check(time.Since(start) >= length, "early")
				group.Done()
			}()
		}
		group.Wait()
	})
	took.wall -= longest
	return took
}

func timerBurst(reduction int) result {
	tasks := count(200_000, reduction)
	var group sync.WaitGroup
	group.Add(tasks)
	deadline := time.Now().Add(2 * time.Microsecond * time.Duration(tasks))
	for range tasks {
		go sleepUntil(deadline, &group)
	}
	time.Sleep(time.Until(deadline))
	cpu := cpuTime()
	group.Wait()
	return result{time.Since(deadline), cpuTime() - cpu, tasks}
}

func sleepUntil(deadline time.Time, group *sync.WaitGroup) {
	time.Sleep(time.Until(deadline))
	check(!time.Now().Before(deadline), "early")
	group.Done()
}
