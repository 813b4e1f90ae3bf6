package node_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"ipp/store/ipfs/node"

	"github.com/ipfs/boxo/routing/http/server"
	"github.com/ipfs/boxo/routing/http/types"
	"github.com/ipfs/boxo/routing/http/types/iter"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
)

// router is boxo's service, which is the oracle: it takes what it understands, and
// what is signed.
type router struct {
	server.DelegatedRouter
	all []types.Record
	//lint:ignore SA1019 nothing came after IPIP-526 to announce by
	told []*server.BitswapWriteProvideRequest
}

func (r *router) FindProviders(context.Context, cid.Cid, int) (iter.ResultIter[types.Record], error) {
	return iter.ToResultIter(iter.FromSlice(r.all)), nil
}

//lint:ignore SA1019 nothing came after IPIP-526 to announce by
func (r *router) ProvideBitswap(_ context.Context, req *server.BitswapWriteProvideRequest) (time.Duration, error) {
	r.told = append(r.told, req)
	return req.AdvisoryTTL, nil
}

func (r *router) serve(t *testing.T, options ...server.Option) string {
	t.Helper()
	s := httptest.NewServer(server.Handler(r, options...))
	t.Cleanup(s.Close)
	return s.URL
}

// record is of a peer that speaks these protocols.
func record(t *testing.T, address string, protocols ...string) types.Record {
	t.Helper()
	p, err := peer.AddrInfoFromString(address)
	if err != nil {
		t.Fatal(err)
	}
	r := &types.PeerRecord{Schema: types.SchemaPeer, ID: &p.ID, Protocols: protocols}
	for _, a := range p.Addrs {
		r.Addrs = append(r.Addrs, types.Multiaddr{Multiaddr: a})
	}
	return r
}

// TestRouters: a peer that nobody named is found through a service of delegated
// routing, in either of its formats, beside services that fail and peers that are
// of no use.
func TestRouters(t *testing.T) {
	b := &blocks{have: map[cid.Cid][]byte{}}
	c := b.add(t, []byte("contents"))
	_, address := serve(t, b)
	other, gone := serve(t, b)
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	r := &router{all: []types.Record{record(t, gone), record(t, gone, "transport-ipfs-gateway-http"), record(t, address, "transport-bitswap")}}
	old := fmt.Sprintf(`{"Providers":[{"Schema":"bitswap","Protocol":"transport-bitswap","ID":%q,"Addrs":[%q]}]}`, address[strings.LastIndex(address, "/")+1:], address[:strings.Index(address, "/p2p/")])
	says := func(status int, kind, body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	const js, lines = "application/json", "application/x-ndjson"
	for name, routers := range map[string][]string{
		"lines":        {r.serve(t)},
		"json":         {r.serve(t, server.WithStreamingResultsDisabled())},
		"old record":   {says(200, js, old)},
		"below a path": {says(200, js, old) + "/below/"},
		"beside none":  {says(404, "text/plain", "not found"), says(200, js, `{"Providers":null}`), r.serve(t)},
		"beside fools": {says(500, "text/plain", "no"), says(200, "text/html", "<p>"), says(200, js, "{"), says(200, lines, `{"Schema":7}`),
			says(200, lines, strings.Repeat(`{"Schema":"peer","ID":"x"}`+"\n", 100_000)), "http://127.0.0.1:1", r.serve(t)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := finding(t, routers...).Block(t.Context(), c)
			if err != nil || !bytes.Equal(data, b.have[c]) {
				t.Errorf("%q, %v", data, err)
			}
		})
	}
}

// TestAnnounceToBoxo: what is announced is what boxo's service takes, which checks
// the signature.
func TestAnnounceToBoxo(t *testing.T) {
	b := &blocks{have: map[cid.Cid][]byte{}}
	c := b.add(t, []byte("contents"))
	n, address := serve(t, b)
	r := &router{}
	if err := n.Announce(t.Context(), r.serve(t), []cid.Cid{c}); err != nil {
		t.Fatal(err)
	}
	if len(r.told) != 1 {
		t.Fatalf("it took %d announcements", len(r.told))
	}
	told := r.told[0]
	if !slices.Equal(told.Keys, []cid.Cid{c}) || told.AdvisoryTTL != node.AnnounceTTL || time.Since(told.Timestamp).Abs() > time.Hour ||
		len(told.Addrs) != 1 || told.Addrs[0].String()+"/p2p/"+told.ID.String() != address {
		t.Errorf("it took %+v", told)
	}
}
