// Package node speaks bitswap over libp2p: it fetches blocks from peers, and
// serves blocks to them.
//
// The host is put together from its parts: TCP, Noise, Yamux, identify. libp2p's
// own constructor brings QUIC, WebRTC and WebTransport along, and whatever is
// linked in is paid for at every start of ipp.
//
// Invariants. A node either fetches or serves: one that fetches listens nowhere
// and has nothing to give. What peers may take of one that serves is bounded,
// each and all of them: connections, streams, memory, wants that are queued,
// bytes that are under way. What it serves was hashed by whoever gave it
// (Blocks); what it fetches is hashed by whoever asked.
//
// Concurrency: a Node is safe for concurrent use.
package node

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ipfs/boxo/bitswap/client"
	"github.com/ipfs/boxo/bitswap/network/bsnet"
	"github.com/ipfs/boxo/bitswap/server"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/routing"
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
	ma "github.com/multiformats/go-multiaddr"
)

// Agent is what a node calls itself.
const Agent = "ipp"

// Node is a libp2p host that speaks bitswap.
type Node struct {
	host   host.Host
	ids    identify.IDService
	client *client.Client // of a node that fetches
	server *server.Server // of a node that serves
	stop   context.CancelFunc
	close  []func() error
	once   sync.Once
	err    error
}

// newClient makes a node that fetches. find, which may be nil, says who has a
// block.
func newClient(find routing.ContentDiscovery) (*Node, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader) // nobody has to know it again
	if err != nil {
		return nil, err
	}
	n, err := newNode(key, clientLimits())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	n.stop = cancel
	timeouts := client.DefaultDontHaveTimeoutConfig()
	timeouts.MinTimeout = time.Second // a machine that is busy is not one that has nothing
	exchange := bsnet.NewFromIpfsHost(n.host)
	n.client = client.New(ctx, exchange, find, nothing{}, client.WithoutDuplicatedBlockStats(), client.WithDontHaveTimeoutConfig(timeouts))
	exchange.Start(n.client)
	n.close = append(n.close, func() error { exchange.Stop(); return nil }, n.client.Close)
	n.ids.Start()
	return n, nil
}

// Server makes a node that serves blocks at addresses such as
// /ip4/127.0.0.1/tcp/4001. key is its identity.
func Server(key ed25519.PrivateKey, blocks Blocks, listen ...string) (*Node, error) {
	addrs := make([]ma.Multiaddr, len(listen))
	for i, l := range listen {
		a, err := ma.NewMultiaddr(l)
		if err != nil {
			return nil, fmt.Errorf("%q is no multiaddr: %w", l, err)
		}
		addrs[i] = a
	}
	n, err := newNode(key, serverLimits())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	n.stop = cancel
	exchange := bsnet.NewFromIpfsHost(n.host)
	n.server = server.New(ctx, exchange, store{blocks}, serverOptions()...)
	exchange.Start(n.server)
	n.close = append(n.close, func() error { exchange.Stop(); return nil }, func() error { n.server.Close(); return nil })
	if err := n.host.Network().Listen(addrs...); err != nil {
		return nil, errors.Join(fmt.Errorf("listen: %w", err), n.Close())
	}
	n.ids.Start()
	return n, nil
}

// CheckListen says what is wrong with an address to serve at.
func CheckListen(address string) error {
	a, err := ma.NewMultiaddr(address)
	if err != nil {
		return err
	}
	if len(a) != 2 || a[1].Code() != ma.P_TCP {
		return errors.New("peers are served over TCP")
	}
	return nil
}

// newNode makes the host. Whoever makes it starts ids last: what a node says of
// itself is what it speaks, and where it listens, when they start.
func newNode(key ed25519.PrivateKey, limits rcmgr.ConcreteLimitConfig) (n *Node, err error) {
	n = &Node{stop: func() {}}
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
	resources, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits), rcmgr.WithMetricsDisabled())
	if err != nil {
		return n, err
	}
	n.close = append(n.close, resources.Close)
	bus := eventbus.NewBus()
	network, err := swarm.NewSwarm(id, peers, bus, swarm.WithResourceManager(resources))
	if err != nil {
		return n, err
	}
	n.host = blankhost.NewBlankHost(network, blankhost.WithEventBus(bus))
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

// Close ends all connections.
func (n *Node) Close() error {
	n.once.Do(func() {
		n.stop()
		for i := len(n.close) - 1; i >= 0; i-- {
			n.err = errors.Join(n.err, n.close[i]())
		}
	})
	return n.err
}

// Addresses are where the node is reached, its peer ID at the end of each.
func (n *Node) Addresses() []string { return n.full(n.host.Addrs()) }

func (n *Node) full(addrs []ma.Multiaddr) (list []string) {
	for _, a := range addrs {
		list = append(list, fmt.Sprintf("%s/p2p/%s", a, n.host.ID()))
	}
	return list
}

// Peers is how many peers are connected.
func (n *Node) Peers() int { return len(n.host.Network().Peers()) }

// Served is what a node that serves has sent.
func (n *Node) Served() (blocks, bytes uint64, err error) {
	s, err := n.server.Stat()
	return s.BlocksSent, s.DataSent, err
}
