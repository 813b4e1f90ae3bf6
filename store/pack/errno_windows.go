package pack

import "syscall"

// errNotDir is what a path through a file gives, errLoop one through symlinks
// that never end.
const (
	errNotDir = syscall.ERROR_PATH_NOT_FOUND
	errLoop   = syscall.Errno(1921) // ERROR_CANT_RESOLVE_FILENAME
)
