package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// TreeBlocks is the store's source for one package: the blocks of all its
// parts that are present, rebuilt out of .car and objects. It is safe for
// concurrent use.
type TreeBlocks struct {
	parts []*part
}

// Blocks opens the store as a source of one package. Without any part of it
// present the error Is fs.ErrNotExist. Close it.
func (s *Store) Blocks(_ context.Context, root cid.Cid) (*TreeBlocks, error) {
	names := []string{AnyPart} // which is the whole of a package, so there is no other
	if !s.Has(Key{root, AnyPart}) {
		var err error
		if names, err = s.Parts(root); err != nil {
			return nil, err
		}
	}
	t := &TreeBlocks{}
	for _, n := range names {
		k := Key{Root: root, Part: n}
		p, err := openPart(s, k, s.TreeDir(k))
		if isNotExist(err) && !s.Has(k) {
			continue // collected meanwhile
		}
		if err != nil {
			t.Close()
			return nil, err
		}
		t.parts = append(t.parts, p)
	}
	if len(t.parts) == 0 {
		return nil, fmt.Errorf("open package %s: not in the store: %w", dag.CIDText(root), fs.ErrNotExist)
	}
	return t, nil
}

// Block implements dag.Blocks.
func (t *TreeBlocks) Block(ctx context.Context, c cid.Cid) ([]byte, error) {
	for _, p := range t.parts { // the cheap places first
		if data, err := p.car.Block(ctx, c); err == nil || !isNotExist(err) {
			return data, err
		}
	}
	missing := fmt.Errorf("block %s: not in the store: %w", c, fs.ErrNotExist)
	for _, p := range t.parts {
		data, err := p.leaf(ctx, c)
		if _, ok := errors.AsType[*DamagedError](err); ok { // another part may have it too
			missing = err
		} else if err == nil || !isNotExist(err) {
			return data, err
		}
	}
	return nil, missing
}

// Close closes the files it opened.
func (t *TreeBlocks) Close() error {
	for _, p := range t.parts {
		p.close()
	}
	return nil
}

// part is one tree as a source.
type part struct {
	store *Store
	key   Key
	dir   string
	car   *dag.CAR

	badLeaf bool // a walk met a file that a leaf could not be rebuilt from

	mu     sync.Mutex
	leaves map[string]Place // by multihash; nil until it is asked for
}

// openPart opens the tree that lies in dir: where it belongs, or in the trash.
func openPart(s *Store, k Key, dir string) (*part, error) {
	car, err := openCAR(s.carPath(k))
	if err != nil {
		return nil, damaged(k, err)
	}
	return &part{store: s, key: k, dir: dir, car: car}, nil
}

func openCAR(path string) (*dag.CAR, error) {
	if fi, err := os.Lstat(path); err == nil && !fi.Mode().IsRegular() { // opening a FIFO waits
		return nil, errNotRegular
	}
	return dag.OpenCAR(path)
}

func (p *part) close() { p.car.Close() }

// walking is what a walk tells besides the entries.
type walking struct {
	block  func(cid.Cid, []byte) error // as dag.WalkOptions.Block
	framed func(cid.Cid, []byte)       // of each block that was rebuilt from a file
}

// walk walks the part that the tree holds.
func (p *part) walk(ctx context.Context, tell walking, visit func(*dag.Entry) error) error {
	var omitted []string
	dirs := map[cid.Cid]bool{}
	opt := dag.WalkOptions{Limits: dag.DefaultLimits(), Block: tell.block, Omit: func(path string) bool {
		omit := p.mayOmit(path)
		if omit {
			omitted = append(omitted, path)
		}
		return omit
	}}
	src := &shape{p, tell.framed}
	err := dag.Walk(ctx, src, p.key.Root, opt, func(e *dag.Entry) error {
		if e.Kind == dag.Dir {
			dirs[e.CID] = true
		}
		return visit(e)
	})
	if err != nil {
		return err
	}
	return p.visitLost(ctx, src, omitted, dirs, visit)
}

// visitLost visits what was left out though it is of this part. Other parts are
// directories whose blocks this one lacks, unless it has the like elsewhere.
func (p *part) visitLost(ctx context.Context, src dag.Blocks, omitted []string, dirs map[cid.Cid]bool, visit func(*dag.Entry) error) error {
	for _, name := range omitted {
		e, err := dag.Resolve(ctx, src, p.key.Root, name)
		if err != nil || e.Kind == dag.Dir && dirs[e.CID] {
			continue
		}
		if err := visit(e); err != nil {
			return err
		}
	}
	return nil
}

// mayOmit says that a top-level name that is not in the tree belongs to another
// part. A package that is not split has no others, and a part always has the
// directory that it is named after.
func (p *part) mayOmit(path string) bool {
	if p.key.Part == AnyPart || path == p.key.Part || strings.Contains(path, "/") {
		return false
	}
	_, err := os.Lstat(filepath.Join(p.dir, path))
	return isNotExist(err)
}

// shape is a part as what walk reads: .car, and the framed leaves that are
// found by where they stand.
type shape struct {
	*part
	framed func(cid.Cid, []byte)
}

func (s *shape) Block(ctx context.Context, c cid.Cid) ([]byte, error) { return s.car.Block(ctx, c) }

// FramedLeaf implements dag.Framer.
func (s *shape) FramedLeaf(_ context.Context, path string, c cid.Cid, offset, size int64) ([]byte, error) {
	block, err := s.rebuild(c, Place{path, offset, size})
	s.badLeaf = s.badLeaf || err != nil
	if err == nil && s.framed != nil {
		s.framed(c, block)
	}
	return block, err
}

// leaf finds a leaf by its CID; the first call walks the whole part.
func (p *part) leaf(ctx context.Context, c cid.Cid) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.leaves == nil {
		leaves := map[string]Place{}
		err := p.walk(ctx, walking{}, func(e *dag.Entry) error {
			return leafPlaces(e, func(l dag.Leaf, at Place) error {
				leaves[string(l.CID.Hash())] = at
				return nil
			})
		})
		if err != nil {
			return nil, fmt.Errorf("read tree %s: %w", p.key, err)
		}
		p.leaves = leaves
	}
	at, ok := p.leaves[string(c.Hash())]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return p.read(c, at)
}
