package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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

// Sweep runs f under one hold of sweep, exclusively, and empties the trash
// after releasing it, as far as f's Objects made it durable, but for what f's
// Restore named as in use. What f removed before it failed is told too.
func (c *Collection) Sweep(ctx context.Context, f func(*Sweep) error) (Swept, error) {
	lock, err := flock.Acquire(ctx, c.store.path("sweep"), flock.Exclusive, "gc", c.store.wait)
	if err != nil {
		return Swept{}, fmt.Errorf("sweep: %w", err)
	}
	w := &Sweep{store: c.store}
	err = f(w)
	if rerr := lock.Release(); err == nil {
		err = rerr
	}
	if err != nil { // the trash may hold what f would have put back
		return w.done, fmt.Errorf("sweep: %w", err)
	}
	if err := w.emptyTrash(ctx); err != nil {
		return w.done, fmt.Errorf("empty trash: %w", err)
	}
	return w.done, nil
}

// Sweep is one sweep; its methods are called in the order they stand here.
type Sweep struct {
	store  *Store
	leases []LeaseInfo
	trash  []string // what may be deleted once the hold is released
	done   Swept
}

// Leases (a) deletes the leases that nobody holds and returns the live ones.
func (w *Sweep) Leases() (_ []LeaseInfo, err error) {
	w.leases, err = w.store.readLeases(true)
	return w.leases, err
}

// Trees lists the trees that are present.
func (w *Sweep) Trees() ([]Key, error) { return w.store.Trees() }

// Trash (d) renames every tree that live does not hold into the trash, under a
// name of its own, so that one which is made again never meets it there.
func (w *Sweep) Trash(live map[Key]bool) error {
	keys, err := w.store.Trees()
	if err != nil {
		return err
	}
	names := make(map[string]bool, len(live))
	for k := range live {
		names[k.String()] = true
	}
	var bad *multierror.Error
	for _, k := range keys {
		if names[k.String()] {
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
		key, _, _ := strings.Cut(n, "~")
		if k, err := ParseKey(key); err == nil {
			dirs[w.store.path("trash", n)] = k
		}
	}
	return dirs, nil
}

// Restore (e) renames the trash directories that are in use back; where the
// tree exists again, or the trash is no longer whole, it stays until it is
// unused.
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
		if !w.whole(dir, k) {
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

// Staging (f) removes staging that no live lease names, and the temporary files
// of killed processes. It only tries each mutex: whoever holds one is at work.
func (w *Sweep) Staging() error {
	return multierror.Append(w.dropTemps(), w.dropAllStaging()).ErrorOrNil()
}

// dropTemps removes what a kill left of a small file: they are written under
// sweep, shared, so under this hold there are no others. Those of objects go
// with the objects.
func (w *Sweep) dropTemps() error {
	var bad *multierror.Error
	for _, dir := range []string{".", "roots", "leases", "trees"} {
		names, err := readNames(w.store.path(dir))
		if err != nil {
			bad = multierror.Append(bad, err)
		}
		for _, n := range names {
			if durable.IsTemp(n) {
				bad = multierror.Append(bad, os.Remove(w.store.path(dir, n)))
			}
		}
	}
	return bad.ErrorOrNil()
}

func (w *Sweep) dropAllStaging() error {
	staged, err := w.store.Staged(w.leases)
	if err != nil {
		return err
	}
	var bad *multierror.Error
	for _, st := range staged {
		if err := w.dropStaging(st); err != nil {
			bad = multierror.Append(bad, err)
		}
	}
	return bad.ErrorOrNil()
}

// Staged is what an unfinished command left in staging.
type Staged struct {
	Key   Key
	Bytes int64 // of the files in it, those that are objects too included
}

// Staged lists the staging that none of the leases names, by key.
func (s *Store) Staged(leases []LeaseInfo) ([]Staged, error) {
	names, err := readNames(s.path("staging"))
	if err != nil {
		return nil, fmt.Errorf("list staging: %w", err)
	}
	var all []Staged
	seen := map[string]bool{}
	for _, n := range names {
		for _, suffix := range []string{".mutex", ".car", ".objects"} {
			n = strings.TrimSuffix(n, suffix)
		}
		k, err := ParseKey(n)
		if err != nil || seen[n] || slices.ContainsFunc(leases, func(l LeaseInfo) bool { return l.Holds(k.Root) }) {
			continue
		}
		seen[n] = true
		all = append(all, Staged{k, weigh(s.stagingDir(k))})
	}
	return all, nil
}

// weigh adds up the files below dir; what can't be read weighs nothing.
func weigh(dir string) (bytes int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		if fi, err := d.Info(); err == nil {
			bytes += fi.Size()
		}
		return nil
	})
	return bytes
}

func (w *Sweep) dropStaging(st Staged) error {
	mutex, err := flock.Try(w.store.stagingDir(st.Key)+".mutex", flock.Exclusive, "gc")
	var busy *flock.BusyError
	if errors.As(err, &busy) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := w.store.discardStaging(st.Key); err != nil {
		return errors.Join(err, mutex.Release())
	}
	w.done.Staged += st.Bytes
	return mutex.Remove()
}

// Objects (g, h) syncs trees and trash, reads all .objects, then unlinks the
// objects, .car and .objects that no tree names. A listing that can't be read
// ends it before the first unlink.
func (w *Sweep) Objects() error {
	if err := w.settleTrash(); err != nil {
		return err
	}
	trees, err := w.store.Trees()
	if err != nil {
		return err
	}
	named := map[string]bool{}
	for _, k := range trees {
		err := w.store.eachFile(k, func(f FileInfo) error {
			named[f.Object] = true
			return nil
		})
		if err != nil {
			return err
		}
	}
	var bad *multierror.Error
	if err := w.unlinkObjects(named); err != nil {
		bad = multierror.Append(bad, err)
	}
	if err := w.unlinkLists(trees); err != nil {
		bad = multierror.Append(bad, err)
	}
	return bad.ErrorOrNil()
}

// settleTrash makes the renames to the trash durable, and only then notes what
// may be deleted of it: a power cut must not bring back a tree whose files are
// gone. What comes into the trash after the hold, a damaged tree that was
// replaced, was not looked for in /proc: it is for the next gc.
func (w *Sweep) settleTrash() (err error) {
	for _, d := range []string{"trees", "trash"} {
		if err := durable.SyncDir(w.store.path(d)); err != nil {
			return err
		}
	}
	w.trash, err = readNames(w.store.path("trash"))
	return err
}

func (w *Sweep) unlinkObjects(named map[string]bool) error {
	shards, err := readNames(w.store.path("objects"))
	if err != nil {
		return fmt.Errorf("list objects: %w", err)
	}
	var bad *multierror.Error
	for _, shard := range shards {
		names, err := readNames(w.store.path("objects", shard))
		if err != nil {
			bad = multierror.Append(bad, err)
			continue
		}
		for _, n := range names {
			if named[n] {
				continue
			}
			if err := w.unlinkObject(w.store.path("objects", shard, n)); err != nil {
				bad = multierror.Append(bad, err)
			}
		}
	}
	return bad.ErrorOrNil()
}

func (w *Sweep) unlinkObject(path string) error {
	fi, err := os.Lstat(path)
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil {
		return err
	}
	w.done.Objects++
	w.done.Bytes += fi.Size()
	return nil
}

// unlinkLists removes .car and .objects without a tree.
func (w *Sweep) unlinkLists(trees []Key) error {
	keep := map[string]bool{}
	for _, k := range trees {
		keep[k.String()] = true
	}
	names, err := readNames(w.store.path("trees"))
	if err != nil {
		return fmt.Errorf("list trees: %w", err)
	}
	var bad *multierror.Error
	for _, n := range names {
		base, isCar := strings.CutSuffix(n, ".car")
		base, isList := strings.CutSuffix(base, ".objects")
		if !isCar && !isList || keep[base] {
			continue
		}
		if err := os.Remove(w.store.path("trees", n)); err != nil {
			bad = multierror.Append(bad, err)
		}
	}
	return bad.ErrorOrNil()
}

// emptyTrash deletes what was renamed away. It runs without any hold: nothing
// links to the trash, and it is deleted name by name.
func (w *Sweep) emptyTrash(ctx context.Context) error {
	var bad *multierror.Error
	for _, n := range w.trash {
		dir := w.store.path("trash", n)
		if slices.Contains(w.done.Kept, dir) {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := os.RemoveAll(dir); err != nil {
			bad = multierror.Append(bad, err)
		}
	}
	return bad.ErrorOrNil()
}
