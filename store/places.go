package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// Place says where a block of a tree lies: whole in its .car, or in one of its
// files, without what frames it. A block that its own CID carries lies nowhere:
// its place is the zero Place.
type Place struct {
	Path   string // of the file, slash-separated below the tree; "" for the .car
	Offset int64  // of the block in the .car, or of its contents in the file
	Size   int64  // of these; -1: the whole file
}

// PlacedBlock is a block of a tree.
type PlacedBlock struct {
	CID   cid.Cid
	Size  int64 // of the block
	Place Place
	Entry string    // the path whose root block it is; "" for the tree's root and for others
	Links []cid.Cid // what it refers to, in this tree or not, repeats too
}

// EachBlock walks a tree and tells each of its blocks, with one place in the
// .car or one a file. It reads what gives the tree its shape, verified, and
// none of the raw leaves.
func (s *Store) EachBlock(ctx context.Context, k Key, each func(PlacedBlock) error) error {
	p, err := openPart(s, k, s.TreeDir(k))
	if err != nil {
		return err
	}
	defer p.close()
	l := &locator{part: p, ctx: ctx, each: each, framed: map[cid.Cid]int64{}, seen: map[cid.Cid]bool{}}
	if err := l.inline(k.Root); err != nil {
		return err
	}
	if err := p.walk(ctx, walking{block: l.kept, framed: l.rebuilt}, l.entry); err != nil {
		return readTree(k, err)
	}
	return l.flush("", cid.Undef)
}

// readTree says which tree an error is about; what its files say is damage.
func readTree(k Key, err error) error {
	switch {
	case isNotExist(err): // the tree is there, only damaged
		return &DamagedError{k, errors.New(err.Error())}
	case contentError(err), errors.Is(err, errNotRegular), errors.Is(err, io.EOF):
		return &DamagedError{k, err}
	}
	return fmt.Errorf("read tree %s: %w", k, err)
}

// locator finds the places of one part's blocks while it is walked.
type locator struct {
	*part
	ctx    context.Context
	each   func(PlacedBlock) error
	framed map[cid.Cid]int64 // sizes of the blocks that were rebuilt
	seen   map[cid.Cid]bool  // inline blocks, and files by their roots
	// pending are blocks of the .car whose entry is visited next, if it is.
	pending []PlacedBlock
}

func (l *locator) rebuilt(c cid.Cid, block []byte) { l.framed[c] = int64(len(block)) }

// kept is told of a block that the .car holds.
func (l *locator) kept(c cid.Cid, block []byte) error {
	offset, size, err := l.car.Find(l.ctx, c)
	if err != nil {
		return err
	}
	links, err := l.links(c, block)
	if err != nil {
		return err
	}
	l.pending = append(l.pending, PlacedBlock{CID: c, Size: size, Place: Place{Offset: offset, Size: size}, Links: links})
	return nil
}

// links lists a block's links, and tells of those that are inline: the walk
// does not.
func (l *locator) links(c cid.Cid, block []byte) ([]cid.Cid, error) {
	links, err := dag.Links(c, block)
	for _, to := range links {
		if err == nil {
			err = l.inline(to)
		}
	}
	return links, err
}

// inline tells of c if it carries its own block, and of those below it: a CID
// is short, so there are few.
func (l *locator) inline(c cid.Cid) error {
	data, ok := dag.Inline(c)
	if !ok || l.seen[c] {
		return nil
	}
	l.seen[c] = true
	links, err := l.links(c, data)
	if err != nil {
		return err
	}
	return l.each(PlacedBlock{CID: c, Size: int64(len(data)), Links: links})
}

// entry tells the blocks that came before it, and a file's leaves.
func (l *locator) entry(e *dag.Entry) error {
	if err := l.flush(e.Path, e.CID); err != nil || e.Kind != dag.File || l.seen[e.CID] {
		return err
	}
	l.seen[e.CID] = true // of a file that stands twice the first is enough
	return leafPlaces(e, func(leaf dag.Leaf, at Place) error {
		b := PlacedBlock{CID: leaf.CID, Size: leaf.Size, Place: at}
		if leaf.CID.Equals(e.CID) {
			b.Entry = e.Path
		}
		if _, ok := dag.Inline(leaf.CID); ok {
			return l.inline(leaf.CID)
		}
		if leaf.CID.Type() == cid.DagProtobuf {
			size, ok := l.framed[leaf.CID]
			if !ok { // it can't be rebuilt, so the .car has it
				return nil
			}
			b.Size = size
		}
		return l.each(b)
	})
}

func (l *locator) flush(path string, c cid.Cid) error {
	for _, b := range l.pending {
		if b.CID.Equals(c) {
			b.Entry = path
		}
		if err := l.each(b); err != nil {
			return err
		}
	}
	l.pending = l.pending[:0]
	return nil
}

// leafPlaces tells where a file's leaves lie, a leaf that repeats at once only
// the first time.
func leafPlaces(e *dag.Entry, each func(dag.Leaf, Place) error) error {
	var last cid.Cid
	for _, l := range e.Leaves {
		if l.CID == last {
			continue
		}
		last = l.CID
		if err := each(l, Place{e.Path, l.Offset, l.Size}); err != nil {
			return err
		}
	}
	return nil
}

// ReadPlace reads the block c of a tree where it lies, rehashed. Of a file that
// is gone or damaged the object is looked at too. A block that can't be had is
// a *DamagedError; without the tree the error Is fs.ErrNotExist.
func (s *Store) ReadPlace(_ context.Context, k Key, c cid.Cid, at Place) ([]byte, error) {
	p := &part{store: s, key: k, dir: s.TreeDir(k)}
	data, err := p.read(c, at)
	if _, ok := errors.AsType[*DamagedError](err); ok && at.Path != "" {
		if other, ok := p.fromObject(c, at); ok {
			return other, nil
		}
	}
	return data, err
}

// HasPlace says whether what lies there is long enough to hold the block;
// nothing of it is read.
func (s *Store) HasPlace(k Key, at Place) bool {
	if at.Path == "" {
		return at == (Place{}) || reaches(s.carPath(k), at)
	}
	if reaches(filepath.Join(s.TreeDir(k), filepath.FromSlash(at.Path)), at) {
		return true
	}
	object, ok := s.objectOf(k, at.Path)
	return ok && reaches(object, at)
}

func reaches(name string, at Place) bool {
	fi, err := os.Lstat(name)
	return err == nil && fi.Mode().IsRegular() && fi.Size() >= at.Offset+at.Size
}

// read is ReadPlace of the tree itself, wherever it lies.
func (p *part) read(c cid.Cid, at Place) ([]byte, error) {
	var data []byte
	var err error
	switch {
	case at == (Place{}):
		return dag.Get(context.Background(), nil, c)
	case at.Path == "":
		if data, err = readRange(p.store.carPath(p.key), ".car", at); err == nil {
			err = dag.Verify(c, data)
		}
	default:
		data, err = p.rebuild(c, at)
	}
	if err == nil {
		return data, nil
	}
	if _, gone := os.Lstat(p.dir); isNotExist(gone) {
		return nil, fmt.Errorf("read tree %s: %w", p.key, gone)
	}
	return nil, readTree(p.key, err)
}

// fromObject looks for the contents of a file that is gone or damaged in its
// object: after a fallback to copies these are other bytes on disk.
func (p *part) fromObject(c cid.Cid, at Place) ([]byte, bool) {
	object, ok := p.store.objectOf(p.key, at.Path)
	if !ok {
		return nil, false
	}
	data, err := readRange(object, at.Path, at)
	if err != nil {
		return nil, false
	}
	return dag.Reframe(c, data)
}

// objectOf is where the object of a file lies, as the list of objects says.
func (s *Store) objectOf(k Key, path string) (object string, ok bool) {
	found := errors.New("found")
	err := s.eachFile(k, func(f FileInfo) error {
		if f.Path != path {
			return nil
		}
		object = s.objectPath(f.Object)
		return found
	})
	return object, errors.Is(err, found)
}

// rebuild makes a block out of the contents that it wraps.
func (p *part) rebuild(c cid.Cid, at Place) ([]byte, error) {
	data, err := readRange(filepath.Join(p.dir, filepath.FromSlash(at.Path)), at.Path, at)
	if err != nil {
		return nil, err
	}
	block, ok := dag.Reframe(c, data)
	if !ok {
		return nil, &dag.HashError{CID: c, Got: "other contents in " + at.Path}
	}
	return block, nil
}

var errNotRegular = errors.New("not a regular file any more")

// readRange reads what lies at a place of the file called name; path is how an
// error calls it.
func readRange(name, path string, at Place) ([]byte, error) {
	fi, err := os.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() { // opening a FIFO waits
		return nil, fmt.Errorf("read %s: %w", path, errNotRegular)
	}
	if at.Size < 0 {
		at.Size = fi.Size()
	}
	if at.Size > dag.MaxBlock {
		return nil, &dag.FormatError{Path: path, Why: "larger than a block"}
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	buf := make([]byte, at.Size)
	if n, err := f.ReadAt(buf, at.Offset); n < len(buf) {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return buf, nil
}

// Stamp tells a tree from the one that takes its place when it is healed: both
// have one name. It is as good as the file system's clock.
type Stamp struct {
	Size, Time int64 // of the .car, in bytes and nanoseconds
}

// Stamp reads a tree's stamp.
func (s *Store) Stamp(k Key) (Stamp, error) {
	fi, err := os.Lstat(s.carPath(k))
	if err != nil {
		return Stamp{}, damaged(k, err)
	}
	return Stamp{fi.Size(), fi.ModTime().UnixNano()}, nil
}
