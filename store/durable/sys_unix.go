//go:build unix

package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// retry repeats a system call that a signal interrupted. That is no failure,
// even of fsync: a write error comes before the wait that signals interrupt.
func retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// linkRefused says that link(2) failed for a reason that a copy does not
// share: too many links (65,000 on ext4), another file system, a policy
// (protected_hardlinks refuses files that one can't write), or a file system
// without hard links.
func linkRefused(err error) bool {
	for _, e := range []syscall.Errno{unix.EMLINK, unix.EXDEV, unix.EPERM, unix.EACCES, unix.EOPNOTSUPP, unix.ENOTSUP, unix.ENOSYS, unix.EINVAL} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// noSuchRename says that the kernel or the file system does not know the flag
// that was asked for. EINVAL also means a directory moved below itself; the
// plain rename that follows says that again.
func noSuchRename(err error) bool {
	return err == unix.EINVAL || err == unix.ENOSYS || err == unix.ENOTSUP || err == unix.EOPNOTSUPP
}

func replace(from, to string) error        { return os.Rename(from, to) }
func replaceSymlink(from, to string) error { return os.Rename(from, to) }

func sameName(a, b string) bool { return filepath.Clean(a) == filepath.Clean(b) }

func openDir(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY, 0)
}

// noFollow makes opening a symlink fail.
const noFollow = unix.O_NOFOLLOW

// openToSync opens the file at path so that it can be fsynced. Symlinks are
// not followed, and a FIFO is not waited for.
func openToSync(path string) (*os.File, func() error, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|noFollow|unix.O_NONBLOCK, 0)
	return f, func() error { return nil }, err
}

// syncDir fsyncs an opened directory. EINVAL and ENOTSUP say that this file
// system has no fsync of directories, not that it failed.
func syncDir(f *os.File) error {
	err := syncFile(f)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	return err
}

// syncOp is the Op of the errors of a failed fsync.
const syncOp = "fsync"

// syncError is the error of an fsync that failed.
func syncError(f *os.File, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: syncOp, Path: f.Name(), Err: err}
}
