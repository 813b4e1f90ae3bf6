package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func holdDir(t *testing.T, path string) *Dir {
	t.Helper()
	d, err := HoldDir(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// TestDirSymlink: whatever the other directory has under that name, the symlink
// leads where it was asked to.
func TestDirSymlink(t *testing.T) {
	const target = "../a/target/that/is/not/there"
	for _, c := range []struct {
		name string
		like func(path string) error
		same bool // one inode, where a symlink can have two names
	}{
		{"the same", func(p string) error { return os.Symlink(target, p) }, true},
		{"another target", func(p string) error { return os.Symlink("elsewhere", p) }, false},
		{"a longer target", func(p string) error { return os.Symlink(target+"/x", p) }, false},
		{"a file", func(p string) error { return os.WriteFile(p, nil, 0o644) }, false},
		{"nothing", func(string) error { return nil }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			here, there := t.TempDir(), t.TempDir()
			path, like := filepath.Join(here, "l"), filepath.Join(there, "l")
			if err := c.like(like); err != nil {
				t.Fatal(err)
			}
			d, other := holdDir(t, here), holdDir(t, there)
			if err := d.Symlink([]byte(target), "l", other); err != nil {
				t.Fatal(err)
			}
			if got, err := os.Readlink(path); err != nil || filepath.ToSlash(got) != target {
				t.Fatalf("it leads to %q, %v", got, err)
			}
			a, _ := os.Lstat(like)
			b, err := os.Lstat(path)
			if same := c.same && runtime.GOOS == "linux"; err != nil || os.SameFile(a, b) != same {
				t.Errorf("one inode: %v, want %v (%v)", !same, same, err)
			}
			var link *os.LinkError
			if err := d.Symlink([]byte(target), "l", other); !errors.Is(err, fs.ErrExist) || !errors.As(err, &link) || link.New != path {
				t.Errorf("onto what is there: %v", err)
			}
			if err := d.Symlink([]byte(target), "alone", nil); err != nil {
				t.Errorf("without another directory: %v", err)
			}
		})
	}
}

func TestDirHasDir(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "dir", "file"), "")
	put(t, filepath.Join(dir, "file"), "")
	symlink(t, "dir", filepath.Join(dir, "link"))
	d := holdDir(t, dir)
	for name, want := range map[string]bool{"dir": true, "file": false, "link": false, "absent": false} {
		if got, err := d.HasDir(name); err != nil || got != want {
			t.Errorf("HasDir(%q) = %v, %v", name, got, err)
		}
	}
	if runtime.GOOS != "windows" {
		if _, err := d.HasDir("file/x"); err == nil {
			t.Error("below a file there is nothing to look at, and no error")
		}
	}
	if _, err := HoldDir(filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("HoldDir of nothing: %v", err)
	}
}
