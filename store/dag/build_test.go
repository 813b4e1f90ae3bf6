package dag

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
)

func leavesOf(sizes ...int64) (leaves []Leaf) {
	var at int64
	for _, s := range sizes {
		leaves = append(leaves, Leaf{CID: sum(cid.Raw, []byte{byte(len(leaves))}), Offset: at, Size: s})
		at += s
	}
	return leaves
}

func TestFileRefuses(t *testing.T) {
	gap := leavesOf(LeafSize, LeafSize)
	gap[1].Offset++
	framedLeaf := leavesOf(LeafSize, 5)
	framedLeaf[1].CID = sum(cid.DagProtobuf, nil)
	inlineLeaf := leavesOf(5)
	inlineLeaf[0].CID = identity(cid.Raw, []byte("hello")).cid
	for name, leaves := range map[string][]Leaf{
		"none":            nil,
		"too large":       leavesOf(LeafSize + 1),
		"small first":     leavesOf(5, 5),
		"empty last":      leavesOf(LeafSize, 0),
		"negative":        leavesOf(-1),
		"a gap":           gap,
		"framed":          framedLeaf,
		"inline":          inlineLeaf,
		"without CID":     {{Size: 5}},
		"of another size": leavesOf(256<<10, 256<<10),
	} {
		if l, err := NewBuilder().File(leaves, true); err == nil {
			t.Errorf("%s: %v", name, l)
		}
		if c, ok := ObjectCID(leaves); ok {
			t.Errorf("%s: object %v", name, c)
		}
	}
}

func TestObjectCID(t *testing.T) {
	leaves := leavesOf(LeafSize, LeafSize, 9)
	l, err := NewBuilder().File(leaves, false)
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := ObjectCID(leaves); !ok || c != l.CID {
		t.Errorf("%v, %v; want %v", c, ok, l.CID)
	}
	if c, ok := ObjectCID(leavesOf(7)); !ok || c != leavesOf(7)[0].CID {
		t.Errorf("one leaf: %v, %v", c, ok)
	}
	// However emptiness is wrapped, it is the same object.
	f := newForge()
	for _, root := range []link{f.raw(""), f.framed(typeFile, ""), f.node(nil, fsType, typeFile, fsSize, 0, fsMode, 0o755)} {
		e, err := Resolve(t.Context(), f, root.cid, "")
		if err != nil {
			t.Fatal(err)
		}
		if c, ok := ObjectCID(e.Leaves); !ok || c != f.raw("").cid {
			t.Errorf("empty: %v, %v", c, ok)
		}
	}
}

// An executable is the same leaves under a root that says so, and is read back
// as such.
func TestExecutable(t *testing.T) {
	for _, sizes := range [][]int64{{0}, {5}, {LeafSize}, {LeafSize, 1}} {
		b := NewBuilder()
		leaves := leavesOf(sizes...)
		if sizes[0] == 0 {
			leaves[0].CID = sum(cid.Raw, nil)
		}
		l, err := b.File(leaves, true)
		if err != nil {
			t.Fatal(err)
		}
		e, err := Resolve(t.Context(), b, l.CID, "")
		if err != nil || !e.Exec || !e.HasMode {
			t.Errorf("%v: %+v, %v", sizes, e, err)
			continue
		}
		if o, ok := ObjectCID(e.Leaves); !ok {
			t.Errorf("%v: its object has no name", sizes)
		} else if plain, err := b.File(leaves, false); err != nil || plain.CID != o {
			t.Errorf("%v: its object is %s, the plain file %s, %v", sizes, o, plain.CID, err)
		}
	}
}

func TestDirRefuses(t *testing.T) {
	l := newForge().raw("x").built()
	for _, entries := range []map[string]Link{
		{"": l}, {"..": l}, {"a/b": l}, {"a\n": l}, {"a": l, "A": l}, {"ä": l, "a\u0308": l}, {"a": {}},
		{"a": {CID: hashedAs(0x11, -1)}},
	} {
		if d, err := NewBuilder().Dir(entries); err == nil {
			t.Errorf("%v: %v", entries, d)
		}
	}
}

func TestSymlinkRefuses(t *testing.T) {
	for _, target := range []string{"", strings.Repeat("x", maxTarget+1)} {
		if l, err := NewBuilder().Symlink(target); err == nil {
			t.Errorf("%d bytes: %v", len(target), l)
		}
	}
}

func TestBuilderBlock(t *testing.T) {
	b := NewBuilder()
	l, err := b.Symlink("x")
	if err != nil {
		t.Fatal(err)
	}
	if data, err := b.Block(t.Context(), l.CID); err != nil || Verify(l.CID, data) != nil || l.Tsize != uint64(len(data)) {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := b.Block(t.Context(), sum(cid.Raw, nil)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
}

func TestCumulativeSize(t *testing.T) {
	f := newForge()
	a := f.raw("abc")
	a.tsize = 1000
	d := f.dir(a.as("a"), a.as("b"))
	if n, err := CumulativeSize(d.cid, f.blocks[d.cid]); err != nil || n != 2000+uint64(len(f.blocks[d.cid])) {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := CumulativeSize(a.cid, f.blocks[a.cid]); err != nil || n != 3 {
		t.Errorf("a leaf: %d, %v", n, err)
	}
	a.tsize = 1 << 63
	d = f.dir(a.as("a"), a.as("b"))
	if n, err := CumulativeSize(d.cid, f.blocks[d.cid]); err == nil {
		t.Errorf("an overflow: %d", n)
	}
	if n, err := CumulativeSize(d.cid, []byte("x")); err == nil {
		t.Errorf("malformed: %d", n)
	}
}

// Sizes that add up to nonsense are refused, and not written as something else.
func TestDirSizes(t *testing.T) {
	x := newForge().raw("x").cid
	for _, sizes := range [][]uint64{{1 << 63}, {math.MaxUint64}, {math.MaxInt64, 1}} {
		entries := make(map[string]Link)
		for i, s := range sizes {
			entries[fmt.Sprint(i)] = Link{CID: x, Tsize: s}
		}
		if d, err := NewBuilder().Dir(entries); err == nil {
			t.Errorf("%d: %v", sizes, d)
		}
	}
	if _, err := NewBuilder().Dir(map[string]Link{"x": {CID: x, Tsize: math.MaxInt64}}); err != nil {
		t.Error(err)
	}
}
