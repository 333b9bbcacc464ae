// Package measure counts as bench/load does in Node, and says it in the same words (bench/load/spec.ts): what ends
// within the window counts, and nothing else; failures are counted by themselves; processor time of the
// servers is read from /proc at both ends of the window.
package measure

import (
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Fields of /proc/PID/stat behind the command's name, and USER_HZ.
const (
	userTicksAt    = 11
	systemTicksAt  = 12
	ticksPerSecond = 100
)

// Result has the fields of LoadResult.
type Result struct {
	Count            int            `json:"count"`
	Failed           int            `json:"failed"`
	Failures         map[string]int `json:"failures"`
	Skipped          int            `json:"skipped"`
	Seconds          float64        `json:"seconds"`
	PerSecond        float64        `json:"perSecond"`
	P50Ms            float64        `json:"p50Ms"`
	P99Ms            float64        `json:"p99Ms"`
	MaxMs            float64        `json:"maxMs"`
	ServerCPUSeconds float64        `json:"serverCpuSeconds"`
	ClientCPUSeconds float64        `json:"clientCpuSeconds"`
}

// Loop is a closed loop: so many in flight, each followed at once by another one.
type Loop struct {
	Inflight    int
	WarmSeconds float64
	Seconds     float64
	// Total ends it after so many instead of after a time; all of them count.
	Total      int
	ServerPids []int
}

// Each worker keeps its own, so that counting is no bottleneck.
type worker struct {
	milliseconds []float64
	failures     map[string]int
}

// Run calls issue from Inflight goroutines, with the operations' numbers.
func (l Loop) Run(issue func(number int) error) Result {
	workers := make([]worker, l.Inflight)
	var next, isOpen, isOver int64
	var wait sync.WaitGroup
	work := func(w *worker) {
		defer wait.Done()
		for atomic.LoadInt64(&isOver) == 0 {
			number := int(atomic.AddInt64(&next, 1)) - 1
			if l.Total > 0 && number >= l.Total {
				return
			}
			start := time.Now()
			err := issue(number)
			if err != nil {
				w.failures[err.Error()]++
			} else if atomic.LoadInt64(&isOpen) == 1 {
				w.milliseconds = append(w.milliseconds, time.Since(start).Seconds()*1000)
			}
		}
	}
	begin := func() {
		for at := range workers {
			workers[at].failures = map[string]int{}
			wait.Add(1)
			go work(&workers[at])
		}
	}
	if l.Total == 0 {
		begin()
		time.Sleep(seconds(l.WarmSeconds))
	}
	servers, own, opened := CPUSeconds(l.ServerPids), CPUSeconds([]int{os.Getpid()}), time.Now()
	atomic.StoreInt64(&isOpen, 1)
	if l.Total == 0 {
		time.Sleep(seconds(l.Seconds))
	} else {
		begin()
		wait.Wait()
	}
	atomic.StoreInt64(&isOpen, 0)
	elapsed := time.Since(opened).Seconds()
	servers, own = CPUSeconds(l.ServerPids)-servers, CPUSeconds([]int{os.Getpid()})-own
	atomic.StoreInt64(&isOver, 1)
	wait.Wait()
	result := summary(workers, elapsed)
	result.ServerCPUSeconds, result.ClientCPUSeconds = servers, own
	return result
}

func summary(workers []worker, elapsed float64) Result {
	var all []float64
	result := Result{Failures: map[string]int{}, Seconds: elapsed}
	for _, w := range workers {
		all = append(all, w.milliseconds...)
		for text, count := range w.failures {
			result.Failures[text] += count
			result.Failed += count
		}
	}
	sort.Float64s(all)
	at := func(share float64) float64 {
		if len(all) == 0 {
			return 0
		}
		return all[int(share*float64(len(all)-1))]
	}
	result.Count, result.PerSecond = len(all), float64(len(all))/elapsed
	result.P50Ms, result.P99Ms, result.MaxMs = at(0.5), at(0.99), at(1)
	return result
}

// CPUSeconds is the processor time that the processes have used since they began.
func CPUSeconds(pids []int) float64 {
	var ticks float64
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		Must(err)
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+2:]))
		for _, field := range []int{userTicksAt, systemTicksAt} {
			value, err := strconv.ParseFloat(fields[field], 64)
			Must(err)
			ticks += value
		}
	}
	return ticks / ticksPerSecond
}

// Pids reads "1,2,3".
func Pids(text string) []int {
	var pids []int
	for _, one := range strings.Split(text, ",") {
		if one == "" {
			continue
		}
		pid, err := strconv.Atoi(one)
		Must(err)
		pids = append(pids, pid)
	}
	return pids
}

// Must ends the program with the error on standard error.
func Must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func seconds(value float64) time.Duration {
	return time.Duration(value * float64(time.Second))
}
