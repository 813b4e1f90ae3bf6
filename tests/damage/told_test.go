//go:build unix

package damage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// told does something to the store, checks it, and wants an exit code and words.
type told struct {
	name    string
	does    func(w *world)
	args    string
	code    int
	want    []string
	wantNot []string
}

// TestTold: what check says of what users met.
func TestTold(t *testing.T) {
	w := newWorld(t)
	in := func(path string) string { return filepath.Join(w.store(), path) }
	for _, c := range []told{
		{"a directory among the leases", func(w *world) {
			w.must(os.Mkdir(in("leases/baz"), 0o755))
			w.must(os.WriteFile(in("leases/junk"), nil, 0o644))
			w.must(os.WriteFile(in("staging/junk"), nil, 0o644))
			if r := w.run("gc"); r.code != 0 {
				t.Errorf("gc: exit %d\n%s", r.code, r.err)
			}
			w.must(os.WriteFile(in("leases/junk"), nil, 0o644))
		}, "check", 0, []string{"leases/baz: not ipp's: remove it by hand", "leases/junk: not ipp's", "staging/junk: not ipp's"}, nil},
		{"a stranger among the profiles", func(w *world) {
			w.must(os.Mkdir(filepath.Join(w.home(), ".local", "state", "ipp", "profiles", "No Name"), 0o755))
		}, "check", 0, []string{"profiles/No Name: not ipp's: no profile has such a name"}, nil},
		{"contents and mode", func(w *world) {
			path := filepath.Join(w.treeOf("b"), "bin", "b")
			w.rewrite(path, func(data []byte) []byte { data[0] ^= 1; return data })
			w.must(os.Chmod(path, 0o755))
		}, "check", 4, []string{": the object of bin/b: contents changed; mode -rwxr-xr-x, not -r-xr-xr-x"}, nil},
		{"a directory that others may write", func(w *world) {
			w.must(os.Chmod(filepath.Join(w.treeOf("b"), "bin"), 0o777))
		}, "check --repair", 0, []string{"bin (was: mode drwxrwxrwx: others may change what is in it)"}, nil},
		{"no list", func(w *world) { w.must(os.Remove(w.treeOf("b") + ".objects")) },
			"check", 4, []string{".objects: missing"}, []string{"lstat"}},
		{"no blocks", func(w *world) { w.must(os.Remove(w.treeOf("b") + ".car")) },
			"check", 4, []string{".car: missing"}, []string{"open archive"}},
		{"no roots", func(w *world) { w.must(os.RemoveAll(in("roots"))) },
			"check --repair", 0, []string{"ipp gc deletes them: c 1.0.0; "}, []string{"a 1.0.0"}},
		{"a lease that can't be opened", func(w *world) {
			w.must(os.WriteFile(in("leases/1-1-0123456789ab"), []byte("1 run\n"), 0o000))
			w.notOurs()
		}, "check", 0, nil, nil},
		{"no right to read", func(w *world) { w.must(os.Chmod(w.store(), 0)) },
			"check", 1, []string{"unread ", "permission denied"}, []string{"damaged"}},
	} {
		c.does(w)
		r := w.run(strings.Fields(c.args)...)
		said := r.out + r.err
		if r.code != c.code {
			t.Errorf("%s: exit %d, want %d\n%s", c.name, r.code, c.code, said)
		}
		for _, s := range c.want {
			if !strings.Contains(said, s) {
				t.Errorf("%s: it does not say %q\n%s", c.name, s, said)
			}
		}
		for _, s := range c.wantNot {
			if strings.Contains(said, s) {
				t.Errorf("%s: it says %q\n%s", c.name, s, said)
			}
		}
		if w.as == 0 && c.name != "a lease that can't be opened" {
			w.reset()
		}
	}
	w.must(os.Chmod(w.store(), 0o755))
}
