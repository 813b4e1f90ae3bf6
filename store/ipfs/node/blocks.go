package node

import (
	"context"
	"errors"
	"io/fs"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// Blocks is what a node serves. A block that is not there is an error that Is
// fs.ErrNotExist; one that is there was hashed before it is handed on.
type Blocks interface {
	Block(ctx context.Context, c cid.Cid) ([]byte, error)
	Size(ctx context.Context, c cid.Cid) (int64, error)
}

// errReadOnly says that nothing is stored through bitswap.
var errReadOnly = errors.New("nothing is written here")

// store is Blocks as boxo's blockstore, to read from.
type store struct{ blocks Blocks }

func (s store) Get(ctx context.Context, c cid.Cid) (blocks.Block, error) {
	data, err := s.blocks.Block(ctx, c)
	if err != nil {
		return nil, missing(c, err)
	}
	return blocks.NewBlockWithCid(data, c)
}

// GetSize is never 0: bitswap takes a block of no bytes for one that is missing.
func (s store) GetSize(ctx context.Context, c cid.Cid) (int, error) {
	n, err := s.blocks.Size(ctx, c)
	if err != nil {
		return -1, missing(c, err)
	}
	return int(max(n, 1)), nil
}

func (s store) Has(ctx context.Context, c cid.Cid) (bool, error) {
	_, err := s.blocks.Size(ctx, c)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (store) Put(context.Context, blocks.Block) error       { return errReadOnly }
func (store) PutMany(context.Context, []blocks.Block) error { return errReadOnly }
func (store) DeleteBlock(context.Context, cid.Cid) error    { return errReadOnly }
func (store) AllKeysChan(context.Context) (<-chan cid.Cid, error) {
	return nil, errors.New("what is here is not listed")
}

// missing is err in the words that bitswap knows.
func missing(c cid.Cid, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return ipld.ErrNotFound{Cid: c}
	}
	return err
}
