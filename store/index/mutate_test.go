package index

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"ipp/store"

	"github.com/ipfs/go-cid"
)

// allMutations are run where IPP_TEST_INDEX says so; else a tenth of them is,
// always the same.
const allMutations = 1000

func mutations() int {
	if os.Getenv("IPP_TEST_INDEX") == "all" {
		return allMutations
	}
	return allMutations / 10
}

// TestMutations damages the index in every way that a disk or a person may, and
// compares every answer with that of the files. What a symlink leads to must
// stay as it is.
func TestMutations(t *testing.T) {
	const shards = 2
	for shard := range shards {
		t.Run(fmt.Sprint(shard), func(t *testing.T) {
			t.Parallel()
			w := newWorkbench(t)
			for i := shard; i < mutations() && !t.Failed(); i += shards {
				w.try(t, rand.New(rand.NewPCG(uint64(i), 8)), i)
			}
			if w.anew == 0 || w.kept == 0 {
				t.Errorf("the index was made anew %d times, and kept %d times", w.anew, w.kept)
			}
		})
	}
}

// workbench is a small store with an index that was written in several steps.
type workbench struct {
	st         *store.Store
	dir        string
	good, old  map[string][]byte // the index as it is, and as it was three packages ago
	outside    string            // what symlinks lead to
	asked      []cid.Cid
	answers    string
	anew, kept int
}

func newWorkbench(t *testing.T) *workbench {
	t.Helper()
	w := &workbench{st: newStore(t), outside: t.TempDir()}
	w.dir = dirOf(w.st)
	for i, s := range styles() {
		switch s.name {
		case "fixed", "tiny", "v0-framed", "framed-exec", "hamt", "odd-mode":
			m, root := s.pkg(t, uint64(i), small)
			ensure(t, w.st, store.Want{Key: store.Key{Root: root, Part: store.AnyPart}}, m)
			closeIndex(t, open(t, w.st))
		}
		if s.name == "v0-framed" {
			w.old = contents(t, w.dir)
		}
	}
	split(t, w.st)
	closeIndex(t, open(t, w.st))
	w.good = contents(t, w.dir)
	files := read(t, w.st)
	w.asked, w.answers = files.asked(t), files.text(t)
	return w
}

// contents reads the files below dir.
func contents(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		all[d.Name()], err = os.ReadFile(path)
		return err
	}))
	return all
}

func put(t testing.TB, dir string, files map[string][]byte) {
	t.Helper()
	must(t, os.RemoveAll(dir))
	must(t, os.Mkdir(dir, 0o755))
	for name, data := range files {
		must(t, os.WriteFile(filepath.Join(dir, name), data, 0o644))
	}
}

// try mutates the index as it is, opens it, and asks everything.
func (w *workbench) try(t *testing.T, r *rand.Rand, i int) {
	t.Helper()
	put(t, w.dir, w.good)
	must(t, os.RemoveAll(mutexPath(w.st)))
	put(t, w.outside, w.good)
	what := w.mutate(t, r)
	good := sealed(w.dir)
	x := open(t, w.st)
	if d := diff(x.text(t, w.asked), w.answers); d != "" {
		t.Errorf("mutation %d, %s: %s", i, what, d)
	}
	closeIndex(t, x)
	if !maps.EqualFunc(contents(t, w.outside), w.good, slices.Equal) {
		t.Errorf("mutation %d, %s: what lies outside has changed", i, what)
	}
	if good {
		w.kept++
	} else {
		w.anew++
	}
	if fi, err := os.Lstat(mutexPath(w.st)); err == nil && fi.Mode().IsRegular() && !sealed(w.dir) {
		t.Errorf("mutation %d, %s: there is no good index afterwards", i, what)
	}
}

// mutate does one thing to one file, or to the whole, and says what.
func (w *workbench) mutate(t *testing.T, r *rand.Rand) string {
	t.Helper()
	names := slices.Sorted(maps.Keys(w.good))
	name := names[r.IntN(len(names))]
	path := filepath.Join(w.dir, name)
	switch r.IntN(24) {
	case 0: // the directory, or the mutex, is something else
		for _, p := range []string{w.dir, mutexPath(w.st)} {
			if r.IntN(2) == 0 {
				must(t, os.RemoveAll(p))
				return "instead of " + filepath.Base(p) + ": " + w.plant(t, r, p, "")
			}
		}
		return "nothing"
	case 1:
		must(t, os.Remove(path))
		return "no " + name
	case 2, 3:
		must(t, os.Remove(path))
		return "instead of " + name + ": " + w.plant(t, r, path, name)
	case 4:
		other := names[r.IntN(len(names))]
		must(t, os.WriteFile(path, w.good[other], 0o644))
		must(t, os.WriteFile(filepath.Join(w.dir, other), w.good[name], 0o644))
		return name + " and " + other + " swapped"
	case 5:
		must(t, os.WriteFile(filepath.Join(w.dir, []string{"000099.sst", "00001.mem", "x", "seal2"}[r.IntN(4)]), w.good[name], 0o644))
		return "a file more"
	case 6:
		put(t, w.dir, w.old)
		return "an older index"
	case 7: // half of it older
		for n, data := range w.old {
			if r.IntN(2) == 0 {
				must(t, os.WriteFile(filepath.Join(w.dir, n), data, 0o644))
			}
		}
		return "some files of an older index"
	}
	data := damage(r, slices.Clone(w.good[name]))
	must(t, os.WriteFile(path, data, 0o644))
	return name + " damaged"
}

// plant puts something else in a file's place.
func (w *workbench) plant(t *testing.T, r *rand.Rand, path, name string) string {
	t.Helper()
	switch r.IntN(5) {
	case 0:
		must(t, os.Mkdir(path, 0o755))
		must(t, os.WriteFile(filepath.Join(path, "x"), nil, 0o644))
		return "a directory"
	case 1:
		must(t, os.Symlink(filepath.Join(w.outside, name), path))
		return "a symlink"
	case 2:
		must(t, os.Symlink("nowhere", path))
		return "a dangling symlink"
	case 3:
		must(t, mkfifo(path))
		return "a FIFO"
	}
	must(t, os.WriteFile(path, []byte("something else"), 0o644))
	return "a file"
}

// damage changes contents, always.
func damage(r *rand.Rand, data []byte) []byte {
	switch r.IntN(5) {
	case 0:
		if len(data) > 0 {
			return data[:r.IntN(len(data))]
		}
	case 1:
		return append(data, make([]byte, 1+r.IntN(5000))...)
	case 2:
		return append(data, pattern(1+r.IntN(50), r.Uint64())...)
	case 3:
		if len(data) > 0 {
			at := r.IntN(len(data))
			for i := at; i < min(len(data), at+512); i++ {
				data[i] = ^data[i]
			}
			return data
		}
	}
	if len(data) == 0 {
		return []byte{0}
	}
	data[r.IntN(len(data))] ^= 1 << r.IntN(8)
	return data
}
