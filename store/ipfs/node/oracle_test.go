package node

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"time"

	both "github.com/ipfs/boxo/bitswap"
	"github.com/ipfs/boxo/bitswap/client"
	"github.com/ipfs/boxo/bitswap/network/bsnet"
	"github.com/ipfs/boxo/blockstore"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/sync"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// boxo is boxo's bitswap, which asks and serves, with a store in memory.
func boxo(t *testing.T) (*both.Bitswap, *hosted, blockstore.Blockstore) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	h, err := newHost(key, serverLimits())
	if err != nil {
		t.Fatal(err)
	}
	store := blockstore.NewBlockstore(sync.MutexWrap(datastore.NewMapDatastore()))
	net := bsnet.NewFromIpfsHost(h.host)
	b := both.New(context.Background(), net, nil, store, both.WithClientOption(client.WithoutDuplicatedBlockStats()))
	net.Start(b)
	if err := h.host.Network().Listen(ma.StringCast("/ip4/127.0.0.1/tcp/0")); err != nil {
		t.Fatal(err)
	}
	h.ids.Start()
	t.Cleanup(func() {
		_ = b.Close()
		net.Stop()
		_ = h.Close()
	})
	return b, h, store
}

// mixed are blocks of all sizes, and their CIDs.
func mixed() map[cid.Cid][]byte {
	all := map[cid.Cid][]byte{}
	for i := range 300 {
		data := bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 1+i*i/2)
		all[sum(data)] = data
	}
	for i := range 3 {
		data := bytes.Repeat([]byte{byte(i)}, mib<<min(i, 1))
		all[sum(data)] = data
	}
	return all
}

type held map[cid.Cid][]byte

func (h held) Block(_ context.Context, c cid.Cid) ([]byte, error) {
	if data, ok := h[c]; ok {
		return data, nil
	}
	return nil, fmt.Errorf("block %s: %w", c, fs.ErrNotExist)
}

func (h held) Size(ctx context.Context, c cid.Cid) (int64, error) {
	data, err := h.Block(ctx, c)
	return int64(len(data)), err
}

// TestBoxoAsks: boxo's client gets every block from our server, and hears of what is
// not there.
func TestBoxoAsks(t *testing.T) {
	all := mixed()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := Server(key, held(all), "/ip4/127.0.0.1/tcp/0")
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	b, h, _ := boxo(t)
	info, err := peer.AddrInfoFromString(n.Addresses()[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := h.host.Connect(t.Context(), *info); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var list []cid.Cid
	for c := range all {
		list = append(list, c)
	}
	got, err := b.NewSession(ctx).GetBlocks(ctx, list)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for one := range got {
		if !bytes.Equal(one.RawData(), all[one.Cid()]) {
			t.Errorf("%s has other bytes", one.Cid())
		}
		count++
	}
	if count != len(all) {
		t.Errorf("%d blocks of %d", count, len(all))
	}
	if sent, size := n.Served(); sent < uint64(len(all)) || size < 3*mib {
		t.Errorf("it counts %d blocks and %d bytes", sent, size)
	}
}

// TestBoxoServes: our client gets every block from boxo's server, and hears of what
// is not there.
func TestBoxoServes(t *testing.T) {
	_, h, store := boxo(t)
	all := mixed()
	for c, data := range all {
		b, err := blocks.NewBlockWithCid(data, c)
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Put(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	c, err := NewClient()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	known, err := c.Named(fmt.Sprintf("%s/p2p/%s", h.host.Addrs()[0], h.host.ID()))
	if err != nil {
		t.Fatal(err)
	}
	errs := make(chan error, len(all))
	for k, data := range all {
		go func() {
			got, err := known[0].Block(t.Context(), k, func(int) {})
			if err == nil && !bytes.Equal(got, data) {
				err = fmt.Errorf("%s has other bytes", k)
			}
			errs <- err
		}()
	}
	for range all {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if _, err := known[0].Block(t.Context(), sum([]byte("none")), func(int) {}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is not there: %v", err)
	}
}
