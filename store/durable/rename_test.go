package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"ipp/tests/support"
)

func TestSymlink(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "current")
	if err := Symlink("1", path); err != nil {
		t.Fatal(err)
	}
	if err := Symlink("2", path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("symlink over a symlink: %v", err)
	}
	wantLink(t, path, "1")
	for _, target := range []string{"2", "3"} {
		if err := ReplaceSymlink(target, path); err != nil {
			t.Fatal(err)
		}
		wantLink(t, path, target)
	}
	wantNames(t, dir, "current")
}

func TestReplaceSymlinkMakesAndRefuses(t *testing.T) {
	dir := t.TempDir()
	if err := ReplaceSymlink("1", filepath.Join(dir, "new")); err != nil {
		t.Fatal(err)
	}
	wantLink(t, filepath.Join(dir, "new"), "1")
	put(t, filepath.Join(dir, "file"), "x")
	put(t, filepath.Join(dir, "sub/file"), "x")
	for _, name := range []string{"file", "sub"} {
		wantPathError(t, ReplaceSymlink("1", filepath.Join(dir, name)), fs.ErrExist)
	}
	wantFile(t, filepath.Join(dir, "file"), "x", 0o644)
	wantNames(t, dir, "file", "new", "sub")
}

// noReplace are both ways to rename without replacing: the system call, and
// what stands in for it.
var noReplace = map[string]func(from, to string) error{
	"RenameNoReplace": RenameNoReplace,
	"renameByHand":    renameByHand,
}

func TestRenameNoReplace(t *testing.T) {
	for name, rename := range noReplace {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			at := func(name string) string { return filepath.Join(dir, name) }
			put(t, at("file"), "data")
			put(t, at("dir/inside"), "x")
			symlink(t, "nowhere", at("sym"))
			for _, n := range []string{"file", "dir", "sym"} {
				if err := rename(at(n), at(n+"2")); err != nil {
					t.Fatal(err)
				}
			}
			wantNames(t, dir, "dir2", "file2", "sym2")
			wantFile(t, at("file2"), "data", 0o644)
			wantNames(t, at("dir2"), "inside")
			wantLink(t, at("sym2"), "nowhere")
		})
	}
}

func TestRenameNoReplaceRefuses(t *testing.T) {
	for name, rename := range noReplace {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			at := func(name string) string { return filepath.Join(dir, name) }
			put(t, at("file"), "data")
			put(t, at("dir/inside"), "x")
			put(t, at("taken"), "kept")
			if err := os.Link(at("file"), at("twin")); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(at("empty"), 0o755); err != nil {
				t.Fatal(err)
			}
			symlink(t, "nowhere", at("sym"))
			for _, from := range []string{"file", "dir"} {
				for _, to := range []string{"taken", "twin", "empty", "sym", "dir", "file"} {
					if err := rename(at(from), at(to)); !errors.Is(err, fs.ErrExist) {
						t.Errorf("rename %s to %s: %v", from, to, err)
					}
				}
			}
			wantNames(t, dir, "dir", "empty", "file", "sym", "taken", "twin")
			wantFile(t, at("taken"), "kept", 0o644)
			wantLink(t, at("sym"), "nowhere")
			if err := rename(at("absent"), at("new")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("rename of nothing: %v", err)
			}
		})
	}
}

func TestRenameNoReplaceError(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a"), "x")
	err := RenameNoReplace(filepath.Join(dir, "a"), filepath.Join(dir, "no/b"))
	var linkErr *os.LinkError
	if !errors.As(err, &linkErr) || !errors.Is(err, syscall.ENOENT) {
		t.Errorf("got %v (%T), want a LinkError with ENOENT", err, err)
	}
	// A directory can't be moved below itself, by either way.
	if err := RenameNoReplace(dir, filepath.Join(dir, "sub")); err == nil {
		t.Error("a directory was moved below itself")
	}
	wantNames(t, dir, "a")
}

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	put(t, a, "new")
	put(t, b, "old")
	if err := Replace(a, b); err != nil {
		t.Fatal(err)
	}
	wantFile(t, b, "new", 0o644)
	wantNames(t, dir, "b")
	if err := Replace(b, b); err != nil {
		t.Fatal(err)
	}
	wantFile(t, b, "new", 0o644) // onto itself: still there
}

func TestReplaceByTwinLeavesOneName(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	put(t, a, "same")
	if err := os.Link(a, b); err != nil {
		t.Fatal(err)
	}
	if err := Replace(a, b); err != nil {
		t.Fatal(err)
	}
	wantNames(t, dir, "b")
	wantFile(t, b, "same", 0o644)
}

func TestExchange(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	put(t, filepath.Join(a, "inside"), "dir")
	put(t, b, "file")
	err := Exchange(a, b)
	if errors.Is(err, errors.ErrUnsupported) {
		support.Skip(t, "needs a file system that can exchange names: "+err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	wantFile(t, a, "file", 0o644)
	wantNames(t, b, "inside")
	if err := Exchange(a, filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("exchange with nothing: %v", err)
	}
	wantNames(t, dir, "a", "b")
}

func wantLink(t *testing.T, path, target string) {
	t.Helper()
	got, err := os.Readlink(path)
	if err != nil || got != target {
		t.Errorf("%s points to %q (%v), want %q", path, got, err, target)
	}
}
