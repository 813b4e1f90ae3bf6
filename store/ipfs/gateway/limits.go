package gateway

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Limits bound what strangers may have of this machine.
type Limits struct {
	Connections, ConnectionsPeer int           // open at a time: in all, from one address
	Requests, RequestsPeer       int           // answered at a time
	Patience                     time.Duration // a request waits for its turn; then 429
	Chunk                        int           // bytes that must be read within ChunkTime
	ChunkTime                    time.Duration
	Header                       int           // bytes of a request's header
	HeaderTime, Idle             time.Duration // to send it; between two requests
}

// DefaultLimits: 64 responses hold 2 MiB each. The least rate is 16 KiB a
// second.
func DefaultLimits() Limits {
	return Limits{
		Connections: 1024, ConnectionsPeer: 256,
		Requests: 64, RequestsPeer: 32, Patience: 30 * time.Second,
		Chunk: 64 << 10, ChunkTime: 4 * time.Second,
		Header: 16 << 10, HeaderTime: 10 * time.Second, Idle: time.Minute,
	}
}

func (l Limits) orDefault() Limits {
	if l == (Limits{}) {
		return DefaultLimits()
	}
	return l
}

// Stats count what was served.
type Stats struct {
	Requests, Bytes, Broken atomic.Int64
}

// Active is how many requests are being answered, and for how many peers.
func (h *Handler) Active() (requests, peers int) { return h.slots.active() }

var errBusy = errors.New("too many at once")

// slots are places for work, so many in all and so many for one peer.
type slots struct {
	total, each int
	mu          sync.Mutex
	taken       int
	of          map[netip.Addr]int
	freed       chan struct{} // closed when a place is free again
}

func newSlots(total, each int) *slots {
	return &slots{total: total, each: each, of: map[netip.Addr]int{}, freed: make(chan struct{})}
}

// try takes a place, or says what to wait for.
func (s *slots) try(peer netip.Addr) (freed <-chan struct{}, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken >= s.total || s.of[peer] >= s.each {
		return s.freed, false
	}
	s.taken++
	s.of[peer]++
	return nil, true
}

func (s *slots) leave(peer netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken--
	if s.of[peer]--; s.of[peer] == 0 {
		delete(s.of, peer)
	}
	close(s.freed)
	s.freed = make(chan struct{})
}

// enter waits for a place, but no longer than patience.
func (s *slots) enter(ctx context.Context, peer netip.Addr, patience time.Duration) (leave func(), err error) {
	end := time.NewTimer(patience)
	defer end.Stop()
	for {
		freed, ok := s.try(peer)
		if ok {
			return sync.OnceFunc(func() { s.leave(peer) }), nil
		}
		select {
		case <-freed:
		case <-end.C:
			return nil, errBusy
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *slots) active() (taken, peers int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken, len(s.of)
}

// paced counts what is written, and holds the reader to the least rate: each
// chunk has its own time, and when that is over the connection is.
func (h *Handler) paced(w http.ResponseWriter) http.ResponseWriter {
	return &pace{ResponseWriter: w, h: h, control: http.NewResponseController(w)}
}

type pace struct {
	http.ResponseWriter
	h       *Handler
	control *http.ResponseController
}

func (p *pace) Write(b []byte) (n int, err error) {
	for len(b) > 0 && err == nil {
		if err := p.control.SetWriteDeadline(time.Now().Add(p.h.opt.Limits.ChunkTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return n, err
		}
		var m int
		m, err = p.ResponseWriter.Write(b[:min(len(b), p.h.opt.Limits.Chunk)])
		n, b = n+m, b[m:]
		p.h.Stats.Bytes.Add(int64(m))
	}
	return n, err
}

// Unwrap is for http.ResponseController.
func (p *pace) Unwrap() http.ResponseWriter { return p.ResponseWriter }
