//go:build linux

package hostile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ipp/tests/peers"

	bitswap "github.com/ipfs/boxo/bitswap/message"
	pb "github.com/ipfs/boxo/bitswap/message/pb"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// maxServing is what ipp serve may have resident at most, whoever comes, and
// maxOpen how many files it may have open here: a service has no more.
const (
	maxServing = 192 << 20
	maxOpen    = 256
)

// serving is an ipp serve at work.
type serving struct {
	cmd         *exec.Cmd
	stderr      bytes.Buffer
	URLs, Peers []string
}

func (w *world) serve() *serving {
	w.t.Helper()
	s := &serving{}
	script := fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, maxOpen)
	s.cmd = exec.Command("/bin/sh", "-c", script, ippPath, "serve", "--json", "--listen", "127.0.0.1:0", "--listen", "/ip4/127.0.0.1/tcp/0")
	s.cmd.Dir, s.cmd.Env, s.cmd.Stderr = w.work, w.env(), &s.stderr
	out, err := s.cmd.StdoutPipe()
	must(w.t, err)
	must(w.t, s.cmd.Start())
	w.t.Cleanup(func() {
		if s.cmd.ProcessState == nil {
			_ = s.cmd.Process.Kill()
			_ = s.cmd.Wait()
		}
	})
	must(w.t, json.NewDecoder(out).Decode(s))
	return s
}

// memory is the most that was resident.
func (s *serving) memory(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	must(t, err)
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("no VmHWM: %s", text)
	}
	n, err := strconv.ParseInt(string(m[1]), 10, 64)
	must(t, err)
	return n << 10
}

// open is how many files it has open.
func (s *serving) open(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
	must(t, err)
	return len(list)
}

// stranger connects from an address that honest clients don't have. nil: it was
// refused.
func stranger(t *testing.T, to string, i int) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%200))}, Timeout: 5 * time.Second}
	c, err := d.Dial("tcp", to)
	if err != nil {
		return nil
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// say writes, and does not care whether anybody listens.
func say(c net.Conn, text string) {
	if c != nil {
		go func() { _, _ = io.WriteString(c, text) }()
	}
}

// onHTTP are strangers that speak HTTP, or ought to.
func onHTTP(t *testing.T, addr, root string) {
	for i := range 100 { // and say nothing
		stranger(t, addr, i)
	}
	for i := range 20 { // take all, and read nothing
		say(stranger(t, addr, i), "GET /ipfs/"+root+"?format=car HTTP/1.1\r\nHost: localhost\r\n\r\n")
	}
	for i, text := range []string{
		"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 4<<20),
		"GET /" + strings.Repeat("x", 4<<20) + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /ipfs/" + root + "?format=raw HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("400\r\n"+strings.Repeat("x", 0x400)+"\r\n", 4096),
		"GET /ipfs/" + root + "?format=raw HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n" + strings.Repeat("x", 4<<20),
		strings.Repeat("GET /ipfs/"+root+"?format=raw HTTP/1.1\r\nHost: localhost\r\n\r\n", 50_000), // asked, and never read
		"GET /ipfs/" + root + strings.Repeat("/..", 300) + "?format=car HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00", 500), // TLS
		strings.Repeat("\x00\xff", 1<<20),
	} {
		say(stranger(t, addr, 100+i), text)
	}
}

// onBitswap are strangers that speak bitswap, or ought to.
func onBitswap(t *testing.T, address string, f *forge) {
	info, err := peer.AddrInfoFromString(address)
	must(t, err)
	wants := bitswap.New(true)
	for c := range f.blocks {
		wants.AddEntry(c, 1, pb.Message_Wantlist_Block, true)
	}
	many := bitswap.New(false)
	for i := range 10_000 {
		many.AddEntry(newForge().raw(fmt.Sprint(i)).cid, 1, pb.Message_Wantlist_Have, true)
	}
	for i := range 24 {
		p := peers.Hostile(t, "silent")
		switch i % 3 {
		case 0: // takes nothing
			p.SetStreamHandler(peers.Protocol, func(network.Stream) {})
		case 1: // agrees on nothing
			p.Network().SetStreamHandler(func(network.Stream) {})
		}
		if p.Connect(t.Context(), *info) != nil {
			continue // there are enough
		}
		s, err := p.NewStream(t.Context(), info.ID, peers.Protocol)
		if err != nil {
			continue
		}
		go func() {
			for range 10 {
				_ = wants.ToNetV1(s)
				_ = many.ToNetV1(s)
			}
			if i%3 == 2 {
				_, _ = s.Write(bytes.Repeat([]byte{0xff}, 1<<20))
			}
		}()
	}
}

// TestRemoteStrangers: ipp serve with strangers at both doors, who say nothing, or
// nonsense, or want all and take nothing: honest clients are served all the while,
// memory and open files are bounded, and it ends when it is told to.
func TestRemoteStrangers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f, root := wanted()
	w.write("x.car", f.car1(root))
	if out := w.ipp("import", "./x.car"); out.Code != 0 {
		t.Fatalf("%+v", out)
	}
	s := w.serve()
	addr := strings.TrimSuffix(strings.TrimPrefix(s.URLs[0], "http://"), "/")
	onHTTP(t, addr, root.cid.String())
	onBitswap(t, s.Peers[0], f)
	for _, source := range []string{s.URLs[0], s.Peers[0]} {
		honest := newWorld(t)
		honest.installed(honest.fetch("install", root.cid.String(), "--from", source))
	}
	if n := s.open(t); n > maxOpen {
		t.Errorf("%d files are open", n)
	}
	if n := s.memory(t); n > maxServing {
		t.Errorf("%d MiB were resident, %d at most", n>>20, maxServing>>20)
	}
	must(t, s.cmd.Process.Signal(syscall.SIGTERM))
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, &s.stderr)
	}
	escaped(t, "what it says", s.stderr.String())
}

// TestRemoteCrowd: more connections than it may have open files: those that come
// later wait, and when the crowd is gone all is as before.
func TestRemoteCrowd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f, root := wanted()
	w.write("x.car", f.car1(root))
	if out := w.ipp("import", "./x.car"); out.Code != 0 {
		t.Fatalf("%+v", out)
	}
	s := w.serve()
	info, err := peer.AddrInfoFromString(s.Peers[0])
	must(t, err)
	var crowd []net.Conn
	for i := range 2 * maxOpen {
		for _, to := range []string{strings.TrimSuffix(strings.TrimPrefix(s.URLs[0], "http://"), "/"), tcpOf(t, *info)} {
			if c := stranger(t, to, i); c != nil {
				crowd = append(crowd, c)
			}
		}
	}
	if n := s.open(t); n > maxOpen {
		t.Errorf("%d files are open", n)
	}
	for _, c := range crowd {
		_ = c.Close()
	}
	for _, source := range []string{s.URLs[0], s.Peers[0]} {
		honest := newWorld(t)
		honest.installed(honest.fetch("install", root.cid.String(), "--from", source))
	}
	must(t, s.cmd.Process.Signal(syscall.SIGTERM))
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, &s.stderr)
	}
}

// tcpOf is the host and port of an address.
func tcpOf(t *testing.T, info peer.AddrInfo) string {
	t.Helper()
	m := regexp.MustCompile(`^/ip4/([0-9.]+)/tcp/(\d+)$`).FindStringSubmatch(info.Addrs[0].String())
	if m == nil {
		t.Fatalf("%s", info.Addrs[0])
	}
	return net.JoinHostPort(m[1], m[2])
}
