// The cases of the benchmarks, in Go.
//
//	peer list                         {"version":"1.27.3","cases":["skynet",…]}
//	peer CASE WORKERS REDUCTION       {"wall_ns":12.3,"cpu_ns":23.4}, per operation
//	peer GUARD WORKERS REDUCTION      {"p50_us":12.3,…}, what the guard is about
//
// REDUCTION is how many tenths below the full size. Goroutines take the place of tasks and GOMAXPROCS
// that of the workers. A wrong result ends the program with exit code 1.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// What a piece of work took, and how many operations it was.
type result struct {
	wall, cpu  time.Duration
	operations int
}

// A case does its work at a size, checks it, and says what it took.
type benchmark func(reduction int) result

var cases = map[string]benchmark{
	"spawn_join_batch":       spawnJoinBatch,
	"spawn_detached":         spawnDetached,
	"spawn_await_one":        spawnAwaitOne,
	"chained_spawn":          chainedSpawn,
	"yield":                  yield,
	"ping_pong":              pingPong,
	"ring":                   ring,
	"channel":                channel,
	"skynet":                 skynet,
	"fib":                    fib,
	"nqueens":                nqueens,
	"matmul":                 matmul,
	"timer_fire":             timerFire,
	"timer_burst":            timerBurst,
	"timeout_churn":          timeoutChurn,
	"timeout_churn_live":     timeoutChurnLive,
	"timeout_churn_live_10m": timeoutChurnLive10M,
	"sleep_reset":            sleepReset,
	"sleep_reset_earlier":    sleepResetEarlier,
	"sleep_cancel_remote":    sleepCancelRemote,
}

// A guard measures at a size, and gives its figures by their names.
type guard func(workers, reduction int) map[string]float64

var guards = map[string]guard{
	"lateness_100us":      atRest(100*time.Microsecond, 5_000),
	"lateness_1ms":        atRest(time.Millisecond, 1_000),
	"lateness_10ms":       atRest(10*time.Millisecond, 200),
	"lateness_busy_100us": busy(100*time.Microsecond, 5_000),
	"lateness_busy_1ms":   busy(time.Millisecond, 1_000),
	"lateness_busy_10ms":  busy(10*time.Millisecond, 200),
	"drift":               drift,
}

// Longer than whoever started this program waits.
const limit = 150 * time.Second

func main() {
	arguments := os.Args[1:]
	if len(arguments) == 1 && arguments[0] == "list" {
		list()
		return
	}
	if len(arguments) != 3 {
		fail("usage: list | CASE WORKERS REDUCTION | GUARD WORKERS REDUCTION")
	}
	workers, reduction := number(arguments[1]), number(arguments[2])
	run, isCase := cases[arguments[0]]
	measure, isGuard := guards[arguments[0]]
	if !isCase && !isGuard {
		fail("no case and no guard is called " + arguments[0])
	}
	time.AfterFunc(limit, func() { fail("no end") })
	runtime.GOMAXPROCS(workers)
	if isGuard {
		printJSON(measure(workers, reduction))
		return
	}
	// A tenth of the work warms up.
	run(reduction + 1)
	took := run(reduction)
	each := func(time time.Duration) float64 {
		return float64(time.Nanoseconds()) / float64(took.operations)
	}
	printJSON(map[string]float64{"wall_ns": each(took.wall), "cpu_ns": each(took.cpu)})
}

func list() {
	names := make([]string, 0, len(cases)+len(guards))
	for name := range cases {
		names = append(names, name)
	}
	for name := range guards {
		names = append(names, name)
	}
	sort.Strings(names)
	version := strings.TrimPrefix(runtime.Version(), "go")
	printJSON(map[string]any{"version": version, "cases": names})
}

func printJSON(value any) {
	text, err := json.Marshal(value)
	if err != nil {
		fail(err.Error())
	}
	fmt.Println(string(text))
}

func number(text string) int {
	number, err := strconv.Atoi(text)
	if err != nil || number < 0 {
		fail(text + " is no number")
	}
	return number
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(1)
}

func check(right bool, what string) {
	if !right {
		fail("wrong: " + what)
	}
}

// count is the full number, so many tenths down.
func count(full, reduction int) int {
	for ; reduction > 0; reduction-- {
		full /= 10
	}
	return max(full, 1)
}

// timed measures a piece of work of so many operations.
func timed(operations int, work func()) result {
	cpu, start := cpuTime(), time.Now()
	work()
	wall := time.Since(start)
	return result{wall, cpuTime() - cpu, operations}
}

// cpuTime is the user and system time of all threads so far.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		fail(err.Error())
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
