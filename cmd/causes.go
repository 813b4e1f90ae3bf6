package cmd

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// cause is the rule for what the system says of itself and not of what was
// asked for. Whatever could not be read or written then, it is no damage, and
// not something that is not there.
func cause(err error) (int, string, bool) {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return 0, "", false
	}
	var link *os.LinkError
	if errors.As(err, &link) && link.Op == "symlink" && (errno == syscall.EPERM || errno == syscall.ENOTSUP || errno == syscall.ENOSYS) {
		return exitFailed, "a profile is made of symlinks, and the file system of " + dirOf(err) + " has none: " + elsewhere, true
	}
	switch errno {
	case syscall.ENOSPC, syscall.EDQUOT:
		return exitFailed, "free some space: ipp gc deletes what nothing needs", true
	case syscall.EFBIG:
		return exitFailed, "a file may not become so large here: ulimit -f, or another file system", true
	case syscall.EMFILE:
		return exitFailed, "ipp may have too few files open at once: raise that limit with ulimit -n, then try again", true
	case syscall.ENFILE, syscall.ENOMEM:
		return exitFailed, "the whole machine is short of that: end other programs, then try again", true
	case syscall.EIO:
		return exitFailed, "the disk reports errors: look at the system's log and check the disk, then try again", true
	case syscall.ESTALE:
		return exitFailed, "a network file system lost that file: mount it again, then try again", true
	case syscall.ENOLCK:
		return exitFailed, "the file system of " + dirOf(err) + " gives no locks: " + elsewhere, true
	case syscall.ENOSYS, syscall.ENOTSUP:
		return exitFailed, "the file system of " + dirOf(err) + " can't do that: " + elsewhere, true
	case syscall.EROFS:
		return exitFailed, "the file system of " + dirOf(err) + " can't be written: mount it otherwise, or " + elsewhere, true
	case syscall.ENAMETOOLONG:
		return exitFailed, "names or paths are shorter there: " + elsewhere, true
	case syscall.EACCES, syscall.EPERM:
		return exitFailed, "owner or mode of that file, or of a directory above it, do not let you: ls -ld shows them", true
	}
	return 0, "", false
}

// elsewhere is how to have ipp's files on another file system.
const elsewhere = "keep ipp's files on another one (XDG_STATE_HOME and XDG_DATA_HOME say where)"

// pathOf is the path that an error of the system is about.
func pathOf(err error) string {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Path
	case errors.As(err, &link):
		return link.New
	}
	return "."
}

func dirOf(err error) string { return filepath.Dir(pathOf(err)) }
