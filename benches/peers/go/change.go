package main

import (
	"runtime"
	"sync"
	"time"
)

// Longer than any measurement.
const long = 30 * time.Second

// registered is a timer that a heap of the runtime has. One with a channel is put there only while
// somebody waits at the channel (since Go 1.23): to set it and to stop it would touch no heap.
func registered(length time.Duration) *time.Timer {
	return time.AfterFunc(length, func() { fail("early") })
}

func timeoutChurn(reduction int) result {
	return churn(count(5_000, reduction))
}

func timeoutChurnLive(reduction int) result {
	return churnAmong(1_000_000, reduction)
}

func timeoutChurnLive10M(reduction int) result {
	return churnAmong(10_000_000, reduction)
}

func churnAmong(live, reduction int) result {
	timers := registerByMany(count(live, reduction))
	took := churn(count(5_000, reduction))
	stopAll(timers)
	return took
}

// churn sets and lifts a limit round a yield so many times in each of many goroutines.
func churn(times int) result {
	const churners = 100
	var done [churners]int
	took := timed(churners*times, func() {
		var group sync.WaitGroup
		for index := range done {
			group.Add(1)
			go func() {
				defer group.Done()
				for range times {
					limit := registered(long)
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

// registerByMany registers timers in goroutines of a thousand each, so that every processor's heap has
// some.
func registerByMany(total int) []*time.Timer {
	const part = 1_000
	timers := make([]*time.Timer, total)
	var group sync.WaitGroup
	for first := 0; first < total; first += part {
		group.Add(1)
		go func() {
			defer group.Done()
			register(timers[first:min(first+part, total)], first)
		}()
	}
	group.Wait()
	return timers
}

// register fills a part of the timers, of which the first has this number. They end between 10 minutes and
// 10 minutes and 1 hour from now, in no order.
func register(timers []*time.Timer, first int) {
	const spreadInMs = 3_600_000
	for index := range timers {
		// A permutation of the milliseconds: the factor is a prime that does not divide them.
		offset := (first + index) * 7_919 % spreadInMs
		timers[index] = registered(time.Duration(600_000+offset) * time.Millisecond)
	}
}

func stopAll(timers []*time.Timer) {
	active := 0
	for _, timer := range timers {
		if timer.Stop() {
			active++
		}
	}
	check(active == len(timers), "timers that last")
}

// sleepCancelRemote has one goroutine register timers and another one stop them. On which processors the
// two run is Go's choice.
func sleepCancelRemote(reduction int) result {
	timers := make([]*time.Timer, count(500_000, reduction))
	done := make(chan struct{})
	go func() {
		register(timers, 0)
		close(done)
	}()
	<-done
	return timed(len(timers), func() { stopAll(timers) })
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
	timer := registered(first)
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
