// Package peers makes peers that speak libp2p and bitswap, on loopback: one honest,
// and those that nobody should have. It is for tests of who fetches from them.
package peers

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/ipfs/boxo/bitswap/message"
	pb "github.com/ipfs/boxo/bitswap/message/pb"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
	blankhost "github.com/libp2p/go-libp2p/p2p/host/blank"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	"github.com/libp2p/go-libp2p/p2p/host/peerstore/pstoremem"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"
	mh "github.com/multiformats/go-multihash"
)

// Protocol is the version of bitswap that the peers speak.
const Protocol = protocol.ID("/ipfs/bitswap/1.2.0")

// Blocks is what the honest peer has.
type Blocks interface {
	Block(ctx context.Context, c cid.Cid) ([]byte, error)
}

// Peer is one of them.
type Peer struct {
	host.Host
	answer func(p *Peer, to peer.ID, wants []message.Entry)
	ctx    context.Context
}

// Kinds are the hostile ones, by what is wrong with them.
var Kinds = []string{"lying", "endless", "trickling", "silent", "flooding", "claiming", "malformed", "huge", "unagreed"}

// Hostile starts a peer of a kind. Absent is one too, though there is nothing wrong
// with it: it has no block, and says so.
func Hostile(t testing.TB, kind string) *Peer {
	t.Helper()
	p := listen(t, map[string]func(*Peer, peer.ID, []message.Entry){
		"lying":     (*Peer).lie,
		"endless":   (*Peer).endless,
		"trickling": (*Peer).trickle,
		"silent":    func(*Peer, peer.ID, []message.Entry) {},
		"flooding":  (*Peer).flood,
		"claiming":  (*Peer).claim,
		"malformed": (*Peer).malformed,
		"huge":      (*Peer).huge,
		"unagreed":  func(*Peer, peer.ID, []message.Entry) {},
		"absent":    (*Peer).absent,
	}[kind])
	if kind == "unagreed" { // streams are opened, and nothing is agreed on
		p.Network().SetStreamHandler(func(network.Stream) {})
	}
	return p
}

// Honest starts a peer that gives what it has.
func Honest(t testing.TB, b Blocks) *Peer {
	t.Helper()
	return listen(t, func(p *Peer, to peer.ID, wants []message.Entry) {
		for _, w := range wants {
			m := message.New(false)
			data, err := b.Block(p.ctx, w.Cid)
			if err != nil {
				m.AddDontHave(w.Cid)
			} else if block, err := blocks.NewBlockWithCid(data, w.Cid); err == nil {
				m.AddBlock(block)
			}
			p.send(to, m)
		}
	})
}

// Address is where the peer is reached, with its ID.
func (p *Peer) Address() string { return fmt.Sprintf("%s/p2p/%s", p.Addrs()[0], p.ID()) }

// listen starts a peer that answers wants so.
func listen(t testing.TB, answer func(*Peer, peer.ID, []message.Entry)) *Peer {
	t.Helper()
	h, err := NewHost()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		_ = h.Close()
	})
	p := &Peer{Host: h, answer: answer, ctx: ctx}
	h.SetStreamHandler(Protocol, p.serve)
	return p
}

// NewHost is a libp2p host of TCP, Noise and Yamux on loopback.
func NewHost() (host.Host, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	private, err := crypto.UnmarshalEd25519PrivateKey(key)
	if err != nil {
		return nil, err
	}
	id, err := peer.IDFromPrivateKey(private)
	if err != nil {
		return nil, err
	}
	known, err := pstoremem.NewPeerstore()
	if err != nil {
		return nil, err
	}
	if err := known.AddPrivKey(id, private); err != nil {
		return nil, err
	}
	bus := eventbus.NewBus()
	s, err := swarm.NewSwarm(id, known, bus)
	if err != nil {
		return nil, err
	}
	muxers := []upgrader.StreamMuxer{{ID: yamux.ID, Muxer: yamux.DefaultTransport}}
	secure, err := noise.New(noise.ID, private, muxers)
	if err != nil {
		return nil, err
	}
	up, err := upgrader.New([]sec.SecureTransport{secure}, muxers, nil, nil, nil)
	if err != nil {
		return nil, err
	}
	over, err := tcp.NewTCPTransport(up, nil, nil)
	if err != nil {
		return nil, err
	}
	if err := s.AddTransport(over); err != nil {
		return nil, err
	}
	return blankhost.NewBlankHost(s, blankhost.WithEventBus(bus)), s.Listen(ma.StringCast("/ip4/127.0.0.1/tcp/0"))
}

// serve reads what is wanted.
func (p *Peer) serve(s network.Stream) {
	for {
		m, _, err := message.FromNet(s)
		if err != nil {
			_ = s.Reset()
			return
		}
		wants := slices.DeleteFunc(m.Wantlist(), func(e message.Entry) bool { return e.Cancel })
		if len(wants) > 0 {
			p.answer(p, s.Conn().RemotePeer(), wants)
		}
	}
}

// open is a stream on which the peer answers; nil: it is gone.
func (p *Peer) open(to peer.ID) network.Stream {
	s, err := p.NewStream(p.ctx, to, Protocol)
	if err != nil {
		return nil
	}
	return s
}

func (p *Peer) send(to peer.ID, m message.BitSwapMessage) {
	if s := p.open(to); s != nil {
		_ = m.ToNetV1(s) // whoever asked may be gone
		_ = s.Close()
	}
}

// lie answers each want with a block of other bytes.
func (p *Peer) lie(to peer.ID, wants []message.Entry) {
	m := message.New(false)
	for i := range wants {
		m.AddBlock(blocks.NewBlock(fmt.Append(nil, "not these ", i)))
	}
	p.send(to, m)
}

// endless sends one message after the other, of blocks that nobody asked for.
func (p *Peer) endless(to peer.ID, _ []message.Entry) {
	s := p.open(to)
	if s == nil {
		return
	}
	m := message.New(false)
	m.AddBlock(rawBlock(make([]byte, 1<<20)))
	go func() {
		for m.ToNetV1(s) == nil {
		}
	}()
}

func rawBlock(data []byte) blocks.Block {
	h, err := mh.Sum(data, mh.SHA2_256, -1)
	if err != nil {
		panic(err)
	}
	b, err := blocks.NewBlockWithCid(data, cid.NewCidV1(cid.Raw, h))
	if err != nil {
		panic(err)
	}
	return b
}

// trickle begins a block of 1 MiB, and sends a byte of it each second.
func (p *Peer) trickle(to peer.ID, _ []message.Entry) {
	s := p.open(to)
	if s == nil {
		return
	}
	m := message.New(false)
	m.AddBlock(rawBlock(make([]byte, 1<<20)))
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(m.ToNetV1(w)) }()
	go func() {
		defer r.Close()
		head := make([]byte, 64)
		for _, err := io.ReadFull(r, head); err == nil; _, err = io.ReadFull(r, head) {
			if _, err := s.Write(head); err != nil {
				return
			}
			head = head[:1]
			select {
			case <-time.After(time.Second):
			case <-p.ctx.Done():
				return
			}
		}
	}()
}

// flood asks for blocks without end.
func (p *Peer) flood(to peer.ID, _ []message.Entry) {
	s := p.open(to)
	if s == nil {
		return
	}
	m := message.New(true)
	for i := range 20_000 {
		m.AddEntry(rawBlock(fmt.Append(nil, i)).Cid(), 1, pb.Message_Wantlist_Block, true)
	}
	var text bytes.Buffer
	if m.ToNetV1(&text) != nil {
		return
	}
	go func() {
		for {
			if _, err := s.Write(text.Bytes()); err != nil {
				return
			}
		}
	}()
}

// claim says that it has everything, and sends nothing.
func (p *Peer) claim(to peer.ID, wants []message.Entry) {
	m := message.New(false)
	for _, w := range wants {
		m.AddHave(w.Cid)
	}
	p.send(to, m)
}

// absent says that it has nothing.
func (p *Peer) absent(to peer.ID, wants []message.Entry) {
	m := message.New(false)
	for _, w := range wants {
		m.AddDontHave(w.Cid)
	}
	p.send(to, m)
}

// malformed sends what is no message.
func (p *Peer) malformed(to peer.ID, _ []message.Entry) {
	if s := p.open(to); s != nil {
		_, _ = s.Write([]byte{20, 0x1a, 200, 1, 2, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	}
}

// huge begins a message of a size that none may have.
func (p *Peer) huge(to peer.ID, _ []message.Entry) {
	if s := p.open(to); s != nil {
		_, _ = s.Write(binary.AppendUvarint(nil, 1<<40))
	}
}
