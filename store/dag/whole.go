package dag

import (
	"context"
	"errors"
	"io/fs"

	"github.com/ipfs/go-cid"
)

// Whole is b where all of a DAG is asked of it: a block that it lacks is a
// *MissingBlockError.
func Whole(b Blocks) Blocks {
	switch b := b.(type) {
	case whole, wholeFramer:
		return b
	case Framer:
		return wholeFramer{b.(Blocks), b}
	}
	return whole{b}
}

type whole struct{ Blocks }

func (w whole) Block(ctx context.Context, c cid.Cid) ([]byte, error) {
	data, err := w.Blocks.Block(ctx, c)
	return data, lacks(c, err)
}

func lacks(c cid.Cid, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &MissingBlockError{CID: c, Err: err}
	}
	return err
}

// wholeFramer leaves it to the Framer to say that a dag-pb block is missing.
type wholeFramer struct {
	Blocks
	framer Framer
}

func (w wholeFramer) Block(ctx context.Context, c cid.Cid) ([]byte, error) {
	data, err := w.Blocks.Block(ctx, c)
	if c.Type() == cid.DagProtobuf {
		return data, err
	}
	return data, lacks(c, err)
}

func (w wholeFramer) FramedLeaf(ctx context.Context, path string, c cid.Cid, offset, size int64) ([]byte, error) {
	data, err := w.framer.FramedLeaf(ctx, path, c, offset, size)
	return data, lacks(c, err)
}
