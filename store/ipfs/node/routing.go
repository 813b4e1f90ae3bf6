package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"ipp/store/ipfs/web"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/routing"
	ma "github.com/multiformats/go-multiaddr"
)

const (
	maxAnswer = 1 << 20 // bytes of what a router says of one block
	bitswap   = "transport-bitswap"
)

// routers are services of delegated routing, all of which are asked at once. boxo
// has a client for them, which brings OpenCensus along: a third of what all
// packages together allocate at each start.
type routers []*router

// router is a service that says who has a block, by /routing/v1.
type router struct {
	base *url.URL
	web  *http.Client
}

// CheckRouter says what is wrong with the address of a service of /routing/v1,
// such as https://example.org.
func CheckRouter(address string) error { return web.Check(address) }

// newRouters is who says which peers have a block; nil: nobody.
func newRouters(addresses []string) (routing.ContentDiscovery, error) {
	if len(addresses) == 0 {
		return nil, nil
	}
	all := make(routers, len(addresses))
	for i, a := range addresses {
		r, err := newRouter(a)
		if err != nil {
			return nil, err
		}
		all[i] = r
	}
	return all, nil
}

func newRouter(address string) (*router, error) {
	base, err := web.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("router: %w", err)
	}
	client := web.NewClient()
	client.Timeout = dialling
	return &router{base.JoinPath("routing/v1/providers"), client}, nil
}

// do asks, and gives what is answered, up to maxAnswer bytes of it.
func (r *router) do(req *http.Request) (*http.Response, error) {
	req.Header.Set("User-Agent", Agent)
	resp, err := r.web.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, errors.Join(&statusError{resp.StatusCode, resp.Status}, resp.Body.Close())
	}
	resp.Body = &limited{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	return resp, nil
}

// statusError is an answer other than 200.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string { return "it answers " + e.text }

// limited reads no more than it should.
type limited struct {
	io.Reader
	io.Closer
}

// FindProvidersAsync implements routing.ContentDiscovery.
func (r routers) FindProvidersAsync(ctx context.Context, c cid.Cid, most int) <-chan peer.AddrInfo {
	found := make(chan peer.AddrInfo)
	var tasks sync.WaitGroup
	for _, one := range r {
		tasks.Go(func() {
			sent := 0
			// Nobody hears why a router found nothing: its silence is the source's.
			_ = one.find(ctx, c, func(p peer.AddrInfo) bool {
				select {
				case found <- p:
					sent++
					return most == 0 || sent < most
				case <-ctx.Done():
					return false
				}
			})
		})
	}
	go func() {
		tasks.Wait()
		close(found)
	}()
	return found
}

// find gives each the peers that have a block, as they are told, until it has
// enough.
func (r *router) find(ctx context.Context, c cid.Cid, each func(peer.AddrInfo) bool) error {
	u := r.base.JoinPath(c.String())
	u.RawQuery = url.Values{"filter-protocols": {bitswap + ",unknown"}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/x-ndjson, application/json;q=0.5")
	resp, err := r.do(req)
	if status := (*statusError)(nil); errors.As(err, &status) && status.code == http.StatusNotFound {
		return nil // older services say so that nobody has it
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	answer := json.NewDecoder(resp.Body)
	switch kind {
	case "application/x-ndjson":
		return lines(answer, each)
	case "application/json":
		var all struct{ Providers []record }
		if err := answer.Decode(&all); err != nil {
			return err
		}
		for _, one := range all.Providers {
			if p, ok := one.peer(); ok && !each(p) {
				return nil
			}
		}
		return nil
	}
	return fmt.Errorf("it answers in %s", kind)
}

// lines reads records as they come.
func lines(answer *json.Decoder, each func(peer.AddrInfo) bool) error {
	for {
		var one record
		if err := answer.Decode(&one); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if p, ok := one.peer(); ok && !each(p) {
			return nil
		}
	}
}

// record is what a service says of one peer: of the schema "peer", or "bitswap",
// as it was before IPIP-417.
type record struct {
	Schema, ID          string
	Addrs               []string
	Protocols, Protocol words
}

// words is one word, or several.
type words []string

// UnmarshalJSON takes either.
func (w *words) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		*w = make(words, 1)
		return json.Unmarshal(text, &(*w)[0])
	}
	return json.Unmarshal(text, (*[]string)(w))
}

// peer is who is meant, if it is a peer that may speak bitswap.
func (r record) peer() (p peer.AddrInfo, ok bool) {
	speaks := slices.Concat(r.Protocols, r.Protocol)
	if r.Schema != "peer" && r.Schema != "bitswap" || len(speaks) > 0 && !slices.Contains(speaks, bitswap) {
		return p, false
	}
	id, err := peer.Decode(r.ID)
	if err != nil {
		return p, false
	}
	p.ID = id
	for _, text := range r.Addrs {
		if a, err := ma.NewMultiaddr(text); err == nil {
			p.Addrs = append(p.Addrs, a)
		}
	}
	return p, true
}
