package durable

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// Link gives the file at from a second name. fs.ErrExist where the name is
// taken: never a copy over an existing name, which could be the file itself.
// Where the file system refuses (see linkRefused) it falls back to a reflink,
// then to a copy with the same mode, made under a temporary name. copied says
// that new bytes were written; it is false for a reflink.
//
// A hard link is not durable before SyncDir of its directory. Nor is the name
// of a reflink or copy, but its contents are.
func Link(from, to string) (copied bool, err error) {
	err = os.Link(from, to)
	if err == nil || !linkRefused(err) {
		return false, err
	}
	if err := mustBeFree("link", to); err != nil {
		return false, err
	}
	tmp, copied, err := cloneOrCopy(from, filepath.Dir(to))
	if err != nil {
		return false, err
	}
	if err := RenameNoReplace(tmp, to); err != nil {
		return false, errors.Join(err, removeTemp(tmp))
	}
	return copied, nil
}

// cloneOrCopy makes a fsynced temporary file in dir with the contents and the
// mode of the regular file at from.
func cloneOrCopy(from, dir string) (tmp string, copied bool, err error) {
	src, err := OpenRegular(from)
	if err != nil {
		return "", false, err
	}
	defer src.Close() // only read
	info, err := src.Stat()
	if err != nil {
		return "", false, err
	}
	dst, err := createTemp(dir, info.Mode().Perm())
	if err != nil {
		return "", false, err
	}
	if reflink(dst, src) != nil { // whatever the reason, a copy may still do
		copied = true
		if _, err := io.Copy(dst, src); err != nil {
			return "", false, discard(dst, err)
		}
	}
	tmp, err = finish(dst)
	return tmp, copied, err
}
