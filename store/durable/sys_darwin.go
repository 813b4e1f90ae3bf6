package durable

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// PathMax is what a path must be shorter than, in bytes.
const PathMax = 1024

func renameNoReplace(from, to string) error {
	return retry(func() error { return unix.RenamexNp(from, to, unix.RENAME_EXCL) })
}

func exchange(a, b string) error {
	return retry(func() error { return unix.RenamexNp(a, b, unix.RENAME_SWAP) })
}

// reflink always fails: APFS clones to a new name only, and the temporary file
// exists already. The copy that follows is correct, if slower.
func reflink(dst, src *os.File) error { return errors.ErrUnsupported }

// syncFile asks the drive to empty its cache. Where the file system does not
// know that request, nothing has been tried yet, so plain fsync may follow.
func syncFile(f *os.File) error {
	err := retry(func() error {
		_, err := unix.FcntlInt(f.Fd(), unix.F_FULLFSYNC, 0)
		return err
	})
	if err == unix.ENOTSUP || err == unix.EINVAL || err == unix.ENOTTY {
		err = retry(func() error { return unix.Fsync(int(f.Fd())) })
	}
	return syncError(f, err)
}

// syncfs does not exist: sync(2) of macOS returns before it has written.
func syncfs(*os.File) (done bool, err error) { return false, nil }
