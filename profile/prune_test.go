package profile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"ipp/generation"
)

// prune prunes the generations with these numbers.
func (w *world) prune(numbers ...generation.Number) {
	w.Helper()
	_, err := w.p.Prune(context.Background(), func([]generation.Number) ([]generation.Number, error) {
		return numbers, nil
	})
	w.must(err)
}

// five makes generations 1 to 5, each from the one before.
func five(t *testing.T) *world {
	w := newWorld(t)
	for i := range 5 {
		w.update(w.only(w.pack("x", fmt.Sprint(i))))
	}
	return w
}

func TestPruneOffersAllButCurrentAndItsParent(t *testing.T) {
	w := five(t)
	w.rollback(3)
	var offered []generation.Number
	pruned, err := w.p.Prune(context.Background(), func(old []generation.Number) ([]generation.Number, error) {
		offered = slices.Clone(old)
		return []generation.Number{1, 4}, nil
	})
	w.must(err)
	if fmt.Sprint(offered) != "[1 4 5]" || fmt.Sprint(pruned) != "[1 4]" {
		t.Errorf("offered %v, pruned %v", offered, pruned)
	}
	w.wantNames("2 3 5")
	w.wantCurrent(3)
}

// TestPruneKeepsTheHighestNumber: it must never be made again.
func TestPruneKeepsTheHighestNumber(t *testing.T) {
	w := five(t)
	w.rollback(3)
	w.prune(4, 5)
	w.wantNames("1 2 3 5.gone")
	if entries, err := os.ReadDir(w.p.path("5.gone")); len(entries) > 0 || err != nil {
		t.Errorf("5.gone holds %v, %v", entries, err)
	}
	if c := w.update(w.only(w.pack("x", "new"))); c.To != 6 {
		t.Errorf("after 5 came %d", c.To)
	}
	w.prune()
	w.wantNames("1 2 3 6")
}

// TestPruneFinishesWhatAKilledOneLeft: whatever its choice.
func TestPruneFinishesWhatAKilledOneLeft(t *testing.T) {
	w := five(t)
	w.must(os.Rename(w.p.path("1"), w.p.path("1.gone")))
	w.must(os.Symlink("3", w.p.path(".tmp.0123456789abcdef")))
	w.prune()
	w.wantNames("2 3 4 5")
}

func TestPruneFailuresChangeNothing(t *testing.T) {
	w := five(t)
	wrong := errors.New("wrong")
	before := w.list()
	for name, choose := range map[string]func([]generation.Number) ([]generation.Number, error){
		"choose fails":      func([]generation.Number) ([]generation.Number, error) { return []generation.Number{1}, wrong },
		"chose the current": func([]generation.Number) ([]generation.Number, error) { return []generation.Number{1, 5}, nil },
		"chose its parent":  func([]generation.Number) ([]generation.Number, error) { return []generation.Number{1, 4}, nil },
		"chose none of its": func([]generation.Number) ([]generation.Number, error) { return []generation.Number{1, 9}, nil },
	} {
		t.Run(name, func(t *testing.T) {
			if pruned, err := w.p.Prune(context.Background(), choose); err == nil || pruned != nil {
				t.Errorf("pruned %v, %v", pruned, err)
			}
			w.wantUnchanged(before)
		})
	}
}

// TestPruneRefuses where it can't tell which generations it must keep.
func TestPruneRefuses(t *testing.T) {
	for name, damage := range map[string]func(w *world){
		"the current generation is damaged": func(w *world) { w.must(os.Remove(w.p.path("5/generation.toml"))) },
		"the current lockfile is damaged":   func(w *world) { w.must(os.WriteFile(w.p.path("5/profile.lock"), []byte("?"), 0o644)) },
		"the pointer is damaged": func(w *world) {
			w.must(os.Remove(w.p.path("current")))
			w.must(os.Symlink("2/..", w.p.path("current")))
		},
		"the current generation is gone": func(w *world) { w.must(os.RemoveAll(w.p.path("5"))) },
	} {
		t.Run(name, func(t *testing.T) {
			w := five(t)
			damage(w)
			before := w.list()
			_, err := w.p.Prune(context.Background(), func([]generation.Number) ([]generation.Number, error) {
				t.Error("asked to choose")
				return nil, nil
			})
			if err == nil || !strings.Contains(err.Error(), "2") && !strings.Contains(err.Error(), "5") {
				t.Errorf("got %v", err)
			}
			w.wantUnchanged(before)
		})
	}
}

func TestSweepTemp(t *testing.T) {
	w := newWorld(t)
	w.update(w.add(w.pack("a", "A")))
	for _, name := range []string{"tmp.dead", "tmp.live"} {
		w.must(os.MkdirAll(w.p.path(name+"/bin"), 0o755))
	}
	w.must(w.p.SweepTemp(func(id string) bool { return id == "live" }))
	w.wantNames("1 tmp.live")
}

// TestUpdateReplacesItsOwnLeftovers: an attempt that was given up may have left
// a forest under the lease's name.
func TestUpdateReplacesItsOwnLeftovers(t *testing.T) {
	w := newWorld(t)
	a := w.pack("a", "A")
	ctx := context.Background()
	l, err := w.st.Lease(ctx, "test")
	w.must(err)
	defer l.Release()
	w.must(os.MkdirAll(w.p.path("tmp."+l.ID()+"/bin/old"), 0o755))
	_, err = w.p.Update(ctx, w.st, l, Reason{}, State{}, w.add(a))
	w.must(err)
	w.wantCurrent(1)
	if _, err := os.Lstat(w.p.path("1/bin/old")); err == nil {
		t.Error("what lay there became part of the generation")
	}
}
