package pack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"ipp/lock/ref"
	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// Built is a package that was hashed and not written anywhere yet. It is the
// source of its own blocks, reading files anew from the input. It keeps the
// input's directories open.
type Built struct {
	*Package
	Files    int
	Bytes    int64
	Warnings []Warning

	builder *dag.Builder      // directories, symlinks, inner nodes
	leaves  map[cid.Cid]piece // what stands in files
	libs    []library
}

// library is where a linked library comes from.
type library struct {
	name   ref.Name
	blocks dag.Blocks
}

// piece is where the contents of a leaf are.
type piece struct {
	file   *source
	offset int64
	size   int64
}

// Block implements dag.Blocks. A file that changed since Build is an error that
// names it; where its size and time hide that, its hash does not.
func (b *Built) Block(ctx context.Context, c cid.Cid) ([]byte, error) {
	if p, ok := b.leaves[c]; ok {
		return p.file.read(p.offset, p.size)
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
