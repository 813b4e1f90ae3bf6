package node

import (
	"slices"
	"testing"
)

// TestReached: loopback is told to this machine alone.
func TestReached(t *testing.T) {
	b := besiege(t, 1, 10)
	if got := b.Reached("127.0.0.1"); !slices.Equal(got, b.Addresses()) {
		t.Errorf("reached from here at %v", got)
	}
	if got := b.Reached("example.org"); len(got) != 0 {
		t.Errorf("reached from elsewhere at %v", got)
	}
}

// TestMeet: who can't be reached connects himself, and is asked over that.
func TestMeet(t *testing.T) {
	b, other := besiege(t, 1, 10), besiege(t, 1, 10)
	if err := b.Meet(t.Context(), other.Addresses()[0]); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both know each other", func() bool { return b.Peers() == 1 && other.Peers() == 1 })
	if err := b.Meet(t.Context(), other.Addresses()[0]+"x"); err == nil {
		t.Error("what is no address was met")
	}
}

func TestDialable(t *testing.T) {
	const id = "/p2p/12D3KooWGzxzKZYveHXtpG6AsrUJBcWxHBFS2HsEoGTxrMLvKXtf"
	good := []string{"/ip4/192.0.2.1/tcp/4001" + id, "/ip6/2001:db8::1/tcp/4001" + id, "/dns4/example.org/tcp/4001" + id}
	bad := []string{"", id, "/ip4/192.0.2.1/tcp/4001", "/ip4/192.0.2.1/udp/4001/quic-v1" + id, "/ip4/192.0.2.1/tcp/4001/ws" + id,
		"/ip4/192.0.2.1/tcp/1" + id + "/p2p-circuit" + id, "nonsense"}
	if got := Dialable(append(bad, good...)); !slices.Equal(got, good) {
		t.Errorf("dialable are %v", got)
	}
}
