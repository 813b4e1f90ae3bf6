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

var errFault = errors.New("injected")

// steps records the durable steps of what f does.
func (w *world) steps(f func()) []string {
	var steps []string
	w.p.fault = func(step string) error {
		steps = append(steps, step)
		return nil
	}
	defer func() { w.p.fault = nil }()
	f()
	return steps
}

// failAt makes the nth durable step fail; hit says later whether it was reached.
func (w *world) failAt(n int) (hit *string) {
	hit = new(string)
	at := 0
	w.p.fault = func(step string) error {
		if at++; at-1 != n {
			return nil
		}
		*hit = step
		return errFault
	}
	return hit
}

// TestOrder holds the order of design.md, "Commit" 5 and 6.
func TestOrder(t *testing.T) {
	w := newWorld(t)
	a, b := w.pack("a", "A"), w.pack("b", "B")
	const ready = "make profile's directory, make store link, sync state directory, add profile's root, "
	const flip = "replace current, sync profile's directory, append to log"
	for _, tt := range []struct {
		name string
		do   func()
		want string
	}{
		{"update", func() { w.update(w.add(a)) }, ready +
			"write forest, sync forest, sync profile's directory, rename forest, sync profile's directory, " + flip},
		{"another", func() { w.update(w.add(b)) }, ready +
			"write forest, sync forest, sync profile's directory, rename forest, sync profile's directory, " + flip},
		{"nothing", func() { w.update(w.add(b)) }, ready + "sync profile's directory"},
		{"rollback", func() { w.rollback(0) }, "sync profile's directory, " + flip},
		{"rollback to current", func() { w.rollback(1) }, "sync profile's directory"},
		{"prune", func() { w.prune(2) }, "sync profile's directory, rename generation 2, sync profile's directory"},
		{"prune nothing", func() { w.prune() }, "sync profile's directory"},
	} {
		if got := strings.Join(w.steps(tt.do), ", "); got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

// seen is what must survive every failure.
type seen struct {
	current generation.Number
	gens    []generation.Number
	log     string
}

func (w *world) see() seen {
	w.Helper()
	current, err := w.p.CurrentNumber()
	w.must(err)
	var s seen
	s.current, s.log = current, w.logged()
	if exists, err := w.p.Exists(); !exists || err != nil {
		return s
	}
	s.gens, err = w.p.Numbers()
	w.must(err)
	for _, n := range s.gens {
		w.wantWhole(n)
	}
	return s
}

// TestUpdateFaults fails every durable step of an update in turn. Before the
// flip nothing may change but for a number that is taken; after it the change
// stands, and success is told only if it is durable.
func TestUpdateFaults(t *testing.T) {
	for n := 0; ; n++ {
		w := newWorld(t)
		a, b := w.pack("a", "A"), w.pack("b", "B")
		w.update(w.add(a))
		before, list := w.see(), w.list()
		hit := w.failAt(n)
		c, err := w.try(w.p, w.add(b))
		w.p.fault = nil
		if *hit == "" {
			if n < 10 {
				t.Errorf("an update took %d steps only", n)
			}
			return
		}
		t.Run(fmt.Sprintf("%d %s", n, *hit), func(t *testing.T) {
			w.T = t
			if !errors.Is(err, errFault) {
				t.Fatalf("got %v", err)
			}
			w.checkAfterFault(*hit, c, err, before, list)
			// The next one needs no repair, and no number is made twice.
			next := w.update(w.add(b, w.pack("c", "C")))
			if slices.Contains(w.see().gens[:len(w.see().gens)-1], next.To) {
				t.Errorf("number %d was made twice", next.To)
			}
			w.wantPackages("a b c")
		})
	}
}

func (w *world) checkAfterFault(step string, c Change, err error, before seen, list string) {
	w.Helper()
	var logged *LogError
	var flipped *FlipError
	switch after := w.see(); {
	case errors.As(err, &logged):
		if step != "append to log" || c.To != 2 || c.Nothing || after.current != 2 || after.log != before.log {
			w.Errorf("not logged: change %+v, now %+v", c, after)
		}
	case c.To != 0:
		w.Errorf("a change was told: %+v", c)
	case errors.As(err, &flipped):
		if flipped.From != 1 || flipped.To != 2 || after.current != 2 {
			w.Errorf("flipped: %v, now %+v", err, after)
		}
	case after.current != before.current || after.log != before.log:
		w.Errorf("current or log changed: %+v, before %+v", after, before)
	case len(after.gens) == len(before.gens):
		w.wantUnchanged(list)
	default: // the rename took the number; that generation was never current
		if !slices.Equal(after.gens, append(before.gens, 2)) {
			w.Errorf("generations %v, before %v", after.gens, before.gens)
		}
	}
	w.wantNoTemp()
}

func (w *world) wantNoTemp() {
	w.Helper()
	entries, err := os.ReadDir(w.p.Dir())
	w.must(err)
	for _, e := range entries {
		if strings.Contains(e.Name(), "tmp") {
			w.Errorf("%s was left", e.Name())
		}
	}
}

func TestNothingFaults(t *testing.T) {
	w := newWorld(t)
	a := w.pack("a", "A")
	w.update(w.add(a))
	list := w.list()
	for n := 0; ; n++ {
		hit := w.failAt(n)
		c, err := w.try(w.p, w.add(a))
		if *hit == "" {
			break
		}
		if !errors.Is(err, errFault) || c.Nothing {
			t.Errorf("%s failed, and yet: %+v, %v", *hit, c, err)
		}
		w.wantUnchanged(list)
	}
}

func TestRollbackFaults(t *testing.T) {
	w := newWorld(t)
	a, b := w.pack("a", "A"), w.pack("b", "B")
	w.update(w.add(a))
	w.update(w.add(b))
	list := w.list()
	for n := 0; ; n++ {
		hit := w.failAt(n)
		c, err := w.p.Rollback(context.Background(), 1, Reason{})
		w.p.fault = nil
		if *hit == "" {
			break
		}
		var logged *LogError
		var flipped *FlipError
		switch {
		case !errors.Is(err, errFault):
			t.Errorf("%s failed, and yet: %v", *hit, err)
		case errors.As(err, &logged):
			if c.From != 2 || c.To != 1 {
				t.Errorf("not logged: change %+v", c)
			}
			w.wantCurrent(1)
		case errors.As(err, &flipped):
			w.wantCurrent(1)
		case c.To != 0:
			t.Errorf("%s failed, and yet: %+v", *hit, c)
		default:
			w.wantUnchanged(list)
		}
		w.wantNoTemp()
		if n > 0 && w.see().current == 1 {
			w.rollback(2)
			list = w.list()
		}
	}
	w.wantCurrent(1)
}

func TestPruneFaults(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		w.update(w.only(w.pack("x", name)))
	}
	choose := func([]generation.Number) ([]generation.Number, error) { return []generation.Number{1, 2, 3}, nil }
	for n := 0; ; n++ {
		hit := w.failAt(n)
		pruned, err := w.p.Prune(context.Background(), choose)
		w.p.fault = nil
		if *hit == "" {
			t.Fatalf("prune took %d steps only", n)
		}
		if !errors.Is(err, errFault) || pruned != nil {
			t.Errorf("%s failed, and yet: %v, %v", *hit, pruned, err)
		}
		w.wantCurrent(5)
		w.wantWhole(4)
		if *hit == "rename generation 2" {
			break // 1 is renamed, and stays so
		}
	}
	w.wantNames("1.gone 2 3 4 5")
	w.prune(2, 3)
	w.wantNames("4 5")
}
