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
	// cache holds decoded nodes, but no contents: in a DAG that shares its blocks
	// the same ones are met over and over.
	cache map[cid.Cid]*node
	cost  int
}

const (
	cacheData = 4 << 10 // the largest contents of a node that is cached
	cacheAll  = 2 << 20 // of nodes, before the cache is emptied
	cacheLink = 112     // what a link costs beyond its block: itself, CID and name
)

func (n *node) cost() int { return len(n.block) + cacheLink*len(n.links) }

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
	n, err := r.read(path, c, get)
	if err != nil {
		return nil, err
	}
	// By path, so a node costs its links each time that it is met.
	return n, r.spendLinks(path, len(n.links))
}

// read is cached without the cost.
func (r *reader) read(path string, c cid.Cid, get func() ([]byte, error)) (*node, error) {
	if n, ok := r.cache[c]; ok {
		return n, nil
	}
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	block, err := get()
	if err != nil {
		return nil, atPath(path, err)
	}
	n, err := decodeNode(path, c, block)
	if err == nil {
		r.keep(n)
	}
	return n, err
}

// keep puts n into the cache.
func (r *reader) keep(n *node) {
	if len(n.data) > cacheData {
		return
	}
	if r.cost += n.cost(); r.cost > cacheAll {
		clear(r.cache)
		r.cost = n.cost()
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
