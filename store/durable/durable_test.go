package durable

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

func TestWriteFileReplaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, want := range []string{"first", "second, and longer", ""} {
		if err := WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		wantFile(t, path, want, 0o644)
	}
	wantNames(t, filepath.Dir(path), "f")
}

func TestWriteFileNeverTruncates(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "f"), filepath.Join(dir, "g")
	put(t, path, "old")
	if err := os.Link(path, other); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantFile(t, other, "old", 0o644) // the old inode is untouched
}

func TestWriteFileFailureChangesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "d")
	put(t, filepath.Join(path, "inside"), "x")
	if err := WriteFile(path, []byte("new"), 0o600); err == nil {
		t.Fatal("a directory was replaced by a file")
	}
	wantNames(t, dir, "d")
	wantNames(t, path, "inside")
}

func TestCreateFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := CreateFile(path, []byte("one"), 0o444); err != nil {
		t.Fatal(err)
	}
	err := CreateFile(path, []byte("two"), 0o600)
	wantPathError(t, err, fs.ErrExist)
	wantFile(t, path, "one", 0o444)
	wantNames(t, filepath.Dir(path), "f")
}

func TestCreateFileTakesNoDanglingSymlink(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	symlink(t, "elsewhere", path)
	wantPathError(t, CreateFile(path, []byte("x"), 0o600), fs.ErrExist)
	wantNames(t, dir, "f")
}

func TestModesIgnoreUmask(t *testing.T) {
	setUmask(t, 0o077)
	dir := t.TempDir()
	write := func(name string, perm fs.FileMode) string {
		path := filepath.Join(dir, name)
		if err := WriteFile(path, nil, perm); err != nil {
			t.Fatal(err)
		}
		return path
	}
	wantFile(t, write("a", 0o644), "", 0o644)
	wantFile(t, write("b", 0o555), "", 0o555)
	wantFile(t, write("c", fs.ModeSetuid|0o755), "", 0o755)

	if err := MkdirAll(filepath.Join(dir, "x/y"), 0o755); err != nil {
		t.Fatal(err)
	}
	wantMode(t, filepath.Join(dir, "x"), 0o755)
	wantMode(t, filepath.Join(dir, "x/y"), 0o755)

	log := filepath.Join(dir, "log")
	if err := AppendLine(log, []byte("line"), 0o644); err != nil {
		t.Fatal(err)
	}
	wantFile(t, log, "line\n", 0o644)
}

func TestAppendLine(t *testing.T) {
	for _, tt := range []struct{ name, before, line, want string }{
		{"new", "", "a", "a\n"},
		{"second", "a\n", "b", "a\nb\n"},
		{"torn", "a\nto", "b", "a\nto\nb\n"},
		{"empty line", "a\n", "", "a\n\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "log")
			if tt.before != "" {
				put(t, path, tt.before)
			}
			if err := AppendLine(path, []byte(tt.line), 0o644); err != nil {
				t.Fatal(err)
			}
			wantFile(t, path, tt.want, 0o644)
		})
	}
}

func TestAppendLineRefusesTwoLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	put(t, path, "a\n")
	if err := AppendLine(path, []byte("b\nc"), 0o644); err == nil {
		t.Fatal("a line with a newline was written")
	}
	wantFile(t, path, "a\n", 0o644)
}

func TestAppendLineKeepsCallersSlice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	buf := []byte("ab")
	if err := AppendLine(path, buf[:1], 0o644); err != nil {
		t.Fatal(err)
	}
	if string(buf) != "ab" {
		t.Errorf("caller's bytes became %q", buf)
	}
}

func TestMkdirAll(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a/b/c")
	for range 2 { // the second time everything is there
		if err := MkdirAll(path, 0o750); err != nil {
			t.Fatal(err)
		}
		wantMode(t, path, 0o750)
	}
	put(t, filepath.Join(dir, "file"), "x")
	for _, bad := range []string{"file", "file/below"} {
		err := MkdirAll(filepath.Join(dir, bad), 0o755)
		wantPathError(t, err, syscall.ENOTDIR)
	}
	wantFile(t, filepath.Join(dir, "file"), "x", 0o644)
}

func TestMkdirAllLeavesOthersModes(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(dir, "a")} {
		if err := MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	wantMode(t, dir, 0o700)
}

func TestMkdirAllRace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a/b/c/d")
	errs := make(chan error)
	for range 8 {
		go func() { errs <- MkdirAll(path, 0o755) }()
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	wantMode(t, path, 0o755)
}

func TestMkdirAllRelativeAndOdd(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, path := range []string{"a", "b/", "c//d/.", "./e", "."} {
		if err := MkdirAll(path, 0o755); err != nil {
			t.Errorf("MkdirAll(%q): %v", path, err)
		}
		if path != "." { // which it did not make
			wantMode(t, path, 0o755)
		}
	}
	if err := MkdirAll("", 0o755); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("MkdirAll of nothing: %v", err)
	}
}

func TestTemporaryNamesAreShortAndKnown(t *testing.T) {
	dir := t.TempDir()
	f, err := createTemp(dir, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	name := filepath.Base(f.Name())
	if !strings.HasPrefix(name, ".tmp.") || len(name) >= 143 || !IsTemp(f.Name()) {
		t.Errorf("temporary name %q", name)
	}
	if IsTemp("3") || IsTemp(filepath.Join(f.Name(), "x")) {
		t.Error("an ordinary name counts as temporary")
	}
}

// put makes a file with mode 0644, and its parents.
func put(t *testing.T, path, data string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
}

func symlink(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func wantFile(t *testing.T, path, data string, perm fs.FileMode) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, []byte(data)) {
		t.Errorf("%s holds %q, want %q", path, got, data)
	}
	wantMode(t, path, perm)
}

func wantMode(t *testing.T, path string, perm fs.FileMode) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	bits := fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky
	if runtime.GOOS == "windows" {
		return // modes say little there
	}
	if got := info.Mode() & bits; got != perm {
		t.Errorf("%s has mode %v, want %v", path, got, perm)
	}
}

// wantNames fails unless dir holds exactly names: nothing was left behind.
func wantNames(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(names, " ") {
		t.Errorf("%s holds %q, want %q", dir, got, names)
	}
}

func wantPathError(t *testing.T, err, target error) {
	t.Helper()
	var pathErr *fs.PathError
	if !errors.Is(err, target) || !errors.As(err, &pathErr) {
		t.Errorf("got %v (%T), want a PathError that is %v", err, err, target)
	}
}
