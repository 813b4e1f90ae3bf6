package dag

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"maps"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-car/v2"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// fuzzLimits keep a fuzzed walk short.
func fuzzLimits() Limits { return Limits{Bytes: 1 << 20, Files: 1000, Entries: 1000, Depth: 8} }

func scanCAR(data []byte) (*CAR, error) {
	c := &CAR{name: "fuzz", r: bytes.NewReader(data), close: func() error { return nil }, seed: maphash.MakeSeed()}
	return c, c.scan(int64(len(data)))
}

// fair fails where f allocated more than an input of n bytes can be worth.
func fair(t *testing.T, n int, f func()) {
	t.Helper()
	const each, once = 64, 1 << 20 // bytes for a byte, and for the whole
	before := allocated()
	f()
	if got := allocated() - before; got > uint64(once+each*n) {
		t.Errorf("%d bytes of input took %d bytes of memory", n, got)
	}
}

// allocated is what the heap has given out so far.
func allocated() uint64 {
	all := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(all)
	return all[0].Value.Uint64()
}

// typed says whether callers can tell what is wrong.
func typed(err error) bool {
	_, limit := errors.AsType[*LimitError](err)
	_, format := errors.AsType[*FormatError](err)
	_, hash := errors.AsType[*HashError](err)
	_, name := errors.AsType[*NameError](err)
	_, missing := errors.AsType[*MissingBlockError](err)
	return limit || format || hash || name || missing || errors.Is(err, fs.ErrNotExist)
}

// FuzzCAR: opening never panics, and takes memory by the size of the archive;
// blocks stand where the index says, which is where go-car sees them; what can be
// walked is the same after it was written anew.
func FuzzCAR(f *testing.F) {
	g := newForge()
	for _, root := range []link{
		sample(g), g.raw("x"), g.file([]link{g.framed(typeFile, "ab"), g.framed(typeRaw, "c")}, 2, 1), smallHAMT(g),
		identity(cid.DagProtobuf, encodePB(nil, message(fsType, typeDirectory))),
	} {
		var buf bytes.Buffer
		if err := WriteCAR(f.Context(), &buf, g, root.cid, WalkOptions{}, nil); err != nil {
			f.Fatal(err)
		}
		f.Add(buf.Bytes())
		f.Add(version2(buf.Bytes()))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var c *CAR
		var err error
		fair(t, len(data), func() { c, err = scanCAR(data) })
		if err != nil {
			if !typed(err) {
				t.Fatalf("%v (%T)", err, err)
			}
			return
		}
		for _, s := range c.index {
			if s.offset < 0 || s.offset+int64(s.size()) > int64(len(data)) {
				t.Fatalf("a block at %d of %d bytes", s.offset, s.size())
			}
		}
		sameAsCAR(t, c, data)
		for _, root := range c.Roots() {
			sameAgain(t, c, root)
		}
	})
}

// sameAsCAR: go-car reads the same roots and the same blocks.
func sameAsCAR(t *testing.T, c *CAR, data []byte) {
	theirs, err := car.NewBlockReader(bytes.NewReader(data), car.WithTrustedCAR(true), car.MaxAllowedHeaderSize(maxCARHeader))
	if err != nil || !slices.Equal(theirs.Roots, c.roots) {
		t.Fatalf("go-car: %v", err)
	}
	bySpan := slices.Clone(c.index)
	slices.SortFunc(bySpan, func(a, b span) int { return cmp.Compare(a.offset, b.offset) })
	for _, s := range bySpan {
		b, err := theirs.Next()
		if err != nil {
			t.Fatalf("go-car at byte %d: %v", s.offset, err)
		}
		if want := data[s.offset+int64(s.head()) : s.offset+int64(s.size())]; !bytes.Equal(b.RawData(), want) {
			t.Fatalf("go-car at byte %d: %x, not %x", s.offset, b.RawData(), want)
		}
	}
	if b, err := theirs.Next(); err != io.EOF {
		t.Fatalf("go-car has one more: %v, %v", b, err)
	}
}

func sameAgain(t *testing.T, b Blocks, root cid.Cid) {
	var first, second bytes.Buffer
	opt := WalkOptions{Limits: fuzzLimits()}
	if err := WriteCAR(context.Background(), &first, b, root, opt, nil); err != nil {
		if !typed(err) {
			t.Fatalf("%v (%T)", err, err)
		}
		return
	}
	c, err := scanCAR(first.Bytes())
	if err != nil {
		t.Fatalf("our own archive: %v", err)
	}
	want, err := describeAll(b, root)
	if err != nil {
		t.Fatalf("was written, but can't be walked: %v", err)
	}
	if got, err := describeAll(c, root); err != nil || !slices.Equal(got, want) {
		t.Fatalf("got %q, %v; want %q", got, err, want)
	}
	if err := WriteCAR(context.Background(), &second, c, root, opt, nil); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Fatalf("written twice, it differs: %v", err)
	}
}

// describeAll walks b and holds every entry to what Walk promises.
func describeAll(b Blocks, root cid.Cid) (got []string, err error) {
	seen := make(map[string]bool)
	err = Walk(context.Background(), b, root, WalkOptions{Limits: fuzzLimits()}, func(e *Entry) error {
		var end int64
		for _, l := range e.Leaves {
			if l.Offset != end || l.Size < 0 {
				return fmt.Errorf("%q: a gap at %d", e.Path, end)
			}
			end += l.Size
		}
		if end != e.Size || seen[e.Path] || (e.Kind == File) != (len(e.Leaves) > 0) {
			return fmt.Errorf("%q: %d bytes of %d, seen %v", e.Path, end, e.Size, seen[e.Path])
		}
		for _, name := range split(e.Path) {
			if err := CheckName(name); err != nil {
				return err
			}
		}
		if e.Kind == Symlink {
			if err := CheckTarget(e.Path, e.Target); err != nil {
				return err
			}
		}
		seen[e.Path] = true
		got = append(got, fmt.Sprint(*e))
		return nil
	})
	return got, err
}

// smallHAMT has two levels.
func smallHAMT(g *forge) link {
	b := NewBuilder()
	x := g.raw("x").built()
	d := dirBuilder{Builder: b, n: 40, child: func(i int) (string, Link) { return fmt.Sprint("name ", i), x }}
	l, err := d.hamt(256)
	if err != nil {
		panic(err)
	}
	maps.Insert(g.blocks, b.blocks.all())
	return link{cid: l.CID, tsize: l.Tsize}
}

// FuzzHAMT: a fuzzed root over sound shards. Whatever is listed is found by a
// lookup, and nothing else is.
func FuzzHAMT(f *testing.F) {
	g := newForge()
	root := smallHAMT(g)
	f.Add(g.blocks[root.cid])
	f.Add(g.blocks[bigDir(f, g, 5000).cid])
	f.Add(g.blocks[shardOf(g, []link{g.raw("x").as(fmt.Sprintf("%02Xa", slotOf("a")))}).cid])
	f.Fuzz(func(t *testing.T, block []byte) {
		c := sum(cid.DagProtobuf, block)
		if _, sound := g.blocks[c]; !sound {
			defer delete(g.blocks, c)
		}
		root := g.put(cid.DagProtobuf, block)
		entries, err := List(t.Context(), g, root.cid, Limits{Bytes: 1, Files: 10_000, Entries: 10_000, Depth: 1})
		if err != nil {
			if !typed(err) {
				t.Fatalf("%v (%T)", err, err)
			}
			return
		}
		if len(entries) > 10_000 {
			t.Fatalf("%d entries", len(entries))
		}
		r := newReader(t.Context(), g, Limits{})
		n, err := r.dir("", root.cid)
		if err != nil {
			t.Fatal(err)
		}
		step := 1 + len(entries)/200 // a lookup costs far more than its share of a listing
		for i := 0; i < len(entries); i += step {
			e := entries[i]
			if l, ok, err := r.find("", n, e.Path); err != nil || !ok || l.cid != e.CID {
				t.Fatalf("%q is listed; found %v, %v", e.Path, ok, err)
			}
			if _, ok, _ := r.find("", n, e.Path+"?"); ok && !slices.ContainsFunc(entries, func(o Entry) bool { return o.Path == e.Path+"?" }) {
				t.Fatalf("%q? is found, and not listed", e.Path)
			}
		}
	})
}

// FuzzNode: a block that is decoded can be encoded, and is then decoded to the
// same.
func FuzzNode(f *testing.F) {
	g := newForge()
	sample(g)
	smallHAMT(g)
	for c, block := range g.blocks {
		if c.Type() == cid.DagProtobuf {
			f.Add(block)
		}
	}
	f.Fuzz(func(t *testing.T, block []byte) {
		var n *node
		var err error
		fair(t, len(block), func() { n, err = decodeNode("", cid.Undef, block) })
		if err != nil {
			if !typed(err) {
				t.Fatalf("%v (%T)", err, err)
			}
			return
		}
		data, links, err := decodePB(block)
		if err != nil || len(links) != len(n.links) || countLinks(block) != len(links) {
			t.Fatalf("decodes in two ways: %v", err)
		}
		again, err := decodeNode("", cid.Undef, encodePB(links, data))
		if err != nil || !slices.Equal(again.links, n.links) || again.kind != n.kind || again.size != n.size ||
			!bytes.Equal(again.data, n.data) || !slices.Equal(again.sizes, n.sizes) || again.mode != n.mode {
			t.Fatalf("decodes to something else: %v", err)
		}
		if framed(n) {
			c := sum(cid.DagProtobuf, block)
			if got, ok := Reframe(c, n.data); !ok || !bytes.Equal(got, block) {
				t.Fatal("is framed, and can't be reframed")
			}
		}
	})
}

// FuzzNames: what the checks let pass is harmless on its own.
func FuzzNames(f *testing.F) {
	for i, s := range []string{"a", "..", "../a", "a/../b", "ä", "a\u0308", "\x00", "K", "../../.."} {
		f.Add(uint(i), s)
	}
	f.Fuzz(func(t *testing.T, depth uint, s string) {
		if CheckName(s) == nil && (s == "" || s == "." || s == ".." || strings.ContainsAny(s, "/\x00\n\x1b")) {
			t.Errorf("name %q passes", s)
		}
		depth %= 5
		path := strings.Repeat("d/", int(depth)) + "l"
		if CheckTarget(path, s) == nil && outside(int(depth), s) {
			t.Errorf("target %q at %q leaves", s, path)
		}
		for _, twin := range []string{s, norm.NFC.String(s), norm.NFD.String(s), strings.ToUpper(s), strings.ToLower(s), cases.Fold().String(s)} {
			if a, _ := Collisions([]string{s, twin}); a != s && utf8.ValidString(s) {
				t.Errorf("%q does not collide with %q", s, twin)
			}
		}
	})
}

// outside follows a target step by step.
func outside(depth int, target string) bool {
	if strings.HasPrefix(target, "/") {
		return true
	}
	for name := range strings.SplitSeq(target, "/") {
		switch name {
		case "", ".":
		case "..":
			depth--
		default:
			depth++
		}
		if depth < 0 {
			return true
		}
	}
	return false
}
