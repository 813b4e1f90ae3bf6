// Package index answers sooner what the files of a store could tell too: where
// a block's bytes lie, which blocks refer to it, and which packages a word
// finds.
//
// It is a cache, and never the truth. It holds facts about trees, which are
// immutable, so it is brought up to date by comparing its list of trees with
// the store's: what is new is read in, what is gone is taken out. It holds no
// contents: a block is read out of the object or the .car where it lies, and
// rehashed before it leaves.
//
// On disk, below the store's directory:
//
//	index/         Badger, closed and unchanged while seal stands
//	index/seal     format, and name, size and checksum of each of its files
//	index.mutex    shared by readers, exclusive for who brings it up to date
//
// Invariants.
//
//   - Badger never opens files that are not as they were closed: the seal goes
//     before the first write and comes back after the last. Without a seal, or
//     with one that does not match, the index is made anew. So no flipped bit
//     and no short file reaches code that would panic on it.
//   - Nothing that changes a profile, and no gc, opens it or depends on it.
//   - Where it can't be written (no space, no right, somebody holds it) the same
//     index is made in memory: the same answers, only later.
//   - What it says of a tree that has gone is dropped from every answer.
//
// Concurrency: an Index is safe for concurrent use; several processes may have
// one open for reading, one at a time writes it.
package index

import (
	"context"

	"ipp/store"
	"ipp/store/flock"

	"github.com/dgraph-io/badger/v4"
	"github.com/ipfs/go-cid"
)

// Facts are what whoever opens the index wants to find again of a tree. They
// are opaque here.
type Facts struct {
	Words []string // that find the tree
	Data  []byte   // handed back as it is
}

// Options of an Index.
type Options struct {
	Wait flock.Policy
	// Describe tells the facts of a tree that the index does not know yet. It
	// must follow from the tree alone. An error leaves the tree without facts.
	Describe func(ctx context.Context, k store.Key) (Facts, error)
	// Version says which Describe it is: facts of another one are made anew.
	Version int
	// Report, if set, is told of trees read in, of all that are new.
	Report func(done, total int)
}

// Index is an open index, up to date when it was opened.
type Index struct {
	db *badger.DB
}

// Open opens the store's index and brings it up to date. Close it.
func Open(ctx context.Context, st *store.Store, opt Options) (*Index, error) {
	panic("signature")
}

// Close closes it.
func (x *Index) Close() error { panic("signature") }

// Block implements dag.Blocks for every block of the store, whatever package it
// belongs to. It is rehashed; one whose file was damaged is looked for in every
// other place that has it.
func (x *Index) Block(ctx context.Context, c cid.Cid) ([]byte, error) { panic("signature") }

// Size is the size of a block that is there, without reading it.
func (x *Index) Size(ctx context.Context, c cid.Cid) (int64, error) { panic("signature") }

// Holders lists the trees that hold a block, sorted.
func (x *Index) Holders(c cid.Cid) ([]store.Key, error) { panic("signature") }

// Parents lists the blocks that refer to a block, sorted.
func (x *Index) Parents(c cid.Cid) ([]cid.Cid, error) { panic("signature") }

// Search calls each for every word that begins with prefix and each tree that
// it finds, in the order of words, then trees. An error of each ends it.
func (x *Index) Search(prefix string, each func(word string, k store.Key) error) error {
	panic("signature")
}

// Data hands back what Describe told of a tree; nil where it failed.
func (x *Index) Data(k store.Key) ([]byte, error) { panic("signature") }

// Trees lists the trees that the index knows, sorted.
func (x *Index) Trees() []store.Key { panic("signature") }

// Check compares the index on disk with its seal and with the store's files,
// and changes nothing: what is wrong, by file of the index. No index is no
// fault. Whoever opens it next makes a damaged one anew.
func Check(ctx context.Context, st *store.Store) ([]Fault, error) { panic("signature") }

// Remove removes the index; the next Open makes it anew.
func Remove(ctx context.Context, st *store.Store, wait flock.Policy) error { panic("signature") }

// Fault is something wrong with the index.
type Fault struct {
	Path string // below the store's directory, slash-separated
	Why  string
}
