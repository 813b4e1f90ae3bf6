package dag

import (
	"context"
	"errors"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
)

// sample is a tree with one of everything.
func sample(f *forge) link {
	big := f.file([]link{f.raw("abc"), f.raw("de")}, 3, 2)
	exec := f.node([]link{f.raw("run")}, fsType, typeFile, fsSize, 3, fsSizes, 3, fsMode, 0o755)
	sub := f.dir(f.raw("x").as("x"), f.symlink("../a").as("up"))
	return f.dir(
		f.raw("hello").as("a"), big.as("big"), f.dir().as("empty"), f.framed(typeFile, "framed").as("framed"),
		f.node(nil, fsType, typeFile, fsData, "m", fsSize, 1, fsMode, 0o100644).as("mode"),
		exec.as("run"), sub.as("sub"), f.framed(typeRaw, "").as("zero"),
	)
}

func TestWalk(t *testing.T) {
	f := newForge()
	root := sample(f)
	var got []Entry
	err := Walk(context.Background(), f, root.cid, WalkOptions{}, func(e *Entry) error {
		got = append(got, *e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	one := func(l link, n int64) []Leaf { return []Leaf{{CID: l.cid, Size: n}} }
	want := []Entry{
		{Path: "", Kind: Dir},
		{Path: "a", Kind: File, Size: 5, Leaves: one(f.raw("hello"), 5)},
		{Path: "big", Kind: File, Size: 5, Leaves: []Leaf{{f.raw("abc").cid, 0, 3}, {f.raw("de").cid, 3, 2}}},
		{Path: "empty", Kind: Dir},
		{Path: "framed", Kind: File, Size: 6, Leaves: one(f.framed(typeFile, "framed"), 6)},
		{Path: "mode", Kind: File, Size: 1, HasMode: true},
		{Path: "run", Kind: File, Size: 3, HasMode: true, Exec: true, Leaves: one(f.raw("run"), 3)},
		{Path: "sub", Kind: Dir},
		{Path: "sub/x", Kind: File, Size: 1, Leaves: one(f.raw("x"), 1)},
		{Path: "sub/up", Kind: Symlink, Target: "../a"},
		{Path: "zero", Kind: File, Leaves: one(f.framed(typeRaw, ""), 0)},
	}
	for i := range got {
		if got[i].Path == "mode" {
			want[i].Leaves = one(link{cid: got[i].CID}, 1)
		}
		got[i].CID = cid.Undef
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	for _, s := range []string{"hello", "abc", "run"} {
		if f.asked[f.raw(s).cid] > 0 {
			t.Errorf("leaf %q was read", s)
		}
	}
}

func TestWalkRawRoot(t *testing.T) {
	f := newForge()
	root := f.raw("hello")
	got, err := paths(t, f, root.cid, WalkOptions{})
	if err != nil || !slices.Equal(got, []string{""}) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := paths(t, f, root.cid, WalkOptions{Limits: Limits{Bytes: 4, Files: 1}}); err == nil {
		t.Error("5 bytes passed a limit of 4")
	}
}

func TestWalkSteers(t *testing.T) {
	f := newForge()
	root := sample(f).cid
	sub := f.dir(f.raw("x").as("x"), f.symlink("../a").as("up"))
	all := "|a|big|empty|framed|mode|run|sub|sub/x|sub/up|zero"
	for _, c := range []struct {
		name string
		omit []string
		skip map[string]error
		want string
		read bool // sub
	}{
		{"everything", nil, nil, all, true},
		{"omit a directory", []string{"sub"}, nil, "|a|big|empty|framed|mode|run|zero", false},
		{"omit a file below", []string{"sub/x", "a"}, nil, "|big|empty|framed|mode|run|sub|sub/up|zero", true},
		{"skip a directory", nil, map[string]error{"sub": fs.SkipDir}, "|a|big|empty|framed|mode|run|sub|zero", true},
		{"skip after a file", nil, map[string]error{"a": fs.SkipDir, "sub/x": fs.SkipDir}, all, true},
		{"end", nil, map[string]error{"empty": fs.SkipAll}, "|a|big|empty", false},
	} {
		var got []string
		clear(f.asked)
		opt := WalkOptions{Omit: func(p string) bool { return slices.Contains(c.omit, p) }}
		err := Walk(context.Background(), f, root, opt, func(e *Entry) error {
			got = append(got, e.Path)
			return c.skip[e.Path]
		})
		if s := strings.Join(got, "|"); s != c.want || err != nil {
			t.Errorf("%s: %q, %v; want %q", c.name, s, err, c.want)
		}
		if read := f.asked[sub.cid] > 0; read != c.read {
			t.Errorf("%s: sub was read: %v", c.name, read)
		}
	}
}

func TestWalkPassesErrors(t *testing.T) {
	f := newForge()
	root := sample(f).cid
	stop := errors.New("stop")
	err := Walk(context.Background(), f, root, WalkOptions{}, func(*Entry) error { return stop })
	if err != stop {
		t.Errorf("visit's error became %v", err)
	}
	opt := WalkOptions{Block: func(cid.Cid, []byte) error { return stop }}
	if _, err := paths(t, f, root, opt); err != stop {
		t.Errorf("Block's error became %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err = Walk(ctx, f, root, WalkOptions{}, func(*Entry) error { return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	delete(f.blocks, f.symlink("../a").cid)
	if _, err := paths(t, f, root, WalkOptions{}); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "sub/up") {
		t.Errorf("a missing block: %v, want one that says where and Is fs.ErrNotExist", err)
	}
}

// Each block once, though it stands at several paths; in the order of the walk.
func TestWalkBlocks(t *testing.T) {
	f := newForge()
	sub := f.dir(f.symlink("x").as("l"), f.framed(typeFile, "y").as("y"))
	odd := f.node(nil, fsData, "odd order", fsType, typeFile, fsSize, 9)
	inner := f.file([]link{odd, f.framed(typeRaw, "z")}, 9, 1)
	root := f.dir(sub.as("a"), sub.as("b"), inner.as("c"), identity(cid.Raw, []byte("i")).as("i"), odd.as("o"))
	var got []cid.Cid
	opt := WalkOptions{Block: func(c cid.Cid, data []byte) error {
		got = append(got, c)
		return Verify(c, data)
	}}
	if _, err := paths(t, f, root.cid, opt); err != nil {
		t.Fatal(err)
	}
	want := []cid.Cid{root.cid, sub.cid, f.symlink("x").cid, inner.cid, odd.cid}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestLimits(t *testing.T) {
	f := newForge()
	// 4 directories, 3 files of 2 bytes each, a symlink; 3 names deep.
	file := f.raw("ab")
	root := f.dir(f.dir(f.dir(file.as("f"), f.symlink("f").as("l")).as("c"), file.as("f")).as("a"), file.as("f"), f.dir().as("g"))
	exact := Limits{Bytes: 6, Files: 8, Entries: 3, Depth: 3}
	if _, err := paths(t, f, root.cid, WalkOptions{Limits: exact}); err != nil {
		t.Fatalf("exactly at the limits: %v", err)
	}
	for _, c := range []struct {
		what string
		lim  Limits
	}{
		{"bytes", Limits{Bytes: 5, Files: 8, Entries: 3, Depth: 3}},
		{"files", Limits{Bytes: 6, Files: 7, Entries: 3, Depth: 3}},
		{"entries", Limits{Bytes: 6, Files: 8, Entries: 2, Depth: 3}},
		{"directories deep", Limits{Bytes: 6, Files: 8, Entries: 3, Depth: 2}},
	} {
		_, err := paths(t, f, root.cid, WalkOptions{Limits: c.lim})
		if e, ok := errors.AsType[*LimitError](err); !ok || e.What != c.what {
			t.Errorf("%+v: %v, want a LimitError of %s", c.lim, err, c.what)
		}
	}
	// What is left out costs nothing.
	opt := WalkOptions{Limits: Limits{Bytes: 2, Files: 3, Entries: 3, Depth: 1}, Omit: func(p string) bool { return p == "a" }}
	if _, err := paths(t, f, root.cid, opt); err != nil {
		t.Errorf("without a: %v", err)
	}
}

// What breaks a limit is not handed on, nor is what stands beside it.
func TestLimitsComeFirst(t *testing.T) {
	f := newForge()
	big := f.file([]link{f.raw("abc"), f.raw("de")}, 3, 2)
	for name, root := range map[string]link{
		"too many entries":     f.dir(f.raw("a").as("a"), f.raw("b").as("b"), f.raw("c").as("c")),
		"a bad name at last":   f.dir(f.raw("a").as("a"), f.raw("b").as("..")),
		"too large a file":     big,
		"two names for one":    f.dir(f.raw("a").as("a"), f.raw("b").as("A")),
		"a repeated name":      f.dir(f.raw("a").as("a"), f.raw("b").as("a")),
		"deeper than the rest": f.dir(f.dir(f.dir(f.raw("x").as("x")).as("x")).as("x")),
	} {
		lim := Limits{Bytes: 4, Files: 9, Entries: 2, Depth: 2}
		opt := WalkOptions{Limits: lim, Block: func(c cid.Cid, _ []byte) error {
			if c == root.cid && name != "deeper than the rest" {
				t.Errorf("%s: the block was handed on", name)
			}
			return nil
		}}
		err := Walk(context.Background(), f, root.cid, opt, func(e *Entry) error {
			if strings.Count(e.Path, "/") >= 1 || name != "deeper than the rest" {
				t.Errorf("%s: %q was visited", name, e.Path)
			}
			return nil
		})
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestLongPath(t *testing.T) {
	f := newForge()
	at := f.dir(f.raw("x").as(strings.Repeat("x", 255)))
	for range 3 {
		at = f.dir(at.as(strings.Repeat("d", 255)))
	}
	// 4 names of 255 bytes and 3 slashes are 1,023.
	if _, err := paths(t, f, f.dir(f.raw("x").as("x"), at.as("y")).cid, WalkOptions{}); !isLimit(err, "bytes in a path") {
		t.Errorf("1,025 bytes: %v", err)
	}
	if _, err := paths(t, f, at.cid, WalkOptions{}); err != nil {
		t.Errorf("1,023 bytes: %v", err)
	}
}

// The cache is for DAGs that repeat themselves; it must not keep all of a large
// one.
func TestCacheIsBounded(t *testing.T) {
	f := newForge()
	r := newReader(t.Context(), f, Limits{})
	for i := range 3000 {
		l := f.symlink(strings.Repeat("x", 3000+i%1000) + strings.Repeat("y", i/1000))
		if _, err := r.node("", l.cid); err != nil {
			t.Fatal(err)
		}
		sum := 0
		for _, n := range r.cache {
			sum += n.cost()
		}
		if sum != r.cost || sum > cacheAll {
			t.Fatalf("%d bytes are cached, %d counted", sum, r.cost)
		}
	}
	f.asked = make(map[cid.Cid]int)
	l := f.symlink("x")
	for range 2 {
		if _, err := r.node("", l.cid); err != nil || f.asked[l.cid] != 1 {
			t.Fatalf("asked %d times, %v", f.asked[l.cid], err)
		}
	}
}
