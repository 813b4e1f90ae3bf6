//go:build unix

package damage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLostTree: what is left of a tree whose directory is gone may be the last
// copy. gc keeps it, check does not call it garbage, and repair makes the tree out
// of it.
//
// What made it: gc deleted .car, .objects and objects of an installed package.
func TestLostTree(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a", "c"} { // installed, and imported
		tree := w.treeOf(name)
		w.must(os.Rename(tree, filepath.Join(w.dir, "elsewhere")))
		r := w.run("check")
		if r.code != 4 || !strings.Contains(r.out, filepath.Base(tree)+": missing") {
			t.Errorf("check of lost %s: exit %d\n%s%s", name, r.code, r.out, r.err)
		}
		garbage(t, r)
		if r := w.run("gc"); r.code != 0 {
			t.Errorf("gc: exit %d\n%s%s", r.code, r.out, r.err)
		}
		if r = w.run("check", "--repair"); r.code != 0 {
			t.Errorf("repair of %s: exit %d\n%s%s", name, r.code, r.out, r.err)
		}
		garbage(t, r)
		if diff := w.changed(); len(diff) > 0 {
			t.Errorf("%s: left\n%s", name, strings.Join(diff, "\n"))
		}
		w.must(os.RemoveAll(filepath.Join(w.dir, "elsewhere")))
	}
}

// treeOf is the directory of a package's tree.
func (w *world) treeOf(name string) string {
	w.t.Helper()
	trees, err := filepath.Glob(filepath.Join(w.store(), "trees", "*", "bin", name))
	if err != nil || len(trees) != 1 {
		w.t.Fatalf("%d trees of %s", len(trees), name)
	}
	return filepath.Dir(filepath.Dir(trees[0]))
}

// garbage: nothing is said to go with the next gc.
func garbage(t *testing.T, r result) {
	t.Helper()
	if strings.Contains(r.err, "left over") || strings.Contains(r.err, "in no package") {
		t.Errorf("it takes what is needed for garbage:\n%s", r.err)
	}
}

// TestListsLost: where a tree's .objects is damaged nobody can tell what no tree
// names, and once it is repaired nothing is left to tell.
func TestListsLost(t *testing.T) {
	w := newWorld(t)
	list := w.treeOf("a") + ".objects"
	w.must(os.Remove(list))
	garbage(t, w.run("check"))
	r := w.run("check", "--repair")
	if r.code != 0 {
		t.Errorf("repair: exit %d\n%s%s", r.code, r.out, r.err)
	}
	garbage(t, r)
}

// TestLeftOver: what no generation, root or lease holds still goes.
func TestLeftOver(t *testing.T) {
	w := newWorld(t)
	if r := w.run("run", "-c", "d", "./d.car"); r.code != 0 {
		t.Fatal(r.err)
	}
	w.must(os.RemoveAll(w.treeOf("d")))
	if r := w.run("check"); r.code != 0 || strings.Count(r.err, "left over") != 2 || !strings.Contains(r.err, "in no package: 2;") {
		t.Errorf("check: exit %d\n%s%s", r.code, r.out, r.err)
	}
	w.run("gc")
	if diff := w.changed(); len(diff) > 0 {
		t.Errorf("left\n%s", strings.Join(diff, "\n"))
	}
}
