package flock

import "golang.org/x/sys/unix"

// renameNoReplace is here, and not store/durable's, because this room imports
// nothing of ours and needs no durability.
func renameNoReplace(from, to string) error {
	return afterRename(from, to, retry(func() error {
		return unix.RenamexNp(from, to, unix.RENAME_EXCL)
	}))
}
