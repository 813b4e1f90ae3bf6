package dag

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
)

// TestMalformed: each of these is a typed error, and one that says what is
// wrong.
func TestMalformed(t *testing.T) {
	f := newForge()
	a := f.raw("abc")
	leaf := f.framed(typeFile, "abc")
	hash := appendBytes(nil, linkHash, a.cid.Bytes())
	twice := appendBytes(nil, pbLinks, appendBytes(appendBytes(hash, linkName, "a"), linkName, ".."))
	lnk := appendBytes(nil, pbLinks, hash)
	late := appendBytes(nil, pbLinks, appendBytes(appendBytes(nil, linkName, "a"), linkHash, a.cid.Bytes()))
	data := appendBytes(nil, pbData, message(fsType, typeDirectory))
	glue := func(parts ...[]byte) link { return f.put(cid.DagProtobuf, slices.Concat(parts...)) }
	dir := func(data ...any) link { return f.node([]link{a.as("a")}, data...) }
	for _, c := range []struct {
		name string
		root link
		why  string
	}{
		// dag-pb
		{"empty block", f.put(cid.DagProtobuf, nil), "no UnixFS data"},
		{"no data", f.put(cid.DagProtobuf, encodePB([]link{a}, nil)[:44]), "no UnixFS data"},
		{"cut short", f.put(cid.DagProtobuf, []byte{0x0a, 9, 8}), "cut short"},
		{"a field too many", f.put(cid.DagProtobuf, []byte{0x0a, 2, 8, 1, 0x1a, 0}), "unknown"},
		{"field of another type", f.put(cid.DagProtobuf, []byte{8, 1}), "unknown"},
		{"data twice", f.put(cid.DagProtobuf, []byte{0x0a, 2, 8, 1, 0x0a, 2, 8, 1}), "twice"},
		{"a link without a CID", f.put(cid.DagProtobuf, []byte{0x12, 2, 0x12, 0, 0x0a, 2, 8, 1}), "no CID"},
		{"a link with half a CID", f.put(cid.DagProtobuf, []byte{0x12, 4, 0x0a, 2, 1, 0x55, 0x0a, 2, 8, 1}), "malformed CID"},
		{"a link with two names", glue(twice, data), "repeat"},
		{"a link with its name first", glue(late, data), "out of order"},
		{"links in two places", glue(lnk, data, lnk), "two places"},
		{"varint without end", f.put(cid.DagProtobuf, append([]byte{0x0a}, strings.Repeat("\xff", 11)...)), "malformed"},
		// UnixFS
		{"no type", f.node(nil, fsSize, 0), "no type"},
		{"type twice", f.node(nil, fsType, typeFile, fsType, typeDirectory), "twice"},
		{"metadata", f.node(nil, fsType, typeMetadata, fsData, "x"), "type 3 is not supported"},
		{"a device", f.node(nil, fsType, 6), "type 6 is not supported"},
		{"a type of 2^32+2", f.node(nil, fsType, uint64(1<<32+2)), "not supported"},
		{"size as bytes", f.node(nil, fsType, typeFile, fsSize, "x"), "field 3 has type 2"},
		{"seconds twice", f.node(nil, fsType, typeFile, fsMtime, "\x08\x01\x08\x01"), "seconds and nanoseconds alone"},
		{"nanoseconds twice", f.node(nil, fsType, typeFile, fsMtime, "\x08\x01\x15\x01\x00\x00\x00\x15\x01\x00\x00\x00"), "seconds and nanoseconds alone"},
		{"no seconds", f.node(nil, fsType, typeFile, fsMtime, "\x15\x01\x00\x00\x00"), "without seconds"},
		{"a group", f.pb(nil, append(message(fsType, typeFile), 0x53)), "malformed"},
		// files
		{"a codec that is no UnixFS", link{cid: sum(cid.DagCBOR, nil)}, "codec 0x71"},
		{"a leaf's codec", f.file([]link{{cid: sum(cid.DagCBOR, nil)}}, 3), "codec 0x71"},
		{"size of a leaf", f.node(nil, fsType, typeFile, fsData, "abc", fsSize, 4), "says 4 bytes and holds 3"},
		{"no size of a leaf", f.node(nil, fsType, typeFile, fsData, "abc"), "says 0 bytes and holds 3"},
		{"size of a file", f.node([]link{a}, fsType, typeFile, fsSize, 4, fsSizes, 3), "says 4 bytes and holds 3"},
		{"sizes without links", f.node(nil, fsType, typeFile, fsSize, 3, fsSizes, 3), "0 links, but 1 sizes"},
		{"links without sizes", f.node([]link{a}, fsType, typeFile, fsSize, 3), "1 links, but 0 sizes"},
		{"contents and links", f.node([]link{a}, fsType, typeFile, fsData, "x", fsSize, 4, fsSizes, 3), "both contents and links"},
		{"a child larger than said", f.file([]link{leaf}, 2), "holds 3 bytes, its parent says 2"},
		{"an inline child larger than said", f.file([]link{identity(cid.Raw, []byte("abc"))}, 2), "holds 3 bytes, its parent says 2"},
		{"sizes that overflow", f.node([]link{a, a}, fsType, typeFile, fsSize, 0, fsSizes, uint64(math.MaxUint64), fsSizes, 1), "overflow"},
		{"a leaf larger than a block", f.file([]link{a}, MaxBlock+1), "larger than any block"},
		{"a directory in a file", f.file([]link{f.dir()}, 0), "type 1 stands inside a file"},
		{"a symlink in a file", f.file([]link{f.symlink("x")}, 0), "type 4 stands inside a file"},
		// symlinks
		{"an absolute symlink", f.dir(f.symlink("/etc/passwd").as("l")), "is absolute"},
		{"a symlink that leaves", f.dir(f.dir(f.symlink("../../x").as("l")).as("d")), "leaves the package"},
		{"a symlink as root", f.symlink("../x"), "leaves the package"},
		{"an empty symlink", f.node(nil, fsType, typeSymlink), "is empty"},
		{"a symlink with links", f.node([]link{a}, fsType, typeSymlink, fsData, "x"), "has links"},
		// hashes
		{"sha1", link{cid: hashedAs(mh.SHA1, -1)}, "hash functions"},
		{"md5", link{cid: hashedAs(mh.MD5, -1)}, "hash functions"},
		{"half a sha2-256", link{cid: hashedAs(mh.SHA2_256, 20)}, "too small"},
		{"much inline", identity(cid.Raw, make([]byte, 129)), "too large"},
		{"sha1 of a leaf", f.file([]link{{cid: hashedAs(mh.SHA1, -1)}}, 3), "hash functions"},
		{"sha1 of an entry", f.dir(link{cid: hashedAs(mh.SHA1, -1), name: "a"}), "hash functions"},
		{"a CID without anything", link{}, "CID is missing"},
		// names
		{"not a directory's field", dir(fsType, typeDirectory, fsData, 1), "field 2 has type 0"},
	} {
		_, err := paths(t, f, c.root.cid, WalkOptions{})
		if e, ok := errors.AsType[*FormatError](err); !ok || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v (%T), want a FormatError with %q", c.name, err, e, c.why)
		}
	}
}

func hashedAs(code uint64, length int) cid.Cid {
	h, err := mh.Sum(nil, code, length)
	if err != nil {
		panic(err)
	}
	return cid.NewCidV1(cid.Raw, h)
}

func TestBadNames(t *testing.T) {
	f := newForge()
	a := f.raw("a")
	for _, name := range []string{"", ".", "..", "../x", "a/b", "/", "a\x00", "\x1b[31m", "\xff", strings.Repeat("x", 256)} {
		root := f.dir(f.dir(a.as("fine"), a.as(name)).as("d"))
		_, err := paths(t, f, root.cid, WalkOptions{})
		if e, ok := errors.AsType[*NameError](err); !ok || e.Dir != "d" || e.Name != name {
			t.Errorf("%q: %v, want a NameError", name, err)
		}
	}
	for _, pair := range [][2]string{{"a", "a"}, {"a", "A"}, {"ä", "a\u0308"}, {"ſ", "s"}} {
		root := f.dir(a.as(pair[0]), a.as(pair[1]))
		_, err := paths(t, f, root.cid, WalkOptions{})
		if e, ok := errors.AsType[*NameError](err); !ok || e.Name != pair[1] {
			t.Errorf("%q: %v, want a NameError", pair, err)
		}
	}
}

// Readers must cope with what tools do write.
func TestLax(t *testing.T) {
	f := newForge()
	a, b := f.raw("a"), f.raw("b")
	dirData := message(fsType, typeDirectory)
	dataFirst := append(appendBytes(nil, pbData, dirData), encodePB([]link{a.as("a")}, nil)...)
	dataFirst = dataFirst[:len(dataFirst)-2] // the empty Data of encodePB
	noSize := []byte{0x12, 41, 0x0a, 36}
	noSize = append(append(noSize, a.cid.Bytes()...), 0x12, 1, 'a')
	packed := string([]byte{1, 1})
	for name, c := range map[string]struct {
		root link
		n    int
	}{
		"links out of order":   {f.dir(b.as("b"), a.as("a")), 3},
		"data first":           {f.put(cid.DagProtobuf, dataFirst), 2},
		"no Tsize":             {f.put(cid.DagProtobuf, append(noSize, appendBytes(nil, pbData, dirData)...)), 2},
		"a mode on a dir":      {f.node([]link{a.as("a")}, fsType, typeDirectory, fsMode, 0o700), 2},
		"a time":               {f.node(nil, fsType, typeFile, fsData, "x", fsSize, 1, fsMtime, "\x08\x01"), 1},
		"an unknown field":     {f.node(nil, fsType, typeFile, fsData, "x", fsSize, 1, 9, "later", 10, 1), 1},
		"packed sizes":         {f.node([]link{a, b}, fsType, typeFile, fsSize, 2, fsSizes, packed), 1},
		"names in a file":      {f.file([]link{a.as("Links"), b.as("../x")}, 1, 1), 1},
		"an empty piece":       {f.file([]link{a, f.raw(""), b}, 1, 0, 1), 1},
		"a wrong Tsize":        {f.dir(f.file([]link{a}, 1).as("a")), 2},
		"a file of type Raw":   {f.framed(typeRaw, "abc"), 1},
		"an inline directory":  {identity(cid.DagProtobuf, encodePB(nil, dirData)), 1},
		"an inline empty file": {identity(cid.Raw, nil), 1},
	} {
		if got, err := paths(t, f, c.root.cid, WalkOptions{}); err != nil || len(got) != c.n {
			t.Errorf("%s: %q, %v; want %d paths", name, got, err, c.n)
		}
	}
}

// A link's claim about a raw leaf is held to once the leaf is read; a claim that
// no leaf could meet is not even believed.
func TestRawSizeClaims(t *testing.T) {
	f := newForge()
	for _, c := range []struct {
		claim uint64
		size  int64
		ok    bool
	}{{5, 5, true}, {4, 4, false}, {6, 6, false}, {0, 5, true}, {MaxBlock + 1, 5, true}, {math.MaxUint64, 5, true}} {
		l := f.raw("hello").as("a")
		l.tsize = c.claim
		root := f.dir(l)
		e, err := Resolve(t.Context(), f, root.cid, "a")
		if err != nil || e.Size != c.size {
			t.Errorf("claim of %d: %+v, %v", c.claim, e, err)
			continue
		}
		_, err = ReadFile(t.Context(), f, e, 100)
		if _, bad := errors.AsType[*FormatError](err); bad == c.ok {
			t.Errorf("claim of %d: %v", c.claim, err)
		}
	}
}
