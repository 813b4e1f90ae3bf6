package dag

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/ipfs/go-cid"
)

// Resolve finds the entry at a slash-separated path below root, without
// following symlinks. A missing path Is fs.ErrNotExist. DefaultLimits hold.
// Of a directory that is a HAMT only the shards on the way are read.
func Resolve(ctx context.Context, b Blocks, root cid.Cid, path string) (*Entry, error) {
	e, _, err := newWalker(ctx, b, WalkOptions{}, nil).resolve(root, path)
	return e, err
}

func (w *walker) resolve(root cid.Cid, path string) (*Entry, *node, error) {
	l, here := link{cid: root}, ""
	for _, name := range split(path) {
		if err := CheckName(name); err != nil {
			return nil, nil, fmt.Errorf("resolve %q: %w", path, err)
		}
		n, err := w.parent(here, l)
		if err != nil {
			return nil, nil, err
		}
		if n == nil {
			return nil, nil, fmt.Errorf("resolve %q: %s is no directory: %w", path, where(here), fs.ErrNotExist)
		}
		var ok bool
		if l, ok, err = w.find(here, n, name); err != nil {
			return nil, nil, err
		}
		if here = join(here, name); !ok {
			return nil, nil, fmt.Errorf("resolve %q: %q: %w", path, here, fs.ErrNotExist)
		}
	}
	return w.describe(here, l)
}

// ReadDir returns the entries of the directory at path below root, each as Walk
// would show it, bytewise sorted by path; what opt omits is left out. A missing
// path Is fs.ErrNotExist. opt.Block is not called.
func ReadDir(ctx context.Context, b Blocks, root cid.Cid, path string, opt WalkOptions) ([]Entry, error) {
	opt.Block = nil
	w := newWalker(ctx, b, opt, nil)
	e, n, err := w.resolve(root, path)
	if err != nil {
		return nil, err
	}
	if e.Kind != Dir {
		return nil, malformed(path, e.CID, "it is a %s, not a directory", e.Kind)
	}
	var entries []Entry
	err = w.survey(e.Path, n, func(l link) error {
		at := join(e.Path, l.name)
		if w.omits(at) {
			return nil
		}
		e, _, err := w.describe(at, l)
		if err == nil {
			entries = append(entries, *e)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	return entries, nil
}

// parent reads the directory at path; nil: something else is there.
func (w *walker) parent(path string, l link) (*node, error) {
	if err := checkCID(l.cid); err != nil {
		return nil, atPath(path, err)
	}
	if l.cid.Type() != cid.DagProtobuf {
		return nil, nil
	}
	n, err := w.leaf(path, l.cid, 0, -1)
	if err != nil || !n.isDir() {
		return nil, err
	}
	return n, nil
}

// split cuts a path into names; "" and "/" name the root.
func split(path string) []string {
	if path = strings.Trim(path, "/"); path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// List returns the entries of the directory c by name, bytewise sorted, its
// HAMT flattened and its names checked. Only Path (the name) and CID are set.
func List(ctx context.Context, b Blocks, c cid.Cid, lim Limits) ([]Entry, error) {
	r := newReader(ctx, b, lim)
	n, err := r.dir("", c)
	if err != nil {
		return nil, err
	}
	var entries []Entry
	err = r.survey("", n, func(l link) error {
		entries = append(entries, Entry{Path: l.name, CID: l.cid})
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	return entries, nil
}

// ReadFile returns the contents of file e, verified; a LimitError beyond max.
func ReadFile(ctx context.Context, b Blocks, e *Entry, max int64) ([]byte, error) {
	if e.Kind != File {
		return nil, malformed(e.Path, e.CID, "it is a %s, not a file", e.Kind)
	}
	if e.Size > max {
		return nil, &LimitError{Path: e.Path, What: "bytes", Limit: max}
	}
	data := make([]byte, 0, e.Size)
	for _, l := range e.Leaves {
		piece, err := readLeaf(ctx, b, e.Path, l)
		if err != nil {
			return nil, atPath(e.Path, err)
		}
		data = append(data, piece...)
	}
	return data, nil
}

// ReadLeaf returns the contents of one leaf: Get, unwrapped, its size checked.
func ReadLeaf(ctx context.Context, b Blocks, l Leaf) ([]byte, error) {
	block, err := Get(ctx, b, l.CID)
	if err != nil {
		return nil, err
	}
	data, err := unwrap("", l, block)
	if e, ok := err.(*FormatError); ok {
		e.Block = true
	}
	return data, err
}

// readLeaf is ReadLeaf where the file is known, so that a Framer can help.
func readLeaf(ctx context.Context, b Blocks, path string, l Leaf) ([]byte, error) {
	if l.CID.Type() != cid.DagProtobuf {
		return ReadLeaf(ctx, b, l)
	}
	block, err := getFramed(ctx, b, path, l.CID, l.Offset, l.Size)
	if err != nil {
		return nil, err
	}
	return unwrap(path, l, block)
}

// unwrap takes the contents of l out of its verified block.
func unwrap(path string, l Leaf, block []byte) ([]byte, error) {
	data := block
	switch l.CID.Type() {
	case cid.Raw:
	case cid.DagProtobuf:
		n, err := decodeNode(path, l.CID, block)
		if err != nil {
			return nil, err
		}
		if err := checkFileNode(path, n); err != nil {
			return nil, err
		}
		if len(n.links) > 0 {
			return nil, malformed(path, l.CID, "it is no leaf of a file")
		}
		data = n.data
	default:
		return nil, malformed(path, l.CID, "codec %#x is not UnixFS", l.CID.Type())
	}
	if int64(len(data)) != l.Size {
		return nil, malformed(path, l.CID, "it holds %d bytes, the link to it says %d", len(data), l.Size)
	}
	return data, nil
}
