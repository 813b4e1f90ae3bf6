package node

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"ipp/store/ipfs/web"

	"github.com/ipfs/go-cid"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/multiformats/go-multibase"
)

// AnnounceTTL is how long an announcement counts.
const AnnounceTTL = 24 * time.Hour

// Announce tells a service of delegated routing (/routing/v1, in the words of
// IPIP-526) that this node serves these blocks, until AnnounceTTL is over.
// Addresses that only this machine reaches are told to a service on this machine
// alone; where there are no others, nothing is told, and the error is
// ErrUnreachable.
func (n *Node) Announce(ctx context.Context, address string, cids []cid.Cid) error {
	r, err := newRouter(address)
	if err != nil {
		return err
	}
	addrs := n.announced(web.IsLoopback(r.base.Hostname()))
	if len(addrs) == 0 {
		return ErrUnreachable
	}
	body, err := n.announcement(cids, addrs)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, r.base.String()+"/", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := r.do(req)
	if err != nil {
		return fmt.Errorf("router %s: %w", r.base.Host, err)
	}
	return resp.Body.Close()
}

// announced as IPIP-526 spells it.
type (
	announcement struct{ Providers [1]signed }

	signed struct {
		Schema, Protocol, Signature string
		Payload                     json.RawMessage // these very bytes are signed
	}

	claim struct {
		Keys        []string // as raw blocks: only their hashes count
		Timestamp   int64    // milliseconds since 1970
		AdvisoryTTL int64    // nanoseconds, as boxo reads it
		ID          string
		Addrs       []string
	}
)

// announcement says, signed, that this node serves the blocks.
func (n *Node) announcement(cids []cid.Cid, addrs []ma.Multiaddr) ([]byte, error) {
	id := n.host.ID()
	c := claim{Timestamp: time.Now().UnixMilli(), AdvisoryTTL: int64(AnnounceTTL), ID: id.String()}
	for _, k := range cids {
		c.Keys = append(c.Keys, cid.NewCidV1(cid.Raw, k.Hash()).String())
	}
	for _, a := range addrs {
		c.Addrs = append(c.Addrs, a.String())
	}
	payload, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(payload)
	sig, err := n.host.Peerstore().PrivKey(id).Sign(sum[:])
	if err != nil {
		return nil, err
	}
	text, err := multibase.Encode(multibase.Base64, sig)
	if err != nil {
		return nil, err
	}
	return json.Marshal(announcement{[1]signed{{"bitswap", bitswap, text, payload}}})
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
