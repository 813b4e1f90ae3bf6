package gateway

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"ipp/store/dag"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/go-cid"
)

// tight are limits that a test reaches soon.
func tight() Limits {
	return Limits{
		Connections: 40, ConnectionsPeer: 20, Requests: 4, RequestsPeer: 2, Patience: 300 * time.Millisecond,
		Chunk: 64 << 10, ChunkTime: 300 * time.Millisecond, Header: 4 << 10, HeaderTime: 300 * time.Millisecond, Idle: 300 * time.Millisecond,
	}
}

// start serves a world on loopback.
func start(t *testing.T, w *world, opt Options) (addr string, h *Handler, s *Server) {
	t.Helper()
	opt.Source = w
	h = New(opt)
	s = NewServer(h)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String(), h, s
}

// dial connects from a loopback address of its own.
func dial(t *testing.T, from, to string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// ended says whether the other side closes the connection within a time that no
// honest one needs.
func ended(t *testing.T, c net.Conn) (said string, closed bool) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(io.LimitReader(c, 1<<20))
	var late net.Error
	return string(data), !(errors.As(err, &late) && late.Timeout())
}

// TestMalformed sends what is no request of ours.
func TestMalformed(t *testing.T) {
	w := newWorld(t)
	addr, _, s := start(t, w, Options{Limits: tight()})
	root := w.root.String()
	const reset = "" // 431, which the rest of what was sent may overtake
	for _, c := range []struct{ name, send, want string }{
		{"noise", "\x00\x01\x02\x03\r\n\r\n", "400"},
		{"no end", "GET / HTTP/1.1\r\nHost: localhost\r\nX: y", ""},
		{"slow", "GET /", ""},
		{"nothing", "", ""},
		{"huge header", "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("y", 1<<20), reset},
		{"many headers", "GET / HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat("X: y\r\n", 1<<16), reset},
		{"huge path", "GET /" + strings.Repeat("y", 1<<20) + " HTTP/1.1\r\nHost: localhost\r\n\r\n", reset},
		{"long path", "GET /ipfs/" + root + "/" + strings.Repeat("a/", 500) + "?format=car HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "414"},
		{"post", "POST /ipfs/" + root + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", "405"},
		{"body", "GET /ipfs/" + root + "?format=raw HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nabc", "413"},
		{"endless body", "GET /ipfs/" + root + "?format=raw HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "413"},
		{"two lengths", "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "400"},
		{"two hosts", "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", "400"},
		{"no host", "GET / HTTP/1.1\r\n\r\n", "400"},
		{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "413"},
		{"connect", "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n", "421"},
		{"other site", "GET http://example.org/ HTTP/1.1\r\nHost: localhost\r\n\r\n", "421"},
		{"control characters", "GET /ipfs/" + root + "/%00%0d%0aX:y?format=car HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "200"},
	} {
		conn := dial(t, "127.0.0.1", addr)
		go func() { _, _ = io.WriteString(conn, c.send) }() // it may be cut off
		said, closed := ended(t, conn)
		first, _, _ := strings.Cut(said, "\r\n")
		if !closed {
			t.Errorf("%s: the connection stays", c.name)
		}
		if c.want != "" && !strings.Contains(first, " "+c.want+" ") || c.want == "" && strings.Contains(first, " 200 ") {
			t.Errorf("%s: %q, want %s", c.name, first, c.want)
		}
		head, _, _ := strings.Cut(said, "\r\n\r\n")
		if strings.Contains(head, "\r\nX:") {
			t.Errorf("%s: a header of the stranger's: %q", c.name, head)
		}
	}
	wait(t, "connections are forgotten", func() bool { return s.Connections() == 0 })
}

func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// TestManyConnections: beyond the limits connections end at once, those of
// others are taken on, and nothing is left when they go.
func TestManyConnections(t *testing.T) {
	w := newWorld(t)
	l := tight()
	l.HeaderTime = time.Hour
	addr, _, s := start(t, w, Options{Limits: l})
	before := runtime.NumGoroutine()
	var conns []net.Conn
	for range 200 {
		conns = append(conns, dial(t, "127.0.0.1", addr))
	}
	wait(t, "one peer has its connections", func() bool { return s.Connections() == l.ConnectionsPeer })
	open := 0
	for _, c := range conns {
		_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if _, err := c.Read(make([]byte, 1)); errors.As(err, new(net.Error)) && err.(net.Error).Timeout() {
			open++
		}
		if open > l.ConnectionsPeer {
			break
		}
	}
	if open > l.ConnectionsPeer {
		t.Errorf("%d connections of one peer stay open", open)
	}
	for i := range 200 {
		conns = append(conns, dial(t, fmt.Sprintf("127.0.%d.2", i), addr))
	}
	wait(t, "all connections are used", func() bool { return s.Connections() == l.Connections })
	if n := runtime.NumGoroutine() - before; n > 3*l.Connections {
		t.Errorf("%d goroutines for %d connections", n, l.Connections)
	}
	for _, c := range conns {
		_ = c.Close()
	}
	wait(t, "connections are forgotten", func() bool { return s.Connections() == 0 })
	if got := send(t, "http://"+addr, ask{target: "/ipfs/" + w.root.String() + "?format=raw"}); got.status != http.StatusOK {
		t.Errorf("after the flood: %d", got.status)
	}
}

// TestManyRequests: one peer takes its share and no more, waits its turn, and is
// told to come again.
func TestManyRequests(t *testing.T) {
	w := newWorld(t)
	release := make(chan struct{})
	w.wait = func(ctx context.Context, _ cid.Cid) {
		select {
		case <-release:
		case <-ctx.Done():
		}
	}
	addr, h, _ := start(t, w, Options{Limits: tight()})
	ask := func(from string) net.Conn {
		c := dial(t, from, addr)
		fmt.Fprintf(c, "GET /ipfs/%s?format=raw HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", w.root)
		return c
	}
	held := []net.Conn{ask("127.0.0.1"), ask("127.0.0.1")}
	wait(t, "two are answered", func() bool { n, _ := h.Active(); return n == 2 })
	if said, _ := ended(t, ask("127.0.0.1")); !strings.Contains(said, " 429 ") || !strings.Contains(said, "Retry-After: ") {
		t.Errorf("the third of one peer: %.100q", said)
	}
	held = append(held, ask("127.0.0.2"), ask("127.0.0.3"))
	wait(t, "others have their turn", func() bool { n, peers := h.Active(); return n == 4 && peers == 3 })
	if said, _ := ended(t, ask("127.0.0.4")); !strings.Contains(said, " 429 ") {
		t.Errorf("the fifth in all: %.100q", said)
	}
	close(release)
	for _, c := range held {
		if said, _ := ended(t, c); !strings.HasPrefix(said, "HTTP/1.1 200 ") {
			t.Errorf("who was first: %.100q", said)
		}
	}
	wait(t, "all is free again", func() bool { n, peers := h.Active(); return n == 0 && peers == 0 })
}

// TestSlowReader: who takes a large answer and reads nothing is dropped, and held
// no more than a few blocks meanwhile.
func TestSlowReader(t *testing.T) {
	w := emptyWorld()
	root := w.dir(cid.V1Builder{Codec: cid.DagProtobuf, MhType: 0x12}, 0)
	for i := range 48 {
		w.add(root, fmt.Sprint(i), w.node(merkledag.NewRawNode(noise(byte(i), 1<<20))))
	}
	w.root = w.node(must(root.GetNode())).Cid()
	addr, h, s := start(t, w, Options{Limits: tight()})
	var wg sync.WaitGroup
	for i := range 4 {
		c := dial(t, fmt.Sprintf("127.0.0.%d", 1+i), addr)
		fmt.Fprintf(c, "GET /ipfs/%s?format=car HTTP/1.1\r\nHost: localhost\r\n\r\n", w.root)
		wg.Go(func() {
			b := make([]byte, 1)
			for range 5 { // a byte now and then
				_, _ = c.Read(b)
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
	wg.Wait()
	wait(t, "they are dropped", func() bool { n, _ := h.Active(); return n == 0 && s.Connections() == 0 && h.Stats.Broken.Load() == 4 })
	w.mu.Lock()
	defer w.mu.Unlock()
	if most := 4 * 20; w.read > most {
		t.Errorf("%d blocks were read for readers that took none, want %d at most", w.read, most)
	}
}

// TestBroken: a block that is damaged or goes missing half way ends the answer so
// that nobody takes it for whole: neither HTTP nor a reader of CARs.
func TestBroken(t *testing.T) {
	w := newWorld(t)
	addr, h, _ := start(t, w, Options{})
	late := w.at(t, "sub/large")
	leaf := must(dag.Links(late, must(w.Block(t.Context(), late))))[9]
	for _, how := range []string{"damaged", "missing"} {
		block := must(w.store.Get(t.Context(), leaf))
		if how == "missing" {
			w.drop(leaf)
		} else {
			w.spoilt[leaf] = true
		}
		target := "/ipfs/" + late.String() + "?format=car"
		got := send(t, "http://"+addr, ask{target: target})
		if !got.broken || got.status != http.StatusOK || len(got.body) < 500_000 {
			t.Errorf("%s: %d, %d bytes, broken %v", how, got.status, len(got.body), got.broken)
		}
		old := dial(t, "127.0.0.1", addr) // knows no chunks, so the end of the connection is the end of the body
		fmt.Fprintf(old, "GET %s HTTP/1.0\r\n\r\n", target)
		res, err := http.ReadResponse(bufio.NewReader(old), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		if all := listCAR(body); !strings.Contains(all, "invalid") && !strings.Contains(all, "EOF") && !strings.Contains(all, "malformed") {
			t.Errorf("%s: a reader takes the CAR for whole: %s", how, all)
		}
		if got := send(t, "http://"+addr, ask{target: "/ipfs/" + leaf.String() + "?format=raw"}); got.status != map[string]int{"damaged": 500, "missing": 404}[how] || got.header.Get("Etag") != "" || got.header.Get("Cache-Control") != "" {
			t.Errorf("%s: raw: %d %v", how, got.status, got.header)
		}
		delete(w.spoilt, leaf)
		if err := w.store.Put(t.Context(), block); err != nil {
			t.Fatal(err)
		}
	}
	if n := h.Stats.Broken.Load(); n != 4 {
		t.Errorf("%d answers broken off, want 4", n)
	}
	if got := send(t, "http://"+addr, ask{target: "/ipfs/" + late.String() + "?format=car"}); got.broken || !bytes.Contains(got.body, must(w.Block(t.Context(), leaf))) {
		t.Error("healed, it is not served")
	}
}

// TestNames: over loopback only our own names are answered.
func TestNames(t *testing.T) {
	w := newWorld(t)
	addr, _, _ := start(t, w, Options{Names: []string{"Mirror.example"}})
	_, port, _ := net.SplitHostPort(addr)
	for host, want := range map[string]int{
		addr: 200, "localhost": 200, "LOCALHOST:" + port: 200, "localhost.": 200, "127.0.0.1": 200, "[::1]:" + port: 200, "127.9.9.9": 200, "mirror.example": 200,
		"example.org": 421, "example.org:" + port: 421, "192.168.1.1": 421, "localhost.example.org": 421, "[2001:db8::1]": 421, "x.mirror.example": 421, "0.0.0.0": 421,
	} {
		req := must(http.NewRequest(http.MethodGet, "http://"+addr+"/ipfs/"+w.root.String()+"?format=raw", nil))
		req.Host = host
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("Host %s: %d, want %d", host, res.StatusCode, want)
		}
	}
}

// TestPeers: what is one peer.
func TestPeers(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1:5": "192.0.2.1", "[::ffff:192.0.2.1]:5": "192.0.2.1", "[2001:db8::1:2:3:4]:5": "2001:db8::", "[fe80::1%eth0]:5": "fe80::",
	} {
		if got := peerAddr(text); got != netip.MustParseAddr(want) {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	if got := peerAddr("nonsense"); got.IsValid() {
		t.Errorf("nonsense is %s", got)
	}
}
