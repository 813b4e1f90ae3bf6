package node

import (
	"context"

	"ipp/store/ipfs/web"

	ma "github.com/multiformats/go-multiaddr"
)

// Reached are the addresses under which the node is reached from a host: those of
// loopback only from this machine. Its peer ID is at the end of each.
func (n *Node) Reached(host string) []string { return n.full(n.announced(web.IsLoopback(host))) }

// Meet connects to a peer, which may then ask for blocks, though it could not have
// connected to us.
func (n *Node) Meet(ctx context.Context, address string) error {
	p, err := parsePeer(address)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, dialling)
	defer cancel()
	return plain(n.host.Connect(ctx, p))
}

// Dialable are those of the addresses that a node can dial: over TCP, with a peer ID
// at the end.
func Dialable(addresses []string) (list []string) {
	for _, text := range addresses {
		p, err := parsePeer(text)
		if err == nil && len(p.Addrs[0]) == 2 && p.Addrs[0][1].Code() == ma.P_TCP {
			list = append(list, text)
		}
	}
	return list
}
