package dag

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"

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
	blocks map[cid.Cid][]byte
}

// NewBuilder returns an empty builder.
func NewBuilder() *Builder { return &Builder{blocks: make(map[cid.Cid][]byte)} }

// Block implements Blocks.
func (b *Builder) Block(_ context.Context, c cid.Cid) ([]byte, error) {
	if block, ok := b.blocks[c]; ok {
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
	return b.keep(nd)
}

// keep keeps a node.
func (b *Builder) keep(nd ipld.Node) (Link, error) {
	if err := (service{b}).Add(context.Background(), nd); err != nil {
		return Link{}, err
	}
	size, err := nd.Size()
	return Link{CID: nd.Cid(), Tsize: size}, err
}

// service is the Builder as boxo wants it. Whatever boxo builds it only adds.
type service struct{ *Builder }

// Add keeps a node of dag-pb. Of what an entry links to nothing is kept.
func (s service) Add(_ context.Context, nd ipld.Node) error {
	p, ok := nd.(*mdag.ProtoNode)
	if !ok {
		return nil
	}
	// Cid and RawData would log an error, and go on with another node.
	block, err := p.EncodeProtobuf(false)
	if err != nil {
		return fmt.Errorf("encode dag-pb: %w", err)
	}
	if c := p.Cid(); s.blocks[c] == nil {
		s.blocks[c] = bytes.Clone(block) // boxo's has room for 1 KiB
	}
	return nil
}

func (s service) AddMany(ctx context.Context, nds []ipld.Node) error {
	for _, nd := range nds {
		if err := s.Add(ctx, nd); err != nil {
			return err
		}
	}
	return nil
}

func (s service) Get(context.Context, cid.Cid) (ipld.Node, error) {
	return nil, errors.ErrUnsupported
}

func (s service) GetMany(context.Context, []cid.Cid) <-chan *ipld.NodeOption {
	out := make(chan *ipld.NodeOption, 1)
	out <- &ipld.NodeOption{Err: errors.ErrUnsupported}
	close(out)
	return out
}

func (s service) Remove(context.Context, cid.Cid) error       { return errors.ErrUnsupported }
func (s service) RemoveMany(context.Context, []cid.Cid) error { return errors.ErrUnsupported }

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

// Dir builds the node of a directory, a HAMT where the profile says so. Names
// that Walk would refuse are refused.
func (b *Builder) Dir(entries map[string]Link) (Link, error) {
	names := slices.Sorted(maps.Keys(entries))
	links := make([]*ipld.Link, len(names))
	var total uint64
	for i, name := range names {
		if err := CheckName(name); err != nil {
			return Link{}, fmt.Errorf("build directory: %w", err)
		}
		e := entries[name]
		if err := checkCID(e.CID); err != nil {
			return Link{}, fmt.Errorf("build directory: entry %q: %w", name, err)
		}
		// boxo's sum would wrap around.
		if e.Tsize > math.MaxInt64-total {
			return Link{}, errors.New("build directory: the sizes of its entries overflow")
		}
		total += e.Tsize
		links[i] = &ipld.Link{Name: name, Size: e.Tsize, Cid: e.CID}
	}
	if x, y := Collisions(names); y != "" {
		return Link{}, fmt.Errorf("build directory: %w", collision("", y, x))
	}
	l, err := b.dir(links)
	if err != nil {
		return Link{}, fmt.Errorf("build directory: %w", err)
	}
	return l, nil
}

// dir builds a directory of links, whose names differ. With each child that is
// added boxo looks at all that are there; so all but the last are there at
// once, and with the last boxo decides on the directory as a whole.
func (b *Builder) dir(links []*ipld.Link) (Link, error) {
	if len(links) == 0 {
		return b.add(ft.FolderPBData(), nil)
	}
	last := links[len(links)-1]
	most := mdag.NodeWithData(ft.FolderPBData())
	if err := most.SetLinks(links[:len(links)-1]); err != nil {
		return Link{}, err
	}
	d, err := uio.NewDirectoryFromNode(service{b}, most)
	if err != nil {
		return Link{}, err
	}
	p := profile()
	d.SetCidBuilder(p.CidBuilder())
	d.SetMaxHAMTFanout(p.HAMTShardWidth)
	d.SetSizeEstimationMode(p.HAMTSizeEstimation)
	d.SetHAMTShardingSize(p.HAMTShardingSize)
	if err := d.AddChild(context.Background(), last.Name, child{link: last}); err != nil {
		return Link{}, err
	}
	nd, err := d.GetNode()
	if err != nil {
		return Link{}, err
	}
	return b.keep(nd)
}

// child is a node of which only the link to it is known, which is all that a
// directory asks for.
type child struct {
	ipld.Node
	link *ipld.Link
}

func (c child) Cid() cid.Cid          { return c.link.Cid }
func (c child) Size() (uint64, error) { return c.link.Size, nil }
