package ipfs_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"ipp/store/dag"
	"ipp/store/ipfs"

	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
)

// blocks is a DAG in memory.
type blocks map[cid.Cid][]byte

func (b blocks) Block(_ context.Context, c cid.Cid) ([]byte, error) {
	if data, ok := b[c]; ok {
		return data, nil
	}
	return nil, fmt.Errorf("block %s: %w", c, fs.ErrNotExist)
}

func leafOf(b blocks, data []byte) dag.Leaf {
	c, err := cid.V1Builder{Codec: cid.Raw, MhType: mh.SHA2_256}.Sum(data)
	if err != nil {
		panic(err)
	}
	b[c] = data
	return dag.Leaf{CID: c, Size: int64(len(data))}
}

// tree is a package-like DAG: two top-level directories, each with directories
// of small files, and one file of several leaves.
func tree(t testing.TB, dirs, files int) (blocks, cid.Cid) {
	t.Helper()
	b := blocks{}
	build := dag.NewBuilder()
	random := rand.NewChaCha8([32]byte{1})
	file := func(sizes ...int) dag.Link {
		var leaves []dag.Leaf
		var at int64
		for _, n := range sizes {
			data := make([]byte, n)
			random.Read(data)
			l := leafOf(b, data)
			l.Offset = at
			at += int64(n)
			leaves = append(leaves, l)
		}
		l, err := build.File(leaves, false)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	dir := func(entries map[string]dag.Link) dag.Link {
		l, err := build.Dir(entries)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	platform := func() dag.Link {
		top := map[string]dag.Link{"big": file(dag.LeafSize, dag.LeafSize, 1000)}
		for d := range dirs {
			inner := map[string]dag.Link{}
			for f := range files {
				inner[fmt.Sprint("f", f)] = file(100 + f)
			}
			top[fmt.Sprint("d", d)] = dir(map[string]dag.Link{"deep": dir(inner)})
		}
		return dir(top)
	}
	root := dir(map[string]dag.Link{"here": platform(), "other": platform()})
	opt := dag.WalkOptions{Block: func(c cid.Cid, data []byte) error { b[c] = data; return nil }}
	both := both{build, b}
	if err := dag.Walk(t.Context(), both, root.CID, opt, func(*dag.Entry) error { return nil }); err != nil {
		t.Fatal(err)
	}
	return b, root.CID
}

type both [2]dag.Blocks

func (s both) Block(ctx context.Context, c cid.Cid) ([]byte, error) {
	data, err := s[0].Block(ctx, c)
	if err != nil {
		return s[1].Block(ctx, c)
	}
	return data, nil
}

// source is a Source that answers as answer says.
type source struct {
	name     string
	patience time.Duration
	answer   func(ctx context.Context, c cid.Cid, report func(int)) ([]byte, error)
	asked    atomic.Int64
	closed   atomic.Bool
}

func (s *source) Name() string            { return s.name }
func (s *source) Width() int              { return 8 }
func (s *source) Patience() time.Duration { return s.patience }
func (s *source) Close() error            { s.closed.Store(true); return nil }

func (s *source) Block(ctx context.Context, c cid.Cid, report func(int)) ([]byte, error) {
	s.asked.Add(1)
	return s.answer(ctx, c, report)
}

const patience = 50 * time.Millisecond

func testLimits() ipfs.Limits {
	return ipfs.Limits{MinRate: 100, StreamRate: 1 << 20, Grace: 4 * patience, Hedge: patience / 5, Window: 4 << 20, Nodes: 8 << 20, Small: 64 << 10}
}

func honest(b dag.Blocks) *source {
	return &source{name: "honest", patience: time.Minute, answer: func(ctx context.Context, c cid.Cid, report func(int)) ([]byte, error) {
		data, err := b.Block(ctx, c)
		report(len(data))
		return data, err
	}}
}

// The sources that nobody should have.
func liar() *source {
	return &source{name: "liar", patience: patience, answer: func(_ context.Context, c cid.Cid, report func(int)) ([]byte, error) {
		report(9)
		return []byte("not these"), nil
	}}
}

func silent() *source {
	return &source{name: "silent", patience: patience, answer: func(ctx context.Context, _ cid.Cid, _ func(int)) ([]byte, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
}

func trickling() *source {
	return &source{name: "trickling", patience: time.Minute, answer: func(ctx context.Context, _ cid.Cid, report func(int)) ([]byte, error) {
		tick := time.NewTicker(patience / 2)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-tick.C:
				report(1)
			}
		}
	}}
}

func flooding() *source {
	return &source{name: "flooding", patience: patience, answer: func(_ context.Context, c cid.Cid, report func(int)) ([]byte, error) {
		report(dag.MaxBlock + 1)
		return make([]byte, dag.MaxBlock+1), nil
	}}
}

func failing() *source {
	return &source{name: "failing", patience: patience, answer: func(context.Context, cid.Cid, func(int)) ([]byte, error) {
		return nil, errors.New("connection refused")
	}}
}

func empty() *source {
	s := honest(blocks{})
	s.name = "empty"
	return s
}

// hostile are nine of them.
func hostile() []ipfs.Source {
	return []ipfs.Source{liar(), silent(), trickling(), flooding(), failing(), empty(), liar(), silent(), trickling()}
}
