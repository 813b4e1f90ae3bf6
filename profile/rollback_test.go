package profile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"ipp/generation"
)

func TestRollback(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.pack("a", "A"), w.pack("b", "B"), w.pack("c", "C")
	w.update(w.add(a))
	w.update(w.add(b))
	if got := w.rollback(0); got.From != 2 || got.To != 1 || got.Nothing {
		t.Errorf("change %+v", got)
	}
	w.wantCurrent(1)
	w.update(w.add(c)) // 3, made from 1
	w.rollback(0)
	w.wantCurrent(1) // its parent, not 2
	w.rollback(3)
	w.wantCurrent(3)
	before := w.list()
	if got := w.rollback(3); !got.Nothing || got.From != 3 || got.To != 3 {
		t.Errorf("change %+v", got)
	}
	w.wantUnchanged(before)
	if got, want := w.logged(), "0>1 1>2 2>1 1>3 3>1 1>3"; got != want {
		t.Errorf("log %q, want %q", got, want)
	}
}

// TestRollbackBeforeTheFirstFlip: a crash may leave a generation that was never
// current.
func TestRollbackBeforeTheFirstFlip(t *testing.T) {
	w := newWorld(t)
	w.update(w.add(w.pack("a", "A")))
	w.must(os.Remove(w.p.path("current")))
	if got := w.rollback(1); got.From != 0 || got.To != 1 {
		t.Errorf("change %+v", got)
	}
	w.wantCurrent(1)
}

// TestRollbackFromDamage: where the current generation can't be read, saying
// where to go still works.
func TestRollbackFromDamage(t *testing.T) {
	w := newWorld(t)
	w.update(w.add(w.pack("a", "A")))
	w.update(w.add(w.pack("b", "B")))
	w.must(os.WriteFile(w.p.path("2/generation.toml"), []byte("?"), 0o644))
	w.rollback(1)
	w.wantCurrent(1)
}

func TestRollbackFailuresChangeNothing(t *testing.T) {
	w := newWorld(t)
	a, b := w.pack("a", "A"), w.pack("b", "B")
	w.update(w.only(a))
	w.update(w.only(b))
	w.update(w.only(a))
	w.update(w.only(b))
	w.rollback(1)
	w.prune(3)
	tree := w.st.TreeDir(w.members[b.CID.String()].Key)
	w.must(os.Rename(tree, tree+".away"))
	w.must(os.Mkdir(w.p.path("5"), 0o755)) // nothing in it
	before := w.list()
	for _, tt := range []struct {
		name  string
		n     generation.Number
		check func(error) bool
	}{
		{"no parent", 0, func(err error) bool {
			var e *NoParentError
			return errors.As(err, &e) && e.Current == 1
		}},
		{"never was", 9, func(err error) bool {
			var e *NoGenerationError
			return errors.As(err, &e) && e.Number == 9 && !e.Gone && slices.Equal(e.Has, []generation.Number{1, 2, 4, 5}) &&
				errors.Is(err, fs.ErrNotExist)
		}},
		{"pruned", 3, func(err error) bool {
			var e *NoGenerationError
			return errors.As(err, &e) && e.Gone
		}},
		{"negative", -1, func(err error) bool {
			var e *NoGenerationError
			return errors.As(err, &e) && !e.Gone
		}},
		{"a tree is gone", 2, func(err error) bool {
			var e *MissingTreesError
			return errors.As(err, &e) && e.Number == 2 && len(e.Trees) == 1 && e.Trees[0].Root.Equals(b.CID)
		}},
		{"damaged", 5, func(err error) bool {
			var e *NoGenerationError
			return err != nil && !errors.As(err, &e)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := w.p.Rollback(context.Background(), tt.n, Reason{})
			if !tt.check(err) || c.To != 0 {
				t.Errorf("change %+v, error %v", c, err)
			}
			w.wantUnchanged(before)
		})
	}
}

func TestRollbackWithoutAProfile(t *testing.T) {
	w := newWorld(t)
	var noParent *NoParentError
	if _, err := w.p.Rollback(context.Background(), 0, Reason{}); !errors.As(err, &noParent) {
		t.Errorf("got %v", err)
	}
	var none *NoGenerationError
	if _, err := w.p.Rollback(context.Background(), 3, Reason{}); !errors.As(err, &none) || none.Gone {
		t.Errorf("got %v", err)
	}
	if _, err := os.Lstat(w.state); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the state directory was made: %v", err)
	}
}

func TestRollbackWithoutAStore(t *testing.T) {
	w := newWorld(t)
	w.update(w.add(w.pack("a", "A")))
	w.update(w.add(w.pack("b", "B")))
	w.must(os.Remove(filepath.Join(w.state, "store")))
	before := w.list()
	_, err := w.p.Rollback(context.Background(), 1, Reason{})
	var missing *MissingTreesError
	if !errors.As(err, &missing) {
		t.Errorf("got %v", err)
	}
	w.wantUnchanged(before)
}
