package dag

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-car/v2"
)

func writeFile(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.car")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func openCAR(t testing.TB, data []byte) *CAR {
	t.Helper()
	c, err := OpenCAR(writeFile(t, data))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestCAR(t *testing.T) {
	f := newForge()
	root := f.dir(sample(f).as("a"), sample(f).as("b"), bigDir(t, f, 5000).as("c"), identity(cid.Raw, []byte("i")).as("i"))
	data := archive(t, f, root.cid)
	c := openCAR(t, data)
	if got := c.Roots(); !slices.Equal(got, []cid.Cid{root.cid}) {
		t.Errorf("roots %v", got)
	}
	want, err := paths(t, f, root.cid, WalkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := paths(t, c, root.cid, WalkOptions{}); err != nil || !slices.Equal(got, want) {
		t.Errorf("%d paths, %v; want %d", len(got), err, len(want))
	}
	if !bytes.Equal(archive(t, c, root.cid), data) {
		t.Error("the archive of the archive differs")
	}
	if _, err := c.Block(t.Context(), sum(cid.Raw, []byte("absent"))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	for k, block := range f.blocks {
		if got, err := c.Block(t.Context(), k); err == nil && !bytes.Equal(got, block) {
			t.Errorf("%s: other bytes", k)
		}
	}
}

// Others read what we write, and it is what is specified: one root, depth
// first, each block once, nothing inline.
func TestCARProfile(t *testing.T) {
	f := newForge()
	sub := f.dir(f.raw("x").as("x"), f.symlink("x").as("l"))
	big := f.file([]link{f.raw("1"), f.raw("2"), f.raw("1")}, 1, 1, 1)
	root := f.dir(sub.as("a"), big.as("b"), f.raw("2").as("c"), identity(cid.Raw, []byte("i")).as("i"), sub.as("z"))
	r, err := car.NewBlockReader(bytes.NewReader(archive(t, f, root.cid)))
	if err != nil {
		t.Fatal(err)
	}
	if r.Version != 1 || !slices.Equal(r.Roots, []cid.Cid{root.cid}) {
		t.Errorf("version %d, roots %v", r.Version, r.Roots)
	}
	var got []cid.Cid
	for {
		b, err := r.Next() // verifies
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, b.Cid())
	}
	if n := f.asked[f.raw("1").cid]; n != 1 {
		t.Errorf("a leaf was read %d times", n)
	}
	want := []cid.Cid{root.cid, sub.cid, f.raw("x").cid, f.symlink("x").cid, big.cid, f.raw("1").cid, f.raw("2").cid}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWriteCAROptions(t *testing.T) {
	f := newForge()
	sub := f.dir(f.raw("x").as("x"))
	root := f.dir(f.raw("a").as("a"), sub.as("sub"))
	var buf bytes.Buffer
	var told int64
	var seen []cid.Cid
	opt := WalkOptions{
		Omit:  func(p string) bool { return p == "sub" },
		Block: func(c cid.Cid, _ []byte) error { seen = append(seen, c); return nil },
	}
	if err := WriteCAR(t.Context(), &buf, f, root.cid, opt, func(n int64) { told += n }); err != nil {
		t.Fatal(err)
	}
	if told != int64(buf.Len()) {
		t.Errorf("told of %d bytes, wrote %d", told, buf.Len())
	}
	if !slices.Equal(seen, []cid.Cid{root.cid, f.raw("a").cid}) {
		t.Errorf("blocks %v", seen)
	}
	if _, err := openCAR(t, buf.Bytes()).Block(t.Context(), sub.cid); err == nil {
		t.Error("what is omitted was written")
	}
	if f.asked[sub.cid] > 0 {
		t.Error("what is omitted was read")
	}
	opt.Limits = Limits{Bytes: 0, Files: 3, Entries: 3, Depth: 1}
	if err := WriteCAR(t.Context(), io.Discard, f, root.cid, opt, nil); !isLimit(err, "bytes") {
		t.Errorf("beyond the limits: %v", err)
	}
	f.blocks[f.raw("a").cid] = []byte("b")
	f.raw("x")
	bad := f.blocks[f.raw("x").cid]
	f.blocks[f.raw("x").cid] = append([]byte{}, bad...)
	f.blocks[f.raw("x").cid][0]++
	if err := WriteCAR(t.Context(), io.Discard, f, root.cid, WalkOptions{}, nil); !isHash(err) {
		t.Errorf("a changed leaf: %v", err)
	}
	if err := WriteCAR(t.Context(), brokenWriter{}, f, root.cid, WalkOptions{}, nil); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a closed output: %v", err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// version2 wraps an archive into version 2, with padding and an index that is
// none.
func version2(payload []byte) []byte {
	const header, padding = 11 + 40, 7
	b := append([]byte{}, car.Pragma...)
	b = append(b, make([]byte, 16)...)
	b = binary.LittleEndian.AppendUint64(b, header+padding)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(payload)))
	b = binary.LittleEndian.AppendUint64(b, uint64(header+padding+len(payload)))
	b = append(b, make([]byte, padding)...)
	return append(append(b, payload...), "no index at all"...)
}

func TestCARVersion2(t *testing.T) {
	f := newForge()
	root := sample(f)
	data := archive(t, f, root.cid)
	c := openCAR(t, version2(data))
	if !slices.Equal(c.Roots(), []cid.Cid{root.cid}) {
		t.Errorf("roots %v", c.Roots())
	}
	if !bytes.Equal(archive(t, c, root.cid), data) {
		t.Error("other blocks came out")
	}
}

// No roots, or several: that is for callers to judge.
func TestCARRoots(t *testing.T) {
	f := newForge()
	a, b := f.raw("a").cid, f.raw("b").cid
	two := []byte("\xa2eroots\x82")
	for _, c := range []cid.Cid{a, b} {
		two = append(two, carHeader(c)[8:8+4+1+36]...)
	}
	two = append(two, "gversion\x01"...)
	for h, want := range map[string][]cid.Cid{
		"\xa2eroots\x80gversion\x01": nil,
		"\xa1gversion\x01":           nil,
		string(two):                  {a, b},
	} {
		if got := openCAR(t, header(h)).Roots(); !slices.Equal(got, want) {
			t.Errorf("%q: roots %v, want %v", h, got, want)
		}
	}
}

// TestCARHeaders: what is no header of CAR is refused, and what go-car takes for
// one is read alike.
func TestCARHeaders(t *testing.T) {
	root := newForge().raw("a").cid
	link := string(carHeader(root)[8 : 8+4+1+36])
	for h, ok := range map[string]bool{
		"\xa2eroots\x81" + link + "gversion\x01":                         true,
		"\xa2gversion\x01eroots\x81" + link:                              true,
		"\xa2eroots\xf6gversion\x01":                                     true,
		"\xa2eroots\x98\x01" + link + "gversion\x18\x01":                 true,
		"\xa2eroots\x80gversion\x01x":                                    false,
		"\xa2eroots\x9f\xffgversion\x01":                                 false,
		"\xa1eroots\x80":                                                 false,
		"\xa0":                                                           false,
		"\xa2gversion\x01gversion\x01":                                   false,
		"\xa3eroots\x80gversion\x01exoots\x80":                           false,
		"\xa2exoots\x80gversion\x01":                                     false,
		"\xa2eroots\x80gversion\x02":                                     false,
		"\xa2eroots\x80gversion\x41\x01":                                 false,
		"\xa2eroots\x82" + link + "gversion\x01":                         false,
		"\xa2eroots\x81" + link[:20] + "gversion\x01":                    false,
		"\xa2eroots\x81\xd8\x2b" + link[2:] + "gversion\x01":             false,
		"\xa2eroots\x81" + link[:4] + "\x01" + link[5:] + "gversion\x01": false,
		"\xa2eroots\x81\xd8\x2a\x40gversion\x01":                         false,
	} {
		c, err := scanCAR(header(h))
		if (err == nil) != ok {
			t.Errorf("%q: %v", h, err)
		}
		if err != nil {
			continue
		}
		theirs, err := car.NewBlockReader(bytes.NewReader(header(h)))
		if err != nil || !slices.Equal(theirs.Roots, c.roots) {
			t.Errorf("%q: roots %v, go-car reads %+v (%v)", h, c.roots, theirs, err)
		}
	}
}

// Every truncation, and everything else that is wrong, is a FormatError that
// says where.
func TestCARTruncated(t *testing.T) {
	f := newForge()
	root := sample(f)
	data := archive(t, f, root.cid)
	whole := sectionEnds(t, data)
	for n := range len(data) {
		c, err := scanCAR(data[:n])
		if slices.Contains(whole, n) {
			if err != nil {
				t.Errorf("cut between blocks at %d: %v", n, err)
			}
			continue
		}
		e, ok := errors.AsType[*FormatError](err)
		if !ok || e.Offset > int64(n) || !strings.Contains(err.Error(), fmt.Sprintf("byte %d", e.Offset)) || e.Path != c.name {
			t.Fatalf("cut at %d: %v (%T), want a FormatError with an offset", n, err, err)
		}
	}
	for n := range len(version2(data)) - len("no index at all") {
		if _, err := scanCAR(version2(data)[:n]); err == nil {
			t.Fatalf("version 2 cut at %d was opened", n)
		}
	}
}

// sectionEnds lists where header and blocks end.
func sectionEnds(t *testing.T, data []byte) (ends []int) {
	t.Helper()
	at := 0
	for at < len(data) {
		n, k := binary.Uvarint(data[at:])
		if k <= 0 {
			t.Fatal("malformed archive")
		}
		at += k + int(n)
		ends = append(ends, at)
	}
	return ends
}

func header(s string) []byte { return append(binary.AppendUvarint(nil, uint64(len(s))), s...) }

func TestCARMalformed(t *testing.T) {
	f := newForge()
	good := archive(t, f, f.raw("a").cid)
	with := func(more ...byte) []byte { return append(append([]byte{}, good...), more...) }
	v2 := version2(good)
	nested := version2(v2)
	huge := append([]byte{}, v2...)
	binary.LittleEndian.PutUint64(huge[11+16+8:], 1<<63)
	index := func(at uint64) []byte {
		data := append([]byte{}, v2...)
		binary.LittleEndian.PutUint64(data[11+16+16:], at)
		return data
	}
	large := append(binary.AppendUvarint(nil, 36+MaxBlock+200), f.raw("x").cid.Bytes()...)
	large = append(large, make([]byte, MaxBlock+200)...)
	for name, c := range map[string]struct {
		data   []byte
		offset int
	}{
		"empty":                   {nil, 0},
		"no archive":              {[]byte("PK\x03\x04 this is a zip"), 0},
		"a header of 2^60":        {binary.AppendUvarint(nil, 1<<60), 0},
		"a header that is a text": {[]byte("\x08gversion"), 0},
		"nested roots":            {header("\xa1eroots" + strings.Repeat("\x81", 60_000)), 0},
		"nested maps":             {header(strings.Repeat("\xa1aa", 20_000)), 0},
		"endless roots":           {header("\xa1eroots\x9b\x7f\xff\xff\xff\xff\xff\xff\xff"), 0},
		"a text of 2^62":          {header("\xa1\x7b\x3f\xff\xff\xff\xff\xff\xff\xff"), 0},
		"version 3":               {[]byte("\x11\xa2eroots\x80gversion\x03"), 0},
		"a section of 2^60":       {with(binary.AppendUvarint(nil, 1<<60)...), len(good)},
		"a section of 2^63+":      {with(binary.AppendUvarint(nil, 1<<63+9)...), len(good)},
		"an empty section":        {with(0), len(good)},
		"zeros behind":            {with(0, 0, 0, 0), len(good)},
		"a section of no CID":     {with(4, 9, 9, 9, 9), len(good)},
		"a CID beyond its end":    {with(2, 1, 0x55), len(good)},
		"a digest of 2^30":        {with(append([]byte{9, 1, 0x55, 0x12}, binary.AppendUvarint(nil, 1<<30)...)...), len(good)},
		"too large a block":       {with(large...), len(good)},
		"version 2 in version 2":  {nested, -1},
		"version 2 without end":   {huge, -1},
		"an index in the blocks":  {index(60), -1},
		"an index at 2^63":        {index(1 << 63), -1},
	} {
		_, err := OpenCAR(writeFile(t, c.data))
		e, ok := errors.AsType[*FormatError](err)
		if !ok || c.offset >= 0 && e.Offset != int64(c.offset) {
			t.Errorf("%s: %v (%T), want a FormatError at byte %d", name, err, err, c.offset)
		}
	}
	if _, err := OpenCAR(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	if _, err := OpenCAR(t.TempDir()); err == nil {
		t.Error("a directory was opened")
	}
}

// A block that is not what its CID says is found when it is read.
func TestCARDamaged(t *testing.T) {
	f := newForge()
	root := f.dir(f.raw("abcdef").as("a"))
	data := archive(t, f, root.cid)
	i := bytes.Index(data, []byte("abcdef"))
	data[i]++
	c := openCAR(t, data)
	if _, err := Get(t.Context(), c, f.raw("abcdef").cid); !isHash(err) {
		t.Errorf("%v, want a HashError", err)
	}
}

// What the disk does is not the archive's fault.
func TestCARUnreadable(t *testing.T) {
	f := newForge()
	c := openCAR(t, archive(t, f, f.raw("a").cid))
	broken := &fs.PathError{Op: "read", Path: "x", Err: io.ErrNoProgress}
	for name, err := range map[string]error{
		"open": (&CAR{name: "x", r: failingReader{broken}}).scan(1000),
		"read": func() error {
			c.r = failingReader{broken}
			_, err := c.Block(t.Context(), f.raw("a").cid)
			return err
		}(),
	} {
		if _, ok := errors.AsType[*FormatError](err); ok || !errors.Is(err, io.ErrNoProgress) {
			t.Errorf("%s: %v (%T), want the disk's error", name, err, err)
		}
	}
}

// A block is found under either version of its CID.
func TestCAROtherVersion(t *testing.T) {
	f := newForge()
	f.v0 = true
	root := f.dir(f.raw("a").as("a"))
	c := openCAR(t, archive(t, f, root.cid))
	if !bytes.Contains(archive(t, f, root.cid), root.cid.Bytes()) || root.cid.Version() != 0 {
		t.Fatal("the archive is not of version 0")
	}
	v1 := cid.NewCidV1(cid.DagProtobuf, root.cid.Hash())
	if got, err := paths(t, c, v1, WalkOptions{}); err != nil || len(got) != 2 {
		t.Errorf("%q, %v", got, err)
	}
}

func TestCARWriterPut(t *testing.T) {
	f := newForge()
	var buf bytes.Buffer
	w, err := NewCARWriter(&buf, f.raw("a").cid)
	if err != nil {
		t.Fatal(err)
	}
	start := buf.Len()
	big := bytes.Repeat([]byte("x"), smallBlock+1)
	for _, l := range []link{f.raw("a"), f.raw("a"), identity(cid.Raw, []byte("i")), f.put(cid.Raw, big), f.raw("")} {
		if err := w.Put(l.cid, f.blocks[l.cid]); err != nil {
			t.Fatal(err)
		}
	}
	if want := start + 38 + 3 + 36 + len(big) + 37; buf.Len() != want {
		t.Errorf("%d bytes, want %d", buf.Len(), want)
	}
	c := openCAR(t, buf.Bytes())
	if got, err := c.Block(t.Context(), f.put(cid.Raw, big).cid); err != nil || !bytes.Equal(got, big) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := NewCARWriter(&buf, cid.Undef); err == nil {
		t.Error("an archive without a root")
	}
}
