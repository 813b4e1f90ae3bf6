package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ipfs/boxo/exchange"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
)

const (
	width    = 256 // a peer forgets wants beyond 1,024, and each may be asked for twice
	patience = 30 * time.Second
	renewal  = 3 * time.Second // of silence, after which everything is asked for again
	dialling = 10 * time.Second
)

// Source is peers that are asked by bitswap: those that were named, and whoever
// says that he has what is asked for.
type Source struct {
	name  string
	node  *Node
	named []peer.AddrInfo
	found bool // others may be found

	once  sync.Once
	ready chan struct{} // closed when there is a session, or none can be
	err   error

	mu       sync.Mutex
	session  *session
	asking   int           // how many blocks are being asked for
	heard    time.Time     // when a block came last, a session began, or asking did
	patience time.Duration // with the session

	ctx   context.Context // of all dialling, and the session
	end   context.CancelFunc
	tasks sync.WaitGroup
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

// NewSource makes a source of the peers at these addresses, and of those that
// routers, which are addresses of /routing/v1, find.
func NewSource(name string, peers, routers []string) (*Source, error) {
	s := &Source{name: name, found: len(routers) > 0, ready: make(chan struct{})}
	for _, address := range peers {
		p, err := parsePeer(address)
		if err != nil {
			return nil, fmt.Errorf("peer %s: %w", address, err)
		}
		s.named = append(s.named, p)
	}
	find, err := newRouters(routers)
	if err != nil {
		return nil, err
	}
	if s.node, err = newClient(find); err != nil {
		return nil, err
	}
	s.ctx, s.end = context.WithCancel(context.Background())
	return s, nil
}

// Name implements ipfs.Source.
func (s *Source) Name() string { return s.name }

// Width implements ipfs.Source.
func (s *Source) Width() int { return width }

// Patience implements ipfs.Source.
func (s *Source) Patience() time.Duration { return patience }

// Close implements ipfs.Source.
func (s *Source) Close() error {
	s.end()
	s.tasks.Wait()
	return s.node.Close()
}

// Block implements ipfs.Source.
func (s *Source) Block(ctx context.Context, c cid.Cid, report func(int)) ([]byte, error) {
	s.once.Do(func() { s.tasks.Go(s.connect) })
	select {
	case <-s.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.err != nil {
		return nil, s.err
	}
	for {
		data, err := s.ask(ctx, c)
		if err == nil {
			report(len(data))
		}
		if !errors.Is(err, errRenewed) {
			return data, err
		}
	}
}

// session is one of bitswap's, and how it is ended.
type session struct {
	exchange.Fetcher
	ctx context.Context
	end context.CancelCauseFunc
}

// errRenewed ends a session that has been silent.
var errRenewed = errors.New("the session has been silent")

// ask asks for a block in the session that there is.
func (s *Source) ask(ctx context.Context, c cid.Cid) ([]byte, error) {
	now := s.enter()
	defer s.leave()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(now.ctx, func() { cancel(context.Cause(now.ctx)) })()
	b, err := now.GetBlock(ctx, c)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard, s.patience = time.Now(), renewal
	return b.RawData(), nil
}

func (s *Source) enter() *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asking++; s.asking == 1 {
		s.heard = time.Now()
	}
	return s.session
}

func (s *Source) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asking--
}

// watch begins another session where one has been silent, so that all that was
// asked for is asked for anew: bitswap forgets wants that it had not sent to
// anybody yet when its only peer was late to answer others.
func (s *Source) watch() {
	tick := time.NewTicker(renewal / 4)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
		s.mu.Lock()
		if s.asking > 0 && time.Since(s.heard) > s.patience {
			old := s.session
			s.begin()
			s.patience *= 2
			old.end(errRenewed)
		}
		s.mu.Unlock()
	}
}

// begin begins a session. s.mu is held.
func (s *Source) begin() {
	ctx, end := context.WithCancelCause(s.ctx)
	s.session, s.heard = &session{s.node.client.NewSession(ctx), ctx, end}, time.Now()
}

// plain is why a peer could not be dialled, without a line for each attempt.
func plain(err error) error {
	if d, ok := errors.AsType[*swarm.DialError](err); ok && len(d.DialErrors) > 0 {
		return fmt.Errorf("%s: %w", d.DialErrors[0].Address, d.DialErrors[0].Cause)
	}
	return err
}

// connect dials the peers that were named, all at once. With the first of them
// the session begins, and those that come later join it; none is needed where
// others may be found.
func (s *Source) connect() {
	defer close(s.ready)
	errs := make(chan error, len(s.named))
	for _, p := range s.named {
		s.tasks.Go(func() {
			ctx, cancel := context.WithTimeout(s.ctx, dialling)
			defer cancel()
			errs <- s.node.host.Connect(ctx, p)
		})
	}
	var all []error
	for range s.named {
		err := <-errs
		if err == nil || s.found {
			all = nil
			break
		}
		all = append(all, plain(err))
	}
	if s.err = errors.Join(all...); s.err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.patience = renewal
		s.begin()
		s.tasks.Go(s.watch)
	}
}
