package main

import (
	"runtime"
	"sync"
)

func yield(reduction int) result {
	const yielders = 200
	times := count(10_000, reduction)
	var yields [yielders]int
	took := timed(yielders*times, func() {
		var group sync.WaitGroup
		for index := range yields {
			group.Add(1)
			go func() {
				defer group.Done()
				done := 0
				for done < times {
					runtime.Gosched()
					done++
				}
				yields[index] = done
			}()
		}
		group.Wait()
	})
	total := 0
	for _, done := range yields {
		total += done
	}
	check(total == yielders*times, "yields")
	return took
}

func pingPong(reduction int) result {
	const pairs = 1_000
	rounds := count(300, reduction)
	return timed(rounds*pairs, func() {
		for range rounds {
			var group sync.WaitGroup
			group.Add(pairs)
			for range pairs {
				go func() {
					defer group.Done()
					ping, pong := make(chan uint64, 1), make(chan uint64, 1)
					go func() { pong <- <-ping + 1 }()
					ping <- 1
					check(<-pong == 2, "the ball that came back")
				}()
			}
			group.Wait()
		}
	})
}

// The token of the ring goes round until it has no hops left; then each place closes the next.
func ring(reduction int) result {
	const places = 503
	hops := count(1_000_000, reduction)
	var group sync.WaitGroup
	done := make(chan int, 1)
	channels := make([]chan int, places)
	for place := range channels {
		channels[place] = make(chan int, 1)
	}
	for place := range places {
		inbox, next := channels[place], channels[(place+1)%places]
		group.Add(1)
		go func() {
			defer group.Done()
			for left := range inbox {
				if left == 0 {
					done <- place
					break
				}
				next <- left - 1
			}
			// The last to end closes what nobody reads any more.
			close(next)
		}()
	}
	last := -1
	took := timed(hops, func() {
		channels[0] <- hops
		last = <-done
	})
	group.Wait()
	check(last == hops%places, "place where the token ended")
	return took
}

func channel(reduction int) result {
	const sides, capacity = 8, 100
	each := count(1_000_000, reduction) / sides
	messages := each * sides
	var counts, sums [sides]int
	took := timed(messages, func() {
		channel := make(chan int, capacity)
		var producers, consumers sync.WaitGroup
		for side := range sides {
			producers.Add(1)
			go func() {
				defer producers.Done()
				for number := side * each; number < (side+1)*each; number++ {
					channel <- number
				}
			}()
			consumers.Add(1)
			go func() {
				defer consumers.Done()
				received, sum := 0, 0
				for number := range channel {
					received++
					sum += number
				}
				counts[side], sums[side] = received, sum
			}()
		}
		producers.Wait()
		close(channel)
		consumers.Wait()
	})
	received, sum := 0, 0
	for side := range sides {
		received += counts[side]
		sum += sums[side]
	}
	check(received == messages && sum == messages*(messages-1)/2, "count and sum of the messages")
	return took
}
