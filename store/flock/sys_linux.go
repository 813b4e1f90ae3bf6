package flock

import "golang.org/x/sys/unix"

// renameNoReplace is here, and not store/durable's, because this room imports
// nothing of ours and needs no durability.
func renameNoReplace(from, to string) error {
	return afterRename(from, to, retry(func() error {
		return unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	}))
}
