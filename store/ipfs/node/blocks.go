package node

import (
	"context"

	"github.com/ipfs/go-cid"
)

// Blocks is what a node serves. A block that is not there is an error that Is
// fs.ErrNotExist; one that is there was hashed before it is handed on.
type Blocks interface {
	Block(ctx context.Context, c cid.Cid) ([]byte, error)
	Size(ctx context.Context, c cid.Cid) (int64, error)
}
