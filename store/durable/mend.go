package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Mend makes to what from is, for where Exchange can't. Of directories it is
// done name by name, so that to is there all the time, and in it every file and
// link that both have, as the old or the new one; what from lacks goes. from is
// left without what was taken.
//
// What lies below to is durable when Mend returns nil, if the contents of from
// were; to itself is not before SyncDir of its directory. A killed Mend leaves a
// part of each, and the next one need not know.
func Mend(from, to string) error {
	a, err := os.Lstat(from)
	if err != nil {
		return err
	}
	b, err := os.Lstat(to)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return os.Rename(from, to)
	case err != nil:
		return err
	case a.IsDir() && b.IsDir():
		return mendDir(from, to, a.Mode().Perm(), b.Mode().Perm())
	case a.IsDir() || b.IsDir(): // no rename replaces one by the other
		if err := os.RemoveAll(to); err != nil {
			return err
		}
		return os.Rename(from, to)
	case a.Mode().Type() == fs.ModeSymlink:
		return replaceSymlink(from, to)
	}
	return Replace(from, to)
}

func mendDir(from, to string, want, is fs.FileMode) error {
	if is != want {
		if err := os.Chmod(to, want); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	// Before anything takes a name: where case does not count, what goes may have it.
	if err := removeOthers(to, names); err != nil {
		return err
	}
	for _, name := range names {
		if err := Mend(filepath.Join(from, name), filepath.Join(to, name)); err != nil {
			return err
		}
	}
	return SyncDir(to)
}

// removeOthers removes all that a directory holds but these names, which are
// sorted.
func removeOthers(dir string, names []string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if _, ok := slices.BinarySearch(names, e.Name()); ok {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
