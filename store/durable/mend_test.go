package durable

import (
	"os"
	"path/filepath"
	"testing"
)

// TestMend: whatever stands in the way, to is as from was, and a directory that
// both have stays the one that it is.
func TestMend(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	at := func(name string) string { return filepath.Join(to, name) }
	for _, name := range []string{"both", "new", "file-for-dir", "sub/both", "dir-for-file/f", "dir-for-link/f", "dir/new"} {
		put(t, filepath.Join(from, name), "new")
	}
	symlink(t, "new", filepath.Join(from, "link"))
	symlink(t, "new", filepath.Join(from, "link-for-dir"))
	for _, name := range []string{"both", "dir-for-file", "file-for-dir/f", "link-for-dir/f", "sub/both", "sub/old/f", "old", "olddir/f"} {
		put(t, at(name), "old")
	}
	symlink(t, "old", at("link"))
	symlink(t, "sub", at("dir-for-link"))
	if err := os.Chmod(at("sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	sub, err := os.Stat(at("sub"))
	if err != nil {
		t.Fatal(err)
	}
	if err := Mend(from, to); err != nil {
		t.Fatal(err)
	}
	wantNames(t, to, "both", "dir", "dir-for-file", "dir-for-link", "file-for-dir", "link", "link-for-dir", "new", "sub")
	wantNames(t, at("sub"), "both")
	for _, name := range []string{"both", "new", "file-for-dir", "sub/both", "dir-for-file/f", "dir-for-link/f", "dir/new"} {
		wantFile(t, at(name), "new", 0o644)
	}
	wantLink(t, at("link"), "new")
	wantLink(t, at("link-for-dir"), "new")
	wantMode(t, at("sub"), 0o755)
	if now, err := os.Stat(at("sub")); err != nil || !os.SameFile(sub, now) {
		t.Errorf("a directory that both have was replaced: %v", err)
	}
}

// TestMendOther: what is no directory, or not there, is replaced as a whole.
func TestMendOther(t *testing.T) {
	dir := t.TempDir()
	for name, was := range map[string]func(path string){
		"nothing": func(string) {},
		"a file":  func(path string) { put(t, path, "old") },
		"a link":  func(path string) { symlink(t, ".", path) },
	} {
		from, to := filepath.Join(dir, "from"), filepath.Join(dir, name)
		put(t, filepath.Join(from, "f"), "new")
		was(to)
		if err := Mend(from, to); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		wantFile(t, filepath.Join(to, "f"), "new", 0o644)
	}
}
