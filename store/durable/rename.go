package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Symlink makes a symlink; fs.ErrExist where the name is taken. Not durable
// until its directory is synced.
func Symlink(target, path string) error { return os.Symlink(target, path) }

// ReplaceSymlink makes path a symlink to target by one rename over whatever
// symlink was there. It is not durable before SyncDir of its directory. What
// is not a symlink is never replaced: the error is fs.ErrExist.
func ReplaceSymlink(target, path string) error {
	info, err := os.Lstat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil && info.Mode().Type() != fs.ModeSymlink {
		return &fs.PathError{Op: "replace symlink", Path: path, Err: fs.ErrExist}
	}
	tmp, err := withTemp(filepath.Dir(path), func(tmp string) error { return os.Symlink(target, tmp) })
	if err != nil {
		return err
	}
	if err := replaceSymlink(tmp, path); err != nil {
		return errors.Join(err, removeTemp(tmp))
	}
	return nil
}

// RenameNoReplace renames a file or directory; fs.ErrExist where the new name
// is taken. Not durable before SyncDir of both directories.
//
// Where the file system has no such rename, a file gets its new name by a hard
// link and then loses the old one, so a crash in between leaves both. A
// directory is renamed after a look at the new name; a plain rename replaces
// nothing but an empty directory, so the race can cost no contents. Only on a
// file system without hard links as well (FAT) do files depend on the look
// alone, and so on the caller's mutex.
func RenameNoReplace(from, to string) error {
	err := renameNoReplace(from, to)
	if !noSuchRename(err) {
		return linkError("rename", from, to, err)
	}
	return renameByHand(from, to)
}

func renameByHand(from, to string) error {
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if err := mustBeFree("rename", to); err != nil {
		return err
	}
	if !info.IsDir() {
		err := os.Link(from, to)
		if err == nil {
			return os.Remove(from)
		}
		if !linkRefused(err) {
			return err
		}
	}
	return os.Rename(from, to)
}

// Replace renames a file over another. Not durable before SyncDir.
func Replace(from, to string) error {
	if err := replace(from, to); err != nil {
		return err
	}
	return dropTwin(from, to)
}

// dropTwin removes from where it is still there: rename(2) does nothing, and
// says that it succeeded, when both names are one file.
func dropTwin(from, to string) error {
	a, err := os.Lstat(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	b, err := os.Lstat(to)
	if err != nil || !os.SameFile(a, b) || sameName(from, to) {
		return err
	}
	return os.Remove(from)
}

// Exchange swaps two names atomically. Not durable before SyncDir of both.
// Where the file system can't, the error is errors.ErrUnsupported and nothing
// has changed.
func Exchange(a, b string) error {
	err := exchange(a, b)
	if noSuchRename(err) {
		err = fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	return linkError("exchange", a, b, err)
}

func linkError(op, from, to string, err error) error {
	if err == nil {
		return nil
	}
	return &os.LinkError{Op: op, Old: from, New: to, Err: err}
}
