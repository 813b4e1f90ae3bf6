package dag_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"ipp/store/dag"

	chunk "github.com/ipfs/boxo/chunker"
	ft "github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/boxo/ipld/unixfs/importer/balanced"
	"github.com/ipfs/boxo/ipld/unixfs/importer/helpers"
	"github.com/ipfs/boxo/ipld/unixfs/importer/trickle"
	uio "github.com/ipfs/boxo/ipld/unixfs/io"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-cidutil"
	ipld "github.com/ipfs/go-ipld-format"
	mh "github.com/multiformats/go-multihash"
)

// style is how some other tool, or an older one, writes files.
type style struct {
	name   string
	layout func(*helpers.DagBuilderHelper) (ipld.Node, error)
	links  int
	raw    bool
	cids   cid.Builder
	mode   os.FileMode
	mtime  time.Time
}

func v1(hash uint64) cid.Builder {
	return cid.Prefix{Version: 1, Codec: cid.DagProtobuf, MhType: hash, MhLength: -1}
}

func styles() []style {
	v0 := cid.Prefix{Version: 0, Codec: cid.DagProtobuf, MhType: mh.SHA2_256, MhLength: -1}
	inline := cidutil.InlineBuilder{Builder: v1(mh.SHA2_256), Limit: 64}
	return []style{
		{name: "v0", layout: balanced.Layout, links: 174, cids: v0},
		{name: "v0-narrow", layout: balanced.Layout, links: 3, cids: v0},
		{name: "v0-trickle", layout: trickle.Layout, links: 174, cids: v0},
		{name: "v0-trickle-narrow", layout: trickle.Layout, links: 3, cids: v0},
		{name: "v0-mode", layout: balanced.Layout, links: 174, cids: v0, mode: 0o644},
		{name: "v0-exec", layout: balanced.Layout, links: 174, cids: v0, mode: 0o755},
		{name: "v0-odd-mode", layout: balanced.Layout, links: 174, cids: v0, mode: 0o751, mtime: time.Unix(1, 2)},
		{name: "v1-raw", layout: balanced.Layout, links: 174, raw: true, cids: v1(mh.SHA2_256)},
		{name: "v1-raw-trickle", layout: trickle.Layout, links: 5, raw: true, cids: v1(mh.SHA2_256)},
		{name: "v1-inline", layout: balanced.Layout, links: 4, raw: true, cids: inline},
		{name: "v1-inline-pb", layout: balanced.Layout, links: 4, cids: inline},
		{name: "blake2b", layout: balanced.Layout, links: 174, raw: true, cids: v1(mh.BLAKE2B_MIN + 31)},
		{name: "blake3", layout: balanced.Layout, links: 174, cids: v1(mh.BLAKE3)},
		{name: "sha2-512", layout: balanced.Layout, links: 174, cids: v1(mh.SHA2_512)},
		{name: "sha3-256", layout: balanced.Layout, links: 174, raw: true, cids: v1(mh.SHA3_256)},
	}
}

// shapes are those that differ in more than hashes and modes.
func shapes() []style {
	names := []string{"v0-narrow", "v0-trickle-narrow", "v1-raw", "v1-raw-trickle", "v1-inline", "v1-inline-pb"}
	return slices.DeleteFunc(styles(), func(s style) bool { return !slices.Contains(names, s.name) })
}

func (s style) file(ds ipld.DAGService, contents []byte, size int64) (ipld.Node, error) {
	params := helpers.DagBuilderParams{
		Maxlinks: s.links, RawLeaves: s.raw, CidBuilder: s.cids, Dagserv: ds,
		FileMode: s.mode, FileModTime: s.mtime,
	}
	h, err := params.New(chunk.NewSizeSplitter(bytes.NewReader(contents), size))
	if err != nil {
		return nil, err
	}
	return s.layout(h)
}

// tree makes a directory with files of every size that matters, a HAMT, an
// executable of our kind and a symlink.
func (s style) tree(t *testing.T, ds *memory) (ipld.Node, map[string][]byte) {
	t.Helper()
	want := make(map[string][]byte)
	root := s.dir(t, ds, 256)
	sub := s.dir(t, ds, 256)
	ctx := context.Background()
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []struct {
		size  int
		chunk int64
	}{{0, 10}, {1, 10}, {10, 10}, {11, 10}, {500, 10}, {300 << 10, 256 << 10}, {1 << 20, 256 << 10}, {3 << 20, 1 << 20}} {
		name := fmt.Sprintf("f%d", f.size)
		nd, err := s.file(ds, pattern(f.size), f.chunk)
		check(err)
		check(root.AddChild(ctx, name, nd))
		check(sub.AddChild(ctx, name, nd))
		want[name], want["sub/"+name] = pattern(f.size), pattern(f.size)
	}
	link, err := ft.SymlinkData("f1")
	check(err)
	check(root.AddChild(ctx, "link", protoNode(t, ds, link, s.cids)))
	for i, nd := range s.hamts(t, ds, want) {
		check(root.AddChild(ctx, fmt.Sprintf("hamt%d", i), nd))
	}
	nd, err := sub.GetNode()
	check(err)
	check(ds.Add(ctx, nd))
	check(root.AddChild(ctx, "sub", nd))
	nd, err = root.GetNode()
	check(err)
	check(ds.Add(ctx, nd))
	return nd, want
}

// hamts makes directories that are HAMTs, one a fanout.
func (s style) hamts(t testing.TB, ds *memory, want map[string][]byte) (out []ipld.Node) {
	t.Helper()
	for i, fanout := range []int{8, 32, 256, 1024} {
		d, err := uio.NewHAMTDirectory(ds, 0, uio.WithCidBuilder(s.cids), uio.WithMaxHAMTFanout(fanout))
		if err != nil {
			t.Fatal(err)
		}
		for j := range 600 {
			contents := fmt.Appendf(nil, "number %d", j%7)
			nd, err := s.file(ds, contents, 1000)
			if err != nil {
				t.Fatal(err)
			}
			name := fmt.Sprintf("entry %d", j)
			if err := d.AddChild(context.Background(), name, nd); err != nil {
				t.Fatal(err)
			}
			want[fmt.Sprintf("hamt%d/%s", i, name)] = contents
		}
		nd, err := d.GetNode()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, nd)
	}
	return out
}

func (s style) dir(t *testing.T, ds *memory, fanout int) uio.Directory {
	t.Helper()
	d, err := uio.NewDirectory(ds, uio.WithCidBuilder(s.cids), uio.WithMaxHAMTFanout(fanout))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestForeign walks what others make: every path with its contents, and the
// blocks that Walk hands on are, with the contents, the whole DAG again.
func TestForeign(t *testing.T) {
	t.Parallel()
	for _, s := range styles() {
		t.Run(s.name, func(t *testing.T) {
			ds := newMemory()
			root, want := s.tree(t, ds)
			kept := newKeep()
			got := walkAll(t, ds, root.Cid(), kept)
			compare(t, s, got, want)
			first := car(t, ds, root.Cid())
			second := car(t, kept, root.Cid())
			if !bytes.Equal(first, second) {
				t.Errorf("what is kept makes another archive: %d bytes, want %d", len(second), len(first))
			}
			again := newKeep()
			compare(t, s, walkAll(t, kept, root.Cid(), again), want)
			if len(again.blocks) != len(kept.blocks) {
				t.Errorf("a second walk keeps %d blocks, the first %d", len(again.blocks), len(kept.blocks))
			}
		})
	}
}

func walkAll(t *testing.T, b dag.Blocks, root cid.Cid, k *keep) map[string]*dag.Entry {
	t.Helper()
	got := make(map[string]*dag.Entry)
	opt := dag.WalkOptions{Block: k.block}
	err := dag.Walk(context.Background(), b, root, opt, func(e *dag.Entry) error {
		got[e.Path] = e
		if e.Kind != dag.File {
			return nil
		}
		data, err := dag.ReadFile(context.Background(), b, e, 10<<20)
		if err != nil {
			return err
		}
		k.file(e, data)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func compare(t *testing.T, s style, got map[string]*dag.Entry, want map[string][]byte) {
	t.Helper()
	for path, contents := range want {
		e := got[path]
		if e == nil || e.Kind != dag.File || e.Size != int64(len(contents)) {
			t.Errorf("%s: %+v, want a file of %d bytes", path, e, len(contents))
			continue
		}
		if e.HasMode != (s.mode != 0) || e.Exec != (s.mode&0o111 != 0) {
			t.Errorf("%s: mode %v, run bit %v; was made with %o", path, e.HasMode, e.Exec, s.mode)
		}
	}
	// The root, sub, link and four HAMTs are not in want.
	if len(got) != len(want)+7 {
		t.Errorf("%d paths, want %d", len(got), len(want)+7)
	}
	if l := got["link"]; l == nil || l.Target != "f1" {
		t.Errorf("link is %+v", l)
	}
}

func car(t *testing.T, b dag.Blocks, root cid.Cid) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := dag.WriteCAR(context.Background(), &buf, b, root, dag.WalkOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// TestContents compares ReadFile's and boxo's reading of the same file.
func TestContents(t *testing.T) {
	for _, s := range styles() {
		ds := newMemory()
		nd, err := s.file(ds, pattern(100_000), 999)
		if err != nil {
			t.Fatal(err)
		}
		r, err := uio.NewDagReader(context.Background(), nd, ds)
		if err != nil {
			t.Fatal(err)
		}
		want, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		e, err := dag.Resolve(context.Background(), ds, nd.Cid(), "")
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		got, err := dag.ReadFile(context.Background(), ds, e, 1<<20)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v; boxo reads %d", s.name, len(got), err, len(want))
		}
	}
}
