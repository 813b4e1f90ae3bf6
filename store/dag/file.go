package dag

import (
	"math"

	"github.com/ipfs/go-cid"
)

// rawFile describes a file that is a single raw leaf. Its link says how large it
// is, which whoever reads the leaf checks; where no honest leaf could be what
// the link says, the leaf itself is asked.
func (w *walker) rawFile(e *Entry, l link) error {
	e.Kind = File
	size := int64(min(l.tsize, MaxBlock+1))
	if data, ok := inline(l.cid); ok {
		size = int64(len(data))
	} else if size == 0 || size > MaxBlock {
		data, err := getFramed(w.ctx, w.blocks, e.Path, l.cid, 0, -1)
		if err != nil {
			return atPath(e.Path, err)
		}
		size = int64(len(data))
	}
	if err := w.spendBytes(e.Path, size); err != nil {
		return err
	}
	e.Size = size
	e.Leaves = []Leaf{{CID: l.cid, Size: size}}
	return w.emitRaw(e.Path, e.Leaves[0])
}

// file describes the file whose root is n.
func (w *walker) file(e *Entry, n *node) error {
	if n.size > math.MaxInt64 {
		return &LimitError{Path: e.Path, What: "bytes", Limit: w.lim.Bytes}
	}
	// The root bounds everything below it: each node's children must add up to
	// what its parent says of it.
	if err := w.spendBytes(e.Path, int64(n.size)); err != nil {
		return err
	}
	const perms, run = 0o7777, 0o111
	e.Kind, e.Size = File, int64(n.size)
	e.HasMode, e.Exec = n.mode&perms != 0, n.mode&run != 0
	return w.shape(e, n, 0, 0)
}

// shape appends the leaves below n, whose contents begin at offset.
func (w *walker) shape(e *Entry, n *node, offset int64, depth int) error {
	if err := checkFileNode(e.Path, n); err != nil {
		return err
	}
	if err := w.emit(n); err != nil {
		return err
	}
	if len(n.links) == 0 {
		e.Leaves = append(e.Leaves, Leaf{CID: n.cid, Offset: offset, Size: int64(n.size)})
		return nil
	}
	if depth >= maxNodes {
		return &LimitError{Path: e.Path, What: "levels in a file", Limit: maxNodes}
	}
	if most := maxLeaves(e.Size); int64(len(e.Leaves)+len(n.links)) > most {
		return &LimitError{Path: e.Path, What: "blocks in a file", Limit: most}
	}
	e.Leaves = grow(e.Leaves, len(n.links))
	links, sizes := n.links, n.sizes // and not n: no block stays while those below it are read
	for i, l := range links {
		size := int64(sizes[i])
		if err := w.piece(e, l.cid, offset, size, depth+1); err != nil {
			return err
		}
		offset += size
	}
	return nil
}

// grow makes room for n more leaves. It doubles, where append would copy a long
// list ten times.
func grow(leaves []Leaf, n int) []Leaf {
	if len(leaves)+n <= cap(leaves) {
		return leaves
	}
	return append(make([]Leaf, 0, max(len(leaves)+n, 2*len(leaves))), leaves...)
}

// piece appends what c holds: size bytes at offset.
func (w *walker) piece(e *Entry, c cid.Cid, offset, size int64, depth int) error {
	if err := checkCID(c); err != nil {
		return atPath(e.Path, err)
	}
	switch c.Type() {
	case cid.Raw:
		return w.rawLeaf(e, Leaf{CID: c, Offset: offset, Size: size})
	case cid.DagProtobuf:
	default:
		return malformed(e.Path, c, "codec %#x is not UnixFS", c.Type())
	}
	n, err := w.leaf(e.Path, c, offset, size)
	if err != nil {
		return err
	}
	if n.isFile() && n.size != uint64(size) {
		return malformed(e.Path, c, "it holds %d bytes, its parent says %d", n.size, size)
	}
	return w.shape(e, n, offset, depth)
}

func (w *walker) rawLeaf(e *Entry, l Leaf) error {
	if l.Size > MaxBlock {
		return malformed(e.Path, l.CID, "leaf of %d bytes is larger than any block", l.Size)
	}
	if data, ok := inline(l.CID); ok && int64(len(data)) != l.Size {
		return malformed(e.Path, l.CID, "it holds %d bytes, its parent says %d", len(data), l.Size)
	}
	e.Leaves = append(e.Leaves, l)
	return w.emitRaw(e.Path, l)
}

// emitRaw gives a raw leaf to Block where that wants every block.
func (w *walker) emitRaw(path string, l Leaf) error {
	if !w.every || w.seen.has(l.CID) {
		return nil
	}
	data, err := ReadLeaf(w.ctx, w.blocks, l)
	if err != nil {
		return atPath(path, err)
	}
	return w.hand(l.CID, data)
}

// checkFileNode holds a node of a file against itself: it has contents or
// links, and their sizes add up to its own.
func checkFileNode(path string, n *node) error {
	switch {
	case !n.isFile():
		return malformed(path, n.cid, "UnixFS type %d stands inside a file", n.kind)
	case len(n.links) > 0 && len(n.data) > 0:
		return malformed(path, n.cid, "it has both contents and links")
	case len(n.links) != len(n.sizes):
		return malformed(path, n.cid, "%d links, but %d sizes", len(n.links), len(n.sizes))
	}
	sum := uint64(len(n.data))
	for _, s := range n.sizes {
		if s > math.MaxInt64-sum {
			return malformed(path, n.cid, "sizes overflow")
		}
		sum += s
	}
	if sum != n.size {
		return malformed(path, n.cid, "it says %d bytes and holds %d", n.size, sum)
	}
	return nil
}
