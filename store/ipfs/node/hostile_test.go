package node

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ipfs/boxo/bitswap/message"
	pb "github.com/ipfs/boxo/bitswap/message/pb"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	mh "github.com/multiformats/go-multihash"
)

const bitswapProtocol = protocol.ID("/ipfs/bitswap/1.2.0")

// shelf serves blocks that it makes up, and counts those that are asked for.
type shelf struct {
	size  int
	made  map[cid.Cid]byte
	asked atomic.Int64
}

func newShelf(n, size int) (*shelf, []cid.Cid) {
	s := &shelf{size: size, made: map[cid.Cid]byte{}}
	var list []cid.Cid
	for i := range n {
		c := sum(s.block(byte(i)))
		s.made[c] = byte(i)
		list = append(list, c)
	}
	return s, list
}

func sum(data []byte) cid.Cid {
	h, err := mh.Sum(data, mh.SHA2_256, -1)
	if err != nil {
		panic(err)
	}
	return cid.NewCidV1(cid.Raw, h)
}

func (s *shelf) block(i byte) []byte {
	data := make([]byte, s.size)
	data[0] = i
	return data
}

func (s *shelf) Block(_ context.Context, c cid.Cid) ([]byte, error) {
	i, ok := s.made[c]
	if !ok {
		return nil, fmt.Errorf("block %s: %w", c, fs.ErrNotExist)
	}
	s.asked.Add(1)
	return s.block(i), nil
}

func (s *shelf) Size(_ context.Context, c cid.Cid) (int64, error) {
	if _, ok := s.made[c]; !ok {
		return 0, fmt.Errorf("block %s: %w", c, fs.ErrNotExist)
	}
	return int64(s.size), nil
}

// besieged is a node that serves, and what an honest peer fetches from it.
type besieged struct {
	*Node
	info  peer.AddrInfo
	shelf *shelf
	cids  []cid.Cid
}

func besiege(t *testing.T, n, size int) *besieged {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &besieged{}
	b.shelf, b.cids = newShelf(n, size)
	if b.Node, err = Server(key, b.shelf, "/ip4/127.0.0.1/tcp/0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	info, err := peer.AddrInfoFromString(b.Addresses()[0])
	if err != nil {
		t.Fatal(err)
	}
	b.info = *info
	return b
}

// stranger connects to it, and opens streams as it likes. What is sent to him he
// reads, unless he is given another handler.
func (b *besieged) stranger(t *testing.T) *hosted {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := newHost(key, clientLimits())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	n.host.SetStreamHandler(bitswapProtocol, func(s network.Stream) { _, _ = io.Copy(io.Discard, s) })
	n.ids.Start()
	if err := n.host.Connect(t.Context(), b.info); err != nil {
		t.Fatal(err)
	}
	return n
}

func (b *besieged) stream(t *testing.T, n *hosted) network.Stream {
	t.Helper()
	s, err := n.host.NewStream(t.Context(), b.info.ID, bitswapProtocol)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// serves says that an honest peer still gets a block.
func (b *besieged) serves(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c, err := NewClient()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	peers, err := c.Named(b.Addresses()[0])
	if err != nil {
		t.Fatal(err)
	}
	got, err := peers[0].Block(ctx, b.cids[0], func(int) {})
	if err != nil || len(got) != b.shelf.size {
		t.Fatalf("an honest peer gets nothing any more: %v", err)
	}
}

// TestMalformed sends what are no messages.
func TestMalformed(t *testing.T) {
	b := besiege(t, 1, 1000)
	noise := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise)
	for name, send := range map[string][]byte{
		"noise":        noise,
		"endless":      append(binary.AppendUvarint(nil, 1<<62), noise...),
		"too large":    append(binary.AppendUvarint(nil, 8<<20), noise...),
		"cut off":      append(binary.AppendUvarint(nil, 1000), noise[:10]...),
		"no length":    {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"empty":        {0, 0, 0, 0},
		"no bitswap":   append([]byte{200, 1}, noise[:200]...),
		"blocks of us": append(binary.AppendUvarint(nil, 6), 0x1a, 4, 0x12, 2, 'h', 'i'),
	} {
		n := b.stranger(t)
		s := b.stream(t, n)
		_ = s.SetWriteDeadline(time.Now().Add(10 * time.Second))
		_, _ = s.Write(send) // it may be cut off
		if name != "cut off" {
			_ = s.CloseWrite()
		}
		if t.Run(name, func(t *testing.T) { b.serves(t) }); t.Failed() {
			return
		}
	}
}

// TestManyConnections: those that say nothing take no more than their share.
func TestManyConnections(t *testing.T) {
	b := besiege(t, 1, 1000)
	addr, err := manet.ToNetAddr(firstAddr(t, b.info))
	if err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	const flood = 600
	var conns []net.Conn
	for range flood {
		c, err := net.Dial("tcp", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns = append(conns, c)
	}
	const most = 256
	eventually(t, "what is beyond the limit is closed", func() bool {
		closed := 0
		for _, c := range conns {
			_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
			if _, err := io.Copy(io.Discard, c); !isTimeout(err) {
				closed++
			}
		}
		return closed >= flood-most
	})
	if n := runtime.NumGoroutine() - before; n > 6*most {
		t.Errorf("%d goroutines for %d connections", n, most)
	}
	for _, c := range conns {
		_ = c.Close()
	}
	b.serves(t)
}

func firstAddr(t *testing.T, info peer.AddrInfo) ma.Multiaddr {
	t.Helper()
	if len(info.Addrs) == 0 {
		t.Fatal("it has no address")
	}
	return info.Addrs[0]
}

func isTimeout(err error) bool {
	var late net.Error
	return errors.As(err, &late) && late.Timeout()
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// TestManyWants: wants for what nobody has, without end, are not all kept.
func TestManyWants(t *testing.T) {
	b := besiege(t, 1, 1000)
	n := b.stranger(t)
	s := b.stream(t, n)
	heap := heapNow()
	for i := range 200 { // 200,000 of them
		m := message.New(false)
		for j := range 1000 {
			m.AddEntry(sum(fmt.Append(nil, "none ", i, j)), 1, pb.Message_Wantlist_Have, true)
		}
		_ = s.SetWriteDeadline(time.Now().Add(30 * time.Second))
		if err := m.ToNetV1(s); err != nil {
			break // it has had enough
		}
	}
	b.serves(t)
	if grown := heapNow() - heap; grown > 48*mib {
		t.Errorf("%d MiB are kept of what one peer wants", grown/mib)
	}
}

func heapNow() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestSlowReader: who wants much and takes nothing is read no more for than fits
// what may be under way.
func TestSlowReader(t *testing.T) {
	b := besiege(t, 200, mib)
	n := b.stranger(t)
	n.host.RemoveStreamHandler(bitswapProtocol)
	n.host.SetStreamHandler(bitswapProtocol, func(network.Stream) {}) // opened, and never read
	m := message.New(false)
	for _, c := range b.cids {
		m.AddEntry(c, 1, pb.Message_Wantlist_Block, true)
	}
	if err := m.ToNetV1(b.stream(t, n)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it begins to send", func() bool { return b.shelf.asked.Load() > 0 })
	time.Sleep(2 * time.Second)
	if asked := b.shelf.asked.Load(); asked > 32 {
		t.Errorf("%d MiB were read for a peer that takes none", asked)
	}
	b.serves(t)
}

// TestManyWhoTakeNothing: fifty who want much, and either never agree on what a
// stream speaks or never read it, don't keep the others from their blocks.
func TestManyWhoTakeNothing(t *testing.T) {
	b := besiege(t, 20, mib)
	m := message.New(false)
	for _, c := range b.cids {
		m.AddEntry(c, 1, pb.Message_Wantlist_Block, true)
	}
	for i := range 50 {
		n := b.stranger(t)
		if i%5 == 0 {
			n.host.Network().SetStreamHandler(func(network.Stream) {}) // below libp2p's agreement
		} else {
			n.host.SetStreamHandler(bitswapProtocol, func(network.Stream) {})
		}
		if err := m.ToNetV1(b.stream(t, n)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "it begins to send", func() bool { return b.shelf.asked.Load() >= 20 })
	b.serves(t)
}

// TestManyWhoTakeLittle: more slow peers than there is memory for, each quick enough
// to be served for ever, don't keep the others from their blocks.
func TestManyWhoTakeLittle(t *testing.T) {
	b := besiege(t, 20, mib)
	m := message.New(false)
	for _, c := range b.cids {
		m.AddEntry(c, 1, pb.Message_Wantlist_Block, true)
	}
	var slow []*hosted
	for range sendAtOnce + 8 {
		n := b.stranger(t)
		n.host.SetStreamHandler(bitswapProtocol, func(s network.Stream) {
			for buf := make([]byte, 64<<10); t.Context().Err() == nil; time.Sleep(time.Second) {
				if _, err := io.ReadFull(s, buf); err != nil {
					return
				}
			}
		})
		if err := m.ToNetV1(b.stream(t, n)); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, n)
	}
	eventually(t, "all memory is taken", func() bool { return b.shelf.asked.Load() >= sendAtOnce })
	b.serves(t)
	left := 0
	for _, n := range slow {
		if n.host.Network().Connectedness(b.info.ID) != network.Connected {
			left++
		}
	}
	if left == 0 {
		t.Error("none of the slow peers was left")
	}
}

// TestIdentity: whoever connects is told that bitswap is spoken here, and where.
// Helia asks nobody else.
func TestIdentity(t *testing.T) {
	for range 20 {
		b := besiege(t, 1, 10)
		n := b.stranger(t)
		eventually(t, "the stranger knows what the node speaks", func() bool {
			speaks, err := n.host.Peerstore().FirstSupportedProtocol(b.info.ID, bitswapProtocol)
			return err == nil && speaks == bitswapProtocol
		})
	}
}
