package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"

	"ipp/store/ipfs"
	"ipp/store/ipfs/web"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

const (
	maxAnswer = 1 << 20 // bytes of what a router says of one block
	maxFound  = 20      // peers that it finds for one block
	bitswap   = "transport-bitswap"
)

// router is a service of delegated routing: it says who has a block, by
// /routing/v1. boxo has a client for them, which brings OpenCensus along: a third of
// what all packages together allocate at each start.
type router struct {
	name string
	base *url.URL
	near bool // it is on this machine, or in a network of its own
	web  *http.Client
}

// CheckRouter says what is wrong with the address of a service of /routing/v1,
// such as https://example.org.
func CheckRouter(address string) error { return web.Check(address) }

func newRouters(addresses []string) (all []*router, err error) {
	for _, a := range addresses {
		r, err := newRouter(a)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

func newRouter(address string) (*router, error) {
	base, err := web.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("router: %w", err)
	}
	client := web.NewClient(base, web.Patience)
	client.Timeout = dialling
	return &router{base.Redacted(), base.JoinPath("routing/v1/providers"), isNear(base.Hostname()), client}, nil
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

// Name implements ipfs.Finder.
func (c *Client) Name() string {
	if len(c.routers) == 1 {
		return c.routers[0].name
	}
	return fmt.Sprintf("%d routers", len(c.routers))
}

// errUnknown is what routers say that know nobody new.
var errUnknown = fmt.Errorf("nobody else says that he has it: %w", fs.ErrNotExist)

// Find implements ipfs.Finder: all routers are asked at once who has a block, and
// whoever was not known before is handed on as he is found. What keeps one of them
// from answering counts where no other does.
func (c *Client) Find(ctx context.Context, k cid.Cid, found func(ipfs.Source)) error {
	if len(c.routers) == 0 {
		return nil
	}
	errs := make([]error, len(c.routers))
	var tasks sync.WaitGroup
	for i, r := range c.routers {
		tasks.Go(func() {
			n := 0
			errs[i] = r.find(ctx, k, func(info peer.AddrInfo) bool {
				info.Addrs = r.reached(info.Addrs)
				if len(info.Addrs) == 0 {
					return true
				}
				if p := c.add("peer "+info.ID.String(), info, false); p != nil {
					found(p)
				}
				n++
				return n < maxFound
			})
			if errs[i] != nil {
				errs[i] = fmt.Errorf("ask router %s: %w", r.name, errs[i])
			}
		})
	}
	tasks.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return errUnknown
}

// reached are the addresses over TCP. A router elsewhere knows nobody in this
// machine or its network: it can't make us knock at doors there.
func (r *router) reached(addrs []ma.Multiaddr) (list []ma.Multiaddr) {
	for _, a := range addrs {
		if overTCP(a) && (r.near || manet.IsPublicAddr(a)) {
			list = append(list, a)
		}
	}
	return list
}

// overTCP says whether it is IP and TCP, and no more than that.
func overTCP(a ma.Multiaddr) bool {
	a, _ = peer.SplitAddr(a)
	return len(a) == 2 && (a[0].Code() == ma.P_IP4 || a[0].Code() == ma.P_IP6) && a[1].Code() == ma.P_TCP
}

func isNear(host string) bool {
	ip, err := netip.ParseAddr(host)
	return web.IsLoopback(host) || err == nil && (ip.IsPrivate() || ip.IsLinkLocalUnicast())
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
