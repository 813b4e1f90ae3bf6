package generation

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"ipp/lock"
	"ipp/store"
)

// Two forests are told in one line each, as in planTests. A change is +PATH,
// -PATH or ~PATH.
var diffTests = []struct {
	about, old, new, want string
}{
	{"nothing at all", "", "", ""},
	{"the first generation", "", "a: bin/a* share/x", "+bin/a +share/x"},
	{"nothing is left", "a: bin/a*", "", "-bin/a"},
	{"another version", "a: bin/a*=1 share/x=1 share/y=1", "a2: bin/a*=2 share/x=1 share/z=1", "~bin/a -share/y +share/z"},
	{"what is the same is not read", "a: bin/a*; unread: lib/u", "a: bin/a*; unread: lib/u; b: bin/b*", "+bin/b"},
	{"a directory that is shared now", "a: share/a/1", "a: share/a/1; b: share/b/2", "+share/b/2"},
	{"a directory that is one's own now", "a: share/a/1; b: share/b/2", "b: share/b/2", "-share/a/1"},
	{"the same file of another package", "a: share/x=1", "b: share/x=1", ""},
	{"a run bit", "a: lib/x=1", "a2: lib/x+=1", "~lib/x"},
	{"a link's target", "a: lib/x->y lib/y=1 lib/z=1", "a2: lib/x->z lib/y=1 lib/z=1", "~lib/x"},
	{"what a link leads to", "a: lib/x->../opt/y opt/y=1", "a2: lib/x->../opt/y opt/y=2", "~lib/x"},
	{"a link that leads out of all files", "a: lib/x->y", "a2: lib/x->y", ""},
	{"links in a circle", "a: lib/x->y lib/y->x", "a2: lib/x->y lib/y->x lib/z", "+lib/z"},
	{"a file for a directory", "a: lib/x/y", "a2: lib/x", "+lib/x -lib/x/y"},
	{"what is in no forest", "a: bin/a*=1 opt/x=1", "a2: bin/a*=1 opt/x=2", ""},
}

func TestDiff(t *testing.T) {
	for _, tt := range diffTests {
		t.Run(tt.about, func(t *testing.T) {
			w := newWorld(t)
			old, new := w.generation(1, tt.old), w.generation(2, tt.new)
			changes, err := Diff(old, new, Trees{w.fs(), w.listing})
			w.must(err)
			var said []string
			for _, c := range changes {
				mark := "~"
				switch {
				case c.Old == nil:
					mark = "+"
				case c.New == nil:
					mark = "-"
				}
				said = append(said, mark+c.Path)
			}
			if got := strings.Join(said, " "); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestDiffSaysWhatItCantRead: a damaged forest is no forest without that file.
func TestDiffSaysWhatItCantRead(t *testing.T) {
	w := newWorld(t)
	dir := w.generation(1, "a: bin/a*")
	w.must(os.Symlink("../elsewhere/x", filepath.Join(dir, "bin", "b")))
	_, err := Diff("", dir, Trees{w.fs(), w.listing})
	if err == nil || !strings.Contains(err.Error(), `"../elsewhere/x" leads to no tree of the store`) {
		t.Errorf("got %v", err)
	}
}

// generation writes a generation with the forest of members told in one line.
func (w *world) generation(n int, line string) string {
	f, err := Plan(w.members(line), nil, w.fs())
	w.must(err)
	dir := filepath.Join(w.state, "profiles", "default", fmt.Sprint(n))
	w.must(os.MkdirAll(filepath.Dir(dir), 0o755))
	w.must(Write(dir, f, &Generation{Info: someInfo(w.t), Lock: &lock.Lockfile{}}, ""))
	return dir
}

// listing is what the store would list: contents name the object.
func (w *world) listing(k store.Key) (list []store.FileInfo, err error) {
	if k == w.key("unread") {
		return nil, fmt.Errorf("tree %s was read", k)
	}
	top := filepath.Join(w.trees(), k.String())
	err = filepath.WalkDir(top, func(file string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(file)
		w.must(err)
		info, err := d.Info()
		w.must(err)
		name, err := filepath.Rel(top, file)
		list = append(list, store.FileInfo{Path: path.Clean(filepath.ToSlash(name)), Object: fmt.Sprintf("%s %v", data, info.Mode()&0o111 != 0), Size: info.Size()})
		return err
	})
	return list, err
}
