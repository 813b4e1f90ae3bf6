package durable

import "os"

// SymlinkLike makes path a symlink to target, as Symlink does. Where like is a
// symlink to the same target, path becomes another name of it: that costs no
// inode and no block, which a long target takes. Whatever speaks against it (too
// many names, another file system, like is gone) leads to a symlink of its own.
func SymlinkLike(target, like, path string) error {
	if got, err := os.Readlink(like); err == nil && got == target && os.Link(like, path) == nil {
		return nil
	}
	return Symlink(target, path)
}
