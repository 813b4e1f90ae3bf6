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
	case syscall.ENOTDIR:
		return exitFailed, "something that is no directory stands in the way: ls -ld " + quote(pathOf(err)) + ", then move it", true
	case syscall.ELOOP:
		return exitFailed, "symlinks on that path lead in a circle: ls -ld " + quote(pathOf(err)), true
	case syscall.EMLINK, syscall.EXDEV:
		return exitFailed, "the file system of " + dirOf(err) + " can't link that: " + elsewhere, true
	case syscall.EACCES, syscall.EPERM:
		return exitFailed, "owner or mode of that file, or of a directory above it, do not let you: ls -ld shows them (chown gives back what sudo took)", true
	}
	return 0, "", false
}

// lost is the rule for what is not there and should be. What the person asked for
// is said where it is looked for; this is what a package, or ipp itself, lacks.
func (a *app) lost(err error) (int, string, bool) {
	if !errors.Is(err, fs.ErrNotExist) {
		return 0, "", false
	}
	path := pathOf(err)
	if path == "." { // a block
		return exitMalformed, "the package is not whole here: get it again from where it came from", true
	}
	if d, derr := a.set.dirs(); derr == nil {
		linked, _ := os.Readlink(filepath.Join(d.state, storeLink))
		for _, dir := range []string{d.state, d.store, linked} {
			if rel, err := filepath.Rel(dir, path); err == nil && dir != "" && filepath.IsLocal(rel) {
				return exitMalformed, "a file of ipp's own is gone: ipp check says what that hurts, ipp check --repair puts back what it can", true
			}
		}
	}
	return exitFailed, "it was there a moment ago, or should have been: look who moved it, then try again", true
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
