package node

import (
	"context"
	"slices"
	"testing"
	"time"

	"ipp/store/ipfs/wire"

	"github.com/ipfs/go-cid"
)

func ignore(int) {}

// unlinked is a link that nobody sends for.
func unlinked(t *testing.T) *link {
	t.Helper()
	l := newLink(&Peer{client: &Client{ctx: t.Context()}})
	t.Cleanup(func() { l.cancel(context.Canceled) })
	return l
}

func entries(l *link) []wire.Entry {
	batch, _ := l.batch()
	return batch
}

// TestLastCounts: of a block that was wanted and is wanted no more, or the other
// way round, a message says what is true in the end.
func TestLastCounts(t *testing.T) {
	l := unlinked(t)
	a, b := sum([]byte("a")), sum([]byte("b"))
	l.leave(l.want(a, ignore))
	l.want(a, ignore)
	l.leave(l.want(b, ignore))
	if got := entries(l); !slices.Equal(got, []wire.Entry{{CID: a}, {CID: b, Cancel: true}}) {
		t.Errorf("it says %v", got)
	}
	if got := entries(l); got != nil {
		t.Errorf("then it says %v", got)
	}
}

// TestRenewal: what is waited for is asked for again when nothing came for long.
func TestRenewal(t *testing.T) {
	l := unlinked(t)
	wanted := []cid.Cid{sum([]byte("a")), sum([]byte("b"))}
	for _, c := range wanted {
		l.want(c, ignore)
	}
	entries(l)
	l.renew()
	if got := entries(l); got != nil {
		t.Errorf("at once it asks again: %v", got)
	}
	l.heard = time.Now().Add(-renewal)
	l.renew()
	if got := entries(l); len(got) != len(wanted) {
		t.Errorf("it asks again for %v", got)
	}
	l.heard = time.Now().Add(-renewal)
	l.answered(wanted[0].Hash(), answer{})
	l.heard = time.Now().Add(-renewal)
	l.renew()
	if got := entries(l); !slices.Equal(got, []wire.Entry{{CID: wanted[1]}}) {
		t.Errorf("it asks again for %v", got)
	}
}
