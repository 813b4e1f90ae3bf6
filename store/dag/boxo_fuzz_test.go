package dag_test

import (
	"context"
	"slices"
	"testing"

	"ipp/store/dag"

	mdag "github.com/ipfs/boxo/ipld/merkledag"
	ft "github.com/ipfs/boxo/ipld/unixfs"
	uio "github.com/ipfs/boxo/ipld/unixfs/io"
	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
)

// FuzzBoxoNode: whatever we accept of one block, boxo accepts and reads alike.
func FuzzBoxoNode(f *testing.F) {
	ds := newMemory()
	m := maker{ds: ds}
	for _, recipe := range [][]string{{"file", "0"}, {"exec", "0"}, {"exec", "9"}, {"symlink", "a/b"}, {"dir"}, {"leaves", "9"}} {
		nd, err := m.make(recipe)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(nd.RawData())
	}
	for _, nd := range styles()[0].hamts(f, ds, make(map[string][]byte)) {
		f.Add(nd.RawData())
	}
	for _, s := range styles() {
		nd, err := s.file(ds, pattern(40), 10)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(nd.RawData())
	}
	f.Fuzz(func(t *testing.T, block []byte) {
		h, err := mh.Sum(block, mh.SHA2_256, -1)
		if err != nil {
			t.Fatal(err)
		}
		c := cid.NewCidV1(cid.DagProtobuf, h)
		sameLinks(t, c, block)
		sameNode(t, c, block)
	})
}

func sameLinks(t *testing.T, c cid.Cid, block []byte) {
	ours, err := dag.CumulativeSize(c, block)
	if err != nil {
		return
	}
	nd, err := mdag.DecodeProtobuf(block)
	if err != nil {
		t.Fatalf("boxo refuses: %v", err)
	}
	theirs := uint64(len(block))
	for _, l := range nd.Links() {
		theirs += l.Size
	}
	if ours != theirs {
		t.Errorf("cumulative size %d, boxo says %d", ours, theirs)
	}
}

func sameNode(t *testing.T, c cid.Cid, block []byte) {
	ds := newMemory()
	ds.m[c] = block
	e, err := dag.Resolve(context.Background(), ds, c, "")
	if err != nil {
		return
	}
	nd, err := ds.Get(context.Background(), c)
	if err != nil {
		t.Fatalf("boxo refuses: %v", err)
	}
	n, err := ft.ExtractFSNode(nd)
	if err != nil {
		t.Fatalf("boxo refuses: %v", err)
	}
	switch e.Kind {
	case dag.Symlink:
		if n.Type() != ft.TSymlink || string(n.Data()) != e.Target {
			t.Errorf("symlink to %q, boxo reads a %v to %q", e.Target, n.Type(), n.Data())
		}
	case dag.File:
		if int64(n.FileSize()) != e.Size || (n.Mode().Perm()&0o111 != 0) != e.Exec {
			t.Errorf("%+v, boxo reads %d bytes of mode %v", e, n.FileSize(), n.Mode())
		}
	case dag.Dir:
		sameList(t, ds, c)
	}
}

func sameList(t *testing.T, ds *memory, c cid.Cid) {
	entries, err := dag.List(context.Background(), ds, c, dag.Limits{})
	if err != nil {
		return
	}
	nd, err := ds.Get(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	d, err := uio.NewDirectoryFromNode(ds, nd)
	if err != nil {
		t.Fatalf("boxo refuses: %v", err)
	}
	links, err := d.Links(context.Background())
	if err != nil {
		t.Fatalf("boxo refuses: %v", err)
	}
	var ours, theirs []string
	for _, e := range entries {
		ours = append(ours, e.Path+" "+e.CID.String())
	}
	for _, l := range links {
		theirs = append(theirs, l.Name+" "+l.Cid.String())
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	if !slices.Equal(ours, theirs) {
		t.Errorf("we list %q, boxo %q", ours, theirs)
	}
}
