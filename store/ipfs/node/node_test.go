package node_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"ipp/store/ipfs"
	"ipp/store/ipfs/node"

	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
	"golang.org/x/sync/errgroup"
)

var (
	_ ipfs.Source = (*node.Peer)(nil)
	_ ipfs.Finder = (*node.Client)(nil)
)

// blocks are served, and counted.
type blocks struct {
	have map[cid.Cid][]byte
	gave atomic.Int64
}

func (b *blocks) Block(_ context.Context, c cid.Cid) ([]byte, error) {
	data, ok := b.have[c]
	if !ok {
		return nil, fmt.Errorf("block %s: %w", c, fs.ErrNotExist)
	}
	b.gave.Add(1)
	return data, nil
}

func (b *blocks) Size(_ context.Context, c cid.Cid) (int64, error) {
	data, ok := b.have[c]
	if !ok {
		return 0, fmt.Errorf("block %s: %w", c, fs.ErrNotExist)
	}
	return int64(len(data)), nil
}

func (b *blocks) add(t testing.TB, data []byte) cid.Cid {
	t.Helper()
	c, err := cid.V1Builder{Codec: cid.Raw, MhType: mh.SHA2_256}.Sum(data)
	if err != nil {
		t.Fatal(err)
	}
	b.have[c] = data
	return c
}

// serve is a node on loopback that serves blocks.
func serve(t testing.TB, b node.Blocks) (*node.Node, string) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := node.Server(key, b, "/ip4/127.0.0.1/tcp/0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n, n.Addresses()[0]
}

// named are sources of peers.
func named(t testing.TB, peers ...string) (list []ipfs.Source) {
	t.Helper()
	c, err := node.NewClient()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	known, err := c.Named(peers...)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range known {
		list = append(list, p)
	}
	return list
}

// fetch is a Fetcher from peers.
func fetch(t testing.TB, peers ...string) *ipfs.Fetcher {
	t.Helper()
	f := ipfs.New(ipfs.DefaultLimits(), named(t, peers...)...)
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func TestBlocks(t *testing.T) {
	b := &blocks{have: map[cid.Cid][]byte{}}
	random := rand.NewChaCha8([32]byte{})
	var want []cid.Cid
	for i := range 600 {
		data := make([]byte, 10+i)
		random.Read(data)
		want = append(want, b.add(t, data))
	}
	big := make([]byte, 1<<20)
	random.Read(big)
	want = append(want, b.add(t, big))
	server, p := serve(t, b)
	f := fetch(t, p)
	tasks, ctx := errgroup.WithContext(t.Context())
	for _, c := range want {
		tasks.Go(func() error {
			data, err := f.Block(ctx, c)
			if err == nil && !bytes.Equal(data, b.have[c]) {
				err = fmt.Errorf("%s is %d other bytes", c, len(data))
			}
			return err
		})
	}
	if err := tasks.Wait(); err != nil {
		t.Fatal(err)
	}
	// It counts them after they were sent.
	if sent, _ := server.Served(); sent < uint64(len(want))/2 {
		t.Errorf("the server counts %d blocks; %d were fetched", sent, len(want))
	}
	if n := server.Peers(); n != 1 {
		t.Errorf("the server has %d peers", n)
	}
}

// A peer that is not there, beside one that is, costs no time to speak of.
func TestDeadPeers(t *testing.T) {
	b := &blocks{have: map[cid.Cid][]byte{}}
	c := b.add(t, []byte("contents"))
	_, p := serve(t, b)
	dead := make([]string, 3)
	for i := range dead {
		n, addr := serve(t, b)
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		dead[i] = addr
	}
	if _, err := fetch(t, append(dead, p)...).Block(t.Context(), c); err != nil {
		t.Error(err)
	}
	_, err := fetch(t, dead...).Block(t.Context(), c)
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("all are dead: %v", err)
	}
}

func TestAbsent(t *testing.T) {
	b := &blocks{have: map[cid.Cid][]byte{}}
	_, p := serve(t, b)
	c := (&blocks{have: map[cid.Cid][]byte{}}).add(t, []byte("nobody has it"))
	_, q := serve(t, b)
	_, err := fetch(t, p, q).Block(t.Context(), c)
	if e, ok := errors.AsType[*ipfs.UnreachableError](err); !ok || !e.Absent() {
		t.Errorf("want an UnreachableError that is Absent, not %v", err)
	}
}

func TestAddresses(t *testing.T) {
	for _, bad := range []string{"", "x", "/ip4/127.0.0.1/tcp/1", "/ip4/127.0.0.1/tcp/1/p2p/x", "/p2p/12D3KooWGzxzKZYveHXtpG6AsrUJBcWxHBFS2HsEoGTxrMLvKXtf"} {
		if err := node.CheckPeer(bad); err == nil {
			t.Errorf("%q is taken for a peer", bad)
		}
	}
	_, key, _ := ed25519.GenerateKey(nil)
	for _, bad := range []string{"", "127.0.0.1:1", "/ip4/127.0.0.1/udp/1/quic-v1", "/ip4/192.0.2.1/tcp/1"} {
		if n, err := node.Server(key, &blocks{}, bad); err == nil {
			n.Close()
			t.Errorf("it listens at %q", bad)
		}
	}
}
