package node

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"github.com/ipfs/boxo/routing/http/client"
	"github.com/ipfs/boxo/routing/http/contentrouter"
	"github.com/ipfs/go-cid"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	mh "github.com/multiformats/go-multihash"
)

// AnnounceTTL is how long an announcement counts.
const AnnounceTTL = 24 * time.Hour

// Announce tells a service of delegated routing (/routing/v1) that this node
// serves these blocks, until AnnounceTTL is over. Addresses that only this machine
// reaches are told to a service on this machine alone; where there are no others,
// nothing is told, and the error is ErrUnreachable.
func (n *Node) Announce(ctx context.Context, router string, cids []cid.Cid) error {
	u, err := url.Parse(router)
	if err != nil {
		return fmt.Errorf("router %q: %w", router, err)
	}
	addrs := n.announced(isLoopback(u.Hostname()))
	if len(addrs) == 0 {
		return ErrUnreachable
	}
	id := n.host.ID()
	c, err := client.New(router, client.WithHTTPClient(newWeb()), client.WithIdentity(n.host.Peerstore().PrivKey(id)), client.WithProviderInfo(id, addrs))
	if err != nil {
		return fmt.Errorf("router %s: %w", router, err)
	}
	hashes := make([]mh.Multihash, len(cids))
	for i, c := range cids {
		hashes[i] = c.Hash()
	}
	return contentrouter.NewContentRoutingClient(c, contentrouter.WithMaxProvideBatchSize(len(hashes))).ProvideMany(ctx, hashes)
}

// ErrUnreachable says that a node has no address that others could use.
var ErrUnreachable = errors.New("nobody else reaches the addresses of this node")

// announced are the addresses that are told to others.
func (n *Node) announced(local bool) (list []ma.Multiaddr) {
	for _, a := range n.host.Addrs() {
		if local || !manet.IsIPLoopback(a) {
			list = append(list, a)
		}
	}
	return list
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
