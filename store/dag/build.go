package dag

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"

	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
)

// The import profile unixfs-v1-2025 (IPIP-499), besides LeafSize: how many links
// a node of a file has at most, and from which size of its block a directory is
// a HAMT, of what fanout.
const (
	fileWidth  = 1024
	largestDir = 256 << 10
	hamtFanout = 256
)

// Builder builds nodes under the import profile and keeps the blocks that are
// not leaves; it is Blocks for these.
type Builder struct {
	blocks blocksInMemory
}

// NewBuilder returns an empty builder.
func NewBuilder() *Builder { return &Builder{blocks: newBlocksInMemory()} }

// Block implements Blocks.
func (b *Builder) Block(_ context.Context, c cid.Cid) ([]byte, error) {
	if block, ok := b.blocks.get(c); ok {
		return block, nil
	}
	return nil, fmt.Errorf("block %s was not built: %w", c, fs.ErrNotExist)
}

// put keeps a block of dag-pb; below are the sizes of what it links to.
func (b *Builder) put(block []byte, below uint64) Link {
	l := Link{CID: sumPB(block), Tsize: uint64(len(block)) + below}
	b.blocks.put(l.CID, block)
	return l
}

func sumPB(block []byte) cid.Cid { return sum(cid.DagProtobuf, block) }

// sum names a block under the import profile.
func sum(codec uint64, block []byte) cid.Cid {
	digest := sha256.Sum256(block)
	return cid.NewCidV1(codec, append([]byte{mh.SHA2_256, sha256.Size}, digest[:]...))
}

// Symlink builds the node of a symlink.
func (b *Builder) Symlink(target string) (Link, error) {
	// Where it may lead depends on where it stands: that is CheckTarget's.
	if target == "" || len(target) > maxTarget {
		return Link{}, fmt.Errorf("build symlink: its target has %d bytes", len(target))
	}
	return b.put(appendData(nil, symlinkData(target)), 0), nil
}
