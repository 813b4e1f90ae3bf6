package node

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
)

// spoken are the versions of bitswap that a client speaks. 1.1.0 knows no way to
// say that a block is not there.
var spoken = []protocol.ID{"/ipfs/bitswap/1.2.0", "/ipfs/bitswap/1.1.0"}

// maxPeers is how many peers a client knows at most, those that were named aside.
const maxPeers = 100

// Client is a host that fetches by bitswap: from peers that are named, and from
// those that its routers find (see Find).
type Client struct {
	*hosted
	routers []*router

	ctx   context.Context // of all links
	tasks sync.WaitGroup

	mu    sync.Mutex
	peers map[peer.ID]*Peer
}

// NewClient makes a client. routers are addresses of /routing/v1.
func NewClient(routers ...string) (*Client, error) {
	c := &Client{peers: map[peer.ID]*Peer{}}
	var err error
	if c.routers, err = newRouters(routers); err != nil {
		return nil, err
	}
	_, key, err := ed25519.GenerateKey(rand.Reader) // nobody has to know it again
	if err != nil {
		return nil, err
	}
	if c.hosted, err = newHost(key, clientLimits()); err != nil {
		return nil, err
	}
	c.ctx, c.stop = context.WithCancel(context.Background())
	for _, p := range spoken {
		c.host.SetStreamHandler(p, c.answer)
	}
	c.host.Network().Notify(&network.NotifyBundle{DisconnectedF: c.disconnected})
	c.ids.Start()
	return c, nil
}

// Close ends all links. The peers are of no use any more.
func (c *Client) Close() error {
	err := c.hosted.Close()
	c.tasks.Wait()
	return err
}

// CheckPeer says what is wrong with a peer's address: it ends in the peer's ID, as
// /ip4/192.0.2.1/tcp/4001/p2p/12D3… does.
func CheckPeer(address string) error {
	_, err := parsePeer(address)
	return err
}

func parsePeer(address string) (peer.AddrInfo, error) {
	p, err := peer.AddrInfoFromString(address)
	if err != nil {
		return peer.AddrInfo{}, err
	}
	if len(p.Addrs) == 0 {
		return *p, errors.New("it has no address, only an ID")
	}
	return *p, nil
}

// Named makes sources of the peers at these addresses. One that is named several
// times is one source, at all its addresses.
func (c *Client) Named(addresses ...string) (list []*Peer, err error) {
	for _, address := range addresses {
		info, err := parsePeer(address)
		if err != nil {
			return nil, fmt.Errorf("peer %s: %w", address, err)
		}
		if p := c.add(address, info, true); p != nil {
			list = append(list, p)
		}
	}
	return list, nil
}

// add makes a peer known; nil: it was, or there are too many.
func (c *Client) add(name string, info peer.AddrInfo, named bool) *Peer {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.peers[info.ID]; p != nil {
		if named {
			p.info.Addrs = append(p.info.Addrs, info.Addrs...)
		}
		return nil
	}
	if !named && len(c.peers) >= maxPeers || info.ID == c.host.ID() {
		return nil
	}
	p := &Peer{name: name, client: c, info: info}
	c.peers[info.ID] = p
	return p
}

// linkOf is the link to a peer that there is; nil: none.
func (c *Client) linkOf(id peer.ID) *link {
	c.mu.Lock()
	p := c.peers[id]
	c.mu.Unlock()
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.link == nil || p.link.broken() {
		return nil
	}
	return p.link
}

// answer reads what a peer sends. Nobody else has anything to say.
func (c *Client) answer(s network.Stream) {
	l := c.linkOf(s.Conn().RemotePeer())
	if l == nil {
		_ = s.Reset() // whatever it says
		return
	}
	if err := l.read(s); err != nil {
		l.fail(err)
		_ = s.Reset()
		return
	}
	_ = s.Close() // all was read
}

// disconnected ends a link whose last connection is gone.
func (c *Client) disconnected(n network.Network, conn network.Conn) {
	id := conn.RemotePeer()
	if l := c.linkOf(id); l != nil && l.connected.Load() && n.Connectedness(id) != network.Connected {
		l.fail(errGone)
	}
}

// dial connects to a peer, and opens the stream on which it is asked. Whatever
// ends ctx has to end the connection too: a stream is agreed on without it.
func (c *Client) dial(ctx context.Context, info peer.AddrInfo) (network.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, dialling)
	defer cancel()
	if s, ok := c.host.Network().(*swarm.Swarm); ok {
		s.Backoff().Clear(info.ID) // whoever asks has waited
	}
	if err := c.host.Connect(ctx, info); err != nil {
		return nil, err
	}
	return c.host.NewStream(ctx, info.ID, spoken...)
}

// plain is why a peer could not be dialled, without a line for each attempt.
func plain(err error) error {
	if d, ok := errors.AsType[*swarm.DialError](err); ok && len(d.DialErrors) > 0 {
		return d.DialErrors[0].Cause
	}
	return err
}
