//go:build linux

package hostile

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"ipp/tests/support"
)

// world is a home in which one good package is installed, and a directory beside
// it that no package may touch.
type world struct {
	t      *testing.T
	dir    string // all of it
	home   string
	work   string // where commands run
	runner *runner
	base   map[string]string // what all of it was when it was made
}

// newWorld makes one. Its runner belongs to it, so worlds work side by side.
func newWorld(t *testing.T) *world {
	t.Helper()
	dir, err := support.Scratch()
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	w := &world{t: t, dir: dir, home: filepath.Join(dir, "home"), work: filepath.Join(dir, "work"), runner: startRunner(t)}
	for _, d := range []string{w.home, w.work, filepath.Join(dir, "outside")} {
		must(t, os.Mkdir(d, 0o755))
	}
	must(t, os.WriteFile(filepath.Join(dir, "outside", "file"), []byte("outside\n"), 0o644))
	f := newForge()
	root := f.dir(f.raw("format = 1\nname = \"good\"\nversion = \"1.0.0\"\n").as("package.toml"),
		f.dir(f.exec("#!/bin/sh\necho good\n", 0o755).as("good")).as("bin"))
	w.write("good.car", f.car1(root))
	if out := w.ipp("install", "./good.car"); out.Code != 0 {
		t.Fatalf("install of a good package: %+v", out)
	}
	must(t, os.Remove(w.path("good.car")))
	w.base = w.snapshot()
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) path(name string) string { return filepath.Join(w.work, name) }

func (w *world) write(name string, data []byte) {
	w.t.Helper()
	must(w.t, os.WriteFile(w.path(name), data, 0o644))
}

// profile is the directory of the default profile, store that of the store.
func (w *world) profile() string { return filepath.Join(w.home, ".local/state/ipp/profiles/default") }
func (w *world) store() string   { return filepath.Join(w.home, ".local/share/ipp/store") }

// ipp runs the real binary.
func (w *world) ipp(args ...string) outcome {
	w.t.Helper()
	return w.runner.run(w.t, order{Path: ippPath, Args: args, Dir: w.work, Env: w.env(), Umask: 0o022})
}

func (w *world) env() []string {
	return []string{"HOME=" + w.home, "USER=tester", "PATH=" + os.Getenv("PATH"), "TZ=UTC", "LC_ALL=C.UTF-8", support.Offline()}
}

// unchanged fails if anything is other than when the world was made. Files that
// only exclude processes, and leases that nobody holds any more, don't count.
func (w *world) unchanged() {
	w.t.Helper()
	now := w.snapshot()
	for name, was := range w.base {
		if now[name] != was {
			w.t.Errorf("%s was %s, is %s", name, was, now[name])
		}
	}
	for name, is := range now {
		if _, ok := w.base[name]; !ok {
			w.t.Errorf("%s was not there, is %s", name, is)
		}
	}
}

// snapshot says of each name in the world what it is: kind, mode, contents.
func (w *world) snapshot() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(w.dir, path)
		if path == w.work {
			return fs.SkipDir
		}
		if base := filepath.Base(rel); base == "mutex" || base == "gc" || base == "sweep" || strings.HasSuffix(base, ".mutex") {
			return nil
		}
		if filepath.Base(filepath.Dir(rel)) == "leases" && !held(path) {
			return nil
		}
		all[rel], err = describe(path, d)
		return err
	})
	must(w.t, err)
	return all
}

func describe(path string, d fs.DirEntry) (string, error) {
	fi, err := d.Info()
	if err != nil {
		return "", err
	}
	switch {
	case fi.Mode().IsRegular():
		data, err := os.ReadFile(path)
		return fmt.Sprintf("%v %x", fi.Mode(), sha256.Sum256(data)), err
	case fi.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		return "-> " + target, err
	}
	return fi.Mode().String(), nil
}

// held says whether a process holds the lease: none does once ipp is gone.
func held(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil
}

// escaped fails where text would move a cursor, change the direction of writing,
// or is no UTF-8.
func escaped(t *testing.T, what, text string) {
	t.Helper()
	for _, r := range strings.ToValidUTF8(text, "\x00") {
		if r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e ||
			r >= 0x2060 && r <= 0x206f || r == 0xfeff || r >= 0xe0000 && r <= 0xe007f {
			t.Errorf("%s has %U in it: %q", what, r, text)
			return
		}
	}
}

// unchangedBut is unchanged, but what is below a prefix may have been added.
func (w *world) unchangedBut(prefix string) {
	w.t.Helper()
	now := w.snapshot()
	for name, was := range w.base {
		if now[name] != was {
			w.t.Errorf("%s was %s, is %s", name, was, now[name])
		}
	}
	for name, is := range now {
		if _, ok := w.base[name]; !ok && !strings.HasPrefix(name, prefix) {
			w.t.Errorf("%s was not there, is %s", name, is)
		}
	}
}

func sorted[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

func sortedWords(words []string) []string { return slices.Sorted(slices.Values(words)) }
