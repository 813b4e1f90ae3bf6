package dag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/ipfs/go-cid"
)

const (
	maxCARHeader = 64 << 10 // about 1,500 roots
	maxCARBlocks = 1 << 20  // at 16 bytes each in memory
	maxCIDLength = 160      // of an allowed one
)

// CAR is an archive opened for reading blocks in any order.
type CAR struct {
	name  string
	r     io.ReaderAt
	close func() error
	roots []cid.Cid
	seed  maphash.Seed
	index []span // by hash
}

// span is where a block stands. Blocks are found by a hash of their multihash,
// and told apart by the CID that stands before them in the file. It is kept
// small: an archive may have a million.
type span struct {
	offset int64 // of the CID, which the block follows
	hash   uint32
	sizes  uint32 // head<<24 | size
}

func (s span) head() int { return int(s.sizes >> 24) }         // bytes of the CID
func (s span) size() int { return int(s.sizes & (1<<24 - 1)) } // of both

// OpenCAR opens a CAR file (version 1 or 2) and finds where its blocks stand,
// without reading what is in them; a truncated or malformed one is a
// FormatError with the byte offset. An index that a version 2 brings along is
// not trusted, so not used.
func OpenCAR(path string) (*CAR, error) {
	// Looked at first: opening a FIFO would wait.
	if fi, err := os.Stat(path); err == nil && !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("open archive %q: it is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open archive: %w", err)
	}
	c, err := openFile(path, f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return c, nil
}

func openFile(path string, f *os.File) (*CAR, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open archive: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("open archive %q: it is not a regular file", path)
	}
	c := &CAR{name: path, r: f, close: f.Close, seed: maphash.MakeSeed()}
	return c, c.scan(info.Size())
}

// scan fills the index.
func (c *CAR) scan(size int64) error {
	w := &window{r: c.r, end: size}
	if err := w.enter(c.r); err != nil {
		return c.malformed(0, err)
	}
	roots, err := w.header()
	if err != nil {
		return c.malformed(w.start, err)
	}
	c.roots = roots
	return c.sections(w)
}

// sections indexes what follows the header.
func (c *CAR) sections(w *window) error {
	for w.pos < w.end {
		at := w.pos
		s, k, err := w.section()
		if err != nil {
			return c.malformed(at, eof(err))
		}
		if len(c.index) == maxCARBlocks {
			return &LimitError{Path: c.name, What: "blocks in an archive", Limit: maxCARBlocks}
		}
		s.hash = c.hash(k)
		c.index = append(c.index, s)
	}
	slices.SortFunc(c.index, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.offset, b.offset))
	})
	return nil
}

func (c *CAR) hash(k cid.Cid) uint32 { return uint32(maphash.Bytes(c.seed, k.Hash())) }

// Roots are the roots that the header names.
func (c *CAR) Roots() []cid.Cid { return slices.Clone(c.roots) }

// Block implements Blocks.
func (c *CAR) Block(ctx context.Context, k cid.Cid) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	hash := c.hash(k)
	i, _ := slices.BinarySearchFunc(c.index, hash, func(s span, h uint32) int { return cmp.Compare(s.hash, h) })
	for ; i < len(c.index) && c.index[i].hash == hash; i++ {
		data, ok, err := c.read(c.index[i], k)
		if err != nil || ok {
			return data, err
		}
	}
	return nil, fmt.Errorf("block %s is not in %q: %w", k, c.name, fs.ErrNotExist)
}

// read reads a section, if it is that of k. A block has one multihash, but its
// CID may have been written in another version than the one that asks.
func (c *CAR) read(s span, k cid.Cid) ([]byte, bool, error) {
	buf := make([]byte, s.size())
	if _, err := c.r.ReadAt(buf, s.offset); err != nil {
		return nil, false, c.malformed(s.offset, eof(err))
	}
	found, err := cid.Cast(buf[:s.head()])
	if err != nil {
		return nil, false, c.malformed(s.offset, err)
	}
	if string(found.Hash()) != string(k.Hash()) {
		return nil, false, nil
	}
	return buf[s.head():], true, nil
}

// Close closes the file.
func (c *CAR) Close() error { return c.close() }

func (c *CAR) malformed(offset int64, err error) error {
	if _, ok := errors.AsType[*fs.PathError](err); ok { // the disk's fault
		return fmt.Errorf("read archive at byte %d: %w", offset, err)
	}
	return &FormatError{
		Path: c.name, Offset: offset,
		Why: fmt.Sprintf("malformed archive at byte %d: %v", offset, err),
	}
}

// eof: the file's end is never where a part may end.
func eof(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
