package dag

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/ipfs/go-cid"
)

// reader reads the nodes of a DAG against a budget.
type reader struct {
	ctx    context.Context
	blocks Blocks
	*budget
	names folder
	// cache holds decoded nodes, but no contents: in a DAG that shares its blocks
	// the same ones are met over and over.
	cache map[cid.Cid]*node
	cost  int
}

const (
	cacheData = 4 << 10 // the largest contents of a node that is cached
	cacheAll  = 4 << 20 // of blocks, before the cache is emptied
)

func newReader(ctx context.Context, b Blocks, lim Limits) *reader {
	return &reader{ctx: ctx, blocks: b, budget: newBudget(lim), cache: make(map[cid.Cid]*node)}
}

// node reads the dag-pb node c.
func (r *reader) node(path string, c cid.Cid) (*node, error) {
	return r.cached(path, c, func() ([]byte, error) { return Get(r.ctx, r.blocks, c) })
}

// leaf reads the dag-pb node c that may be a framed leaf of the file at path,
// which a store may have to rebuild. size is -1 for the whole file.
func (r *reader) leaf(path string, c cid.Cid, offset, size int64) (*node, error) {
	return r.cached(path, c, func() ([]byte, error) {
		return getFramed(r.ctx, r.blocks, path, c, offset, size)
	})
}

func (r *reader) cached(path string, c cid.Cid, get func() ([]byte, error)) (*node, error) {
	n, ok := r.cache[c]
	if !ok {
		if err := r.ctx.Err(); err != nil {
			return nil, err
		}
		block, err := get()
		if err != nil {
			return nil, atPath(path, err)
		}
		if n, err = decodeNode(path, c, block); err != nil {
			return nil, err
		}
		r.keep(n)
	}
	// By path, so a node costs its links each time that it is met.
	return n, r.spendLinks(path, len(n.links))
}

// keep puts n into the cache.
func (r *reader) keep(n *node) {
	if len(n.data) > cacheData {
		return
	}
	if r.cost += len(n.block); r.cost > cacheAll {
		clear(r.cache)
		r.cost = len(n.block)
	}
	r.cache[n.cid] = n
}

// getFramed is Get, but asks a Framer for what Blocks does not have.
func getFramed(ctx context.Context, b Blocks, path string, c cid.Cid, offset, size int64) ([]byte, error) {
	data, err := Get(ctx, b, c)
	f, ok := b.(Framer)
	if !ok || !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	if data, err = f.FramedLeaf(ctx, path, c, offset, size); err != nil {
		return nil, fmt.Errorf("rebuild block %s: %w", c, err)
	}
	return data, verify(c, data)
}

// atPath says where in the DAG an error arose, where it does not say so itself.
func atPath(path string, err error) error {
	switch e := err.(type) {
	case *FormatError:
		if e.Path == "" {
			return &FormatError{Path: path, CID: e.CID, Why: e.Why}
		}
	case *LimitError:
		if e.Path == "" {
			return &LimitError{Path: path, What: e.What, Limit: e.Limit}
		}
	}
	return fmt.Errorf("read %s: %w", where(path), err)
}

func malformed(path string, c cid.Cid, format string, args ...any) error {
	return &FormatError{Path: path, CID: c, Why: fmt.Sprintf(format, args...)}
}
