package generation

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"sync"

	"ipp/lock"
	"ipp/store/durable"
)

// Write writes the forest and the files of g into dir, which must not exist.
// g.Number and g.Dir are ignored. Links that the generation in the directory
// like has too are shared with it; "" is none. Nothing is synced: the caller does that, and
// discards dir where Write failed.
func Write(dir string, f *Forest, g *Generation, like string) error {
	if err := makeDir(dir); err != nil {
		return fmt.Errorf("write forest: %w", err)
	}
	var files error
	var both sync.WaitGroup
	both.Go(func() { files = writeFiles(dir, f, g) }) // what the links take is the kernel's time
	links := writeForest(dir, f, like)
	both.Wait()
	if links != nil {
		return fmt.Errorf("write forest: %w", links)
	}
	if files != nil {
		return fmt.Errorf("write generation: %w", files)
	}
	return nil
}

func writeFiles(dir string, f *Forest, g *Generation) error {
	for name, data := range map[string][]byte{
		lock.ProfileName: g.Wishes,
		lock.LockName:    g.Lock.Encode(),
		InfoName:         g.Info.encode(),
		ExposedName:      encodeExposed(f.trees),
	} {
		if err := createFile(filepath.Join(dir, name), data); err != nil {
			return err
		}
	}
	return nil
}

func writeForest(dir string, f *Forest, like string) error {
	for _, d := range f.dirs {
		if err := makeDir(filepath.Join(dir, filepath.FromSlash(d))); err != nil {
			return err
		}
	}
	var at place
	var target []byte
	defer func() { at.close() }()
	for _, l := range f.links {
		below, name := path.Split(l.Path)
		if at.dir == nil || below != at.below {
			at.close()
			var err error
			if at, err = openPlace(dir, like, below); err != nil {
				return err
			}
		}
		target = l.appendTarget(target[:0])
		if err := at.dir.Symlink(target, name, at.like); err != nil {
			return err
		}
	}
	return nil
}

// place is a directory of the forest that links are made in, and the one like it
// in another forest, if there is one.
type place struct {
	below     string // in the forest, with a "/" at its end
	dir, like *durable.Dir
}

func openPlace(forest, like, below string) (p place, err error) {
	p.below = below
	if p.dir, err = durable.HoldDir(filepath.Join(forest, filepath.FromSlash(below))); err != nil {
		return p, err
	}
	if like != "" {
		p.like, _ = durable.HoldDir(filepath.Join(like, filepath.FromSlash(below))) // without it links are new
	}
	return p, nil
}

// close closes descriptors that nothing was written to.
func (p place) close() {
	p.dir.Close()
	p.like.Close()
}

// makeDir makes a directory with mode 0755 whatever the umask: a forest is the
// same for whoever built it.
func makeDir(path string) error {
	if err := os.Mkdir(path, 0o755); err != nil {
		return err
	}
	return os.Chmod(path, 0o755)
}

// createFile makes a file with mode 0644 whatever the umask.
func createFile(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Chmod(0o644), f.Close())
}

// Read reads a generation's files, not its forest. Where there is none the
// error Is fs.ErrNotExist.
func Read(dir string, n Number) (*Generation, error) {
	g := &Generation{Number: n, Dir: dir}
	var wrongLock error
	var both sync.WaitGroup
	both.Go(func() { g.Lock, wrongLock = readLock(dir) }) // as long as all the rest
	var err error
	if g.Info, err = readInfo(dir); err == nil {
		g.Wishes, err = durable.ReadFile(filepath.Join(dir, lock.ProfileName), maxLock)
	}
	both.Wait()
	if err = cmp.Or(err, wrongLock); err != nil {
		return nil, fmt.Errorf("read generation: %w", err)
	}
	return g, nil
}

func readLock(dir string) (*lock.Lockfile, error) {
	file := filepath.Join(dir, lock.LockName)
	text, err := durable.ReadText(file, maxLock)
	if err != nil {
		return nil, err
	}
	return lock.ParseLock(file, text)
}
