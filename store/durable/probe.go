package durable

import (
	"errors"
	"os"
	"path/filepath"
)

// Abilities are what a file system may lack.
type Abilities struct {
	HardLinks bool // or reflinks: a second name for contents costs no space
}

// Probe says whether files, directories and symlinks can be made in the
// directory dir, and what else its file system can do. It leaves nothing behind.
func Probe(dir string) (can Abilities, err error) {
	tmp, err := withTemp(dir, func(path string) error { return os.Mkdir(path, 0o700) })
	if err != nil {
		return can, err
	}
	defer func() { err = errors.Join(err, removeProbe(tmp)) }()
	return probe(tmp)
}

func probe(tmp string) (can Abilities, err error) {
	if err := os.Chmod(tmp, 0o700); err != nil { // whatever the umask
		return can, err
	}
	if err := os.Symlink("target", filepath.Join(tmp, "symlink")); err != nil {
		return can, err
	}
	file := filepath.Join(tmp, "file")
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return can, err
	}
	_, err = f.WriteString("contents")
	if err := errors.Join(err, f.Chmod(0o600), f.Close()); err != nil {
		return can, err
	}
	copied, err := Link(file, filepath.Join(tmp, "link"))
	return Abilities{HardLinks: !copied}, err
}

// removeProbe opens nothing, which may be what can't be done.
func removeProbe(tmp string) error {
	for _, name := range []string{"symlink", "file", "link"} {
		if err := removeTemp(filepath.Join(tmp, name)); err != nil {
			return err
		}
	}
	return os.Remove(tmp)
}
