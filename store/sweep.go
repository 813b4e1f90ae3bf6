package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"ipp/store/dag"
	"ipp/store/durable"
	"ipp/store/flock"

	"github.com/hashicorp/go-multierror"
)

// Collection excludes other collections while it is open: the mutex gc.
type Collection struct {
	store *Store
	lock  *flock.Lock
}

// Collect takes the mutex gc.
func (s *Store) Collect(ctx context.Context) (*Collection, error) {
	l, err := flock.Acquire(ctx, s.path("gc"), flock.Exclusive, "gc", s.wait)
	if err != nil {
		return nil, fmt.Errorf("collect: %w", err)
	}
	return &Collection{s, l}, nil
}

// Close releases the mutex gc.
func (c *Collection) Close() error { return c.lock.Release() }

// Swept is what a sweep did.
type Swept struct {
	Trees, Objects int
	Bytes          int64    // of the objects removed
	Staged         int64    // bytes of unfinished work removed
	Kept           []string // trash that stays because it is in use
}

// Add adds up what two sweeps did; what is kept is what the later one kept.
func (s *Swept) Add(later Swept) {
	s.Trees += later.Trees
	s.Objects += later.Objects
	s.Bytes += later.Bytes
	s.Staged += later.Staged
	s.Kept = later.Kept
}

// Sweep runs f under one hold of sweep, exclusively: what decides which trees
// live, and the renames that follow. The rest is done after releasing it, as long
// as f brought no error: objects are unlinked under short holds, a few at a time,
// and the trash is emptied, but for what f's Restore named as in use. What was
// removed before something failed is told too.
func (c *Collection) Sweep(ctx context.Context, f func(*Sweep) error) (Swept, error) {
	w := &Sweep{store: c.store}
	err := c.hold(ctx, func() error {
		if err := f(w); err != nil {
			return err
		}
		return w.noteTrash()
	})
	if err != nil { // the trash may hold what f would have put back
		return w.done, fmt.Errorf("sweep: %w", err)
	}
	bad := w.unlink(ctx, c)
	if !w.settled {
		return w.done, fmt.Errorf("sweep: %w", bad)
	}
	if err := w.emptyTrash(ctx); err != nil {
		bad = multierror.Append(bad, fmt.Errorf("empty trash: %w", err))
	}
	return w.done, oneOf(bad)
}

// oneOf is err, without a list around what is one error alone.
func oneOf(err error) error {
	if all := (*multierror.Error)(nil); errors.As(err, &all) && all.Len() == 1 {
		return all.Errors[0]
	}
	return err
}

// hold runs f while it holds sweep, exclusively.
func (c *Collection) hold(ctx context.Context, f func() error) error {
	lock, err := flock.Acquire(ctx, c.store.path("sweep"), flock.Exclusive, "gc", c.store.wait)
	if err != nil {
		return err
	}
	err = f()
	if rerr := lock.Release(); err == nil {
		err = rerr
	}
	return err
}

// Sweep is one sweep; its methods are called in the order they stand here.
type Sweep struct {
	store   *Store
	leases  []LeaseInfo
	trash   []string        // what may be deleted, once settled
	settled bool            // trees and trash are durable as they are
	live    map[string]bool // trees that Trash was told of, there or not
	done    Swept
}

// Leases (a) deletes the leases that nobody holds and returns the live ones.
func (w *Sweep) Leases() (_ []LeaseInfo, err error) {
	w.leases, err = w.store.readLeases(true)
	return w.leases, err
}

// Trees lists the trees that are present.
func (w *Sweep) Trees() ([]Key, error) { return w.store.Trees() }

// Lost lists the trees that are not, of which something is left.
func (w *Sweep) Lost() ([]Key, error) { return w.store.Lost() }

// Trash (d) renames every tree that live does not hold into the trash, under a
// name of its own, so that one which is made again never meets it there. What
// is left of a live tree that is lost stays, down to its objects: they may be the
// last copy.
func (w *Sweep) Trash(live map[Key]bool) error {
	keys, err := w.store.Trees()
	if err != nil {
		return err
	}
	w.live = make(map[string]bool, len(live))
	for k := range live {
		w.live[k.String()] = true
	}
	var bad *multierror.Error
	for _, k := range keys {
		if w.live[k.String()] {
			continue
		}
		if err := durable.RenameNoReplace(w.store.TreeDir(k), w.store.trashName(k)); err != nil {
			bad = multierror.Append(bad, err)
			continue
		}
		w.done.Trees++
	}
	return bad.ErrorOrNil()
}

func (s *Store) trashName(k Key) string { return s.path("trash", k.String()+"~"+chance()) }

// TrashDirs lists what lies in the trash, that of a killed gc too: absolute
// directories and the trees they were.
func (w *Sweep) TrashDirs() (map[string]Key, error) {
	names, err := readNames(w.store.path("trash"))
	if err != nil {
		return nil, fmt.Errorf("list trash: %w", err)
	}
	dirs := map[string]Key{}
	for _, n := range names {
		key, _, _ := strings.Cut(strings.TrimPrefix(n, stagedPrefix), "~")
		if k, err := ParseKey(key); err == nil {
			dirs[w.store.path("trash", n)] = k
		}
	}
	return dirs, nil
}

// Restore (e) renames the trash directories that are in use back; where the
// tree exists again, or the trash is no longer whole or never was a tree, it
// stays until it is unused.
func (w *Sweep) Restore(inUse []string) error {
	dirs, err := w.TrashDirs()
	if err != nil {
		return err
	}
	var bad *multierror.Error
	for _, dir := range inUse {
		k, ok := dirs[dir]
		if !ok {
			continue
		}
		if strings.HasPrefix(filepath.Base(dir), stagedPrefix) || !w.whole(dir, k) {
			w.done.Kept = append(w.done.Kept, dir)
			continue
		}
		switch err := durable.RenameNoReplace(dir, w.store.TreeDir(k)); {
		case err == nil:
			w.done.Trees--
		case errors.Is(err, fs.ErrExist):
			w.done.Kept = append(w.done.Kept, dir)
		default:
			bad = multierror.Append(bad, err)
		}
	}
	return bad.ErrorOrNil()
}

// whole says whether a tree in the trash still has every name of its package:
// one that a killed gc began to delete must never be a tree again.
func (w *Sweep) whole(dir string, k Key) bool {
	if w.store.eachFile(k, func(FileInfo) error { return nil }) != nil {
		return false
	}
	p, err := openPart(w.store, k, dir)
	if err != nil {
		return false
	}
	defer p.close()
	err = p.walk(context.Background(), walking{}, func(e *dag.Entry) error {
		fi, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(e.Path)))
		if err == nil && e.Kind == dag.File && fi.Size() != e.Size {
			err = errDiffers
		}
		return err
	})
	return err == nil
}
