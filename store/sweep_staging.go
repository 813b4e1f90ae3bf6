package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ipp/store/durable"
	"ipp/store/flock"

	"github.com/hashicorp/go-multierror"
)

// stagedPrefix begins the names in the trash of what was staged. Such a thing is
// never made a tree: it may have been one that a healing had just replaced when
// it was killed, so programs may run from it.
const stagedPrefix = "staged~"

// Staging (f) renames staging that no live lease names into the trash, and
// removes the temporary files of killed processes. It only tries each mutex:
// whoever holds one is at work.
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
	keys, err := w.store.unleased(w.leases)
	if err != nil {
		return err
	}
	var bad *multierror.Error
	for _, k := range keys {
		if err := w.dropStaging(k); err != nil {
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
	keys, err := s.unleased(leases)
	if err != nil {
		return nil, err
	}
	all := make([]Staged, len(keys))
	for i, k := range keys {
		all[i] = Staged{k, weigh(s.stagingDir(k))}
	}
	return all, nil
}

// unleased lists the staging that none of the leases names.
func (s *Store) unleased(leases []LeaseInfo) ([]Key, error) {
	names, err := readNames(s.path("staging"))
	if err != nil {
		return nil, fmt.Errorf("list staging: %w", err)
	}
	var keys []Key
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
		keys = append(keys, k)
	}
	return keys, nil
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

func (w *Sweep) dropStaging(k Key) error {
	dir := w.store.stagingDir(k)
	mutex, err := flock.Try(dir+".mutex", flock.Exclusive, "gc")
	var busy *flock.BusyError
	if errors.As(err, &busy) {
		return nil
	}
	if err != nil {
		return err
	}
	err = durable.RenameNoReplace(dir, w.store.path("trash", stagedPrefix+k.String()+"~"+chance()))
	if isNotExist(err) {
		err = nil // it had no more than what stands beside
	}
	if err = errors.Join(err, os.RemoveAll(dir+".car"), os.RemoveAll(dir+".objects")); err != nil {
		return errors.Join(err, mutex.Release())
	}
	return mutex.Remove()
}
