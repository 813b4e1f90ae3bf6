package dag

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
)

// File builds the node of a file whose leaves are raw and LeafSize each, but
// the last one.
func (b *Builder) File(leaves []Leaf, exec bool) (Link, error) {
	if why := offProfile(leaves); why != "" {
		return Link{}, fmt.Errorf("build file: %s", why)
	}
	return b.file(leaves, exec), nil
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
	Link
	size uint64 // of its contents
}

// file builds a balanced tree over the leaves from the bottom up: every node is
// full but those on the right edge, as when it is filled from the left.
func (b *Builder) file(leaves []Leaf, exec bool) Link {
	parts := make([]part, 0, len(leaves))
	for _, l := range leaves {
		parts = append(parts, part{Link{CID: l.CID, Tsize: uint64(l.Size)}, uint64(l.Size)})
	}
	if !exec && len(parts) == 1 {
		return parts[0].Link
	}
	if len(parts) == 1 && parts[0].size == 0 {
		parts = nil // an executable root carries the mode, and nothing else
	}
	for len(parts) > fileWidth {
		next := parts[:0]
		for group := range slices.Chunk(parts, fileWidth) {
			next = append(next, b.filePart(group, false))
		}
		parts = next
	}
	return b.filePart(parts, exec).Link
}

// filePart builds one node over parts.
func (b *Builder) filePart(parts []part, exec bool) part {
	var block []byte
	var p part
	var below uint64
	for _, q := range parts {
		block = appendLink(block, "", "", q.Link)
		p.size += q.size
		below += q.Tsize
	}
	p.Link = b.put(appendData(block, fileData(parts, p.size, exec)), below)
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
	if len(leaves) == 1 {
		return leaves[0].CID, true
	}
	return NewBuilder().file(leaves, false).CID, true
}
