package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	width    = 256 // Kubo forgets wants of one peer beyond 1,024
	patience = 10 * time.Second
	dialling = 10 * time.Second
)

// Peer is one peer that is asked by bitswap. It is an ipfs.Source.
type Peer struct {
	name   string
	client *Client
	info   peer.AddrInfo

	mu   sync.Mutex
	link *link // nil: there was none yet
	bad  error // it is asked no more
}

// Name implements ipfs.Source.
func (p *Peer) Name() string { return p.name }

// Width implements ipfs.Source.
func (p *Peer) Width() int { return width }

// Patience implements ipfs.Source.
func (p *Peer) Patience() time.Duration { return patience }

// Close implements ipfs.Source: it ends what connects to the peer.
func (p *Peer) Close() error {
	p.mu.Lock()
	l := p.link
	p.bad = errClosed
	p.mu.Unlock()
	if l != nil {
		l.fail(errClosed)
	}
	return nil
}

var (
	errClosed = errors.New("it is asked no more")
	errGone   = errors.New("it ended the connection")
)

// Block implements ipfs.Source.
func (p *Peer) Block(ctx context.Context, c cid.Cid, report func(int)) ([]byte, error) {
	l, err := p.linked()
	if err != nil {
		return nil, err
	}
	w := l.want(c, report)
	defer l.leave(w)
	select {
	case got := <-w.got:
		return got.data, got.err
	case <-l.ctx.Done():
		return nil, context.Cause(l.ctx)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// linked is the link to the peer, a new one where the last one broke.
func (p *Peer) linked() (*link, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bad != nil {
		return nil, p.bad
	}
	if p.link == nil || p.link.broken() {
		p.link = newLink(p)
		p.client.tasks.Go(p.link.run)
	}
	return p.link, nil
}
