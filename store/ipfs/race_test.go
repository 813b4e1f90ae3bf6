package ipfs_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ipp/store/dag"
	"ipp/store/ipfs"

	"github.com/ipfs/go-cid"
)

// slow sends just enough not to be dropped, and never comes to an end.
func slow() *source {
	return &source{name: "slow", patience: time.Minute, answer: func(ctx context.Context, _ cid.Cid, report func(int)) ([]byte, error) {
		tick := time.NewTicker(patience / 10)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-tick.C:
				report(1000)
			}
		}
	}}
}

// A source that is slow, but not slow enough to be dropped, is asked for no more
// than a few blocks, and none waits for it alone.
func TestSlowSourceHoldsUpNobody(t *testing.T) {
	b, root := tree(t, 3, 10)
	bad := slow()
	lim := testLimits()
	lim.Hedge = time.Minute // it is not silence that moves us on
	f := ipfs.New(lim, bad, honest(b))
	defer f.Close()
	if _, err := readTree(t.Context(), f, root); err != nil {
		t.Fatal(err)
	}
	if n := bad.asked.Load(); n > 16 {
		t.Errorf("the slow one was asked %d times", n)
	}
}

// A stream is left when it brings less than others would.
func TestSlowStreamIsLeft(t *testing.T) {
	b, root := tree(t, 5, 40)
	s := &streaming{source: honest(b)}
	var left atomic.Bool
	s.stream = func(ctx context.Context, _ cid.Cid, report func(int), _ func(cid.Cid, []byte) error) error {
		tick := time.NewTicker(patience / 10)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				left.Store(true)
				return ctx.Err()
			case <-tick.C:
				report(1000)
			}
		}
	}
	f := fetcher(t, s, honest(b))
	if _, err := readTree(t.Context(), f, root); err != nil {
		t.Fatal(err)
	}
	if !left.Load() {
		t.Error("nobody left the stream")
	}
	for _, o := range f.Outcomes() {
		if o.Err != nil {
			t.Errorf("%s: %v", o.Name, o.Err)
		}
	}
}

// finder finds sources, at most once.
type finder struct {
	sources []ipfs.Source
	err     error
	asked   atomic.Int64
	closed  atomic.Bool
}

func (f *finder) Name() string { return "finder" }
func (f *finder) Close() error { f.closed.Store(true); return nil }

func (f *finder) Find(_ context.Context, _ cid.Cid, found func(ipfs.Source)) error {
	if f.asked.Add(1) == 1 {
		for _, s := range f.sources {
			found(s)
		}
	}
	return f.err
}

var errNobody = fmt.Errorf("nobody else: %w", fs.ErrNotExist)

func TestFinder(t *testing.T) {
	b, root := tree(t, 3, 10)
	for name, known := range map[string][]ipfs.Source{"nobody is known": nil, "who is known has nothing": {empty()}, "who is known is silent": {silent()}} {
		t.Run(name, func(t *testing.T) {
			good := honest(b)
			f := fetcher(t, known...)
			more := &finder{sources: append(hostile(), good), err: errNobody}
			f.FindWith(more)
			if _, err := readTree(t.Context(), f, root); err != nil {
				t.Fatal(err)
			}
			if n := more.asked.Load(); n > 1 {
				t.Errorf("others were searched for %d times", n)
			}
			if err := f.Close(); err != nil || !more.closed.Load() || !good.closed.Load() {
				t.Errorf("not all is closed: %v", err)
			}
		})
	}
}

func TestFinderFindsNobody(t *testing.T) {
	_, root := tree(t, 1, 1)
	for _, tt := range []struct {
		err    error
		known  []ipfs.Source
		absent bool
	}{
		{errNobody, nil, true}, {errNobody, []ipfs.Source{empty()}, true}, {errors.New("no route"), []ipfs.Source{empty()}, false}, {nil, []ipfs.Source{empty()}, true}, {nil, nil, false},
	} {
		f := fetcher(t, tt.known...)
		f.FindWith(&finder{err: tt.err})
		_, err := f.Block(t.Context(), root)
		e, ok := errors.AsType[*ipfs.UnreachableError](err)
		if !ok || e.Absent() != tt.absent || tt.err != nil && !strings.Contains(err.Error(), "finder: "+tt.err.Error()) {
			t.Errorf("%v, %d sources: %v", tt.err, len(tt.known), err)
		}
	}
}

// Who is dropped holds nothing any more.
func TestDroppedIsClosed(t *testing.T) {
	b, root := tree(t, 1, 1)
	bad := liar()
	f := fetcher(t, bad, honest(b))
	if _, err := f.Block(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	if !bad.closed.Load() {
		t.Error("the liar is still open")
	}
}

// Blocks of another DAG end a stream at once; its source may be good for blocks.
func TestForeignStream(t *testing.T) {
	b, root := tree(t, 5, 40)
	other, wrong := tree(t, 4, 30)
	s := &streaming{source: honest(b)}
	taken := 0
	s.stream = func(_ context.Context, _ cid.Cid, report func(int), each func(cid.Cid, []byte) error) error {
		return dag.Walk(t.Context(), other, wrong, dag.WalkOptions{Block: func(c cid.Cid, data []byte) error {
			report(len(data))
			taken++
			return each(c, data)
		}}, func(*dag.Entry) error { return nil })
	}
	if _, err := readTree(t.Context(), fetcher(t, s), root); err != nil {
		t.Fatal(err)
	}
	if taken > 8 {
		t.Errorf("%d blocks of another DAG were taken", taken)
	}
}
