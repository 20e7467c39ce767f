package main

import (
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Goroutines for each processor that keep it busy, and what each does between two yields.
const (
	hogs      = 4
	shortPoll = 10 * time.Microsecond
)

// atRest: one goroutine sleeps so many times in a row; then a thread without a scheduler.
func atRest(length time.Duration, times int) guard {
	return func(_, reduction int) map[string]float64 {
		times := count(times, reduction)
		figures := percentiles(sleepInARow(length, times, func() { time.Sleep(length) }))
		runtime.LockOSThread()
		request := syscall.NsecToTimespec(length.Nanoseconds())
		ofThread := sleepInARow(length, times, func() {
			remaining := request
			for syscall.Nanosleep(&remaining, &remaining) == syscall.EINTR {
			}
		})
		figures["thread_p50_us"] = percentile(ofThread, 0.5)
		figures["thread_p99_us"] = percentile(ofThread, 0.99)
		return figures
	}
}

// busy: the same among goroutines that spin and yield, again and again, four for each processor.
func busy(length time.Duration, times int) guard {
	return func(workers, reduction int) map[string]float64 {
		var stop atomic.Bool
		var polls atomic.Int64
		var group sync.WaitGroup
		for range hogs * workers {
			group.Add(1)
			go func() {
				defer group.Done()
				for !stop.Load() {
					for start := time.Now(); time.Since(start) < shortPoll; {
					}
					polls.Add(1)
					runtime.Gosched()
				}
			}()
		}
		// Every processor has something to do before the first sleep.
		for polls.Load() < int64(100*hogs*workers) {
			runtime.Gosched()
		}
		late := sleepInARow(length, count(times, reduction), func() { time.Sleep(length) })
		stop.Store(true)
		group.Wait()
		return percentiles(late)
	}
}

// sleepInARow gives how many microseconds late each sleep ended.
func sleepInARow(length time.Duration, times int, sleep func()) []float64 {
	late := make([]float64, 0, times)
	for range times {
		deadline := time.Now().Add(length)
		sleep()
		late = append(late, since(deadline))
	}
	return late
}

// drift: how far each tick of a ticker is from where it belongs. A tick that the ticker drops, as it does
// when it is a period late, puts all that follow a period late.
func drift(_, reduction int) map[string]float64 {
	const period = time.Millisecond
	ticks := count(10_000, reduction)
	distances := make([]float64, 0, ticks)
	start := time.Now()
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for number := range ticks {
		<-ticker.C
		distances = append(distances, since(start.Add(period*time.Duration(number+1))))
	}
	return map[string]float64{
		"last_us": distances[ticks-1],
		"p50_us":  percentile(distances, 0.5),
		"p99_us":  percentile(distances, 0.99),
	}
}

func since(deadline time.Time) float64 {
	late := time.Since(deadline)
	check(late >= 0, "a sleep ended early")
	return float64(late.Nanoseconds()) / 1000
}

func percentiles(late []float64) map[string]float64 {
	return map[string]float64{
		"p50_us":   percentile(late, 0.5),
		"p99_us":   percentile(late, 0.99),
		"p99.9_us": percentile(late, 0.999),
		"max_us":   percentile(late, 1),
	}
}

// percentile is the sample that this share of all does not exceed.
func percentile(samples []float64, share float64) float64 {
	sorted := slices.Clone(samples)
	slices.Sort(sorted)
	rank := int(math.Ceil(float64(len(sorted)) * share))
	return sorted[min(max(rank, 1), len(sorted))-1]
}
