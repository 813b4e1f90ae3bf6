package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"

	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// Salvage knows where intact copies of damaged objects may lie: the object of
// the same contents with the other mode, and files of trees that are other
// inodes than their object. Nothing that comes from there is trusted: each block
// is hashed before it is handed on.
type Salvage struct {
	store  *Store
	copies map[objectKey][]string // absolute paths
}

// Salvage looks for copies of the objects that a check found damaged.
func (s *Store) Salvage(found *Checked) (*Salvage, error) {
	v := &Salvage{store: s, copies: map[objectKey][]string{}}
	for _, d := range found.Damage {
		if k, err := parseObjectKey(path.Base(d.File)); err == nil && d.File == k.file() {
			v.add(k, s.path(filepath.FromSlash(k.twin().file())))
			v.add(k.twin(), s.path(filepath.FromSlash(k.file())))
		}
	}
	if len(v.copies) == 0 {
		return v, nil
	}
	keys, err := s.Trees()
	if err != nil {
		return nil, fmt.Errorf("look for copies: %w", err)
	}
	for _, tree := range keys {
		_ = s.eachFile(tree, func(f FileInfo) error { // a list that can't be read tells of no copies
			if k, err := parseObjectKey(f.Object); err == nil && v.copies[k] != nil {
				v.add(k, filepath.Join(s.TreeDir(tree), filepath.FromSlash(f.Path)))
			}
			return nil
		})
	}
	return v, nil
}

func (v *Salvage) add(k objectKey, path string) {
	const enough = 64 // of names, most of which are the same inode
	if len(v.copies[k]) < enough {
		v.copies[k] = append(v.copies[k], path)
	}
}

// Package is a source for one package, put together out of what is left of its
// parts, lost ones too, of copies on this disk, and of other sources. Close it.
func (v *Salvage) Package(root cid.Cid, others ...dag.Blocks) (*Salvaged, error) {
	names, err := v.store.Parts(root)
	lost, lerr := v.store.Lost()
	if err := errors.Join(err, lerr); err != nil {
		return nil, err
	}
	for _, k := range lost {
		if SameRoot(k.Root, root) {
			names = append(names, k.Part)
		}
	}
	s := &Salvaged{salvage: v, root: root, others: others}
	for _, n := range names {
		k := Key{Root: root, Part: n}
		s.parts = append(s.parts, k)
		if car, err := openCAR(v.store.carPath(k)); err == nil {
			s.cars = append(s.cars, car)
		}
		if list, err := v.store.fileTable(k); err == nil {
			s.lists = append(s.lists, list)
		}
	}
	return s, nil
}

// Salvaged is what Package gives. It is safe for concurrent use.
type Salvaged struct {
	salvage *Salvage
	root    cid.Cid
	parts   []Key
	cars    []*dag.CAR
	lists   []*fileTable
	others  []dag.Blocks

	build sync.Once
	built *dag.Builder // nodes of the package made anew; nil where it comes out otherwise

	mu     sync.Mutex
	leaves map[string][]Place // by multihash, with absolute paths; nil until it is asked for
}

// Close closes the files it opened.
func (s *Salvaged) Close() error {
	for _, c := range s.cars {
		c.Close() // only read
	}
	return nil
}

// Block implements dag.Blocks.
func (s *Salvaged) Block(ctx context.Context, c cid.Cid) ([]byte, error) {
	data, err := s.node(ctx, c)
	if err == nil || ctx.Err() != nil {
		return data, err
	}
	return s.leaf(ctx, c)
}

// node looks where whole blocks are.
func (s *Salvaged) node(ctx context.Context, c cid.Cid) ([]byte, error) {
	for _, car := range s.cars {
		if data, err := car.Block(ctx, c); err == nil && dag.Verify(c, data) == nil {
			return data, nil
		}
	}
	for _, o := range s.others {
		if data, err := o.Block(ctx, c); err == nil && dag.Verify(c, data) == nil {
			return data, nil
		}
	}
	missing := fmt.Errorf("block %s: no intact copy is here: %w", c, fs.ErrNotExist)
	if c.Type() == cid.Raw {
		return nil, missing
	}
	s.build.Do(func() { s.built = s.reimport(ctx) })
	if s.built == nil {
		return nil, missing
	}
	return s.built.Block(ctx, c)
}

// leaf rebuilds a leaf out of the first copy of its file that it verifies in.
func (s *Salvaged) leaf(ctx context.Context, c cid.Cid) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leaves == nil {
		if err := s.findLeaves(ctx); err != nil {
			return nil, err
		}
	}
	for _, at := range s.leaves[string(c.Hash())] {
		if block, err := rebuildFrom(c, at); err == nil {
			return block, nil
		}
	}
	return nil, fmt.Errorf("block %s: no intact copy is here: %w", c, fs.ErrNotExist)
}

// FramedLeaf implements dag.Framer: a leaf that is found by where it stands.
func (s *Salvaged) FramedLeaf(_ context.Context, path string, c cid.Cid, offset, size int64) ([]byte, error) {
	for _, file := range s.copiesOf(path, objectKey{}) {
		if block, err := rebuildFrom(c, Place{file, offset, size}); err == nil {
			return block, nil
		}
	}
	return nil, fmt.Errorf("block %s of %s: no intact copy is here: %w", c, path, fs.ErrNotExist)
}

// rebuildFrom rebuilds a block out of a file of which the place says the whole
// path.
func rebuildFrom(c cid.Cid, at Place) ([]byte, error) {
	data, err := readRange(at.Path, at.Path, at)
	if err != nil {
		return nil, err
	}
	block, ok := dag.Reframe(c, data)
	if !ok {
		return nil, &dag.HashError{CID: c, Got: "other contents in " + at.Path}
	}
	return block, nil
}

// findLeaves walks the package, as far as there are nodes of it, and notes every
// place where a leaf may be.
func (s *Salvaged) findLeaves(ctx context.Context) error {
	s.leaves = map[string][]Place{}
	top, err := dag.List(ctx, nodes{s, ""}, s.root, dag.DefaultLimits())
	if err != nil {
		return ctx.Err()
	}
	for _, t := range top {
		e, err := dag.Resolve(ctx, nodes{s, ""}, s.root, t.Path)
		switch {
		case err != nil: // of another platform's there may be nothing
		case e.Kind == dag.File:
			s.noteLeaves(t.Path, e)
		case e.Kind == dag.Dir:
			_ = dag.Walk(ctx, nodes{s, t.Path}, e.CID, dag.WalkOptions{Limits: dag.DefaultLimits()}, func(f *dag.Entry) error {
				if f.Kind == dag.File {
					s.noteLeaves(path.Join(t.Path, f.Path), f)
				}
				return ctx.Err()
			})
		}
	}
	return ctx.Err()
}

// nodes is a Salvaged whose leaves are not known yet, below a path.
type nodes struct {
	*Salvaged
	under string
}

func (n nodes) Block(ctx context.Context, c cid.Cid) ([]byte, error) { return n.node(ctx, c) }

func (n nodes) FramedLeaf(ctx context.Context, at string, c cid.Cid, offset, size int64) ([]byte, error) {
	return n.Salvaged.FramedLeaf(ctx, path.Join(n.under, at), c, offset, size)
}

func (s *Salvaged) noteLeaves(path string, e *dag.Entry) {
	var object objectKey
	if c, ok := dag.ObjectCID(e.Leaves); ok {
		object, _ = objectKeyOf(c, e.Exec)
	}
	files := s.copiesOf(path, object)
	for _, l := range e.Leaves {
		h := string(l.CID.Hash())
		for _, f := range files {
			s.leaves[h] = append(s.leaves[h], Place{f, l.Offset, l.Size})
		}
	}
}

// copiesOf lists the files that may hold the contents of a path: in each part,
// in its staging, the object, and whatever is known to be equal.
func (s *Salvaged) copiesOf(path string, object objectKey) []string {
	var files []string
	st := s.salvage.store
	for _, k := range s.parts {
		for _, dir := range []string{st.TreeDir(k), st.stagingDir(k)} {
			files = append(files, filepath.Join(dir, filepath.FromSlash(path)))
		}
	}
	objects := []objectKey{object}
	for _, list := range s.lists {
		if f, ok := list.find(path); ok {
			objects = append(objects, f.object)
		}
	}
	for _, k := range objects {
		if k != (objectKey{}) {
			files = append(files, st.path(filepath.FromSlash(k.file())), st.path(filepath.FromSlash(k.twin().file())))
			files = append(files, s.salvage.copies[k]...)
		}
	}
	return slices.DeleteFunc(files, func(f string) bool {
		fi, err := os.Lstat(f)
		return err != nil || !fi.Mode().IsRegular()
	})
}

// reimport makes the package's nodes anew out of its trees, as `ipp pack` would
// of a directory: they are its own if the same root comes out. nil where it does
// not, because another tool made the package, a part is not here, or a file is
// damaged.
func (s *Salvaged) reimport(ctx context.Context) *dag.Builder {
	dirs := make([]string, len(s.parts))
	for i, k := range s.parts {
		dirs[i] = s.salvage.store.TreeDir(k)
	}
	b := dag.NewBuilder()
	link, err := s.importDirs(ctx, b, dirs)
	if err != nil || !SameRoot(link.CID, s.root) {
		return nil
	}
	return b
}

var errNoEntry = errors.New("no directory, file or symlink")

// importDirs builds one directory out of what several parts have of it.
func (s *Salvaged) importDirs(ctx context.Context, b *dag.Builder, dirs []string) (dag.Link, error) {
	from := map[string]string{}
	for _, dir := range dirs {
		names, err := readNames(dir)
		if err != nil {
			return dag.Link{}, err
		}
		for _, n := range names {
			from[n] = filepath.Join(dir, n)
		}
	}
	entries := map[string]dag.Link{}
	for name, path := range from {
		link, err := s.importEntry(ctx, b, path)
		if err != nil {
			return dag.Link{}, err
		}
		entries[name] = link
	}
	return b.Dir(entries)
}

func (s *Salvaged) importEntry(ctx context.Context, b *dag.Builder, path string) (dag.Link, error) {
	fi, err := os.Lstat(path)
	if err != nil {
		return dag.Link{}, err
	}
	switch fi.Mode().Type() {
	case fs.ModeDir:
		return s.importDirs(ctx, b, []string{path})
	case fs.ModeSymlink:
		target, err := os.Readlink(path)
		if err != nil {
			return dag.Link{}, err
		}
		return b.Symlink(filepath.ToSlash(target))
	case 0:
		f, err := os.Open(path)
		if err != nil {
			return dag.Link{}, err
		}
		defer f.Close()
		leaves, err := s.salvage.store.pool.Leaves(ctx, f, fi.Size(), nil)
		if err != nil {
			return dag.Link{}, err
		}
		return b.File(leaves, fi.Mode()&0o111 != 0)
	}
	return dag.Link{}, errNoEntry
}
