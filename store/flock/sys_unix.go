//go:build unix

package flock

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// retry repeats a system call that a signal interrupted.
func retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// open makes the file where it is missing, with its mode whatever the umask. It
// follows no symlink: the holder is written into the file, and what a link leads to
// is somebody else's.
func open(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, mode)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.Mode().Perm()&mode != mode {
		_ = f.Chmod(mode) // it is open: others are who may fail, and they say so
	}
	return f, nil
}

// mode is that of the files.
const mode = 0o600

// openNew makes the file tmp, under the name that it is going to have.
func openNew(tmp, name string) (*os.File, error) {
	var fd int
	err := retry(func() (err error) {
		fd, err = unix.Open(tmp, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, mode)
		return err
	})
	if err != nil {
		return nil, &fs.PathError{Op: "create", Path: tmp, Err: err}
	}
	f := os.NewFile(uintptr(fd), name)
	if err := f.Chmod(mode); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(tmp))
	}
	return f, nil
}

func tryLock(f *os.File, mode Mode) (busy bool, err error) {
	err = flock(f, operation(mode)|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}

func waitLock(f *os.File, mode Mode) error { return flock(f, operation(mode)) }

func unlock(f *os.File) error { return flock(f, unix.LOCK_UN) }

func operation(mode Mode) int {
	if mode == Exclusive {
		return unix.LOCK_EX
	}
	return unix.LOCK_SH
}

func flock(f *os.File, how int) error {
	err := retry(func() error { return unix.Flock(int(f.Fd()), how) })
	if err != nil {
		return &fs.PathError{Op: "flock", Path: f.Name(), Err: err}
	}
	return nil
}

// inherit opens a second descriptor that exec leaves open; both share the
// lock. It is a bare number, so no finalizer closes it before the exec.
func inherit(f *os.File) (done func() error, err error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD, 3)
	if err != nil {
		return nil, err
	}
	return func() error { return unix.Close(fd) }, nil
}

// renameByLink is for file systems that can't rename without replacing. Both
// names are the one locked file, so a crash in between leaves a lock that has
// ended, under two names. Where there are no hard links either (FAT, some of
// FUSE) it looks, then renames: names of locks that are created are never used
// twice.
func renameByLink(from, to string) error {
	err := retry(func() error { return unix.Link(from, to) })
	if err == nil {
		return os.Remove(from)
	}
	if err != unix.EEXIST {
		if _, err = os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			return os.Rename(from, to)
		}
		if err == nil {
			err = unix.EEXIST
		}
	}
	return &os.LinkError{Op: "link", Old: from, New: to, Err: err}
}

func afterRename(from, to string, err error) error {
	switch err {
	case nil:
		return nil
	case unix.EINVAL, unix.ENOSYS, unix.ENOTSUP:
		return renameByLink(from, to)
	}
	return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
}
