package gc

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"ipp/profile"
	"ipp/store"
)

// spoil makes a file unreadable for whoever parses it, and leaves its size, its
// inode and its time as they are.
func (w *world) spoil(path string) {
	w.Helper()
	info, err := os.Stat(path)
	w.must(err)
	w.must(os.WriteFile(path, []byte(strings.Repeat("?", int(info.Size()))), 0o644))
	w.must(os.Chtimes(path, info.ModTime(), info.ModTime()))
}

// TestReaderReadsOnce: what stands there untouched is not read again, unless it is
// current; what looks otherwise is.
func TestReaderReadsOnce(t *testing.T) {
	w := newWorld(t)
	for i := range 4 {
		w.install("default", one(fmt.Sprint(i)))
	}
	p := w.profile("default")
	var r reader
	look := func() ([]Gen, error) {
		gens, _, err := r.look(p)
		return gens, err
	}
	before, err := look()
	w.must(err)
	w.spoil(filepath.Join(p.Dir(), "1/profile.lock"))
	w.spoil(filepath.Join(p.Dir(), "2/generation.toml"))
	after, err := look()
	if err != nil || fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("read again: %v, %v; at first %v", after, err, before)
	}

	w.must(os.Rename(filepath.Join(p.Dir(), "3"), filepath.Join(p.Dir(), "3.gone")))
	if after, err = look(); err != nil || len(after) != 3 || after[2].Number != 4 || !after[2].Current {
		t.Errorf("3 went, and yet: %v, %v", after, err)
	}
	if _, err := p.Rollback(t.Context(), 2, profile.Reason{}); err == nil {
		t.Fatal("rolled back to what can't be read")
	}
	w.must(os.Remove(filepath.Join(p.Dir(), "current")))
	w.must(os.Symlink("2", filepath.Join(p.Dir(), "current")))
	if _, err = look(); err == nil {
		t.Error("the current generation was not read anew")
	}
	w.must(os.Remove(filepath.Join(p.Dir(), "current")))
	w.must(os.Symlink("4", filepath.Join(p.Dir(), "current")))
	w.damage(filepath.Join(p.Dir(), "1/profile.lock"))
	if _, err = look(); err == nil || !strings.Contains(err.Error(), "generation 1") {
		t.Errorf("a file that is another one was not read: %v", err)
	}
	if _, _, err := new(reader).look(p); err == nil || !strings.Contains(err.Error(), "generation 2") {
		t.Errorf("one that has read nothing takes it as read: %v", err)
	}
}

// TestReaderKeepsEachTreeOnce however many generations hold it.
func TestReaderKeepsEachTreeOnce(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.install("default", one("stays"), one(fmt.Sprint(i)))
	}
	f, err := w.c.Facts()
	w.must(err)
	if len(f.Gens) != 5 || len(f.Keys) != 6 {
		t.Errorf("%d generations, %d trees", len(f.Gens), len(f.Keys))
	}
	for _, g := range f.Gens {
		if len(g.Trees) != 2 {
			t.Errorf("generation %d holds %v", g.Number, g.Trees)
		}
	}
}

// TestReaderKeepsNoText: what is kept of a generation is no piece of its file, all
// of which that would keep.
func TestReaderKeepsNoText(t *testing.T) {
	const size = 1 << 20
	text := strings.Repeat("x", size) + store.AnyPart
	k := key("a")
	k.Part = text[size:]
	var tab table
	tab.add([]store.Key{k})
	for kept := range tab.at {
		if kept != k || unsafe.StringData(kept.Part) == unsafe.StringData(k.Part) {
			t.Error("a key of the table is a piece of the text")
		}
	}
	if unsafe.StringData(tab.keys[0].Part) == unsafe.StringData(k.Part) {
		t.Error("a key of the list is a piece of the text")
	}
}

// TestApplyKeepsWhatComesBetweenItsLooks: a generation that was made after the
// first look is looked at by the second one.
func TestApplyKeepsWhatComesBetweenItsLooks(t *testing.T) {
	w := newWorld(t)
	for i := range 3 {
		w.install("default", one(fmt.Sprint(i)))
	}
	w.install("second", one("s"))
	trees := map[string]store.Key{}
	open, looks := w.c.Profile, 0
	w.c.Profile = func(dir string) (*profile.Profile, error) {
		// The second look is that for the choice, and the mutex of default is held.
		if looks++; looks == 3 {
			trees["late"] = w.install("second", one("late"))[0]
		}
		return open(dir)
	}
	res := w.apply(Policy{Keep: 1})
	w.wantTrees(trees, "late")
	if looks < 6 || len(res.Pruned["default"]) != 1 {
		t.Errorf("%d looks, result %+v", looks, res)
	}
}

// TestApplyAbortsWhereTheChoiceCannotRead: what was damaged since the first look
// ends it as well.
func TestApplyAbortsWhereTheChoiceCannotRead(t *testing.T) {
	w := newWorld(t)
	for i := range 4 {
		w.install("default", one(fmt.Sprint(i)))
	}
	open, looks := w.c.Profile, 0
	var before string
	w.c.Profile = func(dir string) (*profile.Profile, error) {
		if looks++; looks == 2 {
			w.damage(filepath.Join(dir, "1/generation.toml"))
			before = w.list()
		}
		return open(dir)
	}
	if res, err := w.c.Apply(t.Context(), Policy{Keep: 1}); err == nil || len(res.Pruned) > 0 || looks != 2 {
		t.Errorf("%d looks, result %+v, error %v", looks, res, err)
	}
	w.wantUnchanged(before)
}
