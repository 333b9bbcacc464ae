// One node of a hashicorp/raft cluster with its bolt store over TCP and its default configuration. The node
// that leads proposes from its own process. Questions and answers are those of bench/cluster/embedded-main.ts:
// one JSON object a line on standard input, one line for each. It ends with its standard input.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb"

	"../measure"
)

// A state machine that does nothing: what is measured is the agreement.
type nothing struct{}

func (nothing) Apply(*raft.Log) interface{}         { return nil }
func (nothing) Snapshot() (raft.FSMSnapshot, error) { return nothing{}, nil }
func (nothing) Restore(from io.ReadCloser) error    { return from.Close() }
func (nothing) Persist(to raft.SnapshotSink) error  { return to.Close() }
func (nothing) Release()                            {}

type question struct {
	Load *struct {
		Inflight    int     `json:"inflight"`
		WarmSeconds float64 `json:"warmSeconds"`
		Seconds     float64 `json:"seconds"`
		ValueBytes  int     `json:"valueBytes"`
		ServerPids  []int   `json:"serverPids"`
	} `json:"load"`
}

func main() {
	id := flag.Int("id", 1, "which of the addresses is this node's, from 1")
	addresses := flag.String("addresses", "", "host:port,host:port,...")
	dir := flag.String("dir", "", "data folder")
	flag.Parse()
	node := start(*id, strings.Split(*addresses, ","), *dir)
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var asked question
		measure.Must(json.Unmarshal(lines.Bytes(), &asked))
		measure.Must(json.NewEncoder(os.Stdout).Encode(answer(node, asked)))
	}
}

func answer(node *raft.Raft, asked question) interface{} {
	isLeader := node.State() == raft.Leader
	if asked.Load == nil {
		return map[string]bool{"isLeader": isLeader}
	}
	if !isLeader {
		return map[string]string{"error": "this node does not lead any more"}
	}
	command := make([]byte, asked.Load.ValueBytes)
	loop := measure.Loop{
		Inflight: asked.Load.Inflight, WarmSeconds: asked.Load.WarmSeconds, Seconds: asked.Load.Seconds,
		ServerPids: asked.Load.ServerPids,
	}
	return loop.Run(func(int) error { return node.Apply(command, 0).Error() })
}

func start(id int, addresses []string, dir string) *raft.Raft {
	config := raft.DefaultConfig()
	config.LocalID = raft.ServerID(strconv.Itoa(id))
	config.LogLevel = "ERROR"
	store, err := raftboltdb.NewBoltStore(filepath.Join(dir, "raft.db"))
	measure.Must(err)
	snapshots, err := raft.NewFileSnapshotStore(dir, 1, io.Discard)
	measure.Must(err)
	transport, err := raft.NewTCPTransport(addresses[id-1], nil, 3, 10*time.Second, io.Discard)
	measure.Must(err)
	node, err := raft.NewRaft(config, nothing{}, store, store, snapshots, transport)
	measure.Must(err)
	if id != 1 {
		return node
	}
	var servers []raft.Server
	for at, address := range addresses {
		server := raft.Server{ID: raft.ServerID(strconv.Itoa(at + 1)), Address: raft.ServerAddress(address)}
		servers = append(servers, server)
	}
	measure.Must(node.BootstrapCluster(raft.Configuration{Servers: servers}).Error())
	return node
}
