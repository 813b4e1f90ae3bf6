package node

import (
	"testing"

	ma "github.com/multiformats/go-multiaddr"
)

// TestFoundAddresses: a router elsewhere can't make us connect to this machine, to
// its network, or over what we do not speak.
func TestFoundAddresses(t *testing.T) {
	var addrs []ma.Multiaddr
	for _, a := range []string{
		"/ip4/127.0.0.1/tcp/22", "/ip4/192.168.1.1/tcp/80", "/ip6/::1/tcp/22", "/ip4/169.254.169.254/tcp/80", "/dns4/localhost/tcp/22", "/unix/run/x.sock",
		"/ip4/8.8.8.8/udp/4001/quic-v1", "/ip4/8.8.8.8/tcp/4001", "/ip4/8.8.8.8/tcp/443/tls/http", "/ip6/2606:4700::1/tcp/4001",
	} {
		addrs = append(addrs, ma.StringCast(a))
	}
	if got := (&router{}).reached(addrs); len(got) != 2 || got[0].String() != "/ip4/8.8.8.8/tcp/4001" || got[1].String() != "/ip6/2606:4700::1/tcp/4001" {
		t.Errorf("%v", got)
	}
	if got := (&router{near: true}).reached(addrs); len(got) != 6 {
		t.Errorf("near: %v", got)
	}
	for host, want := range map[string]bool{"localhost": true, "127.0.0.1": true, "10.1.1.1": true, "example.org": false, "8.8.8.8": false, "169.254.169.254": true} {
		if isNear(host) != want {
			t.Errorf("%s: near %v", host, !want)
		}
	}
}
