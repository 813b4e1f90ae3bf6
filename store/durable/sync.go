package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// SyncDir fsyncs a directory. Where directories have no fsync (Windows, some
// network file systems) it does nothing.
func SyncDir(path string) error {
	f, err := openDir(path)
	if err != nil {
		return err
	}
	return errors.Join(syncDir(f), f.Close())
}

// SyncFile fsyncs a file on a descriptor of its own.
func SyncFile(path string) error {
	f, restore, err := openToSync(path)
	if err != nil {
		return err
	}
	return errors.Join(syncFile(f), f.Close(), restore())
}

// SyncFailed says that an fsync failed: whoever caused err must not do it again
// and believe in it.
func SyncFailed(err error) bool {
	var path *fs.PathError
	return errors.As(err, &path) && path.Op == syncOp
}

// FS is a file system held open, so that a write error on anything written
// after OpenFS is told to Sync.
type FS struct {
	dir *os.File

	mu     sync.Mutex
	failed error // the first failure of Sync: another call would hide it
	whole  bool  // the last Sync wrote out everything
}

// OpenFS opens the file system that holds dir. Open it before the first byte
// is written: Linux tells write errors only to descriptors older than them.
func OpenFS(dir string) (*FS, error) {
	f, err := openDir(dir)
	if err != nil {
		return nil, err
	}
	return &FS{dir: f}, nil
}

// Sync writes out everything (syncfs). Where there is no syncfs, or none that
// can be trusted, it fsyncs the paths given and every file and directory below
// them; without any, all that is below the directory of OpenFS. So name all
// that was written, and the directories in which names were made.
//
// After a failure every later call fails too.
func (f *FS) Sync(below ...string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed == nil {
		f.failed = f.sync(below)
	}
	return f.failed
}

// SyncNames fsyncs directories, and not what is below them, in which names were
// made before the last Sync, which was not told of them. Where that wrote out
// everything there is nothing left to do.
func (f *FS) SyncNames(dirs ...string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, dir := range dirs {
		if f.whole || f.failed != nil {
			break
		}
		f.failed = SyncDir(dir)
	}
	return f.failed
}

func (f *FS) sync(below []string) (err error) {
	if f.whole, err = syncfs(f.dir); f.whole || err != nil {
		return err
	}
	if len(below) == 0 {
		below = []string{f.dir.Name()}
	}
	for _, path := range below {
		if err := syncTree(path); err != nil {
			return err
		}
	}
	return nil
}

// Close closes the descriptor.
func (f *FS) Close() error { return f.dir.Close() }

// syncTree fsyncs path and everything below it, each directory after what it
// holds. Symlinks and the like have no data of their own: their directory's
// fsync covers them. What disappears on the way needs none.
func syncTree(path string) error {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return err
	case info.Mode().IsRegular():
		return SyncFile(path)
	case !info.IsDir():
		return nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := syncTree(filepath.Join(path, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return SyncDir(path)
}
