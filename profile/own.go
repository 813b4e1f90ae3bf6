package profile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"ipp/generation"
	"ipp/lock"
	"ipp/store/durable"
)

// followsName is the link to the directory of a declarative profile's own files.
const followsName = "follows"

// Follows is the directory whose profile.toml and profile.lock the profile follows;
// "" where it follows none.
func (p *Profile) Follows() (string, error) {
	dir, err := os.Readlink(p.path(followsName))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read what profile %s follows: %w", p.name, err)
	}
	return dir, nil
}

// Follow makes the profile follow the files in a directory, of which dir is the
// absolute path. It runs in a Save or a Hold.
func (p *Profile) Follow(dir string) error {
	if before, err := p.Follows(); err == nil && before == dir {
		return nil
	}
	if err := durable.ReplaceSymlink(dir, p.path(followsName)); err != nil {
		return fmt.Errorf("follow %s: %w", dir, err)
	}
	return p.sync()
}

// Hold runs f while nobody else changes the profile, which is there.
func (p *Profile) Hold(ctx context.Context, purpose string, f func() error) error {
	return p.locked(ctx, purpose, f)
}

// Own are the files that a declarative profile follows, as they were read:
// profile.toml, which a person writes and ipp edits, and profile.lock beside it.
type Own struct {
	Dir    string
	Wishes *lock.Profile
	Lock   *lock.Lockfile // empty where there is none
	Locked bool           // there is one

	text, locked []byte
}

// ReadOwn reads them. The error Is fs.ErrNotExist where there is no profile.toml.
func ReadOwn(dir string) (*Own, error) {
	o := &Own{Dir: dir, Lock: &lock.Lockfile{}}
	var err error
	if o.text, err = readOwn(o.Path()); err != nil {
		return nil, err
	}
	if o.Wishes, err = lock.ParseProfile(o.Path(), o.text); err != nil {
		return nil, err
	}
	o.locked, err = readOwn(o.LockPath())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return o, nil
	case err != nil:
		return nil, err
	}
	o.Locked = true
	o.Lock, err = lock.ParseLock(o.LockPath(), o.locked)
	return o, err
}

// readOwn reads a file of a person's, which may be a link.
func readOwn(path string) ([]byte, error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return durable.ReadFile(path, lock.MaxFile)
}

// Path is where profile.toml is.
func (o *Own) Path() string { return filepath.Join(o.Dir, lock.ProfileName) }

// LockPath is where profile.lock is.
func (o *Own) LockPath() string { return filepath.Join(o.Dir, lock.LockName) }

// Says says whether the files say what a lockfile and wishes say.
func (o *Own) Says(wishes *lock.Profile, l *lock.Lockfile) bool {
	return o.Locked && o.Wishes.Equal(wishes) && bytes.Equal(o.Lock.Encode(), l.Encode())
}

// Behind says whether a generation is not what the files say; nil is none.
func (o *Own) Behind(wishes *lock.Profile, g *generation.Generation) bool {
	if g == nil {
		return len(o.Wishes.Packages) > 0
	}
	return !o.Says(wishes, g.Lock)
}

// Save makes the files say something else, profile.toml first; every line that says
// it already stays. Somebody who edited them meanwhile wins: the error is ErrMoved,
// and nothing was written.
func (o *Own) Save(wishes *lock.Profile, l *lock.Lockfile) error {
	text, err := lock.EditProfile(o.Path(), o.text, wishes)
	if err != nil {
		return err
	}
	switch edited, err := o.Edited(); {
	case err != nil:
		return err
	case edited:
		return ErrMoved
	}
	if err := replace(o.Path(), o.text, text); err != nil {
		return err
	}
	return replace(o.LockPath(), o.locked, l.Encode())
}

// replace puts new contents into a file of a person's: where it is a link, into what
// it points to, and with the mode that it has.
func replace(path string, before, after []byte) error {
	if before != nil && bytes.Equal(before, after) {
		return nil
	}
	mode := fs.FileMode(0o644)
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if fi, err := os.Stat(path); err == nil {
		mode = fi.Mode().Perm()
	}
	return durable.WriteFile(path, after, mode)
}

// Edited says whether the files are other than when they were read.
func (o *Own) Edited() (bool, error) {
	for _, f := range []struct {
		path   string
		before []byte
	}{{o.Path(), o.text}, {o.LockPath(), o.locked}} {
		now, err := readOwn(f.path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
		if !bytes.Equal(now, f.before) || (now == nil) != (f.before == nil) {
			return true, nil
		}
	}
	return false, nil
}
