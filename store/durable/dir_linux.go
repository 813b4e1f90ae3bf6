package durable

import (
	"bytes"
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"
)

func (d *Dir) isDir(name string) (bool, error) {
	var st unix.Stat_t
	err := retry(func() error { return unix.Fstatat(d.fd(), name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	if err != nil {
		return false, &fs.PathError{Op: "lstat", Path: d.path(name), Err: err}
	}
	return st.Mode&unix.S_IFMT == unix.S_IFDIR, nil
}

func (d *Dir) symlink(target, name string) error {
	err := retry(func() error { return unix.Symlinkat(target, d.fd(), name) })
	return linkError("symlink", target, d.path(name), err)
}

// share gives like's symlink a second name, if it leads to target.
func (d *Dir) share(target []byte, name string, like *Dir) bool {
	like.buf = slices.Grow(like.buf[:0], len(target)+1)
	got := like.buf[:len(target)+1] // a longer target fills it
	n, err := unix.Readlinkat(like.fd(), name, got)
	return err == nil && bytes.Equal(got[:n], target) && unix.Linkat(like.fd(), name, d.fd(), name, 0) == nil
}

func (d *Dir) fd() int { return int(d.f.Fd()) }
