package dag

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"slices"

	"github.com/ipfs/go-cid"
)

// Find says where in the file a block's bytes stand: Block without reading them.
func (c *CAR) Find(ctx context.Context, k cid.Cid) (offset, size int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, 0, err
	}
	hash := c.hash(k)
	i, _ := slices.BinarySearchFunc(c.index, hash, func(s span, h uint32) int { return cmp.Compare(s.hash, h) })
	for ; i < len(c.index) && c.index[i].hash == hash; i++ {
		s := c.index[i]
		head := s
		head.sizes = uint32(s.head())<<24 | uint32(s.head())
		if _, ok, err := c.read(head, k); err != nil || ok {
			return s.offset + int64(s.head()), int64(s.size() - s.head()), err
		}
	}
	return 0, 0, fmt.Errorf("block %s is not in %q: %w", k, c.name, fs.ErrNotExist)
}

// Links lists what the block of c refers to, in the block's order, repeats too.
// A block that is not dag-pb refers to nothing.
func Links(c cid.Cid, block []byte) ([]cid.Cid, error) {
	if c.Type() != cid.DagProtobuf {
		return nil, nil
	}
	_, links, err := decodePB(block)
	if err != nil {
		return nil, &FormatError{CID: c, Why: err.Error()}
	}
	cids := make([]cid.Cid, len(links))
	for i, l := range links {
		cids[i] = l.cid
	}
	return cids, nil
}

// Inline returns the bytes that an identity CID carries itself.
func Inline(c cid.Cid) ([]byte, bool) { return inline(c) }
