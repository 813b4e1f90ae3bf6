// Package dag reads and writes UnixFS, dag-pb and CAR, with limits, over boxo.
//
// Reading trusts nothing. Every block is hashed against its CID before it is
// looked at (Get is the one place); names, depth, entries, repeats, file sizes
// and total bytes are checked per path, before anything is handed on; Tsize is
// ignored. Any chunker, layout, CID version, HAMT, inline (identity) CIDs and
// framed (dag-pb) leaves are read.
//
// Writing knows one import profile, unixfs-v1-2025: 1 MiB raw leaves, balanced
// with 1,024 links a node, CIDv1 sha2-256, HAMT beyond 256 KiB of directory
// block. An executable file gets a dag-pb root of its own that carries mode
// 0755 over the same raw leaves; no other mode and no time is ever written.
//
// Walk is deterministic: depth first, links in the order of the DAG.
//
// Concurrency: Builder and CARWriter belong to one goroutine; CAR and Pool are
// safe for concurrent use; Walk calls back from the calling goroutine only.
package dag

import (
	"context"
	"io"

	"github.com/ipfs/go-cid"
)

// LeafSize is the size of a leaf under the import profile.
const LeafSize = 1 << 20

// MaxBlock is the largest block that is ever accepted.
const MaxBlock = 2 << 20

// Blocks gives blocks by CID. What it returns is not trusted: Get verifies. A
// block that it does not have is an error that Is fs.ErrNotExist. The result
// must not be modified, and stays valid.
type Blocks interface {
	Block(ctx context.Context, c cid.Cid) ([]byte, error)
}

// Framer is an optional ability of Blocks. A store keeps the contents of a
// file, not its leaves; it can rebuild a leaf that is wrapped in dag-pb only
// when told where in which file it stood. Walk asks it when Block says
// fs.ErrNotExist for a dag-pb block inside a file. size is -1 for "the whole
// file".
type Framer interface {
	FramedLeaf(ctx context.Context, path string, c cid.Cid, offset, size int64) ([]byte, error)
}

// Get returns the verified bytes of c: size limit, allowed hash function, and
// hash. Identity CIDs are decoded, never asked of b.
func Get(ctx context.Context, b Blocks, c cid.Cid) ([]byte, error) { panic("signature") }

// Verify checks data against c.
func Verify(c cid.Cid, data []byte) error { panic("signature") }

// Limits bound a walk. Each is counted per path, so that a DAG that shares
// blocks costs what its tree would.
type Limits struct {
	Bytes   int64 // contents of all files
	Files   int   // files and symlinks and directories
	Entries int   // of one directory
	Depth   int   // of directories, and of nodes within a file
}

// DefaultLimits hold where nothing was signed.
func DefaultLimits() Limits { panic("signature") }

// Kind is what an entry is.
type Kind uint8

// The kinds of entries.
const (
	Dir Kind = iota + 1
	File
	Symlink
)

// Entry is one path of a UnixFS tree.
type Entry struct {
	Path    string // slash-separated, "" for the root
	Kind    Kind
	CID     cid.Cid
	Size    int64  // File: bytes of contents
	HasMode bool   // File: a mode is recorded
	Exec    bool   // File: that mode has a run bit
	Target  string // Symlink
	Leaves  []Leaf // File: contents in order, without gaps
}

// Leaf is a piece of a file's contents.
type Leaf struct {
	CID    cid.Cid // of the block that holds it
	Offset int64   // in the file
	Size   int64
}

// LimitError, FormatError, HashError and NameError are what is wrong with a
// DAG; all say where (path and CID).
type (
	LimitError struct {
		Path, What string
		Limit      int64
	}
	FormatError struct {
		Path string
		CID  cid.Cid
		Why  string
	}
	HashError struct {
		CID cid.Cid
		Got string
	}
	NameError struct{ Dir, Name, Why string }
)

func (e *LimitError) Error() string  { panic("signature") }
func (e *FormatError) Error() string { panic("signature") }
func (e *HashError) Error() string   { panic("signature") }
func (e *NameError) Error() string   { panic("signature") }

// WalkOptions bound and steer a walk.
type WalkOptions struct {
	Limits Limits
	// Omit says which directories' entries are left out, unread.
	Omit func(path string) bool
	// Block, if set, gets each verified block that can't be rebuilt from file
	// contents by Reframe: directories, inner nodes, symlinks, odd leaves. Each
	// once, in the order of the walk.
	Block func(c cid.Cid, data []byte) error
}

// Walk calls visit for each entry below root, the root first. It reads every
// directory and the shape of every file, and no raw leaf. fs.SkipDir from
// visit skips a directory.
func Walk(ctx context.Context, b Blocks, root cid.Cid, opt WalkOptions, visit func(*Entry) error) error {
	panic("signature")
}

// Resolve finds the entry at a slash-separated path below root, without
// following symlinks. A missing path Is fs.ErrNotExist.
func Resolve(ctx context.Context, b Blocks, root cid.Cid, path string) (*Entry, error) {
	panic("signature")
}

// List returns the entries of the directory c by name, bytewise sorted, its
// HAMT flattened and its names checked. Only Path (the name) and CID are set.
func List(ctx context.Context, b Blocks, c cid.Cid, lim Limits) ([]Entry, error) {
	panic("signature")
}

// ReadFile returns the contents of file e, verified; a LimitError beyond max.
func ReadFile(ctx context.Context, b Blocks, e *Entry, max int64) ([]byte, error) {
	panic("signature")
}

// ReadLeaf returns the contents of one leaf: Get, unwrapped, its size checked.
func ReadLeaf(ctx context.Context, b Blocks, l Leaf) ([]byte, error) { panic("signature") }

// Reframe rebuilds the block c from the contents that it wraps: the contents
// themselves for a raw leaf, the usual UnixFS wrappings for a dag-pb leaf.
// false: it can't, so the block has to be kept whole.
func Reframe(c cid.Cid, contents []byte) ([]byte, bool) { panic("signature") }

// CumulativeSize is what a link to the node c carries as Tsize: its block and
// the Tsize of its links, as its root block says.
func CumulativeSize(c cid.Cid, block []byte) (uint64, error) { panic("signature") }

// CheckName refuses what can't be one entry of a directory anywhere: "", ".",
// "..", "/", NUL, control characters, invalid UTF-8, more than 255 bytes.
func CheckName(name string) error { panic("signature") }

// Collisions reports two names that some file system takes for one (NFC and
// case folding), or "", "".
func Collisions(names []string) (a, b string) { panic("signature") }

// CheckTarget refuses a symlink at path whose target is absolute or leaves the
// root of the tree.
func CheckTarget(path, target string) error { panic("signature") }

// Link is a node that was built: what a directory needs to point to it.
type Link struct {
	CID   cid.Cid
	Tsize uint64
}

// Builder builds nodes under the import profile and keeps the blocks that are
// not leaves; it is Blocks for these.
type Builder struct{ _ int }

// NewBuilder returns an empty builder.
func NewBuilder() *Builder { panic("signature") }

// File builds the node of a file whose leaves are raw and LeafSize each, but
// the last one.
func (b *Builder) File(leaves []Leaf, exec bool) (Link, error) { panic("signature") }

// Symlink builds the node of a symlink.
func (b *Builder) Symlink(target string) (Link, error) { panic("signature") }

// Dir builds the node of a directory, a HAMT where the profile says so.
func (b *Builder) Dir(entries map[string]Link) (Link, error) { panic("signature") }

// Block implements Blocks.
func (b *Builder) Block(ctx context.Context, c cid.Cid) ([]byte, error) { panic("signature") }

// ObjectCID names the contents made of leaves: what plain `ipfs add` gives
// them under the import profile. false: the leaves are cut or hashed otherwise,
// so only the contents themselves can tell.
func ObjectCID(leaves []Leaf) (cid.Cid, bool) { panic("signature") }

// Pool hashes leaves on all cores.
type Pool struct{ _ int }

// NewPool makes a pool of n workers; 0: as many as there are processors.
func NewPool(n int) *Pool { panic("signature") }

// Leaves cuts r into raw leaves under the import profile and hashes them.
// report, if set, is told of bytes done, from several goroutines. Calls may
// run side by side and share the pool's workers. An empty file has one empty
// leaf.
func (p *Pool) Leaves(ctx context.Context, r io.ReaderAt, size int64, report func(int64)) ([]Leaf, error) {
	panic("signature")
}

// HashFile names the contents of r: Leaves, then ObjectCID.
func (p *Pool) HashFile(ctx context.Context, r io.ReaderAt, size int64, report func(int64)) (cid.Cid, error) {
	panic("signature")
}

// CAR is an archive opened for reading blocks in any order.
type CAR struct{ _ int }

// OpenCAR opens a CAR file (version 1 or 2) and finds where its blocks stand;
// a truncated or malformed one is a FormatError with the byte offset.
func OpenCAR(path string) (*CAR, error) { panic("signature") }

// Roots are the roots that the header names.
func (c *CAR) Roots() []cid.Cid { panic("signature") }

// Block implements Blocks.
func (c *CAR) Block(ctx context.Context, k cid.Cid) ([]byte, error) { panic("signature") }

// Close closes the file.
func (c *CAR) Close() error { panic("signature") }

// CARWriter writes a CAR version 1.
type CARWriter struct{ _ int }

// NewCARWriter writes the header for one root.
func NewCARWriter(w io.Writer, root cid.Cid) (*CARWriter, error) { panic("signature") }

// Put appends a block, unless it was put before or is inline.
func (w *CARWriter) Put(c cid.Cid, data []byte) error { panic("signature") }

// WriteCAR writes the DAG below root: version 1, one root, depth first, each
// block once, each verified. report, if set, is told of bytes written.
func WriteCAR(ctx context.Context, w io.Writer, b Blocks, root cid.Cid, opt WalkOptions, report func(int64)) error {
	panic("signature")
}
