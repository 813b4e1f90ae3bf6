//go:build !linux

package durable

import "os"

func (d *Dir) isDir(name string) (bool, error) {
	info, err := os.Lstat(d.path(name))
	return err == nil && info.IsDir(), err
}

func (d *Dir) symlink(target, name string) error { return os.Symlink(target, d.path(name)) }

// share does not exist: here link(2) follows symlinks, so none has two names.
func (d *Dir) share(target []byte, name string, like *Dir) bool { return false }
