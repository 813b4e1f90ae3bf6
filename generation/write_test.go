package generation

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"ipp/lock"
)

// TestWrite builds a forest where a profile's is, and follows every link of it.
func TestWrite(t *testing.T) {
	w := newWorld(t)
	members := w.members("a[p,any]: p/bin/a*=A any/share/man/a.1=1; b: bin/b*=B share/man/b.1=2 lib/b/c=3")
	f, err := Plan(members, nil, w.fs())
	w.must(err)
	dir := filepath.Join(w.state, "profiles", "default", "tmp.1")
	w.must(os.MkdirAll(filepath.Dir(dir), 0o755))
	w.must(Write(dir, f, &Generation{Info: someInfo(t), Wishes: []byte("format = 1\n"), Lock: &lock.Lockfile{}}, ""))

	for path, want := range map[string]string{
		"bin/a": "A", "bin/b": "B", "share/man/a.1": "1", "share/man/b.1": "2", "lib/b/c": "3",
		"profile.toml": "format = 1\n", "profile.lock": "format = 1\n", "generation.toml": infoText,
	} {
		got, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v, want %q", path, got, err, want)
		}
	}
	w.wantLink(dir, "bin/a", "../../../../store/trees/"+w.key("a").String()+"/p/bin/a")
	w.wantLink(dir, "lib", "../../../store/trees/"+w.key("b").String()+"/lib")
	w.wantLink(dir, "share/man/a.1", "../../../../../store/trees/"+w.key("a").String()+"/any/share/man/a.1")
	if runtime.GOOS != "windows" {
		for path, want := range map[string]fs.FileMode{".": 0o755, "bin": 0o755, "share/man": 0o755, "generation.toml": 0o644} {
			i, err := os.Lstat(filepath.Join(dir, path))
			if err != nil || i.Mode().Perm() != want {
				t.Errorf("%s: mode %v, %v, want %v", path, i.Mode(), err, want)
			}
		}
	}
}

func (w *world) wantLink(dir, path, want string) {
	w.t.Helper()
	got, err := os.Readlink(filepath.Join(dir, filepath.FromSlash(path)))
	if err != nil || filepath.ToSlash(got) != want {
		w.t.Errorf("%s -> %s, %v, want %s", path, got, err, want)
	}
}

func TestWriteNeverReplaces(t *testing.T) {
	dir := t.TempDir()
	err := Write(dir, &Forest{}, &Generation{Lock: &lock.Lockfile{}}, "")
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want fs.ErrExist", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("wrote %v into a directory that was there", entries)
	}
}

func TestRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "g")
	written := &Generation{Info: someInfo(t), Wishes: []byte("format = 1\n# mine\n"), Lock: &lock.Lockfile{}}
	if err := Write(dir, &Forest{}, written, ""); err != nil {
		t.Fatal(err)
	}
	g, err := Read(dir, 7)
	if err != nil {
		t.Fatal(err)
	}
	if g.Number != 7 || g.Dir != dir || string(g.Wishes) != string(written.Wishes) || g.Info.Parent != 3 || len(g.Lock.Packages) != 0 {
		t.Errorf("got %+v", g)
	}
	for _, name := range []string{"profile.lock", "profile.toml", "generation.toml"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(dir, 7); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("without %s: got %v, want fs.ErrNotExist", name, err)
		}
	}
}
