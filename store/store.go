// Package store keeps objects, trees, leases and roots on one disk: ensure,
// open, list, verify, sweep. It knows no names, versions, profiles or network.
//
// On disk, below the store's directory:
//
//	format               "1"; a newer one is refused without a write
//	objects/yz/CID[.x]   file contents once, 0444, or 0555 for .x
//	trees/ROOT.PART/     one part of a package, hard links to objects, immutable
//	trees/ROOT.PART.car  every block that can't be rebuilt from an object
//	trees/ROOT.PART.objects  path, object and size of each file
//	staging/ROOT.PART/   resumable work, with .car, .objects and .mutex beside it
//	leases/ roots/ trash/  and the mutexes gc and sweep
//
// Invariants.
//
//   - Presence means whole: a name in objects/ or trees/ appears by one rename
//     or link, after its bytes were verified and synced.
//   - A tree's objects, .car and .objects are durable before the tree is.
//   - Nothing is deleted that something still points to; what is reachable is
//     decided anew at the deletion, under sweep, exclusively.
//   - Unverified bytes are seen nowhere but in staging.
//
// Concurrency: a Store is safe for concurrent use by goroutines and processes.
// Waiting has one order: an updater waits for sweep (shared) while it holds at
// most a staging mutex, and for a staging mutex while it holds nothing; gc
// holds gc, then sweep (exclusive), and only ever tries a staging mutex.
package store

import (
	"context"
	"errors"
	"time"

	"ipp/store/dag"
	"ipp/store/flock"

	"github.com/ipfs/go-cid"
)

// Part names the tree of a package that is not split by platform.
const AnyPart = "any"

// Key names a tree: one part of the package with that root. Its string is
// ROOT.PART.
type Key struct {
	Root cid.Cid
	Part string
}

func (k Key) String() string { panic("signature") }

// ParseKey parses ROOT.PART.
func ParseKey(s string) (Key, error) { panic("signature") }

// Options of a Store.
type Options struct {
	Wait flock.Policy
	Now  func() time.Time // time.Now where nil
	// First is the root that a new store is born with: zero roots is damage.
	First Root
}

// Store is a store on disk.
type Store struct{ _ int }

// Errors that callers tell apart.
var (
	ErrNewer   = errors.New("store needs a newer ipp") // format
	ErrNoRoots = errors.New("store has no roots")      // damage
)

// Open opens the store at dir, and makes it where there is none.
func Open(dir string, opt Options) (*Store, error) { panic("signature") }

// Dir is the store's directory, without symlinks.
func (s *Store) Dir() string { panic("signature") }

// RootKind says what a root keeps.
type RootKind string

// The kinds of roots.
const (
	ProfileRoot RootKind = "profile" // the generations of one profile's directory
	KeptRoot    RootKind = "kept"    // one package
)

// Root is what keeps something from collection.
type Root struct {
	Kind  RootKind
	Path  string  // ProfileRoot: the profile's directory
	CID   cid.Cid // KeptRoot: the package
	Why   string
	Since time.Time
}

// AddRoot makes a root durable; adding it again changes nothing.
func (s *Store) AddRoot(r Root) error { panic("signature") }

// DropRoot removes a root; false where there was none such.
func (s *Store) DropRoot(r Root) (bool, error) { panic("signature") }

// Roots lists the roots. ErrNoRoots where there is none.
func (s *Store) Roots() ([]Root, error) { panic("signature") }

// Lease protects packages while work on them is in progress.
type Lease struct{ _ int }

// Lease takes a lease on the packages with these roots, under sweep shared.
func (s *Store) Lease(ctx context.Context, purpose string, roots ...cid.Cid) (*Lease, error) {
	panic("signature")
}

// ID is never used again; good as a part of temporary names.
func (l *Lease) ID() string { panic("signature") }

// Add adds roots, under sweep shared; what is leased already costs nothing.
func (l *Lease) Add(ctx context.Context, roots ...cid.Cid) error { panic("signature") }

// Release ends the lease. Only after success was reported.
func (l *Lease) Release() error { panic("signature") }

// Inherit keeps the lease across exec, until that program has ended.
func (l *Lease) Inherit() error { panic("signature") }

// Want says which part of a package is wanted.
type Want struct {
	Key
	Omit   []string // top-level directories that belong to other parts
	Exec   []string // paths that are executable though the DAG records no mode at all
	Limits dag.Limits
	// Verify: a tree that is found is rehashed, and replaced where it is damaged.
	Verify bool
}

// Plan is what Ensure would do, found out without a write.
type Plan struct {
	Want
	Present  bool  // the tree is in the store
	Damaged  bool  // ... and failed verification
	Files    int   // regular files
	Bytes    int64 // of all files
	NewBytes int64 // of objects the store lacks
	_        int
}

// Plan reads the shape of a package part from src and compares it with the
// store. Every limit and name is checked here, before anything is written.
func (s *Store) Plan(ctx context.Context, w Want, src dag.Blocks) (*Plan, error) {
	panic("signature")
}

// Ensure makes the planned tree present and durable, whoever made it. The
// lease must hold the plan's root. report, if set, is told of bytes done, from
// several goroutines.
func (s *Store) Ensure(ctx context.Context, l *Lease, p *Plan, src dag.Blocks, report func(int64)) error {
	panic("signature")
}

// Has says whether the tree is present.
func (s *Store) Has(k Key) bool { panic("signature") }

// TreeDir is where the tree is, or would be.
func (s *Store) TreeDir(k Key) string { panic("signature") }

// Trees lists the trees that are present, sorted.
func (s *Store) Trees() ([]Key, error) { panic("signature") }

// Parts lists the parts of one package that are present, sorted.
func (s *Store) Parts(root cid.Cid) ([]string, error) { panic("signature") }

// FileInfo is a line of a tree's .objects.
type FileInfo struct {
	Path   string
	Object string // its name below objects/, without the shard: CID or CID.x
	Size   int64
}

// Files reads a tree's .objects.
func (s *Store) Files(k Key) ([]FileInfo, error) { panic("signature") }

// Blocks is the store as a source: the blocks of all parts of one package that
// are present, rebuilt out of .car and objects and verified by whoever reads
// them. It also is a dag.Framer. Close it.
func (s *Store) Blocks(ctx context.Context, root cid.Cid) (*TreeBlocks, error) {
	panic("signature")
}

// TreeBlocks is the store's source for one package.
type TreeBlocks struct{ _ int }

// Block implements dag.Blocks.
func (t *TreeBlocks) Block(ctx context.Context, c cid.Cid) ([]byte, error) { panic("signature") }

// FramedLeaf implements dag.Framer.
func (t *TreeBlocks) FramedLeaf(ctx context.Context, path string, c cid.Cid, offset, size int64) ([]byte, error) {
	panic("signature")
}

// Close closes the files it opened.
func (t *TreeBlocks) Close() error { panic("signature") }

// Fault is something wrong with a tree.
type Fault struct {
	Key
	Path string // in the tree
	Why  string
}

// Verify rehashes every file of a tree, compares the tree with its .objects
// and its DAG, and lists missing, changed and extra files.
func (s *Store) Verify(ctx context.Context, k Key, report func(int64)) ([]Fault, error) {
	panic("signature")
}

// LeaseInfo is a live lease.
type LeaseInfo struct {
	ID      string
	Roots   []cid.Cid // nil with All: unreadable, so everything is live
	All     bool
	PID     int
	Purpose string
}

// Leases lists the live leases, without any mutex: for showing only.
func (s *Store) Leases() ([]LeaseInfo, error) { panic("signature") }

// Collection excludes other collections while it is open: the mutex gc.
type Collection struct{ _ int }

// Collect takes the mutex gc.
func (s *Store) Collect(ctx context.Context) (*Collection, error) { panic("signature") }

// Sweep runs f under one hold of sweep, exclusively, and empties the trash
// after releasing it (but for what f's Restore named as in use).
func (c *Collection) Sweep(ctx context.Context, f func(*Sweep) error) (Swept, error) {
	panic("signature")
}

// Close releases the mutex gc.
func (c *Collection) Close() error { panic("signature") }

// Swept is what a sweep did.
type Swept struct {
	Trees, Objects int
	Bytes          int64    // of the objects removed
	Kept           []string // trash that stays because it is in use
}

// Sweep is one sweep; its methods are called in the order they stand here.
type Sweep struct{ _ int }

// Leases (a) deletes the leases that nobody holds and returns the live ones.
func (w *Sweep) Leases() ([]LeaseInfo, error) { panic("signature") }

// Trees lists the trees that are present.
func (w *Sweep) Trees() ([]Key, error) { panic("signature") }

// Trash (d) renames every tree that live does not hold into the trash.
func (w *Sweep) Trash(live map[Key]bool) error { panic("signature") }

// TrashDirs lists what lies in the trash, that of a killed gc too: absolute
// directories and the trees they were.
func (w *Sweep) TrashDirs() (map[string]Key, error) { panic("signature") }

// Restore (e) renames the trash directories that are in use back; where the
// tree exists again the trash stays until it is unused.
func (w *Sweep) Restore(inUse []string) error { panic("signature") }

// Staging (f) removes staging that no live lease names.
func (w *Sweep) Staging() error { panic("signature") }

// Objects (g, h) syncs trees and trash, reads all .objects, then unlinks the
// objects, .car and .objects that no tree names.
func (w *Sweep) Objects() error { panic("signature") }
