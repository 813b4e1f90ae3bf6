package node

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"ipp/store/dag"
	"ipp/store/ipfs/wire"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

const (
	maxWants   = 2048     // of one peer that wait
	maxBeyond  = 1 << 17  // wants of one peer beyond these, until it is left
	sendAtOnce = 32       // messages that are in memory, of all peers
	maxPresent = 1000     // in one message
	inline     = 1 << 10  // bytes of a block that is sent to who only asks whether it is there
	pace       = 64 << 10 // bytes that a peer has to take within
	paceTime   = 4 * time.Second
	fair       = 8 * time.Second // that a message may take where others wait for its memory
	recheck    = time.Second     // how often who waits looks for one that took longer
)

// Node is a host that serves by bitswap. Each peer has a queue of its own, and is
// answered by itself: one that takes nothing holds up nobody, and after paceTime it
// is left. Those that take little are left where others wait for what they hold.
type Node struct {
	*hosted
	blocks Blocks
	slots  chan struct{} // for messages that are in memory
	ctx    context.Context
	tasks  sync.WaitGroup

	sentBlocks, sentBytes atomic.Uint64

	mu      sync.Mutex
	clients map[peer.ID]*served
	senders map[*served]time.Time // whose messages are in memory, and since when
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
	h, err := newHost(key, serverLimits())
	if err != nil {
		return nil, err
	}
	n := &Node{hosted: h, blocks: blocks, slots: make(chan struct{}, sendAtOnce), clients: map[peer.ID]*served{}, senders: map[*served]time.Time{}}
	n.ctx, n.stop = context.WithCancel(context.Background())
	for _, p := range spoken {
		n.host.SetStreamHandler(p, n.answer)
	}
	n.host.Network().Notify(&network.NotifyBundle{DisconnectedF: n.disconnected})
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

// Close ends all connections.
func (n *Node) Close() error {
	err := n.hosted.Close()
	n.tasks.Wait()
	return err
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

// Served is what the node has sent.
func (n *Node) Served() (blocks, bytes uint64) { return n.sentBlocks.Load(), n.sentBytes.Load() }

// served is a peer that is served.
type served struct {
	node *Node
	id   peer.ID
	ctx  context.Context // until it is gone
	end  context.CancelFunc

	mu      sync.Mutex
	queue   []cid.Cid // in the order in which they were wanted; those that are not in wanted were cancelled
	wanted  map[cid.Cid]wire.Wanted
	sending bool // somebody works on the queue
	beyond  int  // wants that there was no room for
	useless int  // bytes of no use
}

// client is what is known of a peer; made where it is new.
func (n *Node) client(id peer.ID) *served {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.clients[id]
	if c == nil || c.ctx.Err() != nil {
		c = &served{node: n, id: id, wanted: map[cid.Cid]wire.Wanted{}}
		c.ctx, c.end = context.WithCancel(n.ctx)
		n.clients[id] = c
	}
	return c
}

// disconnected forgets a peer whose last connection is gone.
func (n *Node) disconnected(_ network.Network, conn network.Conn) {
	id := conn.RemotePeer()
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.clients[id]; c != nil && n.host.Network().Connectedness(id) != network.Connected {
		c.end()
		delete(n.clients, id)
	}
}

// answer reads what a peer wants.
func (n *Node) answer(s network.Stream) {
	c := n.client(s.Conn().RemotePeer())
	r := bufio.NewReaderSize(s, 16<<10)
	for {
		err := wire.ReadWants(r, c)
		switch {
		case err == nil:
		case err == io.EOF:
			_ = s.Close() // all was read
			return
		case errors.Is(err, errEnough):
			c.leave()
			return
		default:
			_ = s.Reset()
			return
		}
		c.work()
	}
}

// errEnough ends what is too much to be read.
var errEnough = errors.New("it sends what is of no use")

// leave ends all connections to the peer.
func (c *served) leave() {
	c.end()
	_ = c.node.host.Network().ClosePeer(c.id) // it is over in any case
}

// Want implements wire.Asker.
func (c *served) Want(w wire.Wanted) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	was, known := c.wanted[w.CID]
	switch {
	case w.Cancel:
		delete(c.wanted, w.CID)
	case known:
		c.wanted[w.CID] = wire.Wanted{CID: w.CID, Have: was.Have && w.Have, DontHave: was.DontHave || w.DontHave}
	case len(c.queue) >= maxWants:
		if c.beyond++; c.beyond > maxBeyond {
			return errEnough
		}
	default:
		c.wanted[w.CID] = w
		c.queue = append(c.queue, w.CID)
	}
	return nil
}

// Idle implements wire.Asker.
func (c *served) Idle(n int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.useless += n; c.useless > maxIdle {
		return errEnough
	}
	return nil
}

// next takes out what was wanted first. last: where there is nothing, nobody works
// on the queue any more.
func (c *served) next(last bool) (wire.Wanted, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) > 0 {
		k := c.queue[0]
		c.queue = c.queue[1:]
		if w, ok := c.wanted[k]; ok {
			delete(c.wanted, k)
			return w, true
		}
	}
	if last {
		c.sending = false
	}
	return wire.Wanted{}, false
}

// work begins to work on the queue, unless somebody does.
func (c *served) work() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sending || len(c.queue) == 0 || c.ctx.Err() != nil {
		return
	}
	c.sending = true
	c.node.tasks.Go(func() {
		if err := c.send(); err != nil {
			c.leave()
		}
	})
}

// send sends what is wanted until there is no more.
func (c *served) send() error {
	var s network.Stream
	for {
		w, ok := c.next(true)
		if !ok {
			if s != nil {
				return s.Close()
			}
			return nil
		}
		if s == nil {
			var err error
			if s, err = c.node.host.NewStream(c.ctx, c.id, spoken...); err != nil {
				return err
			}
			defer s.Reset() // nothing, once it is closed
		}
		if err := c.sendFrom(s, w); err != nil {
			return err
		}
	}
}

// sendFrom sends one message, which begins with w.
func (c *served) sendFrom(s network.Stream, w wire.Wanted) error {
	if err := c.begin(); err != nil {
		return err
	}
	defer c.done()
	var m wire.Reply
	blocks, bytes := 0, 0
	for n, ok := 0, true; ok; n++ {
		size, err := c.node.add(c.ctx, &m, w)
		if err != nil {
			return err
		}
		if size >= 0 {
			blocks, bytes = blocks+1, bytes+size
		}
		if ok = bytes < wire.Large && n+1 < maxPresent; ok {
			w, ok = c.next(false)
		}
	}
	if err := send(s, &m); err != nil {
		return err
	}
	c.node.sentBlocks.Add(uint64(blocks))
	c.node.sentBytes.Add(uint64(bytes))
	return nil
}

// begin waits until there is memory for a message. It ends the peer that has taken
// longest over its own, where that is longer than is fair.
func (c *served) begin() error {
	n := c.node
	again := time.NewTicker(recheck)
	defer again.Stop()
	for {
		select {
		case n.slots <- struct{}{}:
			n.mu.Lock()
			defer n.mu.Unlock()
			n.senders[c] = time.Now()
			return nil
		case <-c.ctx.Done():
			return c.ctx.Err()
		case <-again.C:
			if slow := n.slowest(); slow != nil {
				slow.leave()
			}
		}
	}
}

// done gives the memory of a message back.
func (c *served) done() {
	c.node.mu.Lock()
	delete(c.node.senders, c)
	c.node.mu.Unlock()
	<-c.node.slots
}

// slowest is the peer that has taken longest over a message; nil: nobody took long.
func (n *Node) slowest() (slow *served) {
	n.mu.Lock()
	defer n.mu.Unlock()
	longest := fair
	for c, since := range n.senders {
		if took := time.Since(since); took > longest && c.ctx.Err() == nil {
			slow, longest = c, took
		}
	}
	return slow
}

// add answers one want, and says how large the block is that it adds; -1: none.
func (n *Node) add(ctx context.Context, m *wire.Reply, w wire.Wanted) (int, error) {
	has, whole := true, true
	if w.Have {
		size, err := n.blocks.Size(ctx, w.CID)
		has, whole = err == nil, err == nil && size <= inline
	}
	if whole {
		data, err := n.blocks.Block(ctx, w.CID)
		if err == nil && len(data) <= dag.MaxBlock {
			m.Block(w.CID, data)
			return len(data), nil
		}
		has = false // what is damaged is not there
	}
	if has || w.DontHave {
		m.Presence(w.CID, has)
	}
	return -1, ctx.Err()
}

// send sends a message. Whoever takes less than pace within paceTime takes none.
func send(s network.Stream, m *wire.Reply) error {
	for _, part := range m.Parts() {
		for len(part) > 0 {
			if err := s.SetWriteDeadline(time.Now().Add(paceTime)); err != nil {
				return err
			}
			n, err := s.Write(part[:min(len(part), pace)])
			if err != nil {
				return err
			}
			part = part[n:]
		}
	}
	return nil
}
