package cmd

import (
	"bytes"
	"context"
	"os"
	"path/filepath"

	"ipp/store/dag"

	"github.com/ipfs/go-cid"
	"github.com/rogpeppe/go-internal/testscript"
)

// leafy is a builder's blocks and the leaves that it does not keep.
type leafy struct {
	*dag.Builder
	leaves map[cid.Cid][]byte
}

func (l *leafy) Block(ctx context.Context, c cid.Cid) ([]byte, error) {
	if data, ok := l.leaves[c]; ok {
		return data, nil
	}
	return l.Builder.Block(ctx, c)
}

// foreign DIR FILE: writes a directory to a CAR as other tools do, without
// modes and manifest, and prints nothing. ROOT is its CID.
func foreign(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: foreign DIR FILE")
	}
	b := &leafy{dag.NewBuilder(), map[cid.Cid][]byte{}}
	root := b.directory(ts, ts.MkAbs(args[0]))
	var car bytes.Buffer
	ts.Check(dag.WriteCAR(context.Background(), &car, b, root.CID, dag.WalkOptions{Limits: dag.DefaultLimits()}, nil))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), car.Bytes(), 0o644))
	ts.Setenv("ROOT", root.CID.String())
}

func (l *leafy) directory(ts *testscript.TestScript, dir string) dag.Link {
	names, err := os.ReadDir(dir)
	ts.Check(err)
	links := map[string]dag.Link{}
	for _, e := range names {
		path := filepath.Join(dir, e.Name())
		if e.IsDir() {
			links[e.Name()] = l.directory(ts, path)
			continue
		}
		data, err := os.ReadFile(path)
		ts.Check(err)
		leaves, err := dag.NewPool(1).Leaves(context.Background(), bytes.NewReader(data), int64(len(data)), nil)
		ts.Check(err)
		for _, leaf := range leaves {
			l.leaves[leaf.CID] = data[leaf.Offset : leaf.Offset+leaf.Size]
		}
		links[e.Name()], err = l.File(leaves, false)
		ts.Check(err)
	}
	link, err := l.Dir(links)
	ts.Check(err)
	return link
}
