package dag

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ipfs/go-cid"
)

func TestLeaves(t *testing.T) {
	p := NewPool(3)
	for _, n := range []int{0, 1, LeafSize - 1, LeafSize, LeafSize + 1, 5 * LeafSize} {
		data := patternBytes(n)
		var told atomic.Int64
		got, err := p.Leaves(t.Context(), bytes.NewReader(data), int64(n), func(d int64) { told.Add(d) })
		if err != nil {
			t.Fatal(err)
		}
		if told.Load() != int64(n) {
			t.Errorf("%d bytes: told of %d", n, told.Load())
		}
		var want []Leaf
		for i := 0; i == 0 || i < n; i += LeafSize {
			piece := data[i:min(n, i+LeafSize)]
			want = append(want, Leaf{CID: sum(cid.Raw, piece), Offset: int64(i), Size: int64(len(piece))})
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d bytes: %v, want %v", n, got, want)
		}
		c, err := p.HashFile(t.Context(), bytes.NewReader(data), int64(n), nil)
		l, berr := NewBuilder().File(want, false)
		if err != nil || berr != nil || c != l.CID {
			t.Errorf("%d bytes: %s, %v; the builder makes %s, %v", n, c, err, l.CID, berr)
		}
	}
}

func TestLeavesFails(t *testing.T) {
	p := NewPool(2)
	data := patternBytes(3*LeafSize + 5)
	for _, size := range []int64{int64(len(data)) + 1, int64(len(data)) + 9*LeafSize} {
		if _, err := p.Leaves(t.Context(), bytes.NewReader(data), size, nil); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("a file that shrank: %v", err)
		}
	}
	if _, err := p.Leaves(t.Context(), bytes.NewReader(data), -1, nil); err == nil {
		t.Error("a size below zero")
	}
	broken := errors.New("broken")
	if _, err := p.HashFile(t.Context(), failingReader{broken}, 9*LeafSize, nil); !errors.Is(err, broken) {
		t.Errorf("a broken disk: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Leaves(ctx, bytes.NewReader(data), int64(len(data)), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	// No worker was lost.
	if _, err := p.Leaves(t.Context(), bytes.NewReader(data), int64(len(data)), nil); err != nil || len(p.buffers) != 2 {
		t.Errorf("afterwards: %v, %d workers", err, len(p.buffers))
	}
}

type failingReader struct{ err error }

func (r failingReader) ReadAt([]byte, int64) (int, error) { return 0, r.err }

// busyReader counts how many reads go on at a time.
type busyReader struct {
	now, most atomic.Int64
	bytes.Reader
}

func (r *busyReader) ReadAt(p []byte, off int64) (int, error) {
	n := r.now.Add(1)
	for m := r.most.Load(); n > m && !r.most.CompareAndSwap(m, n); m = r.most.Load() {
	}
	defer r.now.Add(-1)
	return r.Reader.ReadAt(p, off)
}

// Calls side by side share the workers: the right result, and never more reads
// at a time than workers.
func TestPoolIsShared(t *testing.T) {
	const workers = 3
	p := NewPool(workers)
	data := patternBytes(6 * LeafSize)
	r := &busyReader{}
	r.Reset(data)
	var wg sync.WaitGroup
	errs := make([]error, 40)
	for i := range errs {
		wg.Go(func() {
			size := int64(i%7) * LeafSize
			if i%7 == 0 {
				size = int64(i)
			}
			got, err := p.Leaves(t.Context(), r, min(size, int64(len(data))), nil)
			for _, l := range got {
				if l.CID != sum(cid.Raw, data[l.Offset:l.Offset+l.Size]) {
					err = fmt.Errorf("leaf at %d is wrong", l.Offset)
				}
			}
			errs[i] = err
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	if m := r.most.Load(); m > workers || m < 1 {
		t.Errorf("%d reads at a time", m)
	}
}
