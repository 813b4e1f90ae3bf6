package gc

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ipp/generation"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/profile"
	"ipp/store"
	"ipp/store/dag"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// world is a store with tiny packages, and profiles.
type world struct {
	*testing.T
	dir string
	st  *store.Store
	c   *Collector
}

// newWorld makes a store with a profile "default" that has no generation yet.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, dir: t.TempDir()}
	p := w.profile("default")
	st, err := store.Open(filepath.Join(w.dir, "store"), store.Options{
		First: store.Root{Kind: store.ProfileRoot, Path: p.Dir()},
	})
	w.must(err)
	w.must(p.Create(t.Context(), st))
	w.st = st
	w.c = &Collector{Store: st, Proc: "/proc", Profile: func(dir string) (*profile.Profile, error) {
		name, err := ref.ParseName(filepath.Base(dir))
		return w.profile(name), err
	}}
	return w
}

func (w *world) profile(name ref.Name) *profile.Profile {
	return profile.Open(name, profile.Options{State: filepath.Join(w.dir, "state")})
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// memory is a source of blocks.
type memory struct {
	*dag.Builder
	leaves map[cid.Cid][]byte
}

func (m memory) Block(ctx context.Context, c cid.Cid) ([]byte, error) {
	if data, ok := m.leaves[c]; ok {
		return data, nil
	}
	return m.Builder.Block(ctx, c)
}

// file builds the DAG of a file.
func (m memory) file(contents []byte) (dag.Link, error) {
	var leaves []dag.Leaf
	for at := 0; at < len(contents); at += dag.LeafSize {
		leaf := contents[at:min(at+dag.LeafSize, len(contents))]
		hash, err := multihash.Sum(leaf, multihash.SHA2_256, -1)
		if err != nil {
			return dag.Link{}, err
		}
		c := cid.NewCidV1(cid.Raw, hash)
		m.leaves[c] = leaf
		leaves = append(leaves, dag.Leaf{CID: c, Offset: int64(at), Size: int64(len(leaf))})
	}
	return m.File(leaves, true)
}

// pack puts a package's tree into the store, under lease l: files in bin/, by
// name.
func (w *world) pack(l *store.Lease, files map[string]string) store.Key {
	w.Helper()
	ctx := context.Background()
	m := memory{dag.NewBuilder(), map[cid.Cid][]byte{}}
	bin := map[string]dag.Link{}
	for name, contents := range files {
		file, err := m.file([]byte(contents))
		w.must(err)
		bin[name] = file
	}
	// Another test's processes may use a package with the same files: no two
	// worlds have a package in common.
	salt, err := m.Symlink(strings.ReplaceAll(w.dir, "/", "_"))
	w.must(err)
	bin["salt"] = salt
	dir, err := m.Dir(bin)
	w.must(err)
	root, err := m.Dir(map[string]dag.Link{"bin": dir})
	w.must(err)
	w.must(l.Add(ctx, root.CID))
	k := store.Key{Root: root.CID, Part: store.AnyPart}
	plan, err := w.st.Plan(ctx, store.Want{Key: k, Limits: dag.DefaultLimits()}, m)
	w.must(err)
	w.must(w.st.Ensure(ctx, l, plan, m, nil))
	return k
}

func (w *world) lease() *store.Lease {
	w.Helper()
	l, err := w.st.Lease(context.Background(), "test")
	w.must(err)
	return l
}

// loose puts a package into the store that nothing refers to.
func (w *world) loose(files map[string]string) store.Key {
	w.Helper()
	l := w.lease()
	defer l.Release()
	return w.pack(l, files)
}

// install makes a generation of profile name that holds the packages with these
// files, and nothing else.
func (w *world) install(name ref.Name, files ...map[string]string) []store.Key {
	w.Helper()
	l := w.lease()
	defer l.Release()
	var keys []store.Key
	for _, f := range files {
		keys = append(keys, w.pack(l, f))
	}
	_, err := w.profile(name).Update(context.Background(), w.st, l, profile.Reason{}, profile.State{}, holdOnly(keys))
	w.must(err)
	return keys
}

// holdOnly is an edit after which a profile holds these trees and no other.
func holdOnly(keys []store.Key) profile.Edit {
	return func(context.Context, profile.State) (profile.State, []generation.Member, error) {
		s := profile.State{Wishes: &lock.Profile{}, Lock: &lock.Lockfile{}}
		var members []generation.Member
		for i, k := range keys {
			name := ref.Name(fmt.Sprintf("p%d", i))
			s.Wishes.Put(lock.Wish{Name: name, CID: k.Root})
			s.Lock.Packages = append(s.Lock.Packages, lock.Package{Name: name, Version: "1.0.0", CID: k.Root, DagSize: 1})
			members = append(members, generation.Member{Name: name, Version: "1.0.0", Exposed: &generation.Exposed{Key: k, Bases: []string{"."}}})
		}
		return s, members, nil
	}
}

func one(contents string) map[string]string { return map[string]string{"x": contents} }

func (w *world) apply(p Policy) Result {
	w.Helper()
	res, err := w.c.Apply(context.Background(), p)
	w.must(err)
	return res
}

// wantTrees checks which of trees are present, by name.
func (w *world) wantTrees(trees map[string]store.Key, want string) {
	w.Helper()
	var present []string
	for name, k := range trees {
		if w.st.Has(k) {
			present = append(present, name)
		}
	}
	slices.Sort(present)
	if got := strings.Join(present, " "); got != want {
		w.Errorf("the store holds %q, want %q", got, want)
	}
}

// wantWhole checks that every tree that is present is whole.
func (w *world) wantWhole() {
	w.Helper()
	keys, err := w.st.Trees()
	w.must(err)
	for _, k := range keys {
		faults, err := w.st.Verify(context.Background(), k, nil)
		if err != nil || len(faults) > 0 {
			w.Errorf("tree %s: %v, %v", k, faults, err)
		}
	}
}

// list names everything in store and state, but for mutexes and the leases that
// nobody holds.
func (w *world) list() string {
	w.Helper()
	var names []string
	err := filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		name := strings.TrimPrefix(path, w.dir)
		switch {
		case err != nil:
			return err
		case name == "/store/gc" || name == "/store/sweep" || filepath.Base(name) == "mutex":
		default:
			names = append(names, name)
		}
		return nil
	})
	w.must(err)
	return strings.Join(names, "\n")
}

func (w *world) wantUnchanged(before string) {
	w.Helper()
	if after := w.list(); after != before {
		w.Errorf("before\n%s\nafter\n%s", before, after)
	}
}

// objects counts the objects in the store.
func (w *world) objects() int {
	w.Helper()
	n := 0
	err := filepath.WalkDir(filepath.Join(w.st.Dir(), "objects"), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			n++
		}
		return err
	})
	w.must(err)
	return n
}

// generations lists a profile's generations.
func (w *world) generations(name ref.Name) string {
	w.Helper()
	numbers, err := w.profile(name).Numbers()
	w.must(err)
	return fmt.Sprint(numbers)
}

// eventually waits for something that another process has to do.
func (w *world) eventually(what string, done func() bool) {
	w.Helper()
	for range 2000 {
		if done() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	w.Fatal("never happened: ", what)
}

// damage makes a file unreadable for whoever parses it.
func (w *world) damage(path string) {
	w.Helper()
	w.must(os.Remove(path))
	w.must(os.WriteFile(path, []byte("?"), 0o644))
}

// rewrite changes what a file says.
func (w *world) rewrite(path string, change func(text string) string) {
	w.Helper()
	data, err := os.ReadFile(path)
	w.must(err)
	text := change(string(data))
	if text == string(data) {
		w.Fatal("nothing changed in", path)
	}
	w.must(os.WriteFile(path, []byte(text), 0o644))
}
