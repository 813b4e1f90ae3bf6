// Package web is the sources that speak HTTP: trustless gateways, and the RPC of
// a Kubo node. Whoever else speaks HTTP takes its client from here.
//
// Invariants. No more than dag.MaxBlock bytes of a block are read, and headers of
// at most 64 KiB. Nothing compressed is asked for or taken, so that nothing
// unfolds. A redirect stays on its host or goes below it, and is followed three
// times at most: a gateway can't make us ask others. Nor can it by what its name
// means next: what is not exactly the address that was given is only asked where it
// is public, unless that address is not. No cookies, no
// credentials but those of the address itself, no proxy but the environment's.
//
// Concurrency: what New and NewKubo return is safe for concurrent use.
package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

const (
	width      = 16
	patience   = 10 * time.Second
	connecting = 5 * time.Second
	maxHeader  = 64 << 10
	redirects  = 3
)

// Source is a gateway or a node that is reached by HTTP.
type Source struct {
	name   string
	client *http.Client
	block  func(context.Context, cid.Cid) (*http.Request, error)
	dag    func(context.Context, cid.Cid) (*http.Request, error)
	absent func(*http.Response) bool // whether it says that it has none
}

// New is the trustless gateway at an address such as https://example.org.
func New(address string) (*Source, error) {
	base, err := Parse(address)
	if err != nil {
		return nil, err
	}
	get := func(ctx context.Context, c cid.Cid, query, accept string) (*http.Request, error) {
		u := base.JoinPath("ipfs", c.String())
		u.RawQuery = query
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
		if err == nil {
			r.Header.Set("Accept", accept)
		}
		return r, err
	}
	return &Source{
		name: base.Redacted(), client: NewClient(base, Patience),
		block: func(ctx context.Context, c cid.Cid) (*http.Request, error) {
			return get(ctx, c, "format=raw", "application/vnd.ipld.raw")
		},
		dag: func(ctx context.Context, c cid.Cid) (*http.Request, error) {
			return get(ctx, c, "format=car&dag-scope=all&car-version=1&car-order=dfs&car-dups=n", "application/vnd.ipld.car; version=1; order=dfs; dups=n")
		},
		absent: func(r *http.Response) bool {
			return r.StatusCode == http.StatusNotFound || r.StatusCode == http.StatusGone
		},
	}, nil
}

// NewKubo is the Kubo node whose RPC answers at an address such as
// http://127.0.0.1:5001. It is asked for what it has or can get.
func NewKubo(address string) (*Source, error) {
	base, err := Parse(address)
	if err != nil {
		return nil, err
	}
	post := func(ctx context.Context, call string, c cid.Cid) (*http.Request, error) {
		u := base.JoinPath("api/v0", call)
		u.RawQuery = url.Values{"arg": {c.String()}, "timeout": {"60s"}}.Encode()
		return http.NewRequestWithContext(ctx, http.MethodPost, u.String(), nil)
	}
	return &Source{
		name: "Kubo at " + base.Redacted(), client: NewClient(base, Patience),
		block: func(ctx context.Context, c cid.Cid) (*http.Request, error) { return post(ctx, "block/get", c) },
		dag:   func(ctx context.Context, c cid.Cid) (*http.Request, error) { return post(ctx, "dag/export", c) },
		// Kubo answers 500 to all that goes wrong, and says what in words.
		absent: func(r *http.Response) bool {
			if r.StatusCode != http.StatusInternalServerError {
				return false
			}
			text, err := io.ReadAll(io.LimitReader(r.Body, 4<<10))
			return err == nil && (strings.Contains(string(text), "not found") || strings.Contains(string(text), "deadline exceeded"))
		},
	}, nil
}

// Check says what is wrong with the address of a gateway or a node.
func Check(address string) error {
	_, err := Parse(address)
	return err
}

// Parse reads the address of a service on the web.
func Parse(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%q is no address: %w", address, errors.Unwrap(err))
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("%q is no address of the web: it would begin with https://HOST", address)
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%q has more than an address: nothing may follow the path", address)
	}
	return u, nil
}

func transport(patience time.Duration) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		TLSHandshakeTimeout:    connecting,
		ResponseHeaderTimeout:  patience,
		IdleConnTimeout:        time.Minute,
		MaxIdleConnsPerHost:    width,
		MaxConnsPerHost:        2 * width,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
		ReadBufferSize:         64 << 10,
	}
}

// Patience is how long a client waits for an answer to begin.
const Patience = 2 * patience

// NewClient makes a client for the service at base, that strangers can't hold up or
// fill up, and that they don't send elsewhere. An answer has to begin within
// patience; 0: whoever uses it sees to that. He bounds the bodies that he reads.
func NewClient(base *url.URL, patience time.Duration) *http.Client {
	return &http.Client{
		Transport: newRouted(base, patience),
		CheckRedirect: func(to *http.Request, via []*http.Request) error {
			from := via[0].URL.Hostname()
			switch host := to.URL.Hostname(); {
			case to.URL.Scheme != "http" && to.URL.Scheme != "https":
				return fmt.Errorf("it redirects to %q, which is not the web", to.URL.Scheme+":")
			case len(via) > redirects:
				return fmt.Errorf("it redirects more than %d times", redirects)
			case host != from && !strings.HasSuffix(host, "."+from):
				return fmt.Errorf("it redirects to another host, %q", host)
			case via[0].URL.Scheme == "https" && to.URL.Scheme != "https":
				return errors.New("it redirects from https to what is not encrypted")
			}
			return nil
		},
	}
}

// Name implements ipfs.Source.
func (s *Source) Name() string { return s.name }

// Width implements ipfs.Source.
func (s *Source) Width() int { return width }

// Patience implements ipfs.Source.
func (s *Source) Patience() time.Duration { return patience }

// Close implements ipfs.Source.
func (s *Source) Close() error {
	s.client.CloseIdleConnections()
	return nil
}

// Block implements ipfs.Source.
func (s *Source) Block(ctx context.Context, c cid.Cid, report func(int)) ([]byte, error) {
	r, err := s.block(ctx, c)
	if err != nil {
		return nil, err
	}
	body, size, err := s.do(r, report)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	if size > dag.MaxBlock {
		return nil, tooMuch(c)
	}
	return readBlock(c, body, size)
}

// readBlock reads a block whose size may be known.
func readBlock(c cid.Cid, r io.Reader, size int64) ([]byte, error) {
	if size < 0 {
		data, err := io.ReadAll(io.LimitReader(r, dag.MaxBlock+1))
		if err == nil && len(data) > dag.MaxBlock {
			err = tooMuch(c)
		}
		return data, err
	}
	data := make([]byte, size)
	_, err := io.ReadFull(r, data)
	return data, err
}

func tooMuch(c cid.Cid) error {
	return &dag.LimitError{What: fmt.Sprintf("bytes in block %s", c), Limit: dag.MaxBlock}
}

// Stream implements ipfs.Streamer.
func (s *Source) Stream(ctx context.Context, root cid.Cid, report func(int), each func(cid.Cid, []byte) error) error {
	r, err := s.dag(ctx, root)
	if err != nil {
		return err
	}
	body, _, err := s.do(r, report)
	if err != nil {
		return err
	}
	defer body.Close()
	return dag.ReadCAR(body, each)
}

// do asks, and gives the body of a good answer.
func (s *Source) do(r *http.Request, report func(int)) (io.ReadCloser, int64, error) {
	resp, err := s.client.Do(r)
	if err != nil {
		return nil, 0, shorten(Cause(err))
	}
	report(0)
	body := &counted{resp.Body, report}
	switch {
	case resp.StatusCode == http.StatusOK && resp.Header.Get("Content-Encoding") == "":
		return body, resp.ContentLength, nil
	case resp.StatusCode == http.StatusOK:
		err = fmt.Errorf("it compressed what it sent, which was not asked for")
	case s.absent(resp):
		err = shorten(absentError(resp.Status))
	default:
		err = shorten(fmt.Errorf("it answers %s", resp.Status))
	}
	return nil, 0, errors.Join(err, resp.Body.Close())
}

// Cause is what went wrong with a request, without the address that net/http
// repeats.
func Cause(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// maxText is how much of an error is told: net/http repeats what it was sent.
const maxText = 200

// longError is an error whose text is cut.
type longError struct{ error }

func shorten(err error) error {
	if len(err.Error()) <= maxText {
		return err
	}
	return longError{err}
}

func (e longError) Error() string {
	return strings.ToValidUTF8(e.error.Error()[:maxText], "") + "…"
}

func (e longError) Unwrap() error { return e.error }

// absentError says in which words a source has no such block.
type absentError string

func (e absentError) Error() string { return "it does not have it (" + string(e) + ")" }

// Is makes it what is not there.
func (e absentError) Is(target error) bool { return target == fs.ErrNotExist }

// counted reports what is read.
type counted struct {
	io.ReadCloser
	report func(int)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if n > 0 {
		c.report(n)
	}
	return n, err
}
