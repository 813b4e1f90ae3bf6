package store

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	names, err := s.Parts(root)
	if err != nil {
		return nil, err
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
		return nil, fmt.Errorf("open package %s: not in the store: %w", rootName(root), fs.ErrNotExist)
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
	key Key
	dir string
	car *dag.CAR

	mu     sync.Mutex
	leaves map[string]place // by multihash; nil until it is asked for
}

// place says where a leaf's contents lie.
type place struct {
	path         string
	offset, size int64
}

// openPart opens the tree that lies in dir: where it belongs, or in the trash.
func openPart(s *Store, k Key, dir string) (*part, error) {
	car, err := dag.OpenCAR(s.carPath(k))
	if err != nil {
		return nil, damaged(k, err)
	}
	return &part{key: k, dir: dir, car: car}, nil
}

func (p *part) close() { p.car.Close() }

// walk walks the part that the tree holds.
func (p *part) walk(ctx context.Context, visit func(*dag.Entry) error) error {
	var omitted []string
	opt := dag.WalkOptions{Limits: dag.DefaultLimits(), Omit: func(path string) bool {
		omit := p.mayOmit(path)
		if omit {
			omitted = append(omitted, path)
		}
		return omit
	}}
	if err := dag.Walk(ctx, (*shape)(p), p.key.Root, opt, visit); err != nil {
		return err
	}
	for _, name := range omitted { // other parts are directories
		e, err := dag.Resolve(ctx, (*shape)(p), p.key.Root, name)
		if err != nil || e.Kind != dag.Symlink {
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
type shape part

func (s *shape) Block(ctx context.Context, c cid.Cid) ([]byte, error) { return s.car.Block(ctx, c) }

// FramedLeaf implements dag.Framer.
func (s *shape) FramedLeaf(_ context.Context, path string, c cid.Cid, offset, size int64) ([]byte, error) {
	return (*part)(s).rebuild(c, place{path, offset, size})
}

// leaf finds a leaf by its CID; the first call walks the whole part.
func (p *part) leaf(ctx context.Context, c cid.Cid) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.leaves == nil {
		leaves := map[string]place{}
		err := p.walk(ctx, func(e *dag.Entry) error {
			for _, l := range e.Leaves {
				leaves[string(l.CID.Hash())] = place{e.Path, l.Offset, l.Size}
			}
			return nil
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
	data, err := p.rebuild(c, at)
	if isNotExist(err) || errors.Is(err, errNotRegular) || errors.Is(err, io.EOF) {
		return nil, &DamagedError{p.key, errors.New(err.Error())}
	}
	return data, err
}

var errNotRegular = errors.New("not a regular file any more")

// rebuild makes a block out of the contents that it wraps.
func (p *part) rebuild(c cid.Cid, at place) ([]byte, error) {
	name := filepath.Join(p.dir, filepath.FromSlash(at.path))
	fi, err := os.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() { // opening a FIFO waits
		return nil, fmt.Errorf("read %s: %w", at.path, errNotRegular)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if at.size < 0 {
		at.size = fi.Size()
	}
	if at.size > dag.MaxBlock {
		return nil, &dag.FormatError{Path: at.path, CID: c, Why: "larger than a block"}
	}
	buf := make([]byte, at.size)
	if n, err := f.ReadAt(buf, at.offset); n < len(buf) {
		return nil, fmt.Errorf("read %s: %w", at.path, err)
	}
	block, ok := dag.Reframe(c, buf)
	if !ok {
		return nil, &dag.HashError{CID: c, Got: "other contents in " + at.path}
	}
	return block, nil
}
