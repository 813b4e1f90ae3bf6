//go:build unix

package damage

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// harm is one way to damage a file.
type harm struct {
	name string
	does func(w *world, path string)
	only func(rel, what string) bool // where it makes sense; nil: everywhere
}

func harms() []harm {
	file := func(_, what string) bool { return what != "directory" && !strings.HasPrefix(what, "-> ") }
	link := func(_, what string) bool { return strings.HasPrefix(what, "-> ") }
	return []harm{
		{"flipped", func(w *world, path string) {
			w.rewrite(path, func(data []byte) []byte {
				data[flipAt(path, data)] ^= 1
				return data
			})
		}, func(rel, what string) bool { return file(rel, what) && !isEmpty(what) }},
		{"cut", func(w *world, path string) {
			w.rewrite(path, func(data []byte) []byte { return data[:len(data)/2] })
		}, func(rel, what string) bool { return file(rel, what) && !isEmpty(what) }},
		{"longer", func(w *world, path string) {
			w.rewrite(path, func(data []byte) []byte { return append(data, 'x', '}', '\n') })
		}, file},
		{"gone", func(w *world, path string) { w.must(os.RemoveAll(path)) }, nil},
		{"a directory", func(w *world, path string) {
			w.must(os.RemoveAll(path))
			w.must(os.Mkdir(path, 0o755))
		}, func(rel, what string) bool { return what != "directory" }},
		{"a file", func(w *world, path string) {
			w.must(os.RemoveAll(path))
			w.must(os.WriteFile(path, []byte("junk"), 0o644))
		}, func(rel, what string) bool { return !file(rel, what) }},
		{"led astray", func(w *world, path string) {
			target, err := os.Readlink(path)
			w.must(err)
			w.must(os.Remove(path))
			w.must(os.Symlink(target+"x", path))
		}, link},
	}
}

// flipAt is the byte to flip: the one in the middle; of a log one of its
// punctuation, since nobody else knows its words.
func flipAt(path string, data []byte) int {
	middle := len(data) / 2
	if filepath.Base(path) == "log" {
		middle += bytes.IndexByte(data[middle:], ':')
	}
	return middle
}

// isEmpty knows the empty file by its hash.
func isEmpty(what string) bool { return strings.Contains(what, "e3b0c44298fc1c14") }

// rewrite changes the inode itself, whatever its mode.
func (w *world) rewrite(path string, change func([]byte) []byte) {
	info, err := os.Stat(path)
	w.must(err)
	data, err := os.ReadFile(path)
	w.must(err)
	w.must(os.Chmod(path, 0o600))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	w.must(err)
	_, err = f.Write(change(bytes.Clone(data)))
	w.must(err)
	w.must(f.Close())
	w.must(os.Chmod(path, info.Mode()))
}

// unknowable says which damage nobody can tell, because nothing else on this
// disk knows what was there.
func unknowable(rel string, h harm) bool {
	return strings.Contains(rel, "/roots/k-") && h.name == "gone" || // nobody else knows that it was kept
		filepath.Base(rel) == "log" && h.name == "cut" // as a power cut does; what is lost is told as a note
}

// TestDamage damages every file once in every way.
//
// What made it, and TestHeal, fail when it was tried: run without a look at what
// it starts; an object that is found taken for good.
func TestDamage(t *testing.T) {
	w := newWorld(t)
	if r := w.run("check"); r.code != 0 || r.err != "" {
		t.Fatalf("check of what is whole: exit %d\n%s%s", r.code, r.out, r.err)
	}
	for _, p := range points(t, w, w.files()) {
		if unknowable(p.rel, p.harm) {
			continue
		}
		t.Run(p.String(), func(t *testing.T) {
			w.t = t
			p.does(w, filepath.Join(w.home(), p.rel))
			w.checkNames(p.rel)
			w.nothingUnverified()
			w.repairs(p.rel)
			if t.Failed() || len(w.changed()) > 0 {
				w.reset()
			}
		})
	}
}

// point is one way to damage one file.
type point struct {
	rel string
	harm
}

// sampled is how many points are tried where not all are asked for.
const sampled = 16

// points are all of them if IPP_TEST_DAMAGE is all; else some, from a seed that
// is printed and that IPP_TEST_DAMAGE=SEED repeats.
func points(t *testing.T, w *world, files []string) []point {
	var all []point
	for _, rel := range files {
		for _, h := range harms() {
			if h.only == nil || h.only(rel, w.was[rel]) {
				all = append(all, point{rel, h})
			}
		}
	}
	text := os.Getenv("IPP_TEST_DAMAGE")
	if text == "all" || len(all) <= sampled {
		return all
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		seed = rand.Uint64()
	}
	t.Logf("%d of %d points; the same again: IPP_TEST_DAMAGE=%d", sampled, len(all), seed)
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:sampled]
}

// files are the names that are damaged: all but directories that hold others of
// them, of which only the trees are.
func (w *world) files() []string {
	var list []string
	for rel, what := range w.was {
		parent := filepath.Base(filepath.Dir(rel))
		_, err := strconv.Atoi(parent) // a generation
		if what != "directory" || parent == "trees" || strings.HasPrefix(parent, "bafy") || err == nil {
			list = append(list, rel)
		}
	}
	slices.Sort(list)
	return list
}

// checkNames: check says that it is damaged, and names it: by the name that it
// has, or by that of the object that it is.
func (w *world) checkNames(rel string) {
	w.t.Helper()
	r := w.run("check")
	if r.code != 4 && r.code != 1 {
		w.t.Errorf("check: exit %d, want 4\n%s%s", r.code, r.out, r.err)
	}
	names := []string{rel, filepath.Base(rel)}
	if _, object, ok := strings.Cut(w.was[rel], " is "); ok {
		names = append(names, object)
	}
	named := slices.ContainsFunc(names, func(n string) bool {
		return strings.Contains(r.out+r.err, n+":") || strings.Contains(r.out+r.err, n+"/")
	})
	if !named {
		w.t.Errorf("check does not name it:\n%s%s", r.out, r.err)
	}
	if !strings.Contains(r.err, "hint: ") {
		w.t.Errorf("check says not what to do:\n%s", r.err)
	}
}

// nothingUnverified: whatever is told to use what is there uses it right, or not
// at all.
func (w *world) nothingUnverified() {
	w.t.Helper()
	for _, p := range []string{"a", "b", "s"} {
		r := w.run("run", p)
		refused := r.out == "" && strings.HasPrefix(r.err, "ipp: ") && (r.code == 125 || r.code == 127)
		if !refused && (r.code != 0 || r.out != "this is "+p+"\n") {
			w.t.Errorf("run %s: exit %d and %q\n%s", p, r.code, r.out, r.err)
		}
		if r := w.run("export", p, "-o", "out.car"); r.code == 0 && p != "s" {
			w.sameFile("out.car", p+".car")
		}
	}
	r := w.run("run", "-c", "d", "./d.car")
	if r.code != 125 && (r.code != 0 || r.out != "this is a\n") {
		w.t.Errorf("run d: exit %d and %q\n%s", r.code, r.out, r.err)
	}
	if r.code == 0 {
		w.wholeTree("d")
	}
}

// wholeTree: every file of a package that was made just now is as its source.
func (w *world) wholeTree(name string) {
	w.t.Helper()
	trees, err := filepath.Glob(filepath.Join(w.store(), "trees", "*.any", "bin", name))
	if err != nil || len(trees) != 1 {
		w.t.Fatalf("%d trees of %s", len(trees), name)
	}
	tree := filepath.Dir(filepath.Dir(trees[0]))
	w.must(filepath.WalkDir(w.path(name), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(w.path(name), path)
		want, err := os.ReadFile(path)
		w.must(err)
		if got, err := os.ReadFile(filepath.Join(tree, rel)); err != nil || !bytes.Equal(got, want) {
			w.t.Errorf("%s of %s was linked as it was not verified: %v", rel, name, err)
		}
		return nil
	}))
}

func (w *world) sameFile(a, b string) {
	w.t.Helper()
	x, err := os.ReadFile(w.path(a))
	w.must(err)
	y, err := os.ReadFile(w.path(b))
	w.must(err)
	if !bytes.Equal(x, y) {
		w.t.Errorf("%s is another than %s", a, b)
	}
}

// repairs: with the packages at hand everything is as it was. Of a log that is
// gone only what the generations say can be told again.
func (w *world) repairs(rel string) {
	w.t.Helper()
	r := w.run("check", "--repair", "--from", "a.car", "--from", "b.car", "--from", "c.car", "--from", "s.car")
	if r.code != 0 {
		w.t.Errorf("repair: exit %d\n%s%s", r.code, r.out, r.err)
	}
	if again := w.run("check"); again.code != 0 {
		w.t.Errorf("after repair: exit %d\n%s%s", again.code, again.out, again.err)
	}
	if gc := w.run("gc"); gc.code != 0 {
		w.t.Errorf("gc after repair: exit %d\n%s%s", gc.code, gc.out, gc.err)
	}
	if diff := w.changed(); len(diff) > 0 && (filepath.Base(rel) != "log" || len(diff) > 1) {
		w.t.Errorf("repair said\n%sand left\n%s", r.out, strings.Join(diff, "\n"))
	}
}

// TestHeal damages every file of a package once in every way: a plain second
// install of it heals it.
func TestHeal(t *testing.T) {
	w := newWorld(t)
	for _, p := range points(t, w, w.ofPackage("a")) {
		t.Run(p.String(), func(t *testing.T) {
			w.t = t
			p.does(w, filepath.Join(w.home(), p.rel))
			if r := w.run("install", "./a.car"); r.code != 0 {
				t.Errorf("install: exit %d\n%s%s", r.code, r.out, r.err)
			}
			if r := w.run("verify", "a"); r.code != 0 {
				t.Errorf("verify: exit %d\n%s%s", r.code, r.out, r.err)
			}
			// What it shares with others is for them to heal, or for check.
			if r := w.run("check", "--repair"); r.code != 0 {
				t.Errorf("check: exit %d\n%s%s", r.code, r.out, r.err)
			}
			w.run("gc")
			if diff := w.changed(); len(diff) > 0 {
				t.Errorf("left\n%s", strings.Join(diff, "\n"))
				w.reset()
			}
		})
	}
}

// ofPackage lists a package's files in the store: its tree, what stands beside
// it, and its objects.
func (w *world) ofPackage(name string) []string {
	var tree string
	for rel := range w.was {
		if dir, ok := strings.CutSuffix(rel, "/bin/"+name); ok && strings.Contains(rel, "/trees/") {
			tree = dir
		}
	}
	var list []string
	for rel, what := range w.was {
		if rel == tree || strings.HasPrefix(rel, tree+"/") || strings.HasPrefix(rel, tree+".") {
			list = append(list, rel)
			if _, object, ok := strings.Cut(what, " is "); ok && strings.Contains(object, "/objects/") {
				list = append(list, object)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (p point) String() string {
	rel := strings.TrimPrefix(strings.TrimPrefix(p.rel, ".local/share/ipp/"), ".local/state/ipp/")
	return strings.ReplaceAll(rel, "/", ":") + " " + p.name
}
