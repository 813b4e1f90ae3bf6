// Package node speaks bitswap over libp2p: it fetches blocks from peers, and
// serves blocks to them.
//
// The host is put together from its parts: TCP, Noise, Yamux, identify. libp2p's
// own constructor brings QUIC, WebRTC and WebTransport along, and whatever is
// linked in is paid for at every start of ipp.
//
// A Node serves, each peer from a queue of its own: boxo's server has a few workers
// for all, and peers that take nothing hold them up. A Client fetches, and each Peer
// that it asks is a source of its own, so that each is judged by what it sends
// itself: boxo's client asks all peers as one, takes lies for silence, and hears of
// a peer that lacks a block only where it was the peer's turn. Boxo's bitswap is the
// oracle in tests.
//
// Invariants. A host either fetches or serves: one that fetches listens nowhere
// and has nothing to give. What peers may take of one that serves is bounded,
// each and all of them: connections, streams, memory, wants that are queued,
// bytes that are under way. What it serves was hashed by whoever gave it
// (Blocks). A peer that is asked may have under way four blocks and the wants that
// were sent to it; what it sends that is of no use is dropped as it comes, and it
// with it when that is too much. A block that nobody asked for ends the link.
//
// Concurrency: Node, Client and Peer are safe for concurrent use.
package node

import (
	"context"
	"crypto/ed25519"
	"errors"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
	blankhost "github.com/libp2p/go-libp2p/p2p/host/blank"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	"github.com/libp2p/go-libp2p/p2p/host/peerstore/pstoremem"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	"github.com/libp2p/go-libp2p/p2p/protocol/identify"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
)

// Agent is what a node calls itself.
const Agent = "ipp"

// hosted is a libp2p host, and how it is ended.
type hosted struct {
	host  host.Host
	ids   identify.IDService
	stop  context.CancelFunc
	close []func() error
	once  sync.Once
	err   error
}

// newHost makes the host. Whoever makes it starts ids last: what a host says of
// itself is what it speaks, and where it listens, when they start.
func newHost(key ed25519.PrivateKey, limits hostLimits) (n *hosted, err error) {
	n = &hosted{stop: func() {}}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	private, err := crypto.UnmarshalEd25519PrivateKey(key)
	if err != nil {
		return n, err
	}
	id, err := peer.IDFromPrivateKey(private)
	if err != nil {
		return n, err
	}
	peers, err := pstoremem.NewPeerstore()
	if err != nil {
		return n, err
	}
	n.close = append(n.close, peers.Close)
	if err := errors.Join(peers.AddPrivKey(id, private), peers.AddPubKey(id, private.GetPublic())); err != nil {
		return n, err
	}
	resources, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits.resources), rcmgr.WithMetricsDisabled())
	if err != nil {
		return n, err
	}
	n.close = append(n.close, resources.Close)
	bus := eventbus.NewBus()
	network, err := swarm.NewSwarm(id, peers, bus, swarm.WithResourceManager(resources))
	if err != nil {
		return n, err
	}
	n.host = &impatient{blankhost.NewBlankHost(network, blankhost.WithEventBus(bus)), limits.agree}
	n.close = append(n.close, n.host.Close)
	muxers := []upgrader.StreamMuxer{{ID: yamux.ID, Muxer: yamux.DefaultTransport}}
	security, err := noise.New(noise.ID, private, muxers)
	if err != nil {
		return n, err
	}
	upgrade, err := upgrader.New([]sec.SecureTransport{security}, muxers, nil, resources, nil)
	if err != nil {
		return n, err
	}
	transport, err := tcp.NewTCPTransport(upgrade, resources, nil)
	if err != nil {
		return n, err
	}
	if err := network.AddTransport(transport); err != nil {
		return n, err
	}
	if n.ids, err = identify.NewIDService(n.host, identify.UserAgent(Agent)); err != nil {
		return n, err
	}
	n.close = append(n.close, n.ids.Close)
	return n, nil
}

// impatient is a host that waits for no peer without end: libp2p's own waits for as
// long as the peer likes, and with it whoever serves.
type impatient struct {
	*blankhost.BlankHost
	agree time.Duration // how long a peer has to agree on what a stream speaks
}

// NewStream implements host.Host. A peer that agrees to nothing is left.
func (h *impatient) NewStream(ctx context.Context, id peer.ID, spoken ...protocol.ID) (network.Stream, error) {
	leave := func() { _ = h.Network().ClosePeer(id) }
	defer time.AfterFunc(h.agree, leave).Stop()
	defer context.AfterFunc(ctx, leave)()
	return h.BlankHost.NewStream(ctx, id, spoken...)
}

// Close ends all connections.
func (n *hosted) Close() error {
	n.once.Do(func() {
		n.stop()
		for i := len(n.close) - 1; i >= 0; i-- {
			n.err = errors.Join(n.err, n.close[i]())
		}
	})
	return n.err
}
