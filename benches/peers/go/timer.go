package main

import (
	"runtime"
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

// Longer than any measurement.
const long = 30 * time.Second

func timeoutChurn(reduction int) result {
	const churners = 100
	times := count(5_000, reduction)
	var done [churners]int
	took := timed(churners*times, func() {
		var group sync.WaitGroup
		for index := range done {
			group.Add(1)
			go func() {
				defer group.Done()
				for range times {
					limit := time.NewTimer(long)
					runtime.Gosched()
					// It has not fired.
					if limit.Stop() {
						done[index]++
					}
				}
			}()
		}
		group.Wait()
	})
	total := 0
	for _, inTime := range done {
		total += inTime
	}
	check(total == churners*times, "yields in time")
	return took
}

func sleepReset(reduction int) result {
	return reset(reduction, long, func(int) time.Duration { return long })
}

func sleepResetEarlier(reduction int) result {
	const first = 1_200 * time.Second
	return reset(reduction, first, func(number int) time.Duration {
		return first - time.Duration(number+1)*time.Millisecond
	})
}

func reset(reduction int, first time.Duration, next func(number int) time.Duration) result {
	times := count(1_000_000, reduction)
	timer := time.NewTimer(first)
	active := 0
	took := timed(times, func() {
		for number := range times {
			if timer.Reset(next(number)) {
				active++
			}
		}
	})
	check(active == times && timer.Stop(), "early")
	return took
}
