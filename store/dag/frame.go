package dag

import (
	"bytes"
	"encoding/binary"

	"github.com/ipfs/go-cid"
)

// framing is one way in which tools wrap contents into a dag-pb leaf: a UnixFS
// message of contents, size and perhaps a mode, alone in a PBNode.
type framing struct {
	kind  byte // typeFile of balanced layouts, typeRaw of trickle ones
	mode  uint64
	empty bool // an empty Data field stands where there are no contents
}

// framings are the usual ones, the most usual first.
func framings() []framing {
	return []framing{
		{kind: typeFile},
		{kind: typeRaw},
		{kind: typeFile, mode: 0o644},
		{kind: typeFile, mode: 0o755},
		{kind: typeFile, empty: true},
		{kind: typeRaw, empty: true},
	}
}

// around returns what stands before and after n bytes of contents.
func (f framing) around(n int) (before, after []byte) {
	inner := appendVarint(nil, fsType, uint64(f.kind))
	if n > 0 || f.empty {
		inner = binary.AppendUvarint(append(inner, fsData<<3|wireBytes), uint64(n))
	}
	after = appendVarint(nil, fsSize, uint64(n))
	if f.mode != 0 {
		after = appendVarint(after, fsMode, f.mode)
	}
	size := uint64(len(inner) + n + len(after))
	before = binary.AppendUvarint([]byte{pbData<<3 | wireBytes}, size)
	return append(before, inner...), after
}

// Reframe rebuilds the block c from the contents that it wraps: the contents
// themselves for a raw leaf, the usual UnixFS wrappings for a dag-pb leaf.
// false: it can't, so the block has to be kept whole.
func Reframe(c cid.Cid, contents []byte) ([]byte, bool) {
	if !c.Defined() || len(contents) > MaxBlock {
		return nil, false
	}
	if data, ok := inline(c); ok {
		return data, checkCID(c) == nil
	}
	switch c.Type() {
	case cid.Raw:
		return contents, Verify(c, contents) == nil
	case cid.DagProtobuf:
		return reframe(c, contents)
	}
	return nil, false
}

// Is says whether contents are those of the leaf.
func (l Leaf) Is(contents []byte) bool {
	if int64(len(contents)) != l.Size {
		return false
	}
	block, ok := Reframe(l.CID, contents)
	if _, own := inline(l.CID); ok && own { // whatever the contents
		data, err := unwrap("", l, block)
		return err == nil && bytes.Equal(data, contents)
	}
	return ok
}

func reframe(c cid.Cid, contents []byte) ([]byte, bool) {
	for _, f := range framings() {
		if f.empty && len(contents) > 0 {
			continue
		}
		before, after := f.around(len(contents))
		block := bytes.Join([][]byte{before, contents, after}, nil)
		if Verify(c, block) == nil {
			return block, true
		}
	}
	return nil, false
}

// framed says whether Reframe gives n's block back from its contents. It
// compares instead of hashing, so it costs nothing.
func framed(n *node) bool {
	if !n.isFile() || len(n.links) > 0 {
		return false
	}
	for _, f := range framings() {
		before, after := f.around(len(n.data))
		if len(n.block) == len(before)+len(n.data)+len(after) &&
			bytes.HasPrefix(n.block, before) && bytes.HasSuffix(n.block, after) &&
			bytes.Equal(n.block[len(before):len(n.block)-len(after)], n.data) {
			return true
		}
	}
	return false
}
