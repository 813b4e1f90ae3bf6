package profile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ipp/generation"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/store"
)

func TestFirstUpdate(t *testing.T) {
	w := newWorld(t)
	if exists, err := w.p.Exists(); exists || err != nil {
		t.Fatalf("exists %v, %v", exists, err)
	}
	c := w.update(w.add(w.pack("a", "AAA")))
	if c.From != 0 || c.To != 1 || c.Nothing || len(c.Old.Packages) != 0 || len(c.New.Packages) != 1 {
		t.Errorf("change %+v", c)
	}
	w.wantCurrent(1)
	data, err := os.ReadFile(filepath.Join(w.p.Dir(), "current/bin/a"))
	if string(data) != "AAA" || err != nil {
		t.Errorf("the command holds %q, %v", data, err)
	}
	if target, err := os.Readlink(filepath.Join(w.state, "store")); target != w.st.Dir() || err != nil {
		t.Errorf("the store link leads to %q, %v", target, err)
	}
	if roots, err := w.st.Roots(); err != nil || len(roots) != 1 || roots[0].Path != w.p.Dir() {
		t.Errorf("roots %+v, %v", roots, err)
	}
	g, err := w.p.Current()
	w.must(err)
	if g.Info.Parent != 0 || g.Info.Reason != "test it" || len(g.Info.Trees) != 1 || g.Info.Time.Unix() != 1767323045 {
		t.Errorf("info %+v", g.Info)
	}
	w.wantNames("1")
}

func TestUpdateMakesRootsBeforeGenerations(t *testing.T) {
	w := newWorld(t)
	w.p = w.open("second") // has no root yet
	a := w.pack("a", "A")
	w.p.fault = func(step string) error {
		if step != "rename forest" {
			return nil
		}
		roots, err := w.st.Roots()
		if err != nil || len(roots) != 2 {
			t.Errorf("roots before the first generation: %+v, %v", roots, err)
		}
		if _, err := os.Stat(filepath.Join(w.state, "store", "trees")); err != nil {
			t.Error(err)
		}
		return nil
	}
	w.update(w.add(a))
	w.wantCurrent(1)
}

// TestUpdateBringsBackForgottenRoots: a root that was dropped comes back, and
// where all were lost those of the profiles beside do too.
func TestUpdateBringsBackForgottenRoots(t *testing.T) {
	w := newWorld(t)
	a, b := w.pack("a", "A"), w.pack("b", "B")
	w.update(w.add(a))
	w.p = w.open("second")
	w.update(w.add(a))
	for _, p := range []*Profile{w.open("default"), w.p} {
		_, err := w.st.DropRoot(store.Root{Kind: store.ProfileRoot, Path: p.Dir()})
		w.must(err)
	}
	w.update(w.add(b))
	if roots, err := w.st.Roots(); err != nil || len(roots) != 2 {
		t.Errorf("roots %+v, %v", roots, err)
	}
}

func TestUpdateNothing(t *testing.T) {
	w := newWorld(t)
	a := w.pack("a", "A")
	w.update(w.add(a))
	before := w.list()
	saved := 0
	c := w.update(func(ctx context.Context, s State) (State, []generation.Member, error) {
		s, members, err := w.add(a)(ctx, s)
		s.Save = func() error { saved++; return nil }
		return s, members, err
	})
	if !c.Nothing || c.From != 1 || c.To != 1 {
		t.Errorf("change %+v", c)
	}
	if saved != 1 {
		t.Errorf("the profile's own files were saved %d times", saved)
	}
	w.wantUnchanged(before)
}

func TestUpdateNothingInAnEmptyProfile(t *testing.T) {
	w := newWorld(t)
	c := w.update(w.add())
	if !c.Nothing || c.To != 0 {
		t.Errorf("change %+v", c)
	}
	w.wantCurrent(0)
	if g, err := w.p.Current(); g != nil || err != nil {
		t.Errorf("current %v, %v", g, err)
	}
}

// TestUpdateWishesAlone: other wishes with the same lock are a generation, for
// a rollback restores what was asked for as well.
func TestUpdateWishesAlone(t *testing.T) {
	w := newWorld(t)
	a := w.pack("a", "A")
	w.update(w.add(a))
	c := w.update(func(ctx context.Context, s State) (State, []generation.Member, error) {
		s.Wishes.Keep = 7
		return s, w.membersOf(s), nil
	})
	if c.Nothing || c.To != 2 {
		t.Errorf("change %+v", c)
	}
}

func TestUpdateEqualToAnOlderOneIsNew(t *testing.T) {
	w := newWorld(t)
	a, b := w.pack("a", "A"), w.pack("b", "B")
	w.update(w.add(a))
	w.update(w.add(b))
	c := w.update(w.only(a))
	if c.From != 2 || c.To != 3 || c.Nothing {
		t.Errorf("change %+v", c)
	}
	g, err := w.p.Get(3)
	w.must(err)
	if g.Info.Parent != 2 {
		t.Errorf("its parent is %d", g.Info.Parent)
	}
	w.wantPackages("a")
}

// TestUpdateEditInPlace: what an edit does to the packages that it was given
// must not hide that they changed.
func TestUpdateEditInPlace(t *testing.T) {
	w := newWorld(t)
	a := w.pack("a", "A")
	a.NeededBy = []ref.Name{"x"}
	w.update(w.add(a))
	c := w.update(func(ctx context.Context, s State) (State, []generation.Member, error) {
		s.Lock.Packages[0].NeededBy[0] = "y"
		return s, w.membersOf(s), nil
	})
	if c.Nothing {
		t.Error("a change went unnoticed")
	}
}

func TestUpdateTreesAreSortedAndUnique(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.pack("a", "A"), w.pack("b", "B"), w.pack("c", "C")
	w.update(func(ctx context.Context, s State) (State, []generation.Member, error) {
		s, members, err := w.add(a, b, c)(ctx, s)
		twin := members[0]
		twin.Name, twin.Exposed = "twin", &generation.Exposed{Key: twin.Key, Bases: twin.Bases}
		return s, append(members, twin), err
	})
	g, err := w.p.Current()
	w.must(err)
	if len(g.Info.Trees) != 3 {
		t.Fatalf("trees %v", g.Info.Trees)
	}
	for i, k := range g.Info.Trees[1:] {
		if k.String() <= g.Info.Trees[i].String() {
			t.Errorf("trees %v are not sorted", g.Info.Trees)
		}
	}
}

// TestUpdateBeginsAgain moves current while an edit is at work.
func TestUpdateBeginsAgain(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.pack("a", "A"), w.pack("b", "B"), w.pack("c", "C")
	w.update(w.add(a))
	runs := 0
	change := w.update(func(ctx context.Context, s State) (State, []generation.Member, error) {
		if runs++; runs == 1 {
			if _, err := w.try(w.open("default"), w.add(b)); err != nil {
				t.Error(err)
			}
		}
		return w.add(c)(ctx, s)
	})
	if runs != 2 || change.From != 2 || change.To != 3 {
		t.Errorf("the edit ran %d times, change %+v", runs, change)
	}
	w.wantPackages("a b c")
	w.wantNames("1 2 3")
}

// TestNothingIsComparedUnderTheMutex: what was nothing to do may be something
// by the time it is said.
func TestNothingIsComparedUnderTheMutex(t *testing.T) {
	w := newWorld(t)
	a, b := w.pack("a", "A"), w.pack("b", "B")
	w.update(w.add(a))
	runs := 0
	change := w.update(func(ctx context.Context, s State) (State, []generation.Member, error) {
		if runs++; runs == 1 {
			if _, err := w.try(w.open("default"), w.only(b)); err != nil {
				t.Error(err)
			}
		}
		s, members, err := w.add(a)(ctx, State{Wishes: s.Wishes, Lock: s.Lock})
		return s, members, err
	})
	if runs != 2 || change.Nothing || change.To != 3 {
		t.Errorf("the edit ran %d times, change %+v", runs, change)
	}
	w.wantPackages("a b")
}

// TestUpdateRetriesErrorsOfAMovedParent: an edit may fail only because what it
// began from is gone.
func TestUpdateRetriesErrorsOfAMovedParent(t *testing.T) {
	w := newWorld(t)
	a, b := w.pack("a", "A"), w.pack("b", "B")
	w.update(w.add(a))
	runs := 0
	w.update(func(ctx context.Context, s State) (State, []generation.Member, error) {
		if runs++; runs == 1 {
			if _, err := w.try(w.open("default"), w.add(b)); err != nil {
				t.Error(err)
			}
			return s, nil, errors.New("the tree is gone")
		}
		return w.only(a)(ctx, s)
	})
	w.wantPackages("a")
	w.wantNames("1 2 3")
}

func TestConcurrentUpdatesLoseNothing(t *testing.T) {
	w := newWorld(t)
	names := strings.Fields("a b c d e f g h")
	var pkgs []lock.Package
	for _, n := range names {
		pkgs = append(pkgs, w.pack(ref.Name(n), n))
	}
	var wg sync.WaitGroup
	for _, pkg := range pkgs {
		wg.Go(func() {
			if _, err := w.try(w.open("default"), w.add(pkg)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	w.wantPackages(strings.Join(names, " "))
	w.wantCurrent(8)
	w.wantNames("1 2 3 4 5 6 7 8")
	if got, want := w.logged(), "0>1 1>2 2>3 3>4 4>5 5>6 6>7 7>8"; got != want {
		t.Errorf("log %q, want %q", got, want)
	}
}

func TestUpdateFailuresChangeNothing(t *testing.T) {
	w := newWorld(t)
	a := w.pack("a", "A")
	w.update(w.add(a))
	before := w.list()
	wrong := errors.New("wrong")
	other := w.pack("other", "O")
	for name, edit := range map[string]Edit{
		"edit fails": func(context.Context, State) (State, []generation.Member, error) {
			return State{}, nil, wrong
		},
		"edit changed what it was given, then failed": func(ctx context.Context, s State) (State, []generation.Member, error) {
			s.Wishes.Packages[0].Hold = true
			s.Lock.Packages = nil
			return s, nil, wrong
		},
		"conflict": func(ctx context.Context, s State) (State, []generation.Member, error) {
			s, members, err := w.add(other)(ctx, s)
			return s, allSame(members), err
		},
		"a tree is missing": func(ctx context.Context, s State) (State, []generation.Member, error) {
			s, members, err := w.add(other)(ctx, s)
			members[0].Exposed = nowhere(members[0].Key)
			return s, members, err
		},
		"saving the profile's own files fails": func(ctx context.Context, s State) (State, []generation.Member, error) {
			s, members, err := w.add(other)(ctx, s)
			s.Save = func() error { return wrong }
			return s, members, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			if c, err := w.try(w.p, edit); err == nil {
				t.Errorf("no error, %+v", c)
			}
			w.wantUnchanged(before)
		})
	}
}

func TestUpdateErrorsHaveTypes(t *testing.T) {
	w := newWorld(t)
	a, b := w.pack("a", "A"), w.pack("b", "B")
	var conflict *generation.ConflictError
	_, err := w.try(w.p, func(ctx context.Context, s State) (State, []generation.Member, error) {
		s, members, err := w.add(a, b)(ctx, s)
		members = allSame(members)
		if err := w.p.Check(members, s.Wishes, w.st); !errors.As(err, &conflict) {
			t.Errorf("Check says %v", err)
		}
		return s, members, err
	})
	if !errors.As(err, &conflict) {
		t.Errorf("Update says %v", err)
	}
	var missing *MissingTreesError
	_, err = w.try(w.p, func(ctx context.Context, s State) (State, []generation.Member, error) {
		s, members, err := w.add(a)(ctx, s)
		members[0].Exposed = nowhere(members[0].Key)
		return s, members, err
	})
	if !errors.As(err, &missing) || len(missing.Trees) != 1 {
		t.Errorf("Update says %v", err)
	}
}

func TestUpdateAnotherStore(t *testing.T) {
	w := newWorld(t)
	a := w.pack("a", "A")
	w.update(w.add(a))
	link := filepath.Join(w.state, "store")
	for name, make := range map[string]func(){
		"leads elsewhere": func() { w.must(os.Symlink(t.TempDir(), link)) },
		"leads nowhere":   func() { w.must(os.Symlink("/nowhere", link)) },
		"is no link":      func() { w.must(os.WriteFile(link, nil, 0o644)) },
	} {
		t.Run(name, func(t *testing.T) {
			w.must(os.Remove(link))
			make()
			before := w.list()
			_, err := w.try(w.p, w.only())
			var wrong *StoreLinkError
			if !errors.As(err, &wrong) || wrong.Store != w.st.Dir() || wrong.Link != link {
				t.Errorf("got %v", err)
			}
			w.wantUnchanged(before)
		})
	}
	t.Run("leads there by a detour", func(t *testing.T) {
		w.must(os.Remove(link))
		detour := filepath.Join(t.TempDir(), "detour")
		w.must(os.Symlink(w.st.Dir(), detour))
		w.must(os.Symlink(detour, link))
		w.update(w.only())
	})
}

func TestUpdateEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	a := w.pack("a", "A")
	w.update(w.add(a))
	before := w.list()
	ctx, cancel := context.WithCancel(context.Background())
	l, err := w.st.Lease(ctx, "test")
	w.must(err)
	defer l.Release()
	_, err = w.p.Update(ctx, w.st, l, Reason{}, State{}, func(context.Context, State) (State, []generation.Member, error) {
		cancel()
		return w.only()(ctx, State{Wishes: lock.NewProfile(), Lock: &lock.Lockfile{}})
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	w.wantUnchanged(before)
}
