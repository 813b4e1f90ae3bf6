//go:build unix

package damage

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadOnly: a store that can't be written is read all the same, and nothing
// of it changes.
func TestReadOnly(t *testing.T) {
	w := newWorld(t)
	w.notOurs()
	for _, line := range []string{"check", "verify a", "show a", "export a -o -", "run a", "list", "history"} {
		if r := w.run(strings.Fields(line)...); r.code != 0 {
			t.Errorf("%s: exit %d\n%s%s", line, r.code, r.out, r.err)
		}
	}
	for _, line := range []string{"check --repair", "install ./d.car", "run -c d ./d.car"} {
		r := w.run(strings.Fields(line)...)
		if r.code != 1 && r.code != 125 || !strings.Contains(r.err, "permission denied") || !strings.Contains(r.err, "hint: ") {
			t.Errorf("%s: exit %d\n%s%s", line, r.code, r.out, r.err)
		}
	}
	if diff := w.changed(); len(diff) > 0 {
		t.Errorf("changed\n%s", strings.Join(diff, "\n"))
	}
}

// TestUnread: what can't be looked at is no damage, and nothing is put in its
// place.
func TestUnread(t *testing.T) {
	w := newWorld(t)
	w.notOurs()
	for _, rel := range w.ofPackage("a") {
		shard := filepath.Base(filepath.Dir(filepath.Dir(rel))) == "objects"
		if shard {
			rel = filepath.Dir(rel)
		}
		if !shard && !strings.HasSuffix(rel, ".objects") && !strings.HasSuffix(rel, ".car") {
			continue
		}
		path := filepath.Join(w.home(), rel)
		info, err := os.Stat(path)
		w.must(err)
		w.must(os.Chmod(path, 0))
		r := w.run("check")
		if r.code != 1 || !strings.Contains(r.out, "unread") || strings.Contains(r.out, "damaged") || !strings.Contains(r.err, "hint: ") {
			t.Errorf("%s: exit %d, want 1\n%s%s", rel, r.code, r.out, r.err)
		}
		w.must(os.Chmod(path, info.Mode()))
	}
}

// notOurs runs what follows as somebody who may read all and write nothing.
func (w *world) notOurs() {
	if os.Getuid() == 0 {
		w.as = 65534
	}
	w.must(filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type() == fs.ModeSymlink {
			return err
		}
		if !d.IsDir() {
			return nil
		}
		mode := fs.FileMode(0o555)
		w.t.Cleanup(func() { os.Chmod(path, 0o755) })
		return os.Chmod(path, mode)
	}))
	w.must(os.Chmod(filepath.Dir(w.ipp), 0o755))
}
