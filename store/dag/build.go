package dag

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"

	mdag "github.com/ipfs/boxo/ipld/merkledag"
	ft "github.com/ipfs/boxo/ipld/unixfs"
	uio "github.com/ipfs/boxo/ipld/unixfs/io"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	mh "github.com/multiformats/go-multihash"
)

const execMode = 0o755 // of an executable

// profile is the import profile unixfs-v1-2025 (IPIP-499). It is handed to boxo
// with every node: boxo's globals, which say the same, are left alone.
func profile() uio.UnixFSProfile { return uio.UnixFS_v1_2025 }

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

// add keeps the node of UnixFS data over links.
func (b *Builder) add(data []byte, links []*ipld.Link) (Link, error) {
	nd := mdag.NodeWithData(data)
	if err := nd.SetLinks(links); err != nil {
		return Link{}, err
	}
	if err := nd.SetCidBuilder(profile().CidBuilder()); err != nil {
		return Link{}, err
	}
	// Cid and RawData would log an error, and go on with another node.
	block, err := nd.EncodeProtobuf(false)
	if err != nil {
		return Link{}, fmt.Errorf("encode dag-pb: %w", err)
	}
	l := Link{CID: nd.Cid()}
	b.blocks.put(l.CID, block)
	l.Tsize, err = nd.Size()
	return l, err
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
	data, err := ft.SymlinkData(target)
	if err != nil {
		return Link{}, fmt.Errorf("build symlink: %w", err)
	}
	l, err := b.add(data, nil)
	if err != nil {
		return Link{}, fmt.Errorf("build symlink: %w", err)
	}
	return l, nil
}
