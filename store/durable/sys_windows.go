package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// PathMax is what a path must be shorter than, in bytes.
const PathMax = 32767

func linkRefused(err error) bool {
	for _, e := range []windows.Errno{windows.ERROR_TOO_MANY_LINKS, windows.ERROR_NOT_SAME_DEVICE,
		windows.ERROR_ACCESS_DENIED, windows.ERROR_NOT_SUPPORTED, windows.ERROR_INVALID_FUNCTION} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func noSuchRename(err error) bool { return errors.Is(err, errors.ErrUnsupported) }

func renameNoReplace(from, to string) error {
	a, b, err := names(from, to)
	if err != nil {
		return err
	}
	return windows.MoveFileEx(a, b, windows.MOVEFILE_WRITE_THROUGH)
}

func names(from, to string) (a, b *uint16, err error) {
	if a, err = windows.UTF16PtrFromString(from); err != nil {
		return nil, nil, err
	}
	b, err = windows.UTF16PtrFromString(to)
	return a, b, err
}

// exchange does not exist: three renames would show a moment without either.
func exchange(a, b string) error { return errors.ErrUnsupported }

// replace renames over a file. One that is read only refuses that, so the
// attribute is taken off first.
func replace(from, to string) error {
	err := os.Rename(from, to)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if os.Chmod(to, 0o600) != nil {
		return err
	}
	return os.Rename(from, to)
}

// replaceSymlink renames over a symlink. One to a directory can't be renamed
// over, so it is removed first: not atomic, and the only way there is.
func replaceSymlink(from, to string) error {
	err := os.Rename(from, to)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if os.Remove(to) != nil {
		return err
	}
	return os.Rename(from, to)
}

func sameName(a, b string) bool { return strings.EqualFold(filepath.Clean(a), filepath.Clean(b)) }

func reflink(dst, src *os.File) error { return errors.ErrUnsupported }

func openDir(path string) (*os.File, error) { return os.Open(path) }

// noFollow: there is no such flag for opening a file here.
const noFollow = 0

// openToSync opens the file at path for writing, which FlushFileBuffers needs.
// A read-only attribute is taken off for as long as the file is open.
func openToSync(path string) (*os.File, func() error, error) {
	nothing := func() error { return nil }
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if !errors.Is(err, fs.ErrPermission) {
		return f, nothing, err
	}
	if os.Chmod(path, 0o600) != nil {
		return nil, nothing, err
	}
	restore := func() error { return os.Chmod(path, 0o444) }
	if f, err = os.OpenFile(path, os.O_RDWR, 0); err != nil {
		return nil, nothing, errors.Join(err, restore())
	}
	return f, restore, nil
}

func syncFile(f *os.File) error { return f.Sync() }

// syncOp is the Op of os.File.Sync's errors.
const syncOp = "sync"

// syncDir does nothing: NTFS journals names, and directories can't be flushed.
func syncDir(*os.File) error { return nil }

func syncfs(*os.File) (done bool, err error) { return false, nil }
