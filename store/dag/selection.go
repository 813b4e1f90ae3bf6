package dag

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"

	"github.com/ipfs/go-cid"
)

// Scope says how much a Selection takes of what its path leads to (Trustless
// Gateway Specification, "dag-scope").
type Scope uint8

// The scopes.
const (
	ScopeAll    Scope = iota // all of the DAG
	ScopeEntity              // a directory's own blocks, a file's contents
	ScopeBlock               // one block
)

// Selection is a part of a DAG, as a trustless gateway is asked for it.
type Selection struct {
	Root  cid.Cid
	Path  []string // names below Root
	Scope Scope
	// From and To are the first and the last byte wanted of a file where Scope is
	// ScopeEntity, and count from its end where they are negative. To is nil for
	// all that follows.
	From int64
	To   *int64
	// Repeat says that a block comes each time that it is met, else once.
	Repeat bool
}

// ErrRange says that a Selection asks for bytes that end before they begin.
var ErrRange = errors.New("the range ends before it begins")

const (
	// maxLevels bounds the nodes from a root to a leaf, however nested: at 64
	// directories, each of them a HAMT of 21 levels at most.
	maxLevels = 64 * 24
	// maxHeld bounds the links of all nodes on the way to one.
	maxHeld = 1 << 18
)

// Resolve follows the path: the CIDs of what it passes, Root first, then that
// of what it leads to. A name that is not there Is fs.ErrNotExist; a block that
// b lacks is a *MissingBlockError. What the path leads to is not read.
func (s *Selection) Resolve(ctx context.Context, b Blocks) ([]cid.Cid, error) {
	w := s.walk(ctx, b, func(cid.Cid, []byte) error { return nil })
	return w.resolve()
}

// Each calls visit for each block of the selection: those that prove the path,
// then those of what it leads to, depth first. block is nil where it was not
// read, as raw leaves are not; what is given is verified. CIDs that carry their
// block themselves are left out.
//
// Where the path leads nowhere, what proves that is visited and the error Is
// fs.ErrNotExist; a block that b lacks is a *MissingBlockError.
func (s *Selection) Each(ctx context.Context, b Blocks, visit func(c cid.Cid, block []byte) error) error {
	w := s.walk(ctx, b, visit)
	roots, err := w.resolve()
	if err != nil {
		return err
	}
	last := roots[len(roots)-1]
	switch {
	case s.Scope == ScopeBlock || last.Type() != cid.DagProtobuf:
		return w.show(last)
	case s.Scope == ScopeEntity:
		return w.entity(last)
	}
	return w.all(last, 0)
}

func (s *Selection) walk(ctx context.Context, b Blocks, visit func(cid.Cid, []byte) error) *selecting {
	return &selecting{Selection: s, reader: newReader(ctx, Whole(b), Limits{}), visit: visit, seen: newCIDSet()}
}

// selecting is one walk over a selection.
type selecting struct {
	*Selection
	*reader
	visit func(cid.Cid, []byte) error
	seen  cidSet
	held  int // links of the nodes above
}

// resolve visits what proves the path.
func (w *selecting) resolve() ([]cid.Cid, error) {
	here := w.Root
	roots := []cid.Cid{here}
	if err := checkCID(here); err != nil {
		return nil, err
	}
	for i, name := range w.Path {
		next, err := w.step(here, name)
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%s has no %q: %w", cut(here.String()), cut(name), fs.ErrNotExist)
		}
		if err != nil {
			return nil, err
		}
		if i >= DefaultLimits().Depth {
			return nil, &LimitError{What: "names in a path", Limit: int64(DefaultLimits().Depth)}
		}
		here = next
		roots = append(roots, here)
	}
	return roots, nil
}

// step finds one name in what should be a directory.
func (w *selecting) step(here cid.Cid, name string) (cid.Cid, error) {
	if here.Type() != cid.DagProtobuf {
		if err := w.show(here); err != nil {
			return cid.Undef, err
		}
		return cid.Undef, fs.ErrNotExist
	}
	n, err := w.shown(here)
	if err != nil {
		return cid.Undef, err
	}
	var l link
	var ok bool
	switch n.kind {
	case typeDirectory:
		l, ok = named(n, name)
	case typeHAMTShard:
		l, ok, err = w.hamtStep(n, name)
	}
	if err == nil && !ok {
		err = fs.ErrNotExist
	}
	if err == nil {
		err = checkCID(l.cid)
	}
	return l.cid, err
}

func named(n *node, name string) (link, bool) {
	for _, l := range n.links {
		if l.name == name {
			return l, true
		}
	}
	return link{}, false
}

// hamtStep finds a name along its hash, and visits the shards on the way.
func (w *selecting) hamtStep(n *node, name string) (link, bool, error) {
	h, err := hamtOf("", n)
	if err != nil {
		return link{}, false, err
	}
	hash := nameHash(name)
	for at := (level{hamt: h}); ; {
		slots, err := h.slots("", n)
		if err != nil {
			return link{}, false, err
		}
		at = at.down(hash << at.used >> (hashBits - h.bits))
		s, ok := slotAt(slots, at.prefix&(h.fanout-1))
		if !ok || s.name != "" {
			return s.link, ok && s.name == name, nil
		}
		if n, err = w.subshard("", s, at, false); err != nil {
			return link{}, false, err
		}
		if err := w.give(n.cid, n.block); err != nil {
			return link{}, false, err
		}
	}
}

// show visits a block that need not be read.
func (w *selecting) show(c cid.Cid) error {
	if c.Type() == cid.DagProtobuf {
		_, err := w.shown(c)
		return err
	}
	if err := checkCID(c); err != nil {
		return err
	}
	return w.give(c, nil)
}

// shown reads a node and visits its block.
func (w *selecting) shown(c cid.Cid) (*node, error) {
	if err := checkCID(c); err != nil {
		return nil, err
	}
	n, err := w.node("", c)
	if err != nil {
		return nil, err
	}
	return n, w.give(c, n.block)
}

func (w *selecting) give(c cid.Cid, block []byte) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if _, ok := inline(c); ok || !w.seen.add(c) && !w.Repeat {
		return nil
	}
	return w.visit(c, block)
}

// all visits the DAG below c.
func (w *selecting) all(c cid.Cid, depth int) error {
	if depth > maxLevels {
		return &LimitError{What: "levels", Limit: maxLevels}
	}
	if c.Type() != cid.DagProtobuf {
		return w.show(c)
	}
	n, err := w.shown(c)
	if err != nil {
		return err
	}
	return w.below(n.links, func(l link) error {
		if !w.Repeat && w.seen.has(l.cid) {
			return nil
		}
		return w.all(l.cid, depth+1)
	})
}

// below calls each for links, which are all that is held of a node while those
// below it are read.
func (w *selecting) below(links []link, each func(link) error) error {
	if w.held += len(links); w.held > maxHeld {
		return &LimitError{What: "links above a node", Limit: maxHeld}
	}
	defer func() { w.held -= len(links) }()
	for _, l := range links {
		if err := each(l); err != nil {
			return err
		}
	}
	return nil
}

// entity visits what is a directory or a file itself, and not what is in it.
func (w *selecting) entity(c cid.Cid) error {
	n, err := w.shown(c)
	switch {
	case err != nil:
		return err
	case n.kind == typeHAMTShard:
		return w.shards(n)
	case n.kind == typeFile:
		return w.contents(n)
	}
	return nil
}

// shards visits a HAMT's shards.
func (w *selecting) shards(n *node) error {
	h, err := hamtOf("", n)
	if err != nil {
		return err
	}
	hw := hamtWalk{reader: w.reader, dirVisitor: dirVisitor{
		entry: func(link) error { return nil },
		shard: func(n *node) error { return w.give(n.cid, n.block) },
	}}
	return hw.walk(n, level{hamt: h})
}

// contents visits the blocks of a file that hold the wanted bytes.
func (w *selecting) contents(n *node) error {
	if n.size > math.MaxInt64 {
		return &LimitError{What: "bytes", Limit: w.lim.Bytes}
	}
	size := int64(n.size)
	from, to := w.From, int64(math.MaxInt64-1)
	if from < 0 {
		from = max(size+from, 0)
	}
	if w.To != nil {
		if to = *w.To; to < 0 {
			to += size
		}
		if to < from-1 {
			return ErrRange
		}
	}
	return w.pieces(n, from, to, 0)
}

// pieces visits what is below n and holds bytes from … to, which count from the
// first of n.
func (w *selecting) pieces(n *node, from, to int64, depth int) error {
	if err := checkFileNode("", n); err != nil {
		return err
	}
	if depth >= maxNodes {
		return &LimitError{What: "levels in a file", Limit: maxNodes}
	}
	at, i, sizes := int64(0), -1, n.sizes
	whole := w.From == 0 && w.To == nil // else some of a node may have been left out before
	return w.below(n.links, func(l link) error {
		i++
		start, size := at, int64(sizes[i])
		at += size
		if from >= start+size || start > to {
			return nil
		}
		if l.cid.Type() != cid.DagProtobuf {
			return w.show(l.cid)
		}
		if !w.Repeat && whole && w.seen.has(l.cid) {
			return nil
		}
		n, err := w.shown(l.cid)
		if err != nil {
			return err
		}
		return w.pieces(n, max(from-start, 0), to-start, depth+1)
	})
}
