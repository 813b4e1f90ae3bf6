package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"ipp/tests/support"
)

func TestLink(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	put(t, a, "data")
	copied, err := Link(a, b)
	if err != nil || copied {
		t.Fatalf("copied %v, err %v", copied, err)
	}
	if !same(t, a, b) {
		t.Error("not the same file")
	}
	if _, err := Link(a, b); !errors.Is(err, fs.ErrExist) {
		t.Errorf("link onto itself: %v", err)
	}
	wantFile(t, a, "data", 0o644) // a copy onto its own hard link would empty it
	wantNames(t, dir, "a", "b")
}

// otherFS returns a directory on another file system than dir's: memory, or
// the disk if temporary files are in memory.
func otherFS(t *testing.T, dir string) string {
	t.Helper()
	probe := filepath.Join(dir, "probe")
	put(t, probe, "")
	defer os.Remove(probe)
	for _, parent := range []string{"/dev/shm", "/var/tmp", "."} {
		other, err := os.MkdirTemp(parent, "durable")
		if err != nil {
			continue
		}
		t.Cleanup(func() { os.RemoveAll(other) })
		if os.Link(probe, filepath.Join(other, "probe")) != nil {
			return other
		}
	}
	support.Skip(t, "needs a second file system")
	return ""
}

func TestLinkAcrossFileSystemsCopies(t *testing.T) {
	dir := t.TempDir()
	other := otherFS(t, dir)
	a, b := filepath.Join(dir, "a"), filepath.Join(other, "b")
	put(t, a, "data")
	if err := os.Chmod(a, 0o555); err != nil {
		t.Fatal(err)
	}
	setUmask(t, 0o077)
	copied, err := Link(a, b)
	if err != nil || !copied {
		t.Fatalf("copied %v, err %v", copied, err)
	}
	wantFile(t, b, "data", 0o555)
	put(t, filepath.Join(other, "c"), "kept")
	for _, taken := range []string{"b", "c"} {
		if _, err := Link(a, filepath.Join(other, taken)); !errors.Is(err, fs.ErrExist) {
			t.Errorf("link over %s: %v", taken, err)
		}
	}
	wantFile(t, filepath.Join(other, "c"), "kept", 0o644)
	wantNames(t, other, "b", "c")
}

func TestLinkCopiesOnlyRegularFiles(t *testing.T) {
	dir := t.TempDir()
	other := otherFS(t, dir)
	put(t, filepath.Join(dir, "a"), "data")
	symlink(t, "a", filepath.Join(dir, "sym"))
	for _, name := range []string{"sym", "absent"} {
		if _, err := Link(filepath.Join(dir, name), filepath.Join(other, "b")); err == nil {
			t.Errorf("%s was copied", name)
		}
	}
	wantNames(t, other)
}

func TestCloneOrCopyHoldsTheSame(t *testing.T) {
	dir := t.TempDir()
	a := filepath.Join(dir, "a")
	put(t, a, "data")
	tmp, _, err := cloneOrCopy(a, dir)
	if err != nil {
		t.Fatal(err)
	}
	wantFile(t, tmp, "data", 0o644)
	if same(t, a, tmp) {
		t.Error("the copy is the file itself")
	}
}

func same(t *testing.T, a, b string) bool {
	t.Helper()
	x, err := os.Lstat(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := os.Lstat(b)
	if err != nil {
		t.Fatal(err)
	}
	return os.SameFile(x, y)
}
