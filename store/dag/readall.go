package dag

import (
	"context"
	"io"
)

// NewReader reads the contents of file e, verified, a leaf at a time.
func NewReader(ctx context.Context, b Blocks, e *Entry) io.Reader {
	return &fileReader{ctx: ctx, blocks: b, path: e.Path, leaves: e.Leaves}
}

type fileReader struct {
	ctx    context.Context
	blocks Blocks
	path   string
	leaves []Leaf // that were not read yet
	data   []byte // of the one before
}

func (f *fileReader) Read(b []byte) (int, error) {
	for len(f.data) == 0 {
		if len(f.leaves) == 0 {
			return 0, io.EOF
		}
		data, err := readLeaf(f.ctx, f.blocks, f.path, f.leaves[0])
		if err != nil {
			return 0, atPath(f.path, err)
		}
		f.data, f.leaves = data, f.leaves[1:]
	}
	n := copy(b, f.data)
	f.data = f.data[n:]
	return n, nil
}
