package profile

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"ipp/generation"
)

// each tells what Each does: N for one that was handed over, (N) for one that was
// taken as read.
func (w *world) each(known map[generation.Number]Files, refuse ...generation.Number) (string, error) {
	var b strings.Builder
	err := w.p.Each(func(n generation.Number, files Files) bool {
		if !known[n].Same(files) {
			return false
		}
		fmt.Fprintf(&b, "(%d) ", n)
		return true
	}, func(g *generation.Generation, files Files) error {
		fmt.Fprintf(&b, "%d ", g.Number)
		if known != nil {
			known[g.Number] = files
		}
		for _, n := range refuse {
			if n == g.Number {
				return errors.New("refused")
			}
		}
		return nil
	})
	return strings.TrimSpace(b.String()), err
}

func TestEachReadsWhatChanged(t *testing.T) {
	w := five(t)
	known := map[generation.Number]Files{}
	want := func(want string) {
		t.Helper()
		if got, err := w.each(known); got != want || err != nil {
			t.Errorf("went through %q, %v; want %q", got, err, want)
		}
	}
	want("1 2 3 4 5")
	want("(1) (2) (3) (4) (5)")

	w.prune(1)
	info, err := os.Stat(w.p.path("2/profile.lock"))
	w.must(err)
	data, err := os.ReadFile(w.p.path("2/profile.lock"))
	w.must(err)
	w.must(os.Chtimes(w.p.path("3/profile.toml"), time.Time{}, time.Unix(7, 0))) // it is older
	w.must(os.WriteFile(w.p.path("4/generation.toml"), append(w.read("4/generation.toml"), '\n'), 0o644))
	// As large and as old as it was, but another file:
	w.must(os.WriteFile(w.p.path("new"), data, 0o644))
	w.must(os.Chtimes(w.p.path("new"), info.ModTime(), info.ModTime()))
	w.must(os.Rename(w.p.path("new"), w.p.path("2/profile.lock")))
	w.update(w.only(w.pack("x", "new")))
	want("2 3 4 (5) 6")
	want("(2) (3) (4) (5) (6)")
}

func (w *world) read(name string) []byte {
	w.Helper()
	data, err := os.ReadFile(w.p.path(name))
	w.must(err)
	return data
}

func TestEachNamesAllThatItCannotRead(t *testing.T) {
	w := five(t)
	w.must(os.Remove(w.p.path("2/generation.toml")))
	w.must(os.Remove(w.p.path("4/profile.lock")))
	got, err := w.each(nil, 3)
	if err == nil || got != "1 3 5" {
		t.Fatalf("went through %q, %v", got, err)
	}
	for _, n := range []string{"2", "3", "4"} {
		if !strings.Contains(err.Error(), "generation "+n) {
			t.Errorf("generation %s is not named: %v", n, err)
		}
	}
	var damaged *DamagedError
	if !errors.As(err, &damaged) || damaged.Number != 2 {
		t.Errorf("got %+v", damaged)
	}
}

func TestEachWithoutProfile(t *testing.T) {
	w := newWorld(t)
	w.must(os.RemoveAll(w.p.Dir()))
	if got, err := w.each(nil); got != "" || err == nil {
		t.Errorf("went through %q, %v", got, err)
	}
}

func TestFilesOfNoneAreNotTheSame(t *testing.T) {
	if (Files{}).Same(Files{}) {
		t.Error("nothing is the same as nothing")
	}
}
