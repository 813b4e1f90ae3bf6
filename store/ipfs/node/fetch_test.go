package node_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"ipp/store/ipfs"
	"ipp/store/ipfs/node"
	"ipp/tests/peers"

	"github.com/ipfs/go-cid"
)

// hasty is a source with less patience.
type hasty struct {
	ipfs.Source
	patience time.Duration
}

func (h hasty) Patience() time.Duration { return h.patience }

func hastily(list []ipfs.Source, patience time.Duration) []ipfs.Source {
	for i, s := range list {
		list[i] = hasty{s, patience}
	}
	return list
}

func shortLimits() ipfs.Limits {
	l := ipfs.DefaultLimits()
	l.Grace, l.Hedge = 500*time.Millisecond, 100*time.Millisecond
	return l
}

// some are blocks to fetch.
func some(t *testing.T) (*blocks, []cid.Cid) {
	t.Helper()
	b := &blocks{have: map[cid.Cid][]byte{}}
	var list []cid.Cid
	for i := range 40 {
		list = append(list, b.add(t, fmt.Appendf(nil, "block %0*d", 1+i*i*20, i)))
	}
	return b, list
}

// fetchAll fetches blocks, many at once.
func fetchAll(ctx context.Context, f *ipfs.Fetcher, list []cid.Cid) error {
	errs := make(chan error, len(list))
	for _, c := range list {
		go func() {
			_, err := f.Block(ctx, c)
			errs <- err
		}()
	}
	var all []error
	for range list {
		all = append(all, <-errs)
	}
	return cmp.Or(all...) // one says enough
}

// TestNineHostilePeers: with one that is honest, wherever he stands, all comes.
func TestNineHostilePeers(t *testing.T) {
	b, list := some(t)
	for _, last := range []bool{true, false} {
		var addrs []string
		for _, kind := range peers.Kinds {
			addrs = append(addrs, peers.Hostile(t, kind).Address())
		}
		sources := hastily(named(t, addrs...), time.Second)
		good := named(t, peers.Honest(t, b).Address())
		if last {
			sources = append(sources, good...)
		} else {
			sources = append(good, sources...)
		}
		f := ipfs.New(shortLimits(), sources...)
		if err := fetchAll(t.Context(), f, list); err != nil {
			t.Errorf("honest is last: %v: %v", last, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestHostilePeer: each alone is dropped, and it is said why; nothing is left of it.
func TestHostilePeer(t *testing.T) {
	why := map[string]string{
		"lying": "other bytes", "endless": "other bytes", "trickling": "it sent too little", "silent": "it sent nothing", "flooding": "more than was asked for",
		"claiming": "it sent nothing", "malformed": "no message of bitswap", "huge": "more than was asked for", "unagreed": "it sent nothing", "absent": "does not have it",
	}
	_, list := some(t)
	for _, kind := range append(peers.Kinds, "absent") {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			p := peers.Hostile(t, kind)
			patience := time.Minute // whoever is found out is so at once
			if why[kind] == "it sent nothing" {
				patience = time.Second / 2
			}
			f := ipfs.New(shortLimits(), hastily(named(t, p.Address()), patience)...)
			_, err := f.Block(t.Context(), list[0])
			if err == nil || !strings.Contains(err.Error(), why[kind]) {
				t.Errorf("%v, want %q", err, why[kind])
			}
			if kind == "absent" || kind == "malformed" {
				return // asked again, or a moment later
			}
			for end := time.Now().Add(10 * time.Second); len(p.Network().Conns()) > 0; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("it is dropped, and still connected")
				}
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestFloodsTakeNoMemory: what floods of wants and of blocks leave behind.
func TestFloodsTakeNoMemory(t *testing.T) {
	_, list := some(t)
	var addrs []string
	for range 3 {
		addrs = append(addrs, peers.Hostile(t, "flooding").Address(), peers.Hostile(t, "endless").Address())
	}
	f := ipfs.New(shortLimits(), hastily(named(t, addrs...), time.Second)...)
	if err := fetchAll(t.Context(), f, list); err == nil {
		t.Error("they gave something")
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > 64<<20 {
		t.Errorf("%d MiB are in use", m.HeapAlloc>>20)
	}
}

// routing is a service that says of every block that these have it.
func routing(t *testing.T, of ...*peers.Peer) string {
	t.Helper()
	var list []any
	for _, p := range of {
		list = append(list, map[string]any{"Schema": "peer", "ID": p.ID().String(), "Addrs": []string{p.Addrs()[0].String(), "/ip4/127.0.0.1/udp/9/quic-v1"}, "Protocols": []string{"transport-bitswap"}})
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if json.NewEncoder(w).Encode(map[string]any{"Providers": list}) != nil {
			return // whoever asked is gone
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// finding is a Fetcher that knows routers alone.
func finding(t *testing.T, routers ...string) *ipfs.Fetcher {
	t.Helper()
	c, err := node.NewClient(routers...)
	if err != nil {
		t.Fatal(err)
	}
	f := ipfs.New(shortLimits())
	f.FindWith(c)
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func TestFind(t *testing.T) {
	b, list := some(t)
	liars := []*peers.Peer{peers.Hostile(t, "lying"), peers.Hostile(t, "absent"), peers.Hostile(t, "malformed")}
	f := finding(t, routing(t, append(liars, peers.Honest(t, b))...))
	if err := fetchAll(t.Context(), f, list); err != nil {
		t.Error(err)
	}
	_, err := finding(t, routing(t, liars[1])).Block(t.Context(), list[0])
	if e, ok := errors.AsType[*ipfs.UnreachableError](err); !ok || !e.Absent() || len(e.Tried) != 2 {
		t.Errorf("nobody has it: %v", err)
	}
	_, err = finding(t, routing(t)).Block(t.Context(), list[0])
	if e, ok := errors.AsType[*ipfs.UnreachableError](err); !ok || !e.Absent() {
		t.Errorf("nobody is known: %v", err)
	}
	_, err = finding(t, "http://127.0.0.1:1").Block(t.Context(), list[0])
	if e, ok := errors.AsType[*ipfs.UnreachableError](err); !ok || e.Absent() || !strings.Contains(err.Error(), "refused") {
		t.Errorf("the router is not there: %v", err)
	}
}

// TestSamePeerTwice: one that is named twice is one source.
func TestSamePeerTwice(t *testing.T) {
	b, list := some(t)
	p := peers.Honest(t, b).Address()
	if l := named(t, p, p); len(l) != 1 {
		t.Errorf("%d sources", len(l))
	}
	f := finding(t, routing(t))
	if _, err := f.Block(t.Context(), list[0]); err == nil {
		t.Error("it came from nowhere")
	}
}
