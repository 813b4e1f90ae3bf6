package index

import (
	"errors"
	"io/fs"
	"sync"
	"testing"
	"time"

	"ipp/store"

	"github.com/ipfs/go-cid"
)

// eventually waits for what a Live does by itself.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// TestLive: an index that is used for long has what came meanwhile, lacks what
// went, and is let go of while nobody asks.
func TestLive(t *testing.T) {
	st := newStore(t)
	s := styles()[0]
	add := func(seed uint64) cid.Cid {
		m, root := s.pkg(t, seed, small)
		ensure(t, st, store.Want{Key: store.Key{Root: root, Part: store.AnyPart}}, m)
		return root
	}
	first := add(1)
	l, err := OpenLive(t.Context(), st, asTold())
	must(t, err)
	has := func(c cid.Cid) bool {
		data, err := l.Block(t.Context(), c)
		if size, sizeErr := l.Size(t.Context(), c); err == nil && (sizeErr != nil || size != int64(len(data))) {
			t.Fatalf("size %d, %v; the block has %d", size, sizeErr, len(data))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		return err == nil
	}
	if !has(first) {
		t.Fatal("what was there is not found")
	}

	var asking sync.WaitGroup // all the while
	stop := make(chan struct{})
	for range 3 {
		asking.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := l.Block(t.Context(), first); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for seed := range uint64(4) {
		next := add(2 + seed)
		eventually(t, "a package that came is found", func() bool { return has(next) })
	}
	close(stop)
	asking.Wait()

	eventually(t, "the index is let go of", func() bool {
		l.mu.RLock()
		defer l.mu.RUnlock()
		return l.x == nil
	})
	x, err := Open(t.Context(), st, asTold())
	must(t, err)
	if x.disk == nil || x.memory != nil {
		t.Error("the live index left things for the next one to read in")
	}
	must(t, x.Close())
	if !has(first) {
		t.Error("it does not come back")
	}

	remove(t, st, store.Key{Root: first, Part: store.AnyPart})
	eventually(t, "a package that went is not found", func() bool { return !has(first) })
	must(t, l.Close())
	if _, err := l.Block(t.Context(), first); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("closed, it says %v", err)
	}
}
