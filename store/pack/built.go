package pack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"ipp/lock/ref"
	"ipp/store/dag"

	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
)

// Built is a package that was hashed and not written anywhere yet. It is the
// source of its own blocks, reading files anew from the input. It keeps the
// input's directories open.
type Built struct {
	*Package
	Files    int
	Bytes    int64
	Warnings []Warning

	builder *dag.Builder // directories, symlinks, inner nodes
	leaves  leafIndex    // what stands in files
	libs    []library
}

// library is where a linked library comes from.
type library struct {
	name   ref.Name
	blocks dag.Blocks
}

// leafIndex finds the file that a leaf stands in; it is sorted by leaf.
type leafIndex []leafAt

// leafAt is leaf i of a file.
type leafAt struct {
	file *node
	i    uint32
}

func (a leafAt) compare(digest *[sha256.Size]byte) int {
	own := a.file.leaf(int(a.i))
	return bytes.Compare(own[:], digest[:])
}

// indexLeaves indexes the leaves of all files below top, which are hashed.
func indexLeaves(top *node) leafIndex {
	n := 0
	top.files("", func(_ string, f *node) { n += f.leafCount() })
	index := make(leafIndex, 0, n)
	top.files("", func(_ string, f *node) {
		for i := range f.leafCount() {
			index = append(index, leafAt{f, uint32(i)})
		}
	})
	slices.SortFunc(index, func(a, b leafAt) int {
		own := b.file.leaf(int(b.i))
		return a.compare(&own)
	})
	return index
}

func (x leafIndex) find(c cid.Cid) (leafAt, bool) {
	p := c.Prefix()
	if p.Codec != cid.Raw || p.MhType != mh.SHA2_256 || p.MhLength != sha256.Size {
		return leafAt{}, false
	}
	h := c.Hash()
	digest := [sha256.Size]byte(h[len(h)-sha256.Size:])
	i, ok := slices.BinarySearchFunc(x, &digest, leafAt.compare)
	if !ok {
		return leafAt{}, false
	}
	return x[i], true
}

// Block implements dag.Blocks. A file that changed since Build is an error that
// names it; where its size and time hide that, its hash does not.
func (b *Built) Block(ctx context.Context, c cid.Cid) ([]byte, error) {
	if at, ok := b.leaves.find(c); ok {
		offset := int64(at.i) * dag.LeafSize
		return at.file.read(offset, min(dag.LeafSize, at.file.file.size-offset))
	}
	data, err := b.builder.Block(ctx, c)
	for _, lib := range b.libs {
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
		data, err = lib.blocks.Block(ctx, c)
	}
	return data, err
}

// FramedLeaf implements dag.Framer for the libraries: a store rebuilds their
// leaves only when told where below the library they stood.
func (b *Built) FramedLeaf(ctx context.Context, path string, c cid.Cid, offset, size int64) ([]byte, error) {
	for _, lib := range b.libs {
		f, ok := lib.blocks.(dag.Framer)
		below, inside := strings.CutPrefix(path, DepsDir+"/"+string(lib.name)+"/")
		if ok && inside {
			return f.FramedLeaf(ctx, below, c, offset, size)
		}
	}
	return nil, fmt.Errorf("rebuild block %s: %w", c, fs.ErrNotExist)
}
