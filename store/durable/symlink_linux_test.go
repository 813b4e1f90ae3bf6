package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestSymlinkLike(t *testing.T) {
	const target = "../a/target/that/is/not/there"
	for _, c := range []struct {
		name string
		like func(path string) error
		same bool // one inode
	}{
		{"the same", func(p string) error { return os.Symlink(target, p) }, true},
		{"another target", func(p string) error { return os.Symlink("elsewhere", p) }, false},
		{"a file", func(p string) error { return os.WriteFile(p, nil, 0o644) }, false},
		{"nothing", func(string) error { return nil }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			like, path := filepath.Join(dir, "like"), filepath.Join(dir, "path")
			if err := c.like(like); err != nil {
				t.Fatal(err)
			}
			if err := SymlinkLike(target, like, path); err != nil {
				t.Fatal(err)
			}
			if got, err := os.Readlink(path); err != nil || got != target {
				t.Fatalf("it leads to %q, %v", got, err)
			}
			a, _ := os.Lstat(like)
			b, err := os.Lstat(path)
			if err != nil || os.SameFile(a, b) != c.same {
				t.Errorf("one inode: %v, want %v (%v)", !c.same, c.same, err)
			}
			if err := SymlinkLike(target, like, path); !errors.Is(err, fs.ErrExist) {
				t.Errorf("onto what is there: %v", err)
			}
		})
	}
}
