package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ipp/store/flock"
)

func TestSweepKeepsWhatIsLive(t *testing.T) {
	s := newStore(t)
	keep, lose := pkg(t, map[string]string{"a": "shared", "b": "kept"}), pkg(t, map[string]string{"a": "shared", "b": "lost"})
	mustEnsure(t, s, want(keep, AnyPart), keep)
	mustEnsure(t, s, want(lose, AnyPart), lose)
	done := sweepAll(t, s, map[Key]bool{want(keep, AnyPart).Key: true}, nil)
	if done.Trees != 1 || done.Objects != 1 || done.Bytes != 4 {
		t.Errorf("swept %+v, want 1 tree, 1 object, 4 bytes", done)
	}
	if faults, err := s.Verify(t.Context(), want(keep, AnyPart).Key, nil); err != nil || len(faults) > 0 {
		t.Errorf("the live tree: %v, %v", faults, err)
	}
	if l := listing(t, s.Dir()); strings.Contains(l, lose.root.String()) {
		t.Errorf("the dead tree left something:\n%s", l)
	}
}

func TestSweepKeepsLeases(t *testing.T) {
	s := newStore(t)
	m := pkg(t, map[string]string{"a": "a"})
	mustEnsure(t, s, want(m, AnyPart), m)
	l, err := s.Lease(t.Context(), "line one\nline two")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Add(t.Context(), m.root); err != nil {
		t.Fatal(err)
	}
	infos, err := s.Leases()
	if err != nil || len(infos) != 1 || infos[0].All || !infos[0].Holds(m.root) || infos[0].PID != os.Getpid() || infos[0].Purpose != "line one line two" {
		t.Errorf("Leases = %+v, %v", infos, err)
	}
	if done := sweepAll(t, s, nil, nil); done.Trees != 0 {
		t.Errorf("swept %+v under a lease", done)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	if done := sweepAll(t, s, nil, nil); done.Trees != 1 {
		t.Errorf("swept %+v after the lease", done)
	}
}

// TestLeaseMissing: a lease looks for a tree until it is there, and not again; what
// it does not hold may go, so that is looked for each time.
func TestLeaseMissing(t *testing.T) {
	s := newStore(t)
	held, other := pkg(t, map[string]string{"a": "held"}), pkg(t, map[string]string{"a": "other"})
	keys := []Key{want(other, AnyPart).Key, want(held, AnyPart).Key}
	l, err := s.Lease(t.Context(), "test", held.root)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	expect := func(when string, want ...Key) {
		t.Helper()
		if got, err := l.Missing(keys); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v; want %v", when, got, err, want)
		}
	}
	expect("in an empty store", keys...)
	mustEnsure(t, s, want(held, AnyPart), held)
	mustEnsure(t, s, want(other, AnyPart), other)
	expect("with both")
	for _, k := range keys {
		if err := os.RemoveAll(s.TreeDir(k)); err != nil {
			t.Fatal(err)
		}
	}
	expect("without them", keys[0])
	keys[1].Part = "linux-amd64"
	expect("another part of what is held", keys...)
}

func TestUnreadableLeaseProtectsEverything(t *testing.T) {
	s := newStore(t)
	m := pkg(t, map[string]string{"a": "a"})
	mustEnsure(t, s, want(m, AnyPart), m)
	l, err := s.Lease(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	if _, err := l.lock.File().WriteAt([]byte("what is this"), 0); err != nil {
		t.Fatal(err)
	}
	if done := sweepAll(t, s, nil, nil); done.Trees != 0 {
		t.Errorf("swept %+v", done)
	}
}

func TestSweepRestoresWhatIsInUse(t *testing.T) {
	s := newStore(t)
	m := pkg(t, map[string]string{"a": "a", "l": "->a", "bin/a": "->../a"})
	k := want(m, AnyPart).Key
	mustEnsure(t, s, want(m, AnyPart), m)
	all := func(dirs map[string]Key) (inUse []string) {
		for d := range dirs {
			inUse = append(inUse, d)
		}
		return inUse
	}
	if done := sweepAll(t, s, nil, all); done.Trees != 0 || !s.Has(k) {
		t.Errorf("swept %+v", done)
	}
	if faults, err := s.Verify(t.Context(), k, nil); err != nil || len(faults) > 0 {
		t.Errorf("Verify = %v, %v", faults, err)
	}
	// What a killed gc began to delete is never a tree again.
	for _, name := range []string{"a", "l", "bin/a"} {
		trash := s.trashName(k)
		if err := os.Rename(s.TreeDir(k), trash); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(trash, name)); err != nil {
			t.Fatal(err)
		}
		if done := sweepAll(t, s, nil, all); s.Has(k) || len(done.Kept) != 1 {
			t.Errorf("a tree without %s came back: %+v", name, done)
		}
		sweepAll(t, s, nil, nil)
		mustEnsure(t, s, want(m, AnyPart), m)
	}
	// What a program wrote into its own tree is no reason to lose the program's.
	if err := os.WriteFile(filepath.Join(s.TreeDir(k), "cache"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if done := sweepAll(t, s, nil, all); !s.Has(k) || len(done.Kept) != 0 {
		t.Errorf("a tree with a file of its program's: %+v", done)
	}
	sweepAll(t, s, nil, nil)
	if names, err := readNames(s.path("trash")); err != nil || len(names) != 0 {
		t.Errorf("trash holds %v, %v", names, err)
	}
}

func TestSweepEndsAtAnUnreadableList(t *testing.T) {
	s := newStore(t)
	m, dead := pkg(t, map[string]string{"a": "a"}), pkg(t, map[string]string{"b": "b"})
	mustEnsure(t, s, want(m, AnyPart), m)
	mustEnsure(t, s, want(dead, AnyPart), dead)
	if err := os.Truncate(s.listPath(want(m, AnyPart).Key), 20); err != nil {
		t.Fatal(err)
	}
	objects := listing(t, s.path("objects"))
	c, err := s.Collect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Sweep(t.Context(), func(w *Sweep) error {
		return w.Trash(map[Key]bool{want(m, AnyPart).Key: true})
	})
	if err == nil {
		t.Error("the sweep went on")
	}
	if listing(t, s.path("objects")) != objects {
		t.Error("objects were removed")
	}
}

func TestSweepRemovesStaging(t *testing.T) {
	s := newStore(t)
	m, leased := pkg(t, map[string]string{"a": "a"}), pkg(t, map[string]string{"b": "b"})
	for _, k := range []Key{want(m, AnyPart).Key, want(leased, AnyPart).Key} {
		if err := os.MkdirAll(filepath.Join(s.stagingDir(k), "d"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(s.stagingDir(k)+".car", nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	l, err := s.Lease(t.Context(), "test", leased.root)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	if err := os.WriteFile(filepath.Join(s.stagingDir(want(m, AnyPart).Key), "d", "half"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if done := sweepAll(t, s, nil, nil); done.Staged != 4 {
		t.Errorf("swept %+v, want 4 staged bytes", done)
	}
	if _, err := os.Lstat(s.stagingDir(want(m, AnyPart).Key)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("unleased staging: %v", err)
	}
	if _, err := os.Lstat(s.stagingDir(want(leased, AnyPart).Key)); err != nil {
		t.Errorf("leased staging: %v", err)
	}
}

// A kill between a small file's write and its rename leaves a temporary name.
func TestSweepRemovesTemporaryNames(t *testing.T) {
	s := newStore(t)
	before := listing(t, s.Dir())
	for _, dir := range []string{".", "roots", "leases", "trees"} {
		if err := os.WriteFile(s.path(dir, ".tmp.0123456789abcdef"), []byte("half"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	sweepAll(t, s, nil, nil)
	if after := listing(t, s.Dir()); after != before {
		t.Errorf("something is left:\n%s", after)
	}
}

// A power cut may take back a rename that was not synced: then the tree must
// still have its files.
func TestTrashStaysUntilItIsDurable(t *testing.T) {
	s := newStore(t)
	m := pkg(t, map[string]string{"a": "a"})
	mustEnsure(t, s, want(m, AnyPart), m)
	c, err := s.Collect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Sweep(t.Context(), func(w *Sweep) error {
		if err := w.Trash(nil); err != nil {
			return err
		}
		return os.Rename(s.path("trees"), s.path("away")) // so that it can't be synced
	})
	if err == nil {
		t.Fatal("a failed sync was not told")
	}
	if err := os.Rename(s.path("away"), s.path("trees")); err != nil {
		t.Fatal(err)
	}
	if names, err := readNames(s.path("trash")); err != nil || len(names) != 1 {
		t.Errorf("trash holds %v, %v", names, err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	sweepAll(t, s, nil, nil)
	if names, err := readNames(s.path("trash")); err != nil || len(names) != 0 {
		t.Errorf("after the next sweep trash holds %v, %v", names, err)
	}
}

// A tree that is healed after the hold goes to the trash while programs may run
// from it, and nobody looked for them.
func TestTrashOfAfterTheHoldStays(t *testing.T) {
	s := newStore(t)
	m := pkg(t, map[string]string{"a": "a"})
	w := &Sweep{store: s}
	if err := errors.Join(w.noteTrash(), w.settle()); err != nil {
		t.Fatal(err)
	}
	late := s.trashName(want(m, AnyPart).Key)
	if err := os.Mkdir(late, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := w.emptyTrash(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(late); err != nil {
		t.Error(err)
	}
}

// What could not be written into the lease is not leased, and is written the
// next time.
func TestFailedAddLeasesNothing(t *testing.T) {
	s := newStore(t)
	m := pkg(t, map[string]string{"a": "a"})
	l, err := s.Lease(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Add(ctx, m.root); err == nil || l.holds(m.root) {
		t.Errorf("Add = %v, and the lease holds %t", err, l.holds(m.root))
	}
	if err := l.Add(t.Context(), m.root); err != nil || !l.holds(m.root) {
		t.Errorf("the second Add = %v", err)
	}
	if infos, err := s.Leases(); err != nil || len(infos) != 1 || !infos[0].Holds(m.root) {
		t.Errorf("Leases = %+v, %v", infos, err)
	}
}

// Whoever looks at the leases leaves alone one that is being made: its maker
// would find it locked, and fail.
func TestLeasesLeavesTemporaryNamesAlone(t *testing.T) {
	s := newStore(t)
	making, err := flock.Create(s.path("leases", ".tmp.0123456789abcdef"), []byte("1 test\n"))
	if err != nil {
		t.Fatal(err)
	}
	defer making.Release()
	if infos, err := s.Leases(); err != nil || len(infos) != 0 {
		t.Errorf("Leases = %+v, %v", infos, err)
	}
}

// Between two holds somebody publishes a tree with an object that was dead when
// gc looked.
func TestObjectThatIsNamedBetweenTwoHolds(t *testing.T) {
	s := newStore(t)
	m := pkg(t, map[string]string{"a": "a"})
	k := want(m, AnyPart).Key
	mustEnsure(t, s, want(m, AnyPart), m)
	w := &Sweep{store: s}
	if err := w.Trash(nil); err != nil {
		t.Fatal(err)
	}
	u := newUnlinking(w)
	if _, err := u.readLists(t.Context()); err != nil {
		t.Fatal(err)
	}
	shards, err := readNames(s.path("objects"))
	if err != nil || len(shards) != 1 {
		t.Fatal(shards, err)
	}
	dead, err := u.unnamed(shards[0])
	if err != nil || len(dead) != 1 {
		t.Fatal(dead, err)
	}
	mustEnsure(t, s, want(m, AnyPart), m)
	trees, err := u.readLists(t.Context())
	if err := errors.Join(err, u.remove(dead), u.unlinkLists(trees)); err != nil {
		t.Fatal(err)
	}
	if faults, err := s.Verify(t.Context(), k, nil); err != nil || len(faults) > 0 {
		t.Error(faults, err)
	}
	if _, err := os.Lstat(s.path("objects", shards[0], dead[0].name)); err != nil {
		t.Error(err)
	}
}

// Many objects take several holds, and between them others get their turn.
func TestSweepOfManyObjects(t *testing.T) {
	s := newStore(t)
	const n = 2*batch + 500
	for i := range n {
		path := s.path("objects", fmt.Sprintf("%02x", i%64), fmt.Sprintf("no object %d", i))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("1"), 0o444)); err != nil {
			t.Fatal(err)
		}
	}
	if done := sweepAll(t, s, nil, nil); done.Objects != n || done.Bytes != n {
		t.Errorf("swept %+v", done)
	}
}
