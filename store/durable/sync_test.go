package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestSyncDirAndFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	put(t, path, "x")
	if err := os.Chmod(path, 0o444); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(SyncFile(path), SyncDir(dir)); err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, "x", 0o444)
	absent := filepath.Join(dir, "absent")
	wantPathError(t, SyncFile(absent), fs.ErrNotExist)
	wantPathError(t, SyncDir(absent), fs.ErrNotExist)
}

func TestFSSync(t *testing.T) {
	dir := t.TempDir()
	f, err := OpenFS(dir)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "a/b"), "x")
	for _, below := range [][]string{nil, {filepath.Join(dir, "a")}} {
		if err := f.Sync(below...); err != nil {
			t.Error(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if err := f.Sync(); err == nil {
		t.Error("a closed file system was synced")
	}
}

func TestFSSyncFailsForGood(t *testing.T) {
	f, err := OpenFS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.failed = fs.ErrInvalid // as a first Sync with a write error leaves it
	if err := f.Sync(); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("a failed sync was retried: %v", err)
	}
	if err := f.SyncNames(t.TempDir()); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("a failed sync was forgotten: %v", err)
	}
}

func TestOpenFSMissing(t *testing.T) {
	_, err := OpenFS(filepath.Join(t.TempDir(), "absent"))
	wantPathError(t, err, fs.ErrNotExist)
}

func TestSyncTree(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a/b/c"), "x")
	put(t, filepath.Join(dir, "d"), "x")
	symlink(t, "nowhere", filepath.Join(dir, "a/dangling"))
	for _, path := range []string{dir, filepath.Join(dir, "d"), filepath.Join(dir, "a/dangling")} {
		if err := syncTree(path); err != nil {
			t.Errorf("syncTree(%s): %v", path, err)
		}
	}
	wantPathError(t, syncTree(filepath.Join(dir, "absent")), fs.ErrNotExist)
}
