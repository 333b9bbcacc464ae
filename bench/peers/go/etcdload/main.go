// Load on an etcd cluster through etcd's own Go client: puts or linearizable reads, so many in flight, for so
// long; prints one JSON line (bench/load/spec.ts: LoadResult). With -op trace: puts at a steady pace until
// standard input ends, each noted (TraceResult).
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/clientv3"

	"../measure"
)

// As the client of Quorate waits by default.
const timeout = 5 * time.Second

// The same rule as in bench/load/spec.ts: all keys in turn, but never neighbours after each other.
const keyStep = 7919

func keyOfOperation(number, keys int) int {
	return number * keyStep % keys
}

func main() {
	endpoints := flag.String("endpoints", "", "host:port,host:port,...")
	op := flag.String("op", "put", "put, get or trace")
	inflight := flag.Int("inflight", 64, "requests in flight")
	seconds := flag.Float64("seconds", 5, "measured")
	warm := flag.Float64("warm", 1, "seconds before that are not counted")
	total := flag.Int("total", 0, "ends after so many instead")
	bytes := flag.Int("bytes", 256, "of a value")
	keys := flag.Int("keys", 10000, "that are written or read in turn")
	every := flag.Duration("every", 2*time.Millisecond, "pace of a trace")
	pids := flag.String("pids", "", "of the servers, whose processor time is told")
	flag.Parse()
	client, err := clientv3.New(clientv3.Config{Endpoints: strings.Split(*endpoints, ","), DialTimeout: timeout})
	measure.Must(err)
	defer client.Close()
	value := strings.Repeat("v", *bytes)
	names := make([]string, *keys)
	for at := range names {
		names[at] = fmt.Sprintf("k%08d", at)
	}
	put := func(number int) error {
		_, err := client.Put(context.Background(), names[keyOfOperation(number, *keys)], value)
		return err
	}
	get := func(number int) error {
		found, err := client.Get(context.Background(), names[keyOfOperation(number, *keys)])
		if err == nil && len(found.Kvs) != 1 {
			return errors.New("KEY_MISSING")
		}
		return err
	}
	loop := measure.Loop{
		Inflight: *inflight, WarmSeconds: *warm, Seconds: *seconds, Total: *total, ServerPids: measure.Pids(*pids),
	}
	switch *op {
	case "put":
		tell(loop.Run(put))
	case "get":
		tell(loop.Run(get))
	case "trace":
		trace(*every, func(number int) error {
			limited, cancel := context.WithTimeout(context.Background(), timeout)
			defer cancel()
			_, err := client.Put(limited, names[keyOfOperation(number, *keys)], value)
			return err
		})
	default:
		measure.Must(fmt.Errorf("there is no -op %s", *op))
	}
}

// The first put that gets through tells when the cluster is back, to the length of the pace: none waits for
// another one.
func trace(every time.Duration, put func(number int) error) {
	var lock sync.Mutex
	var wait sync.WaitGroup
	calls, failures := [][3]interface{}{}, map[string]int{}
	isOver := make(chan struct{})
	go func() {
		io.Copy(io.Discard, bufio.NewReader(os.Stdin))
		close(isOver)
	}()
	measure.Must(put(0))
	fmt.Println("{}")
	begin := time.Now()
	for number := 1; ; number++ {
		select {
		case <-isOver:
			wait.Wait()
			tell(map[string]interface{}{"calls": calls, "failures": failures})
			return
		case <-time.After(time.Until(begin.Add(time.Duration(number) * every))):
		}
		wait.Add(1)
		go func(number int) {
			defer wait.Done()
			start := time.Now()
			err := put(number)
			end := time.Now()
			lock.Lock()
			defer lock.Unlock()
			calls = append(calls, [3]interface{}{milliseconds(start), milliseconds(end), err == nil})
			if err != nil {
				failures[err.Error()]++
			}
		}(number)
	}
}

func milliseconds(at time.Time) float64 {
	return float64(at.UnixNano()) / 1e6
}

func tell(result interface{}) {
	measure.Must(json.NewEncoder(os.Stdout).Encode(result))
}
