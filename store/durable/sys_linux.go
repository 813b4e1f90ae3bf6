package durable

import (
	"bytes"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// PathMax is what a path must be shorter than, in bytes.
const PathMax = 4096

func renameNoReplace(from, to string) error {
	return retry(func() error {
		return unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	})
}

func exchange(a, b string) error {
	return retry(func() error {
		return unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
	})
}

func reflink(dst, src *os.File) error {
	return retry(func() error { return unix.IoctlFileClone(int(dst.Fd()), int(src.Fd())) })
}

func syncFile(f *os.File) error {
	return syncError(f, retry(func() error { return unix.Fsync(int(f.Fd())) }))
}

// syncfs writes out the file system of f. done is false where that would
// promise too little: FUSE does not pass it on to the server, and before Linux
// 5.8 it does not tell write errors.
func syncfs(f *os.File) (done bool, err error) {
	fd := int(f.Fd())
	var st unix.Statfs_t
	if err := retry(func() error { return unix.Fstatfs(fd, &st) }); err != nil {
		return false, syncError(f, err)
	}
	if int64(st.Type) == unix.FUSE_SUPER_MAGIC || !syncfsTellsErrors() {
		return false, nil
	}
	err = retry(func() error { return unix.Syncfs(fd) })
	switch err {
	case unix.ENOSYS, unix.ENOTSUP, unix.EINVAL: // it has none; these say nothing of what was written
		return false, nil
	}
	return err == nil, syncError(f, err)
}

func syncfsTellsErrors() bool {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return false
	}
	release, _, _ := bytes.Cut(uts.Release[:], []byte{0})
	return kernelAtLeast(string(release), 5, 8)
}

// kernelAtLeast compares a release such as "6.18.5-arch1"; one that it can't
// read counts as old.
func kernelAtLeast(release string, major, minor int) bool {
	var a, b int
	if n, _ := fmt.Sscanf(release, "%d.%d", &a, &b); n != 2 {
		return false
	}
	return a > major || a == major && b >= minor
}
