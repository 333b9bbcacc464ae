// etcd's raft alone: three nodes in memory, messages by function call, one thread. Prints a JSON line for each
// case: committed entries a second of processor time and of time that passed. bench/core/core-group.ts does
// the same with ours, step by step.
package main

import (
	"encoding/json"
	"flag"
	"io"
	"log"
	"os"
	"runtime"
	"time"

	"go.etcd.io/etcd/raft"
	pb "go.etcd.io/etcd/raft/raftpb"

	"../measure"
)

const (
	entryBytes  = 256
	batch       = 100
	warmSeconds = 0.3
	// Entries behind the applied one that are kept, and how often the others go.
	kept       = 5000
	keptChecks = 10000
)

type member struct {
	node    *raft.RawNode
	storage *raft.MemoryStorage
	applied uint64
}

type group struct {
	members   [3]*member
	marshals  bool
	entries   int
	compacted uint64
}

func newGroup(marshals bool) *group {
	g := &group{marshals: marshals}
	voters := pb.ConfState{Voters: []uint64{1, 2, 3}}
	for at := range g.members {
		storage := raft.NewMemoryStorage()
		measure.Must(storage.ApplySnapshot(pb.Snapshot{
			Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: voters},
		}))
		node, err := raft.NewRawNode(&raft.Config{
			ID: uint64(at + 1), ElectionTick: 10, HeartbeatTick: 1, Storage: storage, Applied: 1,
			MaxSizePerMsg: 1 << 20, MaxInflightMsgs: 256, MaxUncommittedEntriesSize: 1 << 30,
			PreVote: true, CheckQuorum: true,
			Logger: &raft.DefaultLogger{Logger: log.New(io.Discard, "", 0)},
		})
		measure.Must(err)
		g.members[at] = &member{node: node, storage: storage, applied: 1}
	}
	measure.Must(g.members[0].node.Campaign())
	g.settle()
	return g
}

// Until no node has anything to say.
func (g *group) settle() {
	for isBusy := true; isBusy; {
		isBusy = false
		for _, each := range g.members {
			if each.node.HasReady() {
				isBusy = true
				g.handle(each)
			}
		}
	}
	if last := g.members[0].applied; last > g.compacted+keptChecks {
		g.compacted = last
		for _, each := range g.members {
			measure.Must(each.storage.Compact(each.applied - kept))
		}
	}
}

func (g *group) handle(each *member) {
	ready := each.node.Ready()
	if !raft.IsEmptyHardState(ready.HardState) {
		measure.Must(each.storage.SetHardState(ready.HardState))
	}
	measure.Must(each.storage.Append(ready.Entries))
	for _, message := range ready.Messages {
		g.deliver(message)
	}
	if count := len(ready.CommittedEntries); count > 0 {
		each.applied = ready.CommittedEntries[count-1].Index
		for _, entry := range ready.CommittedEntries {
			if each == g.members[0] && len(entry.Data) > 0 {
				g.entries++
			}
		}
	}
	each.node.Advance(ready)
}

func (g *group) deliver(message pb.Message) {
	if g.marshals {
		data, err := message.Marshal()
		measure.Must(err)
		message = pb.Message{}
		measure.Must(message.Unmarshal(data))
	}
	measure.Must(g.members[message.To-1].node.Step(message))
}

func (g *group) propose(data []byte, count int) {
	for at := 0; at < count; at++ {
		measure.Must(g.members[0].node.Propose(data))
	}
	g.settle()
}

func (g *group) proposeTogether(data []byte, count int) {
	entries := make([]pb.Entry, count)
	for at := range entries {
		entries[at].Data = data
	}
	measure.Must(g.members[0].node.Step(pb.Message{Type: pb.MsgProp, From: 1, Entries: entries}))
	g.settle()
}

func main() {
	seconds := flag.Float64("seconds", 1, "for each case")
	flag.Parse()
	runtime.GOMAXPROCS(1)
	data := make([]byte, entryBytes)
	cases := []struct {
		name     string
		marshals bool
		step     func(*group)
	}{
		{"one", false, func(g *group) { g.propose(data, 1) }},
		{"batch", false, func(g *group) { g.propose(data, batch) }},
		{"message", true, func(g *group) { g.proposeTogether(data, batch) }},
	}
	for _, each := range cases {
		g := newGroup(each.marshals)
		for start := time.Now(); time.Since(start).Seconds() < warmSeconds; {
			each.step(g)
		}
		own := []int{os.Getpid()}
		g.entries = 0
		cpu, start := measure.CPUSeconds(own), time.Now()
		for time.Since(start).Seconds() < *seconds {
			each.step(g)
		}
		elapsed, cpu := time.Since(start).Seconds(), measure.CPUSeconds(own)-cpu
		measure.Must(json.NewEncoder(os.Stdout).Encode(map[string]interface{}{
			"case": each.name, "perCpuSecond": float64(g.entries) / cpu, "perSecond": float64(g.entries) / elapsed,
		}))
	}
}
