package dag_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"ipp/store/dag"

	"github.com/ipfs/go-cid"
	carv2 "github.com/ipld/go-car/v2"
	"github.com/ipld/go-car/v2/storage"
	dagpb "github.com/ipld/go-codec-dagpb"
	"github.com/ipld/go-ipld-prime"
	_ "github.com/ipld/go-ipld-prime/codec/raw" // the codec of raw leaves
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/ipld/go-ipld-prime/traversal"
	"github.com/ipld/go-ipld-prime/traversal/selector"
	selectorparse "github.com/ipld/go-ipld-prime/traversal/selector/parse"
)

// TestTraversedCAR: WriteCAR writes the bytes that a plain traversal of the DAG
// gives, which is how gateways answer dag-scope=all, order=dfs, dups=n; and
// OpenCAR reads them.
func TestTraversedCAR(t *testing.T) {
	t.Parallel()
	for _, s := range shapes() {
		t.Run(s.name, func(t *testing.T) {
			ds := newMemory()
			root, want := s.tree(t, ds)
			ours := car(t, ds, root.Cid())
			theirs := traversedCAR(t, ds, root.Cid())
			if !bytes.Equal(ours, theirs) {
				t.Errorf("our %d bytes differ from the traversal's %d, first at %d", len(ours), len(theirs), diff(ours, theirs))
			}
			path := filepath.Join(t.TempDir(), "x.car")
			if err := os.WriteFile(path, theirs, 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := dag.OpenCAR(path)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			compare(t, s, walkAll(t, c, root.Cid(), newKeep()), want)
		})
	}
}

func diff(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// traversedCAR puts each block into an archive when the traversal reads it.
func traversedCAR(t *testing.T, ds *memory, root cid.Cid) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := storage.NewWritable(&out, []cid.Cid{root}, carv2.WriteAsCarV1(true))
	if err != nil {
		t.Fatal(err)
	}
	ls := cidlink.DefaultLinkSystem()
	ls.StorageReadOpener = func(lc ipld.LinkContext, l ipld.Link) (io.Reader, error) {
		c := l.(cidlink.Link).Cid
		block, err := ds.Block(lc.Ctx, c)
		if err != nil {
			return nil, err
		}
		return bytes.NewReader(block), w.Put(lc.Ctx, c.KeyString(), block)
	}
	progress := traversal.Progress{Cfg: &traversal.Config{
		Ctx: context.Background(), LinkSystem: ls, LinkVisitOnlyOnce: true,
		LinkTargetNodePrototypeChooser: dagpb.AddSupportToChooser(anyNode),
	}}
	all, err := selector.ParseSelector(selectorparse.CommonSelector_ExploreAllRecursively)
	if err != nil {
		t.Fatal(err)
	}
	nd, err := ls.Load(ipld.LinkContext{Ctx: t.Context()}, cidlink.Link{Cid: root}, dagpb.Type.PBNode)
	if err != nil {
		t.Fatal(err)
	}
	visit := func(traversal.Progress, ipld.Node, traversal.VisitReason) error { return nil }
	if err := progress.WalkAdv(nd, all, visit); err != nil {
		t.Fatal(err)
	}
	if err := w.Finalize(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func anyNode(ipld.Link, ipld.LinkContext) (ipld.NodePrototype, error) {
	return basicnode.Prototype.Any, nil
}
