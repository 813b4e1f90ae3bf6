//go:build !windows

package pack

import "syscall"

// errNotDir is what a path through a file gives, errLoop one through symlinks
// that never end.
const (
	errNotDir = syscall.ENOTDIR
	errLoop   = syscall.ELOOP
)
