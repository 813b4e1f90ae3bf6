package dag

import (
	"context"
	"errors"
	"io/fs"

	"github.com/ipfs/go-cid"
)

// WalkOptions bound and steer a walk.
type WalkOptions struct {
	Limits Limits
	// Omit says which paths are left out: neither read nor counted nor visited,
	// whatever they are.
	Omit func(path string) bool
	// Block, if set, gets each verified block that can't be rebuilt from file
	// contents by Reframe (nor from its own CID): directories, inner nodes,
	// symlinks, odd leaves. Each once, in the order of the walk.
	Block func(c cid.Cid, data []byte) error
}

// Walk calls visit for each entry below root, the root first. It reads every
// directory and the shape of every file, and no raw leaf (but a root that is
// one, and one whose link does not tell its size). fs.SkipDir from visit skips
// a directory, fs.SkipAll ends the walk.
func Walk(ctx context.Context, b Blocks, root cid.Cid, opt WalkOptions, visit func(*Entry) error) error {
	return newWalker(ctx, b, opt, visit).walk(root)
}

// walker is one walk.
type walker struct {
	*reader
	opt   WalkOptions
	visit func(*Entry) error
	seen  cidSet // what Block was given
	every bool   // Block gets every block, leaves too
}

func newWalker(ctx context.Context, b Blocks, opt WalkOptions, visit func(*Entry) error) *walker {
	return &walker{
		reader: newReader(ctx, b, opt.Limits), opt: opt, visit: visit,
		seen: newCIDSet(),
	}
}

func (w *walker) walk(root cid.Cid) error {
	err := w.spendFiles("", 1)
	if err == nil {
		err = w.entry("", link{cid: root}, 0)
	}
	if errors.Is(err, fs.SkipAll) {
		return nil
	}
	return err
}

// entry walks what stands at path.
func (w *walker) entry(path string, l link, depth int) error {
	e, n, err := w.describe(path, l)
	if err != nil {
		return err
	}
	if e.Kind == Dir {
		return w.dirEntry(e, n, depth)
	}
	return skipNothing(w.visit(e))
}

// skipNothing is what a visit's error means where there is no directory.
func skipNothing(err error) error {
	if err == fs.SkipDir {
		return nil
	}
	return err
}

// describe reads what stands at path, all of it but a directory's entries.
func (w *walker) describe(path string, l link) (*Entry, *node, error) {
	e := &Entry{Path: path, CID: l.cid}
	if err := checkCID(l.cid); err != nil {
		return nil, nil, atPath(path, err)
	}
	switch l.cid.Type() {
	case cid.Raw:
		return e, nil, w.rawFile(e, l)
	case cid.DagProtobuf:
	default:
		return nil, nil, malformed(path, l.cid, "codec %#x is not UnixFS", l.cid.Type())
	}
	n, err := w.leaf(path, l.cid, 0, -1)
	if err != nil {
		return nil, nil, err
	}
	switch n.kind {
	case typeDirectory, typeHAMTShard:
		e.Kind = Dir
	case typeFile, typeRaw:
		err = w.file(e, n)
	case typeSymlink:
		err = w.symlink(e, n)
	default:
		err = malformed(path, l.cid, "UnixFS type %d is not supported", n.kind)
	}
	return e, n, err
}

// dirEntry visits a directory, then what is in it.
func (w *walker) dirEntry(e *Entry, n *node, depth int) error {
	w.ahead(e.Path, n)
	if err := w.checkDir(e.Path, n, depth); err != nil {
		return err
	}
	if err := w.emit(n); err != nil {
		return err
	}
	if err := w.visit(e); err != nil {
		return skipNothing(err)
	}
	// What is left of a HAMT keeps all its shards.
	return w.each(e.Path, n, true, dirVisitor{shard: w.emit, entry: func(l link) error {
		at := join(e.Path, l.name)
		if w.omits(at) {
			return nil
		}
		return w.entry(at, l, depth+1)
	}})
}

// ahead says what the walk of a directory will read. The shards of a HAMT tell
// only their own entries; what of them is left out is known when they are read.
func (w *walker) ahead(path string, n *node) {
	r, ok := w.blocks.(Remote)
	if !ok || n.kind == typeHAMTShard && w.opt.Omit != nil && path == "" {
		return
	}
	nodes := make([]cid.Cid, 0, len(n.links))
	for _, l := range n.links {
		if l.cid.Type() == cid.DagProtobuf && (n.kind == typeHAMTShard || !w.omits(join(path, l.name))) {
			nodes = append(nodes, l.cid)
		}
	}
	r.Ahead(nodes)
}

func (w *walker) omits(path string) bool { return w.opt.Omit != nil && w.opt.Omit(path) }

// checkDir holds a directory to the limits before anything of it is handed on.
func (w *walker) checkDir(path string, n *node, depth int) error {
	files := 0
	err := w.survey(path, n, func(l link) error {
		at := join(path, l.name)
		if w.omits(at) {
			return nil
		}
		files++
		if len(at) > maxPath {
			return &LimitError{Path: path, What: "bytes in a path", Limit: maxPath}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if files > 0 && depth >= w.lim.Depth {
		return &LimitError{Path: path, What: "directories deep", Limit: int64(w.lim.Depth)}
	}
	return w.spendFiles(path, files)
}

func (w *walker) symlink(e *Entry, n *node) error {
	e.Kind, e.Target = Symlink, string(n.data)
	if len(n.links) > 0 {
		return malformed(e.Path, n.cid, "symlink has links")
	}
	if why := badTarget(e.Path, e.Target); why != "" {
		return malformed(e.Path, n.cid, "symlink target %q %s", cut(e.Target), why)
	}
	return w.emit(n)
}

// emit gives a block to Block, once, unless it can be rebuilt without.
func (w *walker) emit(n *node) error {
	if w.opt.Block == nil || !w.every && framed(n) {
		return nil
	}
	return w.hand(n.cid, n.block)
}

func (w *walker) hand(c cid.Cid, block []byte) error {
	if _, ok := inline(c); ok || !w.seen.add(c) {
		return nil
	}
	return w.opt.Block(c, block)
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}
