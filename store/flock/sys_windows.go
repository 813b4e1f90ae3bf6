package flock

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// open opens or makes the file so that it can be renamed and deleted while it
// is open, as on Unix; os.OpenFile does not allow that.
func open(path string) (*os.File, error) {
	return openAs(path, path, windows.OPEN_ALWAYS)
}

func openNew(tmp, name string) (*os.File, error) {
	return openAs(tmp, name, windows.CREATE_NEW)
}

func openAs(path, name string, disposition uint32) (*os.File, error) {
	p, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	h, err := windows.CreateFile(p, windows.GENERIC_READ|windows.GENERIC_WRITE, share, nil,
		disposition, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(h), name), nil
}

func tryLock(f *os.File, mode Mode) (busy bool, err error) {
	err = lockRange(f, flags(mode)|windows.LOCKFILE_FAIL_IMMEDIATELY)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return true, nil
	}
	return false, err
}

func waitLock(f *os.File, mode Mode) error { return lockRange(f, flags(mode)) }

func flags(mode Mode) uint32 {
	if mode == Exclusive {
		return windows.LOCKFILE_EXCLUSIVE_LOCK
	}
	return 0
}

// farAway is the one byte that is locked. Locks are mandatory here, so it lies
// beyond all data: others must be able to read who holds the file.
func farAway() *windows.Overlapped { return &windows.Overlapped{OffsetHigh: 0x40000000} }

func lockRange(f *os.File, flags uint32) error {
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, farAway())
	if err != nil {
		return &fs.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
	return nil
}

func unlock(f *os.File) error {
	err := windows.UnlockFileEx(windows.Handle(f.Fd()), 0, 1, 0, farAway())
	if err != nil {
		return &fs.PathError{Op: "unlock", Path: f.Name(), Err: err}
	}
	return nil
}

// inherit does nothing: no program replaces another here.
func inherit(*os.File) (done func() error, err error) {
	return func() error { return nil }, nil
}

func renameNoReplace(from, to string) error {
	a, err := windows.UTF16PtrFromString(from)
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	b, err := windows.UTF16PtrFromString(to)
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	if err := windows.MoveFileEx(a, b, 0); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}
