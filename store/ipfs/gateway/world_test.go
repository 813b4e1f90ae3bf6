package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"sync"
	"testing"

	"ipp/store/dag"

	"github.com/ipfs/boxo/blockservice"
	"github.com/ipfs/boxo/blockstore"
	chunk "github.com/ipfs/boxo/chunker"
	"github.com/ipfs/boxo/exchange/offline"
	"github.com/ipfs/boxo/ipld/merkledag"
	ft "github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/boxo/ipld/unixfs/importer/balanced"
	"github.com/ipfs/boxo/ipld/unixfs/importer/helpers"
	"github.com/ipfs/boxo/ipld/unixfs/importer/trickle"
	uio "github.com/ipfs/boxo/ipld/unixfs/io"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-cidutil"
	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	ipld "github.com/ipfs/go-ipld-format"
	mh "github.com/multiformats/go-multihash"
)

// world is a package-like DAG, in a blockstore of boxo's. It is our Source too.
type world struct {
	store blockstore.Blockstore
	serv  blockservice.BlockService
	dags  ipld.DAGService
	root  cid.Cid
	paths []string         // that lead somewhere, from the root
	files map[string]int64 // sizes of some

	mu     sync.Mutex
	read   int                                  // blocks
	spoilt map[cid.Cid]bool                     // fail their hash
	wait   func(ctx context.Context, c cid.Cid) // before a block is read
}

func (w *world) Block(ctx context.Context, c cid.Cid) ([]byte, error) {
	w.mu.Lock()
	w.read++
	bad := w.spoilt[c]
	w.mu.Unlock()
	if w.wait != nil {
		w.wait(ctx, c)
	}
	b, err := w.store.Get(ctx, c)
	if ipld.IsNotFound(err) {
		return nil, fmt.Errorf("block %s: %w", c, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	data := b.RawData()
	if bad {
		data = append([]byte("x"), data...)
	}
	return data, dag.Verify(c, data)
}

func (w *world) Size(ctx context.Context, c cid.Cid) (int64, error) {
	n, err := w.store.GetSize(ctx, c)
	if ipld.IsNotFound(err) {
		err = fmt.Errorf("block %s: %w", c, fs.ErrNotExist)
	}
	return int64(n), err
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func noise(seed byte, n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(data) // never fails
	return data
}

func emptyWorld() *world {
	store := blockstore.NewBlockstore(dssync.MutexWrap(datastore.NewMapDatastore()))
	serv := blockservice.New(store, offline.Exchange(store))
	return &world{store: store, serv: serv, dags: merkledag.NewDAGService(serv), files: map[string]int64{}, spoilt: map[cid.Cid]bool{}}
}

// newWorld has files of many layouts, HAMTs, symlinks, the same twice, inline
// blocks, and names that must be escaped.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := emptyWorld()
	v0 := cid.Prefix{Version: 0, Codec: cid.DagProtobuf, MhType: mh.SHA2_256, MhLength: -1}
	v1 := cid.Prefix{Version: 1, Codec: cid.DagProtobuf, MhType: mh.SHA2_256, MhLength: -1}
	inline := cidutil.InlineBuilder{Builder: v1, Limit: 32}
	sub := w.dir(v1, 0)
	for i, f := range []struct {
		name  string
		size  int
		piece int64
		links int
		raw   bool
		cids  cid.Builder
		lay   func(*helpers.DagBuilderHelper) (ipld.Node, error)
	}{
		{"empty", 0, 10, 3, true, v1, balanced.Layout},
		{"emptypb", 0, 10, 3, false, v0, balanced.Layout},
		{"one", 7, 10, 3, true, v1, balanced.Layout},
		{"two", 20, 10, 3, true, v1, balanced.Layout},
		{"deep", 977, 10, 3, true, v1, balanced.Layout},
		{"deep0", 977, 10, 3, false, v0, balanced.Layout},
		{"trickle", 613, 10, 3, false, v0, trickle.Layout},
		{"inline", 321, 16, 4, true, inline, balanced.Layout},
		{"large", 700_000, 64 << 10, 174, true, v1, balanced.Layout},
	} {
		h := must((&helpers.DagBuilderParams{Maxlinks: f.links, RawLeaves: f.raw, CidBuilder: f.cids, Dagserv: w.dags}).New(chunk.NewSizeSplitter(bytes.NewReader(noise(byte(i), f.size)), f.piece)))
		w.add(sub, f.name, must(f.lay(h)))
		w.files["sub/"+f.name] = int64(f.size)
	}
	same := must((&helpers.DagBuilderParams{Maxlinks: 3, RawLeaves: true, CidBuilder: v1, Dagserv: w.dags}).New(chunk.NewSizeSplitter(bytes.NewReader(make([]byte, 600)), 10)))
	w.add(sub, "same", must(balanced.Layout(same)))
	w.files["sub/same"] = 600
	w.add(sub, "a b?%\"é", w.node(merkledag.NewRawNode([]byte("odd"))))
	link := merkledag.NodeWithData(must(ft.SymlinkData("one")))
	w.add(sub, "link", w.node(link))

	root := w.dir(v1, 0)
	subNode := w.node(must(sub.GetNode()))
	w.add(root, "sub", subNode)
	w.add(root, "sub2", subNode) // the same DAG twice
	for _, fanout := range []int{8, 256} {
		h := w.dir(v1, fanout)
		for i := range 300 {
			w.add(h, fmt.Sprintf("f%03d", i), w.node(merkledag.NewRawNode(fmt.Appendf(nil, "%d", i%250))))
		}
		w.add(h, "sub", subNode)
		w.add(root, fmt.Sprintf("hamt%d", fanout), w.node(must(h.GetNode())))
	}
	w.root = w.node(must(root.GetNode())).Cid()
	w.paths = []string{"", "sub", "sub2", "hamt8", "hamt256", "hamt8/f003", "hamt256/f299", "hamt8/sub/deep", "hamt256/sub", "sub/link", "sub/a b?%\"é", "sub/emptypb"}
	for f := range w.files {
		w.paths = append(w.paths, f)
	}
	return w
}

// dir begins a directory; a HAMT where fanout is not 0.
func (w *world) dir(b cid.Builder, fanout int) uio.Directory {
	if fanout == 0 {
		return must(uio.NewBasicDirectory(w.dags, uio.WithCidBuilder(b)))
	}
	return must(uio.NewHAMTDirectory(w.dags, 0, uio.WithCidBuilder(b), uio.WithMaxHAMTFanout(fanout)))
}

func (w *world) add(d uio.Directory, name string, n ipld.Node) {
	if err := d.AddChild(context.Background(), name, n); err != nil {
		panic(err)
	}
}

func (w *world) node(n ipld.Node) ipld.Node {
	if err := w.dags.Add(context.Background(), n); err != nil {
		panic(err)
	}
	return n
}

// drop takes a block away.
func (w *world) drop(c cid.Cid) {
	if err := w.store.DeleteBlock(context.Background(), c); err != nil {
		panic(err)
	}
}

// at is the CID at a path.
func (w *world) at(t testing.TB, path string) cid.Cid {
	t.Helper()
	e, err := dag.Resolve(context.Background(), w, w.root, path)
	if err != nil {
		t.Fatal(err)
	}
	return e.CID
}

func (w *world) all(t testing.TB) (list []cid.Cid) {
	t.Helper()
	ch, err := w.store.AllKeysChan(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for c := range ch {
		list = append(list, c)
	}
	return list
}
