package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Dir is a directory held open, for who goes through thousands of its names: none
// of them costs the way to it again. For one goroutine.
type Dir struct {
	f   *os.File
	buf []byte // for the target of one of its symlinks
}

// HoldDir opens a directory.
func HoldDir(path string) (*Dir, error) {
	f, err := openDir(path)
	if err != nil {
		return nil, err
	}
	return &Dir{f: f}, nil
}

// Close closes the descriptor; a nil Dir has none.
func (d *Dir) Close() error {
	if d == nil {
		return nil
	}
	return d.f.Close()
}

// HasDir says whether a name is that of a directory, and not of a symlink to one.
func (d *Dir) HasDir(name string) (bool, error) {
	is, err := d.isDir(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return is, err
}

// Symlink makes a symlink to a slash-separated target. Where like, which may be nil,
// has a symlink to the same target under the same name, the new one is another
// name of it: that costs no inode and no block, which a long target takes.
// Whatever speaks against it (too many names, another file system, it is gone)
// leads to a symlink of its own.
func (d *Dir) Symlink(target []byte, name string, like *Dir) error {
	if like != nil && d.share(target, name, like) {
		return nil
	}
	return d.symlink(filepath.FromSlash(string(target)), name)
}

func (d *Dir) path(name string) string { return filepath.Join(d.f.Name(), name) }
