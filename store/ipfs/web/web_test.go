package web_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"ipp/store/dag"
	"ipp/store/ipfs"
	"ipp/store/ipfs/web"

	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
)

var (
	_ ipfs.Streamer = (*web.Source)(nil)
	_ ipfs.Source   = (*web.Source)(nil)
)

func rawCID(data []byte) cid.Cid {
	c, err := cid.V1Builder{Codec: cid.Raw, MhType: mh.SHA2_256}.Sum(data)
	if err != nil {
		panic(err)
	}
	return c
}

func serve(t *testing.T, h http.HandlerFunc) *url.URL {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func gateway(t *testing.T, h http.HandlerFunc) *web.Source {
	t.Helper()
	s, err := web.New(serve(t, h).String())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func nothing(int) {}

func TestBlock(t *testing.T) {
	data := []byte("some contents")
	c := rawCID(data)
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		want   string // in the error; "": none
		absent bool
	}{
		"block": {answer: func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/ipfs/"+c.String() || r.URL.Query().Get("format") != "raw" || r.Header.Get("Accept") != "application/vnd.ipld.raw" || r.Header.Get("Accept-Encoding") != "" {
				http.Error(w, "not what a trustless gateway is asked", http.StatusTeapot)
				return
			}
			w.Write(data)
		}},
		"unknown length": {answer: func(w http.ResponseWriter, r *http.Request) {
			w.Write(data[:4])
			w.(http.Flusher).Flush()
			w.Write(data[4:])
		}},
		"404": {answer: func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }, want: "404", absent: true},
		"410": {answer: func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusGone) }, want: "410", absent: true},
		"500": {answer: func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) }, want: "500"},
		"429": {answer: func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(429) }, want: "429"},
		"206": {answer: func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(206) }, want: "206"},
		"cut short": {answer: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.Write(data)
		}, want: "unexpected EOF"},
		"too long, and says so": {answer: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(1<<40))
			w.Write(data)
		}, want: "more than"},
		"endless": {answer: func(w http.ResponseWriter, r *http.Request) {
			for chunk := make([]byte, 64<<10); ; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, want: "more than"},
		"gzip": {answer: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			g := gzip.NewWriter(w)
			defer g.Close()
			for range 1 << 6 {
				g.Write(make([]byte, 1<<20))
			}
		}, want: "compressed"},
		"huge headers": {answer: func(w http.ResponseWriter, r *http.Request) {
			for i := range 1000 {
				w.Header().Set(fmt.Sprint("X-", i), strings.Repeat("x", 1000))
			}
		}, want: "exceeded"},
		"redirects to itself": {answer: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path+"x", http.StatusFound)
		}, want: "redirects more than"},
		"redirects elsewhere": {answer: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.2:1/", http.StatusFound)
		}, want: "another host"},
		"no HTTP": {answer: func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				conn.Write(bytes.Repeat([]byte("\x00\xff"), 1000))
				conn.Close()
			}
		}, want: "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := gateway(t, tt.answer).Block(t.Context(), c, nothing)
			switch {
			case tt.want == "" && (err != nil || !bytes.Equal(got, data)):
				t.Errorf("%q, %v", got, err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("want an error with %q, not %v", tt.want, err)
			case errors.Is(err, fs.ErrNotExist) != tt.absent:
				t.Errorf("absent: %v, %v", !tt.absent, err)
			}
		})
	}
}

func TestRedirectBelowTheHostIsFollowed(t *testing.T) {
	data := []byte("some contents")
	s := gateway(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/moved") {
			http.Redirect(w, r, "/moved", http.StatusMovedPermanently)
			return
		}
		w.Write(data)
	})
	if got, err := s.Block(t.Context(), rawCID(data), nothing); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%q, %v", got, err)
	}
}

// car is an archive of raw blocks.
func car(t *testing.T, contents ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := dag.NewCARWriter(&buf, rawCID([]byte(contents[0])))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range contents {
		if err := w.Put(rawCID([]byte(s)), []byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	return buf.Bytes()
}

func TestStream(t *testing.T) {
	whole := car(t, "one", "two", "three")
	false3 := bytes.Replace(whole, []byte("three"), []byte("threE"), 1)
	for name, tt := range map[string]struct {
		sent []byte
		got  []string
		want string
	}{
		"whole":       {sent: whole, got: []string{"one", "two", "three"}},
		"other bytes": {sent: false3, got: []string{"one", "two"}, want: "hash"},
		"cut short":   {sent: whole[:len(whole)-2], got: []string{"one", "two"}, want: "EOF"},
		"no archive":  {sent: []byte("<html>hello</html>"), want: "archive"},
		"nothing":     {sent: nil, want: "archive"},
		"huge block":  {sent: append(bytes.Clone(whole), 0xff, 0xff, 0xff, 0xff, 0x0f), got: []string{"one", "two", "three"}, want: "archive"},
	} {
		t.Run(name, func(t *testing.T) {
			s := gateway(t, func(w http.ResponseWriter, r *http.Request) {
				q := r.URL.Query()
				if q.Get("format") != "car" || q.Get("dag-scope") != "all" || r.Header.Get("Accept") != "application/vnd.ipld.car; version=1; order=dfs; dups=n" {
					w.WriteHeader(http.StatusTeapot)
				}
				w.Write(tt.sent)
			})
			var got []string
			err := s.Stream(t.Context(), rawCID([]byte("one")), nothing, func(c cid.Cid, data []byte) error {
				got = append(got, string(data))
				return nil
			})
			if !slices.Equal(got, tt.got) {
				t.Errorf("got %q, want %q", got, tt.got)
			}
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("want an error with %q, not %v", tt.want, err)
			}
		})
	}
}

func TestKubo(t *testing.T) {
	data := []byte("some contents")
	c := rawCID(data)
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodPost || r.Header.Get("Origin") != "" || r.Header.Get("Referer") != "":
			w.WriteHeader(http.StatusForbidden)
		case r.URL.Path == "/api/v0/block/get" && r.URL.Query().Get("arg") == c.String():
			w.Write(data)
		case r.URL.Path == "/api/v0/block/get":
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, `{"Message":"block was not found locally (offline): ipld: could not find `+r.URL.Query().Get("arg")+`","Code":0,"Type":"error"}`)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	s, err := web.NewKubo(u.String())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Block(t.Context(), c, nothing); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := s.Block(t.Context(), rawCID([]byte("other")), nothing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("want what is not there, not %v", err)
	}
}

func TestAddresses(t *testing.T) {
	for _, bad := range []string{"", "example.org", "ftp://example.org", "http://", "https:///x", "http://h/?q=1", "http://h/#x", "http://h:port", "http://a b/"} {
		if _, err := web.New(bad); err == nil {
			t.Errorf("%q is taken for an address", bad)
		}
	}
	s, err := web.New("https://user:secret@example.org/base/")
	if err != nil || strings.Contains(s.Name(), "secret") {
		t.Errorf("%v, %v", s, err)
	}
}

func TestCancel(t *testing.T) {
	s := gateway(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Block(ctx, rawCID(nil), nothing); !errors.Is(err, context.Canceled) {
		t.Errorf("want context.Canceled, not %v", err)
	}
}
