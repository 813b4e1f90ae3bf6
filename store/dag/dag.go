// Package dag reads and writes UnixFS, dag-pb and CAR, with limits.
//
// Reading trusts nothing. Every block is hashed against its CID before it is
// looked at (Get is the one place); names, depth, entries, repeats, file sizes
// and total bytes are checked per path, before anything is handed on. Tsize is
// ignored, but for one thing: the size of a file that is a single raw leaf is
// what its link claims, so that no leaf is read to learn it, and ReadLeaf holds
// the leaf to the claim. Any chunker, layout, CID version, HAMT, inline
// (identity) CIDs and framed (dag-pb) leaves are read.
//
// Writing knows one import profile, unixfs-v1-2025: 1 MiB raw leaves, balanced
// with 1,024 links a node, CIDv1 sha2-256, HAMT beyond 256 KiB of directory
// block. An executable file gets a dag-pb root of its own that carries mode
// 0755 over the same raw leaves; no other mode and no time is ever written.
// SPEC.md states both sides, precise enough for another implementation.
//
// Walk is deterministic: depth first, links in the order of the DAG. A directory
// is read twice: all of it is checked before any of it is handed on, and what
// was checked is not kept.
//
// What is boxo's: which hash functions are trusted is verifcid's to say.
//
// What is ours: all else. Blocks come from strangers, and are parsed here
// strictly, without recursion, in memory bounded by the block; boxo's decoder
// takes link names such as "..", fields that repeat, and shards whose entries no
// lookup finds. Written are files, of whose leaves only the CIDs are known, where
// boxo's importer wants the contents, symlinks, and directories, of which boxo
// holds all of a HAMT in memory (120 MB for 100,000 entries). To link boxo's
// nodes, or go-car for the header of an archive, would cost every start of ipp
// 60 pages and a tenth of its time. Tests (boxo_*_test.go) hold both to boxo: what
// we accept boxo reads alike, and what boxo builds by itself has our CIDs; what we
// accept of an archive go-car reads alike.
//
// Concurrency: Builder and CARWriter belong to one goroutine; CAR and Pool are
// safe for concurrent use; Walk calls back from the calling goroutine only.
package dag

import (
	"context"

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
// fs.ErrNotExist for a dag-pb block that may be a file's. size is -1 for "the
// whole file". path is below the root of the walk.
type Framer interface {
	FramedLeaf(ctx context.Context, path string, c cid.Cid, offset, size int64) ([]byte, error)
}

// Remote is an optional ability of Blocks that are far away, where an answer
// takes long, and many take no longer. It is told what will be asked for; what
// it makes of that is its own business.
type Remote interface {
	// Ahead says that these nodes, and all nodes below them, will be read.
	Ahead(nodes []cid.Cid)
	// Expect says that a walk below root will read, in its order, the leaves of
	// its files that lacks names: bytes in all, of those that the files have. It
	// ends with ctx, or when the function that it returns is called.
	Expect(ctx context.Context, e Expected) (end func())
}

// Expected is what will be asked of Blocks that are far away.
type Expected struct {
	Root   cid.Cid
	Walk   WalkOptions // without Block
	Lacks  func(*Entry) []Leaf
	Bytes  int64 // of the leaves that are lacking
	Within int64 // of all leaves
}

// Kind is what an entry is.
type Kind uint8

// The kinds of entries.
const (
	Dir Kind = iota + 1
	File
	Symlink
)

func (k Kind) String() string {
	switch k {
	case Dir:
		return "directory"
	case File:
		return "file"
	case Symlink:
		return "symlink"
	}
	return "unknown"
}

// Entry is one path of a UnixFS tree.
type Entry struct {
	Path    string // slash-separated, "" for the root
	Kind    Kind
	CID     cid.Cid
	Size    int64  // File: bytes of contents
	HasMode bool   // File: a mode is recorded
	Exec    bool   // File: that mode has a run bit
	Target  string // Symlink
	Leaves  []Leaf // File: contents in order, without gaps; at least one, which may be empty
}

// Leaf is a piece of a file's contents.
type Leaf struct {
	CID    cid.Cid // of the block that holds it
	Offset int64   // in the file
	Size   int64
}

// Link is a node that was built: what a directory needs to point to it.
type Link struct {
	CID   cid.Cid
	Tsize uint64
}
