//go:build linux

package hostile

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
)

// gateway answers requests for one block, whose honest contents it is given; nil:
// it is asked for what it does not have.
type gateway func(w http.ResponseWriter, r *http.Request, block []byte)

// quick are gateways that are found out at once, slow those that are waited for,
// and archivers those that give honest blocks, and archives that are not.
var (
	quick = map[string]gateway{
		"other bytes": func(w http.ResponseWriter, _ *http.Request, b []byte) {
			b = bytes.Clone(b)
			b[len(b)-1] ^= 1
			w.Write(b)
		},
		"nothing": func(w http.ResponseWriter, _ *http.Request, _ []byte) {},
		"a page":  func(w http.ResponseWriter, _ *http.Request, _ []byte) { io.WriteString(w, "<html>hello</html>") },
		"endless": func(w http.ResponseWriter, _ *http.Request, _ []byte) { endless(w) },
		"too short": func(w http.ResponseWriter, _ *http.Request, b []byte) {
			w.Header().Set("Content-Length", fmt.Sprint(len(b)+100))
			w.Write(b)
		},
		"more than it says": func(w http.ResponseWriter, r *http.Request, b []byte) {
			hijack(w, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(b)-1, b))
		},
		"huge, it says": func(w http.ResponseWriter, _ *http.Request, b []byte) {
			w.Header().Set("Content-Length", fmt.Sprint(uint64(1)<<40))
			w.Write(b)
		},
		"two lengths": func(w http.ResponseWriter, _ *http.Request, b []byte) {
			hijack(w, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Length: 1\r\n\r\n%s", len(b), b))
		},
		"compressed": func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			defer z.Close()
			for zeros := make([]byte, 1<<20); ; {
				if _, err := z.Write(zeros); err != nil {
					return
				}
			}
		},
		"one large header": func(w http.ResponseWriter, _ *http.Request, b []byte) {
			w.Header().Set("X", strings.Repeat("x", 1<<20))
			w.Write(b)
		},
		"many headers": func(w http.ResponseWriter, _ *http.Request, b []byte) {
			for i := range 100_000 {
				w.Header().Set(fmt.Sprint("X-", i), "x")
			}
			w.Write(b)
		},
		"endless 1xx": func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			hijack(w, strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", 10_000))
		},
		"no HTTP": func(w http.ResponseWriter, _ *http.Request, _ []byte) { hijack(w, strings.Repeat("\x00\xff", 1000)) },
		"redirects to itself": func(w http.ResponseWriter, r *http.Request, _ []byte) {
			http.Redirect(w, r, r.URL.String()+"x", http.StatusFound)
		},
		"redirects elsewhere":        redirect("http://127.0.0.2:1/ipfs/x"),
		"redirects to a file":        redirect("file:///etc/passwd"),
		"redirects into the network": redirect("http://192.168.0.1/admin?reboot=1"),
		"redirects to metadata":      redirect("http://169.254.169.254/latest/meta-data/"),
		"redirects to nowhere":       redirect("http://[::1"),
		"asks for a password": func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			w.Header().Set("WWW-Authenticate", "Basic")
			w.WriteHeader(http.StatusUnauthorized)
		},
		"escapes": func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			hijack(w, "HTTP/1.1 500 \x1b[2J\x1b]0;owned\x07\u202e\r\n\r\n")
		},
	}
	slow = map[string]gateway{
		"silent": func(_ http.ResponseWriter, r *http.Request, _ []byte) { <-r.Context().Done() },
		"slow header": func(w http.ResponseWriter, r *http.Request, _ []byte) {
			drip(w, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 1000))
		},
		"slow body": func(w http.ResponseWriter, r *http.Request, b []byte) {
			drip(w, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(b), b))
		},
		"slow chunks": func(w http.ResponseWriter, r *http.Request, _ []byte) {
			drip(w, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+strings.Repeat("1\r\nx\r\n", 1000))
		},
	}
	archivers = map[string]func(w io.Writer, honest []byte){
		"endless": func(w io.Writer, honest []byte) { w.Write(honest); foreign(w, 1<<40) },
		"foreign": func(w io.Writer, honest []byte) { w.Write(honest[:headOf(honest)]); foreign(w, 1<<30) },
		"lying": func(w io.Writer, honest []byte) {
			spoilt := bytes.Clone(honest)
			spoilt[len(spoilt)-1] ^= 1
			w.Write(spoilt)
		},
		"cut": func(w io.Writer, honest []byte) { w.Write(honest[:len(honest)/2]) },
		"of other roots": func(w io.Writer, honest []byte) {
			w.Write(append(carHeader(newForge().raw("other")), honest[headOf(honest):]...))
		},
		"a huge block": func(w io.Writer, honest []byte) {
			w.Write(binary.AppendUvarint(honest[:headOf(honest):headOf(honest)], 1<<40))
			foreign(w, 1<<30)
		},
		"a huge header": func(w io.Writer, _ []byte) { w.Write(binary.AppendUvarint(nil, 1<<40)); foreign(w, 1<<30) },
		"of version 2":  func(w io.Writer, honest []byte) { w.Write(car2(honest, 51, uint64(len(honest)), 0)) },
		"repeating": func(w io.Writer, honest []byte) {
			for _, err := w.Write(honest); err == nil; _, err = w.Write(honest[headOf(honest):]) {
			}
		},
	}
)

func redirect(to string) gateway {
	return func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusTemporaryRedirect)
	}
}

func endless(w io.Writer) {
	for chunk := make([]byte, 64<<10); ; {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// hijack writes what is no answer of net/http's.
func hijack(w http.ResponseWriter, text string) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		io.WriteString(conn, text)
		conn.Close()
	}
}

// drip sends a byte a second, after the first.
func drip(w http.ResponseWriter, text string) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	for i := range text {
		if _, err := io.WriteString(conn, text[i:i+1]); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

// headOf is how long the header of an archive is.
func headOf(car []byte) int {
	n, size := binary.Uvarint(car)
	return size + int(n)
}

// foreign writes blocks that are good, and that nobody asked for.
func foreign(w io.Writer, total int) {
	for i := 0; total > 0; i++ {
		data := bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 1<<19)
		if _, err := w.Write(section(nil, sum(cid.Raw, data), data)); err != nil {
			return
		}
		total -= len(data)
	}
}

// serveBlocks is a gateway for what is in a forge. raw answers for blocks, nil:
// honestly; archive for archives, nil: there are none.
func serveBlocks(t *testing.T, f *forge, root link, raw gateway, archive func(io.Writer, []byte)) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := cid.Decode(strings.TrimPrefix(r.URL.Path, "/ipfs/"))
		switch block := f.blocks[c]; {
		case r.URL.Query().Get("format") == "car":
			if archive == nil {
				w.WriteHeader(http.StatusNotAcceptable)
				return
			}
			archive(w, f.carBelow(link{cid: c}))
		case err != nil:
			w.WriteHeader(http.StatusBadRequest)
		case raw != nil:
			raw(w, r, block)
		case block == nil:
			w.WriteHeader(http.StatusNotFound)
		default:
			w.Write(block)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}
