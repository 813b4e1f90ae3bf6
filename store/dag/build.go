package dag

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
)

// The import profile unixfs-v1-2025 (IPIP-499), as far as it is not LeafSize.
const (
	fileWidth  = 1024      // links of a file's node
	dirFanout  = 256       // of a HAMT
	dirMaximum = 256 << 10 // of a directory's block, above which it becomes a HAMT
	execMode   = 0o755     // of an executable
)

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

// add keeps a node.
func (b *Builder) add(links []link, data []byte) link {
	block := encodePB(links, data)
	l := link{cid: sum(cid.DagProtobuf, block), tsize: uint64(len(block))}
	for _, child := range links {
		l.tsize += child.tsize
	}
	b.blocks[l.cid] = block
	return l
}

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
	data := appendVarint(nil, fsType, typeSymlink)
	return b.add(nil, appendBytes(data, fsData, target)).built(), nil
}

// Dir builds the node of a directory, a HAMT where the profile says so. Names
// that Walk would refuse are refused.
func (b *Builder) Dir(entries map[string]Link) (Link, error) {
	names := slices.Sorted(maps.Keys(entries))
	links := make([]link, len(names))
	for i, name := range names {
		if err := CheckName(name); err != nil {
			return Link{}, fmt.Errorf("build directory: %w", err)
		}
		e := entries[name]
		if err := checkCID(e.CID); err != nil {
			return Link{}, fmt.Errorf("build directory: entry %q: %w", name, err)
		}
		links[i] = link{cid: e.CID, name: name, tsize: e.Tsize}
	}
	if x, y := Collisions(names); y != "" {
		return Link{}, fmt.Errorf("build directory: %w", collision("", y, x))
	}
	data := appendVarint(nil, fsType, typeDirectory)
	if encodedPBSize(links, data) > dirMaximum {
		l, err := b.shard(hashed(links), 0)
		return l.built(), err
	}
	return b.add(links, data).built(), nil
}

func (l link) built() Link { return Link{CID: l.cid, Tsize: l.tsize} }

// File builds the node of a file whose leaves are raw and LeafSize each, but
// the last one.
func (b *Builder) File(leaves []Leaf, exec bool) (Link, error) {
	if why := offProfile(leaves); why != "" {
		return Link{}, fmt.Errorf("build file: %s", why)
	}
	return b.file(leaves, exec).built(), nil
}

// offProfile is how leaves differ from what the import profile makes.
func offProfile(leaves []Leaf) string {
	if len(leaves) == 0 {
		return "it has no leaves"
	}
	var offset int64
	for i, l := range leaves {
		p := l.CID.Prefix()
		last := i == len(leaves)-1
		switch {
		case p.Version != 1 || p.Codec != cid.Raw || p.MhType != mh.SHA2_256 || p.MhLength != sha256.Size:
			return fmt.Sprintf("leaf %s is not raw and sha2-256", l.CID)
		case l.Offset != offset:
			return fmt.Sprintf("a gap before leaf %s", l.CID)
		case l.Size > LeafSize, !last && l.Size != LeafSize, l.Size <= 0 && len(leaves) > 1, l.Size < 0:
			return fmt.Sprintf("leaf %s has %d bytes", l.CID, l.Size)
		}
		offset += l.Size
	}
	return ""
}

// part is a node of a file with what its parent says of it.
type part struct {
	link
	size uint64 // of its contents
}

// file builds a balanced tree over the leaves from the bottom up: every node is
// full but those on the right edge, as when it is filled from the left.
func (b *Builder) file(leaves []Leaf, exec bool) link {
	parts := make([]part, 0, len(leaves))
	for _, l := range leaves {
		parts = append(parts, part{link{cid: l.CID, tsize: uint64(l.Size)}, uint64(l.Size)})
	}
	if !exec && len(parts) == 1 {
		return parts[0].link
	}
	if len(parts) == 1 && parts[0].size == 0 {
		parts = nil // an executable root carries the mode, and nothing else
	}
	for len(parts) > fileWidth {
		next := parts[:0]
		for group := range slices.Chunk(parts, fileWidth) {
			next = append(next, b.filePart(group, 0))
		}
		parts = next
	}
	if exec {
		return b.filePart(parts, execMode).link
	}
	return b.filePart(parts, 0).link
}

// filePart builds one node over parts.
func (b *Builder) filePart(parts []part, mode uint64) part {
	var p part
	links := make([]link, len(parts))
	var sizes []byte
	for i, c := range parts {
		links[i] = c.link
		sizes = appendVarint(sizes, fsSizes, c.size)
		p.size += c.size
	}
	data := appendVarint(appendVarint(nil, fsType, typeFile), fsSize, p.size)
	data = append(data, sizes...)
	if mode != 0 {
		data = appendVarint(data, fsMode, mode)
	}
	p.link = b.add(links, data)
	return p
}

// ObjectCID names the contents made of leaves: what plain `ipfs add` gives
// them under the import profile. false: the leaves are cut or hashed otherwise,
// so only the contents themselves can tell.
func ObjectCID(leaves []Leaf) (cid.Cid, bool) {
	if len(leaves) == 1 && leaves[0].Size == 0 {
		return sum(cid.Raw, nil), true // however it is wrapped
	}
	if offProfile(leaves) != "" {
		return cid.Undef, false
	}
	return NewBuilder().file(leaves, false).cid, true
}
