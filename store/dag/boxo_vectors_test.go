package dag_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	chunk "github.com/ipfs/boxo/chunker"
	mdag "github.com/ipfs/boxo/ipld/merkledag"
	ft "github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/boxo/ipld/unixfs/importer/balanced"
	"github.com/ipfs/boxo/ipld/unixfs/importer/helpers"
	uio "github.com/ipfs/boxo/ipld/unixfs/io"
	ipld "github.com/ipfs/go-ipld-format"
)

// TestBoxoVectors makes what testdata/vectors.txt describes with boxo alone. With
// UPDATE_VECTORS=1 it prints the lines with boxo's CIDs instead.
func TestBoxoVectors(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/vectors.txt")
	if err != nil {
		t.Fatal(err)
	}
	m := maker{ds: newMemory(), made: make(map[string]ipld.Node)}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		want, name, recipe := f[0], f[1], f[2:]
		nd, err := m.make(recipe)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		m.made[name] = nd
		if os.Getenv("UPDATE_VECTORS") != "" {
			fmt.Println(nd.Cid(), name, strings.Join(recipe, " "))
		} else if nd.Cid().String() != want {
			t.Errorf("%s: boxo makes %s, the vector says %s", name, nd.Cid(), want)
		}
	}
	if len(m.made) < 20 {
		t.Errorf("only %d vectors", len(m.made))
	}
}

// maker follows recipes with boxo.
type maker struct {
	ds   ipld.DAGService
	made map[string]ipld.Node
}

func (m *maker) make(recipe []string) (ipld.Node, error) {
	kind, args := recipe[0], recipe[1:]
	switch kind {
	case "file":
		return m.file(pattern(number(args[0])), false, 1<<20)
	case "exec":
		return m.file(pattern(number(args[0])), true, 1<<20)
	case "text":
		return m.file([]byte(args[0]+"\n"), false, 1<<20)
	case "exec-text":
		return m.file([]byte(args[0]+"\n"), true, 1<<20)
	case "leaves":
		return m.file(pattern(number(args[0])), false, 1)
	case "symlink":
		data, err := ft.SymlinkData(args[0])
		if err != nil {
			return nil, err
		}
		nd := mdag.NodeWithData(data)
		return nd, nd.SetCidBuilder(uio.UnixFS_v1_2025.CidBuilder())
	case "dir":
		return m.dir(args)
	case "many":
		return m.many(number(args[0]), args[1], args[2])
	}
	return nil, fmt.Errorf("no recipe %q", kind)
}

func (m *maker) dir(args []string) (ipld.Node, error) {
	d, err := newDir(m.ds)
	if err != nil {
		return nil, err
	}
	for _, a := range args {
		name, what, _ := strings.Cut(a, "=")
		if err := d.AddChild(context.Background(), name, m.made[what]); err != nil {
			return nil, err
		}
	}
	return d.GetNode()
}

func (m *maker) many(n int, format, what string) (ipld.Node, error) {
	d, err := newDir(m.ds)
	if err != nil {
		return nil, err
	}
	for i := range n {
		if err := d.AddChild(context.Background(), fmt.Sprintf(format, i), m.made[what]); err != nil {
			return nil, err
		}
	}
	return d.GetNode()
}

func newDir(ds ipld.DAGService) (uio.Directory, error) {
	p := uio.UnixFS_v1_2025
	d, err := uio.NewDirectory(ds, uio.WithCidBuilder(p.CidBuilder()), uio.WithMaxHAMTFanout(p.HAMTShardWidth),
		uio.WithSizeEstimationMode(p.HAMTSizeEstimation))
	if err == nil {
		d.SetHAMTShardingSize(p.HAMTShardingSize)
	}
	return d, err
}

// file lays contents out as the profile says, in chunks of the size given. An
// executable is what balanced.Layout makes, its root a node of its own with the
// mode, which boxo can't do for a single raw leaf.
func (m *maker) file(contents []byte, exec bool, chunkSize int64) (ipld.Node, error) {
	p := uio.UnixFS_v1_2025
	params := helpers.DagBuilderParams{
		Maxlinks: p.FileDAGWidth, RawLeaves: p.RawLeaves, CidBuilder: p.CidBuilder(), Dagserv: m.ds,
	}
	h, err := params.New(chunk.NewSizeSplitter(strings.NewReader(string(contents)), chunkSize))
	if err != nil {
		return nil, err
	}
	root, err := balanced.Layout(h)
	if err != nil || !exec {
		return root, err
	}
	fs := ft.NewFSNode(ft.TFile)
	nd := new(mdag.ProtoNode)
	if pn, ok := root.(*mdag.ProtoNode); ok {
		if fs, err = ft.FSNodeFromBytes(pn.Data()); err != nil {
			return nil, err
		}
		nd.SetLinks(slices.Clone(pn.Links()))
	} else if len(contents) > 0 {
		fs.AddBlockSize(uint64(len(contents)))
		if err := nd.AddNodeLink("", root); err != nil {
			return nil, err
		}
	}
	fs.SetMode(0o755)
	data, err := fs.GetBytes()
	if err != nil {
		return nil, err
	}
	nd.SetData(data)
	return nd, nd.SetCidBuilder(p.CidBuilder())
}

// pattern is n bytes, byte i being i mod 251.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i % 251)
	}
	return b
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}
