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
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"ipp/store/dag"
	"ipp/store/durable"
	"ipp/store/flock"
)

// formatVersion is what the file format says.
const formatVersion = 1

// maxFormat is how many bytes that file may have.
const maxFormat = 4 << 10

// Errors that callers tell apart.
var (
	ErrNewer     = errors.New("the store needs a newer ipp") // format
	ErrBadFormat = errors.New("file format is damaged")
	ErrNoFormat  = errors.New("it has packages but no file format: it is damaged, or not a store")
	ErrNoRoots   = errors.New("the store has no roots") // damage
)

// Options of a Store.
type Options struct {
	Wait flock.Policy
	Now  func() time.Time // time.Now where nil
	// First is the root that a new store is born with: zero roots is damage.
	First Root
}

// Store is a store on disk.
type Store struct {
	dir  string
	wait flock.Policy
	now  func() time.Time
	pool *dag.Pool
	// slots bounds the files and leaves that are worked on at once.
	slots int
}

// Open opens the store at dir, and makes it where there is none.
func Open(dir string, opt Options) (*Store, error) {
	s := storeAt(dir, opt)
	err := s.checkFormat()
	switch {
	case err == nil:
		err = s.makeDirs()
	case errors.Is(err, fs.ErrNotExist):
		err = s.create(opt.First)
	}
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	if s.dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	return s, nil
}

func storeAt(dir string, opt Options) *Store {
	s := &Store{dir: dir, wait: opt.Wait, now: opt.Now, pool: dag.NewPool(0), slots: runtime.GOMAXPROCS(0)}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

// Dir is the store's directory, without symlinks.
func (s *Store) Dir() string { return s.dir }

func (s *Store) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

// checkFormat refuses a format that this ipp does not know. It never writes.
func (s *Store) checkFormat() error {
	data, err := durable.ReadFile(s.path("format"), maxFormat)
	if err != nil {
		return err
	}
	return parseFormat(data)
}

func parseFormat(data []byte) error {
	n, err := strconv.Atoi(strings.TrimSpace(string(data)))
	switch {
	case err != nil || n < 1:
		return fmt.Errorf("%w: it says %.40q, not %d", ErrBadFormat, data, formatVersion)
	case n > formatVersion:
		return fmt.Errorf("format %d: %w", n, ErrNewer)
	}
	return nil
}

// create makes an empty store; the file format comes last, so a store that a
// crash left half made is made again. Where there are trees a missing format
// is damage, and creating a store over them would let gc forget their roots.
func (s *Store) create(first Root) error {
	if trees, err := os.ReadDir(s.path("trees")); err == nil && len(trees) > 0 {
		return ErrNoFormat
	}
	if err := s.makeDirs(); err != nil {
		return err
	}
	sweep, err := s.sharedSweep(context.Background(), "create store")
	if err != nil {
		return err
	}
	defer sweep.Release()
	if first.Kind != "" {
		if err := s.writeRoot(first); err != nil {
			return err
		}
	}
	return durable.WriteFile(s.path("format"), []byte(formatText()), 0o644)
}

// makeDirs makes what is missing: a backup or a copy may have left out
// directories that had nothing in them. What is there has to be a directory: a
// collection empties trash, and what a symlink leads to is somebody else's.
func (s *Store) makeDirs() error {
	for _, d := range []string{"objects", "trees", "staging", "leases", "roots", "trash"} {
		switch fi, err := os.Lstat(s.path(d)); {
		case err == nil && fi.IsDir():
			continue
		case err == nil:
			return &durable.ForeignError{Path: s.path(d), Why: "it is not a directory"}
		}
		if err := durable.MkdirAll(s.path(d), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// CheckFormat says whether the store at dir, if there is one, needs a newer ipp;
// for who works through its trees without opening it.
func CheckFormat(dir string) error {
	if err := (&Store{dir: dir}).checkFormat(); errors.Is(err, ErrNewer) {
		return fmt.Errorf("open store %s: %w", dir, err)
	}
	return nil
}

// sharedSweep holds off every sweep until it is released.
func (s *Store) sharedSweep(ctx context.Context, purpose string) (*flock.Lock, error) {
	return flock.Acquire(ctx, s.path("sweep"), flock.Shared, purpose, s.wait)
}
