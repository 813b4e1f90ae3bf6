package index

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ipp/store"
	"ipp/store/dag"

	chunk "github.com/ipfs/boxo/chunker"
	mdag "github.com/ipfs/boxo/ipld/merkledag"
	ft "github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/boxo/ipld/unixfs/importer/balanced"
	"github.com/ipfs/boxo/ipld/unixfs/importer/helpers"
	"github.com/ipfs/boxo/ipld/unixfs/importer/trickle"
	uio "github.com/ipfs/boxo/ipld/unixfs/io"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-cidutil"
	ipld "github.com/ipfs/go-ipld-format"
	mh "github.com/multiformats/go-multihash"
)

// memory is boxo's DAGService, and Blocks.
type memory map[string][]byte

func (m memory) Block(_ context.Context, c cid.Cid) ([]byte, error) {
	if b, ok := m[string(c.Hash())]; ok {
		return b, nil
	}
	return nil, fmt.Errorf("block %s: %w", c, fs.ErrNotExist)
}

func (m memory) Add(_ context.Context, nd ipld.Node) error {
	m[string(nd.Cid().Hash())] = nd.RawData()
	return nil
}

func (m memory) AddMany(ctx context.Context, nds []ipld.Node) error {
	for _, nd := range nds {
		_ = m.Add(ctx, nd) // never fails
	}
	return nil
}

func (m memory) Get(ctx context.Context, c cid.Cid) (ipld.Node, error) {
	data, err := m.Block(ctx, c)
	if err != nil {
		return nil, ipld.ErrNotFound{Cid: c}
	}
	if c.Type() == cid.Raw {
		return mdag.NewRawNodeWPrefix(data, c.Prefix())
	}
	b, err := blocks.NewBlockWithCid(data, c)
	if err != nil {
		return nil, err
	}
	return mdag.DecodeProtobufBlock(b)
}

func (m memory) GetMany(ctx context.Context, cs []cid.Cid) <-chan *ipld.NodeOption {
	out := make(chan *ipld.NodeOption, len(cs))
	for _, c := range cs {
		nd, err := m.Get(ctx, c)
		out <- &ipld.NodeOption{Node: nd, Err: err}
	}
	close(out)
	return out
}

func (m memory) Remove(context.Context, cid.Cid) error       { return nil }
func (m memory) RemoveMany(context.Context, []cid.Cid) error { return nil }

// style is how a tool writes files.
type style struct {
	name   string
	chunk  int64
	layout func(*helpers.DagBuilderHelper) (ipld.Node, error)
	links  int
	raw    bool
	cids   cid.Builder
	mode   os.FileMode
	mtime  time.Time
	hamt   bool // directories are HAMTs
}

func v1(hash uint64) cid.Builder {
	return cid.Prefix{Version: 1, Codec: cid.DagProtobuf, MhType: hash, MhLength: -1}
}

func styles() []style {
	v0 := cid.Prefix{Version: 0, Codec: cid.DagProtobuf, MhType: mh.SHA2_256, MhLength: -1}
	sha := v1(mh.SHA2_256)
	inline := cidutil.InlineBuilder{Builder: sha, Limit: 64}
	return []style{
		{name: "fixed", chunk: 4096, layout: balanced.Layout, links: 174, raw: true, cids: sha},
		{name: "tiny", chunk: 16, layout: balanced.Layout, links: 3, raw: true, cids: sha},
		{name: "v0-framed", chunk: 1000, layout: balanced.Layout, links: 5, cids: v0},
		{name: "v0-trickle", chunk: 500, layout: trickle.Layout, links: 3, cids: v0},
		{name: "exec", chunk: 2000, layout: balanced.Layout, links: 174, raw: true, cids: sha, mode: 0o755},
		{name: "framed-exec", chunk: 2000, layout: balanced.Layout, links: 174, cids: sha, mode: 0o755},
		{name: "odd-mode", chunk: 900, layout: balanced.Layout, links: 4, cids: v0, mode: 0o751, mtime: time.Unix(1, 2)},
		{name: "inline", chunk: 50, layout: balanced.Layout, links: 4, raw: true, cids: inline},
		{name: "inline-framed", chunk: 20, layout: balanced.Layout, links: 4, cids: inline},
		{name: "hamt", chunk: 700, layout: balanced.Layout, links: 174, raw: true, cids: sha, hamt: true},
		{name: "hamt-framed", chunk: 700, layout: balanced.Layout, links: 174, cids: v0, hamt: true},
		{name: "blake3", chunk: 3000, layout: balanced.Layout, links: 174, cids: v1(mh.BLAKE3)},
	}
}

// pattern is n bytes that no other seed makes.
func pattern(n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 7))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s style) file(t testing.TB, m memory, contents []byte) ipld.Node {
	t.Helper()
	p := helpers.DagBuilderParams{Maxlinks: s.links, RawLeaves: s.raw, CidBuilder: s.cids, Dagserv: m, FileMode: s.mode, FileModTime: s.mtime}
	h, err := p.New(chunk.NewSizeSplitter(bytes.NewReader(contents), s.chunk))
	must(t, err)
	nd, err := s.layout(h)
	must(t, err)
	return nd
}

func (s style) dir(t testing.TB, m memory, entries map[string]ipld.Node) ipld.Node {
	t.Helper()
	var d uio.Directory
	var err error
	if s.hamt {
		d, err = uio.NewHAMTDirectory(m, 0, uio.WithCidBuilder(s.cids), uio.WithMaxHAMTFanout(8))
	} else {
		d, err = uio.NewDirectory(m, uio.WithCidBuilder(s.cids))
	}
	must(t, err)
	for name, nd := range entries {
		must(t, d.AddChild(t.Context(), name, nd))
	}
	nd, err := d.GetNode()
	must(t, err)
	must(t, m.Add(t.Context(), nd))
	return nd
}

// How large pkg makes a package.
const small, usual = 8, 40

// pkg makes a package in one style: files of several sizes, some equal ones,
// one of zeros, an empty one, directories, symlinks.
func (s style) pkg(t testing.TB, seed uint64, size int) (memory, cid.Cid) {
	t.Helper()
	m := memory{}
	link, err := ft.SymlinkData("common")
	must(t, err)
	symlink := mdag.NodeWithData(link)
	must(t, symlink.SetCidBuilder(s.cids))
	must(t, m.Add(t.Context(), symlink))
	common := pattern(2500, 1) // in every package
	sub := map[string]ipld.Node{
		"common": s.file(t, m, common), "link": symlink,
		"own": s.file(t, m, pattern(125*size, seed)), "zeros": s.file(t, m, make([]byte, 150*size)),
	}
	for i := range size / 2 {
		sub[fmt.Sprintf("n%d", i)] = s.file(t, m, fmt.Appendf(nil, "number %d", i%7))
	}
	return m, s.dir(t, m, map[string]ipld.Node{
		"common": s.file(t, m, common), "empty": s.file(t, m, nil), "name": s.file(t, m, []byte(s.name)),
		"sub": s.dir(t, m, sub), "again": s.dir(t, m, sub), "none": s.dir(t, m, nil),
	}).Cid()
}

func newStore(t testing.TB) *store.Store { return newStoreIn(t, t.TempDir()) }

func newStoreIn(t testing.TB, dir string) *store.Store {
	t.Helper()
	st, err := store.Open(filepath.Join(dir, "store"), store.Options{First: store.Root{Kind: store.ProfileRoot, Path: "/nowhere", Why: "test"}})
	must(t, err)
	return st
}

// ensure brings one part of a package into the store.
func ensure(t testing.TB, st *store.Store, w store.Want, src dag.Blocks) store.Key {
	t.Helper()
	w.Limits = dag.DefaultLimits()
	l, err := st.Lease(t.Context(), "test", w.Root)
	must(t, err)
	defer l.Release()
	w.Verify = true
	p, err := st.Plan(t.Context(), w, src)
	must(t, err)
	must(t, st.Ensure(t.Context(), l, p, src, nil))
	return p.Key
}

// split makes a package with two platforms, and brings both into the store.
func split(t testing.TB, st *store.Store) {
	t.Helper()
	s := styles()[0]
	m := memory{}
	bin := func(seed uint64) ipld.Node {
		return s.dir(t, m, map[string]ipld.Node{"tool": s.file(t, m, pattern(9000, seed)), "common": s.file(t, m, pattern(2500, 1))})
	}
	root := s.dir(t, m, map[string]ipld.Node{
		"a-b": bin(71), "c-d": bin(72), "any": s.dir(t, m, map[string]ipld.Node{"doc": s.file(t, m, pattern(5000, 73))}),
	}).Cid()
	ensure(t, st, store.Want{Key: store.Key{Root: root, Part: "a-b"}, Omit: []string{"c-d"}}, m)
	ensure(t, st, store.Want{Key: store.Key{Root: root, Part: "c-d"}, Omit: []string{"a-b"}}, m)
}

// everyKind makes a package in each style.
func everyKind(t testing.TB, st *store.Store) {
	t.Helper()
	for i, s := range styles() {
		m, root := s.pkg(t, uint64(100+i), usual)
		ensure(t, st, store.Want{Key: store.Key{Root: root, Part: store.AnyPart}}, m)
	}
	split(t, st)
}
