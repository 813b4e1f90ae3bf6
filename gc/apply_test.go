package gc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ipp/generation"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/profile"
	"ipp/store"
)

func TestApplyWithoutPolicy(t *testing.T) {
	w := newWorld(t)
	trees := map[string]store.Key{"loose": w.loose(one("L"))}
	for _, name := range []string{"a", "b", "c"} {
		trees[name] = w.install("default", one(name))[0]
	}
	res := w.apply(Policy{})
	w.wantTrees(trees, "a b c")
	if res.Swept.Trees != 1 || res.Swept.Objects != 1 || res.Swept.Bytes != 1 || len(res.Pruned) != 0 {
		t.Errorf("result %+v", res)
	}
	if got := w.generations("default"); got != "[1 2 3]" {
		t.Errorf("generations %s", got)
	}
	w.wantWhole()
	before := w.list()
	if res := w.apply(Policy{}); res.Swept.Trees+res.Swept.Objects != 0 {
		t.Errorf("the second time: %+v", res)
	}
	w.wantUnchanged(before)
}

func TestApplyPrunes(t *testing.T) {
	w := newWorld(t)
	trees := map[string]store.Key{}
	for _, name := range []string{"a", "b", "c", "d"} {
		trees[name] = w.install("default", one(name))[0]
	}
	trees["e"] = w.install("second", one("e"))[0]
	res := w.apply(Policy{Keep: 1})
	w.wantTrees(trees, "c d e")
	if fmt.Sprint(res.Pruned) != "map[default:[1 2]]" || res.Swept.Trees != 2 {
		t.Errorf("result %+v", res)
	}
	w.wantWhole()
}

// TestApplyDoesWhatThePlanSays compares a dry run with the real one.
func TestApplyDoesWhatThePlanSays(t *testing.T) {
	w := newWorld(t)
	w.install("default", map[string]string{"own": "1", "common": "22"}, one("333"))
	w.install("default", one("4444"))
	w.install("default", map[string]string{"new": "55555", "common": "22"})
	w.loose(one("666666"))
	f, err := w.c.Facts()
	w.must(err)
	before := w.list()
	plan := MakePlan(f, Policy{Keep: 1})
	w.wantUnchanged(before)
	var goes []store.Key
	for _, tree := range plan.Trees {
		if tree.Goes {
			goes = append(goes, tree.Key)
		}
	}
	if plan.Bytes != 1+3+6 || len(goes) != 3 || plan.Gens[0].Unique != 1+3 {
		t.Errorf("plan %+v", plan)
	}
	res := w.apply(Policy{Keep: 1})
	if res.Swept.Bytes != plan.Bytes || res.Swept.Trees != len(goes) {
		t.Errorf("it did %+v", res.Swept)
	}
	for _, k := range goes {
		if w.st.Has(k) {
			t.Errorf("%s was to go", k)
		}
	}
	w.wantWhole()
}

// TestApplySharedObjects: an object stays as long as one tree names it.
func TestApplySharedObjects(t *testing.T) {
	w := newWorld(t)
	w.install("default", map[string]string{"x": "same", "y": "only here"})
	w.install("default", map[string]string{"z": "same"})
	w.install("default", map[string]string{"z": "same", "more": "m"})
	w.apply(Policy{Keep: 1})
	if n := w.objects(); n != 2 {
		t.Errorf("%d objects", n)
	}
	w.wantWhole()
}

func TestApplyProfilesOwnKeep(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		k := w.loose(one(fmt.Sprint(i)))
		l := w.lease()
		edit := holdOnly([]store.Key{k})
		_, err := w.profile("default").Update(context.Background(), w.st, l, profile.Reason{}, profile.State{},
			func(ctx context.Context, s profile.State) (profile.State, []generation.Member, error) {
				s, members, err := edit(ctx, s)
				s.Wishes.Keep = 3
				return s, members, err
			})
		w.must(err)
		w.must(l.Release())
	}
	w.c.Now = func() time.Time { return time.Now().AddDate(1, 0, 0) }
	w.apply(Policy{OlderThan: time.Hour})
	if got := w.generations("default"); got != "[3 4 5]" {
		t.Errorf("generations %s", got)
	}
}

func TestApplyKeepsLeasedPackages(t *testing.T) {
	w := newWorld(t)
	l := w.lease()
	trees := map[string]store.Key{"leased": w.pack(l, one("L"))}
	res := w.apply(Policy{})
	w.wantTrees(trees, "leased")
	if len(res.Leases) != 1 || res.Leases[0].ID != l.ID() || res.Leases[0].PID != os.Getpid() {
		t.Errorf("leases %+v", res.Leases)
	}
	w.must(l.Release())
	res = w.apply(Policy{})
	w.wantTrees(trees, "")
	if len(res.Leases) != 0 {
		t.Errorf("leases %+v", res.Leases)
	}
}

func TestApplyKeepsKeptPackages(t *testing.T) {
	w := newWorld(t)
	trees := map[string]store.Key{"kept": w.loose(one("K"))}
	root := store.Root{Kind: store.KeptRoot, CID: trees["kept"].Root, Why: "pack"}
	w.must(w.st.AddRoot(context.Background(), root))
	w.apply(Policy{})
	w.wantTrees(trees, "kept")
	_, err := w.st.DropRoot(root)
	w.must(err)
	w.apply(Policy{})
	w.wantTrees(trees, "")
}

// TestApplyRemovesForestsOfTheDead: tmp.LEASE goes with its lease.
func TestApplyRemovesForestsOfTheDead(t *testing.T) {
	w := newWorld(t)
	w.install("default", one("a"))
	l := w.lease()
	defer l.Release()
	dir := w.profile("default").Dir()
	for _, id := range []string{"1-1-dead", l.ID()} {
		w.must(os.MkdirAll(filepath.Join(dir, "tmp."+id, "bin"), 0o755))
	}
	w.apply(Policy{})
	if left, _ := filepath.Glob(filepath.Join(dir, "tmp.*")); len(left) != 1 || left[0] != filepath.Join(dir, "tmp."+l.ID()) {
		t.Errorf("left %v", left)
	}
}

// TestApplyAborts: where it can't be known what is needed, nothing goes.
func TestApplyAborts(t *testing.T) {
	missing := func(dir string) func(error) bool {
		return func(err error) bool {
			var m *MissingProfileError
			return errors.As(err, &m) && strings.HasSuffix(m.Dir, dir)
		}
	}
	noProc := func(err error) bool {
		var e *NoProcError
		return runtime.GOOS != "linux" || errors.As(err, &e)
	}
	tests := map[string]struct {
		damage func(w *world, dir string)
		want   func(error) bool
	}{
		"no roots": {func(w *world, dir string) {
			w.must(os.RemoveAll(w.st.Dir() + "/roots"))
			w.must(os.Mkdir(w.st.Dir()+"/roots", 0o755))
		}, func(err error) bool { return errors.Is(err, store.ErrNoRoots) }},
		"a profile is missing": {func(w *world, dir string) {
			w.must(os.RemoveAll(dir))
		}, func(err error) bool { return missing("second")(err) && errors.Is(err, fs.ErrNotExist) }},
		"a profile is no directory": {func(w *world, dir string) {
			w.must(os.RemoveAll(dir))
			w.must(os.WriteFile(dir, nil, 0o644))
		}, missing("second")},
		"a generation is damaged": {func(w *world, dir string) {
			w.damage(filepath.Join(dir, "1/generation.toml"))
		}, missing("second")},
		"a generation's files contradict each other": {func(w *world, dir string) {
			w.rewrite(filepath.Join(dir, "2/generation.toml"), func(text string) string {
				at := strings.Index(text, ".any") - 20 // a letter of the CID
				letter := "a"
				if text[at] == 'a' {
					letter = "b"
				}
				return text[:at] + letter + text[at+1:]
			})
		}, missing("second")},
		"the current generation is missing": {func(w *world, dir string) {
			w.must(os.RemoveAll(filepath.Join(dir, "2")))
		}, missing("second")},
		"the current pointer is damaged": {func(w *world, dir string) {
			w.damage(filepath.Join(dir, "current"))
		}, missing("second")},
		"wishes are damaged": {func(w *world, dir string) {
			w.damage(filepath.Join(dir, "2/profile.toml"))
		}, missing("second")},
		"a root is damaged": {func(w *world, dir string) {
			roots, err := filepath.Glob(w.st.Dir() + "/roots/*")
			w.must(err)
			w.damage(roots[0])
		}, func(err error) bool { return err != nil }},
		"running programs can't be seen": {func(w *world, dir string) {
			w.c.Proc = filepath.Join(w.dir, "nowhere")
		}, noProc},
		"/proc is not mounted": {func(w *world, dir string) { w.c.Proc = w.TempDir() }, noProc},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for i := range 3 {
				w.install("default", one(fmt.Sprint(i)))
			}
			w.install("second", one("s"))
			w.install("second", one("t"))
			w.loose(one("loose"))
			tt.damage(w, w.profile("second").Dir())
			before := w.list()
			res, err := w.c.Apply(context.Background(), Policy{Keep: 1})
			if !tt.want(err) || res.Swept.Trees+res.Swept.Objects+len(res.Pruned) != 0 {
				t.Errorf("result %+v, error %v", res, err)
			}
			w.wantUnchanged(before)
		})
	}
}

// TestApplyKeepsWhatItTakesForAnotherPart: a generation that names a part of a
// package that nobody has means another one, perhaps.
func TestApplyKeepsWhatItTakesForAnotherPart(t *testing.T) {
	w := newWorld(t)
	k := w.install("default", one("a"))[0]
	w.rewrite(filepath.Join(w.profile("default").Dir(), "1/generation.toml"), func(text string) string {
		return strings.Replace(text, ".any", ".anx", 1)
	})
	if res := w.apply(Policy{}); res.Swept.Trees != 0 || !w.st.Has(k) {
		t.Errorf("swept %+v", res.Swept)
	}
}

// TestApplyEndsWithItsContext: nothing goes after an interrupt.
func TestApplyEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	w.loose(one("loose"))
	before := w.list()
	ctx, cancel := context.WithCancel(context.Background())
	open := w.c.Profile
	w.c.Profile = func(dir string) (*profile.Profile, error) {
		cancel()
		return open(dir)
	}
	if _, err := w.c.Apply(ctx, Policy{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	w.wantUnchanged(before)
}

// TestApplyUnreadableLiveTree: what a live tree needs can't be known, so no
// object goes.
func TestApplyUnreadableLiveTree(t *testing.T) {
	w := newWorld(t)
	k := w.install("default", one("live"))[0]
	w.loose(one("loose"))
	w.damage(w.st.TreeDir(k) + ".objects")
	n := w.objects()
	if _, err := w.c.Apply(context.Background(), Policy{}); err == nil || !strings.Contains(err.Error(), k.String()) {
		t.Errorf("got %v", err)
	}
	if got := w.objects(); got != n {
		t.Errorf("%d objects went", n-got)
	}
	f, err := w.c.Facts()
	w.must(err)
	for _, tree := range MakePlan(f, Policy{}).Trees {
		if tree.Key == k && (tree.Goes || tree.Err == nil) {
			t.Errorf("the plan does not say so: %+v", tree)
		}
	}
}

func TestApplyUnreadableDeadTree(t *testing.T) {
	w := newWorld(t)
	w.install("default", one("live"))
	k := w.loose(one("loose"))
	w.damage(w.st.TreeDir(k) + ".objects")
	w.apply(Policy{})
	if n := w.objects(); n != 1 || w.st.Has(k) {
		t.Errorf("%d objects left", n)
	}
	w.wantWhole()
}

// TestApplyGoesOn: an error on one file is told, and the rest done.
func TestApplyGoesOn(t *testing.T) {
	w := newWorld(t)
	trees := map[string]store.Key{"loose": w.loose(one("loose"))}
	for i := range 3 {
		trees[fmt.Sprint(i)] = w.install("default", one(fmt.Sprint(i)))[0]
	}
	w.must(os.WriteFile(filepath.Join(w.profile("default").Dir(), "2.gone"), nil, 0o644))
	res, err := w.c.Apply(context.Background(), Policy{Keep: 1})
	var leftover *profile.LeftoverError
	if !errors.As(err, &leftover) || leftover.Profile != "default" {
		t.Errorf("got %v", err)
	}
	if fmt.Sprint(res.Pruned) != "map[default:[1]]" || res.Swept.Trees != 2 {
		t.Errorf("result %+v", res)
	}
	w.wantTrees(trees, "1 2")
}

// TestApplyEmptiesTheTrashOfAKilledOne ends one sweep between its renames and
// all that follows.
func TestApplyEmptiesTheTrashOfAKilledOne(t *testing.T) {
	w := newWorld(t)
	w.install("default", one("live"))
	w.loose(one("loose"))
	w.killedSweep()
	if trash := w.trash(); len(trash) != 1 {
		t.Fatalf("trash %v", trash)
	}
	w.apply(Policy{})
	if trash := w.trash(); len(trash) != 0 || w.objects() != 1 {
		t.Errorf("trash %v, %d objects", trash, w.objects())
	}
	w.wantWhole()
}

// killedSweep is a sweep that ends after the renames to trash.
func (w *world) killedSweep() {
	w.Helper()
	col, err := w.st.Collect(context.Background())
	w.must(err)
	defer col.Close()
	a := &applying{Collector: w.c, res: &Result{}}
	killed := errors.New("killed")
	_, err = col.Sweep(context.Background(), func(s *store.Sweep) error {
		live, _, err := a.live(s)
		w.must(err)
		w.must(s.Trash(live))
		return killed
	})
	if !errors.Is(err, killed) {
		w.Fatal(err)
	}
}

func (w *world) trash() []string {
	w.Helper()
	names, err := filepath.Glob(filepath.Join(w.st.Dir(), "trash", "*"))
	w.must(err)
	return names
}

// TestApplyBesideUpdates lets collectors and updaters race: every generation
// must stay whole, and no update be lost.
func TestApplyBesideUpdates(t *testing.T) {
	w := newWorld(t)
	ctx, done := context.WithCancel(context.Background())
	var collectors, updaters sync.WaitGroup
	for range 2 {
		collectors.Go(func() {
			for ctx.Err() == nil {
				if _, err := w.c.Apply(context.Background(), Policy{Keep: 1}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 4 {
		updaters.Go(func() {
			for j := range 6 {
				w.race(fmt.Sprintf("u%d", i), fmt.Sprintf("%d of %d", j, i))
			}
		})
	}
	updaters.Wait()
	done()
	collectors.Wait()
	w.wantWhole()
	g, err := w.profile("default").Current()
	w.must(err)
	if len(g.Lock.Packages) != 4 {
		t.Errorf("the profile holds %+v", g.Lock.Packages)
	}
	for _, k := range g.Info.Trees {
		if !w.st.Has(k) {
			t.Errorf("tree %s is gone", k)
		}
	}
}

// race installs contents as package name, beside what is there.
func (w *world) race(name, contents string) {
	l := w.lease()
	defer l.Release()
	k := w.pack(l, map[string]string{name: contents, "common": "common"})
	_, err := w.profile("default").Update(context.Background(), w.st, l, profile.Reason{}, profile.State{},
		func(ctx context.Context, s profile.State) (profile.State, []generation.Member, error) {
			pkg := lock.Package{Name: ref.Name(name), Version: "1.0.0", CID: k.Root, DagSize: 1}
			s.Wishes.Put(lock.Wish{Name: pkg.Name, CID: k.Root})
			s.Lock.Packages = slices.DeleteFunc(s.Lock.Packages, func(o lock.Package) bool { return o.Name == pkg.Name })
			s.Lock.Packages = append(s.Lock.Packages, pkg)
			slices.SortFunc(s.Lock.Packages, func(a, b lock.Package) int { return strings.Compare(string(a.Name), string(b.Name)) })
			var members []generation.Member
			for _, pkg := range s.Lock.Packages {
				key := store.Key{Root: pkg.CID, Part: store.AnyPart}
				members = append(members, generation.Member{Name: pkg.Name, Version: pkg.Version, Exposed: &generation.Exposed{Key: key, Bases: []string{"."}}})
			}
			return s, members, nil
		})
	if err != nil {
		w.Error(err)
	}
}
