package gateway

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Server accepts connections for a Handler, within its limits.
type Server struct {
	http   *http.Server
	limits Limits
	mu     sync.Mutex
	open   int
	of     map[netip.Addr]int
}

// NewServer makes a Server.
func NewServer(h *Handler) *Server {
	l := h.opt.Limits
	s := &Server{limits: l, of: map[netip.Addr]int{}}
	s.http = &http.Server{
		Handler:           h,
		ReadHeaderTimeout: l.HeaderTime,
		WriteTimeout:      l.Patience + l.ChunkTime, // until something is written
		IdleTimeout:       l.Idle,
		MaxHeaderBytes:    l.Header,
		ErrorLog:          log.New(io.Discard, "", 0), // strangers fill no log
	}
	return s
}

// Serve answers on a listener until Shutdown.
func (s *Server) Serve(l net.Listener) error {
	err := s.http.Serve(&listener{l, s})
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Shutdown takes no more requests, gives those at work until ctx ends, then
// breaks their connections.
func (s *Server) Shutdown(ctx context.Context) error {
	if err := s.http.Shutdown(ctx); err == nil {
		return nil
	}
	return s.http.Close()
}

// Connections is how many are open.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

func (s *Server) admit(peer netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open >= s.limits.Connections || s.of[peer] >= s.limits.ConnectionsPeer {
		return false
	}
	s.open++
	s.of[peer]++
	return true
}

func (s *Server) gone(peer netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	if s.of[peer]--; s.of[peer] == 0 {
		delete(s.of, peer)
	}
}

// sendBuffer is how much of a response the kernel holds for a slow reader.
const sendBuffer = 1 << 20

// listener closes at once what is beyond the limits.
type listener struct {
	net.Listener
	s *Server
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		peer := peerAddr(c.RemoteAddr().String())
		if !l.s.admit(peer) {
			_ = c.Close() // nothing was said
			continue
		}
		if t, ok := c.(*net.TCPConn); ok {
			_ = t.SetWriteBuffer(sendBuffer) // else it is the system's
			_ = t.SetKeepAlivePeriod(time.Minute)
		}
		return &conn{Conn: c, gone: sync.OnceFunc(func() { l.s.gone(peer) })}, nil
	}
}

type conn struct {
	net.Conn
	gone func()
}

func (c *conn) Close() error {
	c.gone()
	return c.Conn.Close()
}
