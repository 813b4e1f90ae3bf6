package cmd

import (
	"bytes"
	"context"
	"os"
	"path/filepath"

	"ipp/lock/trust"
	"ipp/store/dag"
	"ipp/store/pack"

	"github.com/ipfs/go-cid"
	"github.com/rogpeppe/go-internal/testscript"
)

// leafy is a builder's blocks and the leaves that it does not keep.
type leafy struct {
	*dag.Builder
	leaves map[cid.Cid][]byte
	modes  bool
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
	writeDir(ts, args, false)
}

// repack DIR FILE: the same with run bits, as ipp pack would write DIR if it
// took what is there for granted: a manifest that is false, a signature of
// something else.
func repack(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: repack DIR FILE")
	}
	writeDir(ts, args, true)
}

func writeDir(ts *testscript.TestScript, args []string, modes bool) {
	b := &leafy{dag.NewBuilder(), map[cid.Cid][]byte{}, modes}
	root := b.directory(ts, ts.MkAbs(args[0]))
	var car bytes.Buffer
	ts.Check(dag.WriteCAR(context.Background(), &car, b, root.CID, dag.WalkOptions{Limits: dag.DefaultLimits()}, nil))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), car.Bytes(), 0o644))
	ts.Setenv("ROOT", root.CID.String())
}

// shrink DIR KEYFILE: signs DIR again for a byte less than it has.
func shrink(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: shrink DIR KEYFILE")
	}
	file := filepath.Join(ts.MkAbs(args[0]), filepath.FromSlash(pack.SignatureName))
	s, err := trust.Open([]byte(ts.ReadFile(file)))
	ts.Check(err)
	f, err := trust.ParsePrivate([]byte(ts.ReadFile(args[1])))
	ts.Check(err)
	key, err := f.Open(nil)
	ts.Check(err)
	size := s.Parts[trust.AnyPart]
	size.Bytes--
	s.Parts[trust.AnyPart] = size
	data, err := key.Sign(s.Statement)
	ts.Check(err)
	ts.Check(os.WriteFile(file, data, 0o644))
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
		info, err := e.Info()
		ts.Check(err)
		links[e.Name()], err = l.File(leaves, l.modes && info.Mode()&0o100 != 0)
		ts.Check(err)
	}
	link, err := l.Dir(links)
	ts.Check(err)
	return link
}
