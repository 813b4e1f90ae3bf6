package dag

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"testing"

	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
)

// keeper is a store: it has the blocks that Walk handed on and the contents of
// files, and makes everything else out of these.
type keeper struct {
	blocks map[cid.Cid][]byte
	raw    map[cid.Cid][]byte
	files  map[string][]byte
}

// keep walks a DAG into a keeper.
func keep(t *testing.T, b Blocks, root cid.Cid) *keeper {
	t.Helper()
	k := &keeper{make(map[cid.Cid][]byte), make(map[cid.Cid][]byte), make(map[string][]byte)}
	opt := WalkOptions{Block: func(c cid.Cid, data []byte) error {
		if _, ok := k.blocks[c]; ok {
			return fmt.Errorf("%s was handed on twice", c)
		}
		k.blocks[c] = data
		return nil
	}}
	err := Walk(context.Background(), b, root, opt, func(e *Entry) error {
		if e.Kind != File {
			return nil
		}
		data, err := ReadFile(context.Background(), b, e, 1<<30)
		k.files[e.Path] = data
		var end int64
		for _, l := range e.Leaves {
			if l.Offset != end {
				t.Errorf("%s: a gap before %d", e.Path, l.Offset)
			}
			if end = l.Offset + l.Size; l.CID.Type() == cid.Raw && err == nil {
				k.raw[l.CID] = data[l.Offset:end]
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *keeper) Block(_ context.Context, c cid.Cid) ([]byte, error) {
	for _, m := range []map[cid.Cid][]byte{k.blocks, k.raw} {
		if b, ok := m[c]; ok {
			return b, nil
		}
	}
	return nil, fmt.Errorf("block %s: %w", c, fs.ErrNotExist)
}

func (k *keeper) FramedLeaf(_ context.Context, path string, c cid.Cid, offset, size int64) ([]byte, error) {
	data, ok := k.files[path]
	if size < 0 {
		size = int64(len(data))
	}
	if !ok || offset+size > int64(len(data)) {
		return nil, fmt.Errorf("file %q: %w", path, fs.ErrNotExist)
	}
	if block, ok := Reframe(c, data[offset:offset+size]); ok {
		return block, nil
	}
	return nil, fmt.Errorf("block %s can't be rebuilt: %w", c, fs.ErrNotExist)
}

func archive(t *testing.T, b Blocks, root cid.Cid) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := WriteCAR(t.Context(), &buf, b, root, WalkOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// balanced and trickle lay pieces out as those of 256 KiB are laid out
// elsewhere: width links a node; or leaves first and then deeper and deeper
// nodes.
func balancedTree(f *forge, pieces []link, sizes []int, width int) (link, int) {
	for len(pieces) > 1 {
		var up []link
		var upSizes []int
		for len(pieces) > 0 {
			n := min(width, len(pieces))
			total := 0
			for _, s := range sizes[:n] {
				total += s
			}
			up, upSizes = append(up, f.file(pieces[:n], sizes[:n]...)), append(upSizes, total)
			pieces, sizes = pieces[n:], sizes[n:]
		}
		pieces, sizes = up, upSizes
	}
	return pieces[0], sizes[0]
}

func trickleTree(f *forge, pieces []link, sizes []int) link {
	const direct = 2
	if len(pieces) <= direct {
		return f.file(pieces, sizes...)
	}
	sub, size := balancedTree(f, pieces[direct:], sizes[direct:], 2)
	links := append([]link{}, pieces[:direct]...)
	return f.file(append(links, sub), append(append([]int{}, sizes[:direct]...), size)...)
}

// TestKeep: what Walk hands on, with the contents, is the DAG bit for bit, and
// can be walked again; for every wrapping of leaves and layout of files.
func TestKeep(t *testing.T) {
	const chunk = 256 << 10
	for _, v0 := range []bool{false, true} {
		f := newForge()
		f.v0 = v0
		var entries []link
		add := func(name string, l link) { entries = append(entries, l.as(name)) }
		for _, kind := range []int{typeFile, typeRaw} {
			for _, n := range []int{0, 1, chunk - 1, chunk, chunk + 1, 5*chunk + 7, 9 * chunk} {
				pieces, sizes := cutFramed(f, kind, n, chunk)
				name := fmt.Sprintf("%d-%d", kind, n)
				root, _ := balancedTree(f, pieces, sizes, 3)
				add("balanced-"+name, root)
				if n > chunk {
					add("trickle-"+name, trickleTree(f, pieces, sizes))
				}
			}
		}
		add("exec", f.node(nil, fsType, typeFile, fsData, "run", fsSize, 3, fsMode, 0o755))
		add("odd-mode", f.node(nil, fsType, typeFile, fsData, "odd", fsSize, 3, fsMode, 0o4751))
		add("our-exec", f.node([]link{f.raw("run")}, fsType, typeFile, fsSize, 3, fsSizes, 3, fsMode, 0o755))
		add("our-empty-exec", f.node(nil, fsType, typeFile, fsSize, 0, fsMode, 0o755))
		add("empty-data", f.node(nil, fsType, typeFile, fsData, "", fsSize, 0))
		add("raw", f.raw("raw"))
		add("raw-empty", f.raw(""))
		add("inline", identity(cid.Raw, []byte("inline")))
		add("inline-pb", identity(cid.DagProtobuf, encodePB(nil, message(fsType, typeFile, fsData, "i", fsSize, 1))))
		add("inline-leaf", f.file([]link{identity(cid.Raw, []byte("i")), f.raw("j")}, 1, 1))
		add("link", f.symlink("raw"))
		add("hamt", bigDir(t, f, 4000))
		root := f.dir(f.dir(entries...).as("sub"), f.dir(entries...).as("twice"))

		k := keep(t, f, root.cid)
		if want, got := archive(t, f, root.cid), archive(t, k, root.cid); !bytes.Equal(got, want) {
			t.Errorf("v0 %v: what was kept makes another archive", v0)
		}
		for c, block := range k.blocks {
			if n, err := decodeNode("", c, block); err != nil || framed(n) {
				t.Errorf("v0 %v: %s was handed on, and need not be: %v", v0, c, err)
			}
		}
		again := keep(t, k, root.cid)
		if len(again.blocks) != len(k.blocks) {
			t.Errorf("v0 %v: the second walk hands on %d blocks, the first %d", v0, len(again.blocks), len(k.blocks))
		}
	}
}

func cutFramed(f *forge, kind, n, chunk int) (pieces []link, sizes []int) {
	data := string(patternBytes(n))
	for first := true; first || len(data) > 0; first = false {
		size := min(chunk, len(data))
		pieces, sizes = append(pieces, f.framed(kind, data[:size])), append(sizes, size)
		data = data[size:]
	}
	return pieces, sizes
}

func TestReframe(t *testing.T) {
	f := newForge()
	for _, c := range []struct {
		name     string
		c        cid.Cid
		contents string
		ok       bool
	}{
		{"raw", f.raw("abc").cid, "abc", true},
		{"raw, other contents", f.raw("abc").cid, "abd", false},
		{"file", f.framed(typeFile, "abc").cid, "abc", true},
		{"file, other contents", f.framed(typeFile, "abc").cid, "abd", false},
		{"raw type", f.framed(typeRaw, "abc").cid, "abc", true},
		{"empty", f.framed(typeFile, "").cid, "", true},
		{"empty raw type", f.framed(typeRaw, "").cid, "", true},
		{"empty data", f.node(nil, fsType, typeFile, fsData, "", fsSize, 0).cid, "", true},
		{"empty data, raw type", f.node(nil, fsType, typeRaw, fsData, "", fsSize, 0).cid, "", true},
		{"mode", f.node(nil, fsType, typeFile, fsData, "abc", fsSize, 3, fsMode, 0o644).cid, "abc", true},
		{"run bit", f.node(nil, fsType, typeFile, fsData, "abc", fsSize, 3, fsMode, 0o755).cid, "abc", true},
		{"odd mode", f.node(nil, fsType, typeFile, fsData, "abc", fsSize, 3, fsMode, 0o751).cid, "abc", false},
		{"time", f.node(nil, fsType, typeFile, fsData, "abc", fsSize, 3, fsMtime, "\x08\x01").cid, "abc", false},
		{"no size", f.node(nil, fsType, typeFile, fsData, "abc").cid, "abc", false},
		{"inner node", f.file([]link{f.raw("abc")}, 3).cid, "abc", false},
		{"another codec", sum(cid.DagCBOR, []byte("abc")), "abc", false},
		{"sha1", hashedAs(mh.SHA1, -1), "", false},
		{"nothing", cid.Undef, "", false},
	} {
		block, ok := Reframe(c.c, []byte(c.contents))
		if ok != c.ok || ok && Verify(c.c, block) != nil {
			t.Errorf("%s: %q, %v", c.name, block, ok)
		}
	}
	i := identity(cid.Raw, []byte("x"))
	if block, ok := Reframe(i.cid, nil); !ok || string(block) != "x" {
		t.Errorf("inline: %q, %v", block, ok)
	}
	if _, ok := Reframe(f.raw("abc").cid, make([]byte, MaxBlock+1)); ok {
		t.Error("more than a block was taken")
	}
}

// A Framer that gives the wrong block is no better than a peer that does.
func TestFramerIsVerified(t *testing.T) {
	f := newForge()
	leaf := f.framed(typeFile, "abc")
	k := keep(t, f, f.dir(leaf.as("a")).cid)
	k.files["a"] = []byte("abd")
	_, err := paths(t, liar{k}, f.dir(leaf.as("a")).cid, WalkOptions{})
	if !isHash(err) {
		t.Errorf("%v, want a HashError", err)
	}
}

type liar struct{ *keeper }

func (l liar) FramedLeaf(_ context.Context, path string, _ cid.Cid, _, _ int64) ([]byte, error) {
	before, after := framing{kind: typeFile}.around(len(l.files[path]))
	return bytes.Join([][]byte{before, l.files[path], after}, nil), nil
}

func TestVerify(t *testing.T) {
	data := []byte("hello")
	for _, c := range []struct {
		code   uint64
		length int
		ok     bool
	}{
		{mh.SHA2_256, -1, true}, {mh.SHA2_512, -1, true}, {mh.SHA3_256, -1, true}, {mh.SHA3_384, -1, true},
		{mh.SHA3_512, -1, true}, {mh.BLAKE2B_MIN + 31, -1, true}, {mh.BLAKE2B_MAX, -1, true},
		{mh.BLAKE2S_MAX, -1, true}, {mh.BLAKE3, 32, true}, {mh.BLAKE3, 64, true}, {mh.IDENTITY, -1, true},
		{mh.SHA2_512, 32, true},
		{mh.SHA1, -1, false}, {mh.MD5, -1, false}, {mh.SHA2_256, 20, false}, {mh.SHA3_224, -1, false},
		{mh.BLAKE2B_MIN + 19, -1, false}, {mh.BLAKE3, 20, false}, {mh.MURMUR3X64_64, -1, false},
		{mh.KECCAK_256, -1, false}, {mh.DBL_SHA2_256, -1, false},
	} {
		h, err := mh.Sum(data, c.code, c.length)
		if err != nil {
			t.Fatalf("%#x: %v", c.code, err)
		}
		k := cid.NewCidV1(cid.Raw, h)
		if err := Verify(k, data); (err == nil) != c.ok {
			t.Errorf("%#x of %d bytes: %v", c.code, c.length, err)
		}
		if c.ok && Verify(k, []byte("hellO")) == nil {
			t.Errorf("%#x of %d bytes: other bytes were accepted", c.code, c.length)
		}
	}
}
