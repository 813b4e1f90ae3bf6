//go:build !linux

package durable

// SymlinkLike makes path a symlink to target, as Symlink does: here link(2)
// follows symlinks, so none has two names.
func SymlinkLike(target, _, path string) error { return Symlink(target, path) }
