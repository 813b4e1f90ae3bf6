package node

import (
	"time"

	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
)

const mib = 1 << 20

// hostLimits are those of a host: how long a peer has to agree on what a stream
// speaks, and what libp2p may take.
type hostLimits struct {
	agree     time.Duration
	resources rcmgr.ConcreteLimitConfig
}

// clientLimits are those of a host that asks: it may meet any number of liars, but
// at most so many at once. Ten of them can't take what the next one needs. Memory is
// what is promised to streams: a quarter of a MiB each, which few fill.
func clientLimits() hostLimits {
	return hostLimits{2 * patience, limits(rcmgr.ResourceLimits{Conns: 128, ConnsInbound: 0, ConnsOutbound: 128, Streams: 4096, StreamsInbound: 2048, StreamsOutbound: 2048, FD: 128, Memory: 256 * mib},
		rcmgr.ResourceLimits{Conns: 2, ConnsInbound: 0, ConnsOutbound: 2, Streams: 64, StreamsInbound: 32, StreamsOutbound: 32, FD: 2, Memory: 16 * mib})}
}

// serverLimits are those of a node that serves, in all and for each peer.
func serverLimits() hostLimits {
	return hostLimits{5 * time.Second, limits(rcmgr.ResourceLimits{Conns: 256, ConnsInbound: 224, ConnsOutbound: 32, Streams: 2048, StreamsInbound: 1024, StreamsOutbound: 1024, FD: 256, Memory: 64 * mib},
		rcmgr.ResourceLimits{Conns: 4, ConnsInbound: 4, ConnsOutbound: 2, Streams: 64, StreamsInbound: 32, StreamsOutbound: 32, FD: 4, Memory: 16 * mib})}
}

// limits bounds all, and each peer.
func limits(all, peer rcmgr.ResourceLimits) rcmgr.ConcreteLimitConfig {
	return rcmgr.PartialLimitConfig{
		System:      all,
		Transient:   all,
		PeerDefault: peer,
	}.Build(rcmgr.DefaultLimits.AutoScale())
}
