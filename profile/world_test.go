package profile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ipp/generation"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/store"
	"ipp/store/dag"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// world is a store with tiny packages, and a state directory with one profile.
type world struct {
	*testing.T
	state string
	st    *store.Store
	p     *Profile

	mu      sync.Mutex
	members map[string]generation.Member // by the package's CID
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{T: t, state: filepath.Join(dir, "state"), members: map[string]generation.Member{}}
	w.p = w.open("default")
	st, err := store.Open(filepath.Join(dir, "store"), store.Options{
		First: store.Root{Kind: store.ProfileRoot, Path: w.p.Dir()},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.st = st
	return w
}

// open opens a profile as another process would.
func (w *world) open(name ref.Name) *Profile {
	return Open(name, Options{
		State: w.state,
		Now:   func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC) },
		User:  "ann",
		Host:  "box",
	})
}

// pack makes a package that holds one command, and its tree in the store.
func (w *world) pack(name ref.Name, contents string) lock.Package {
	w.Helper()
	ctx := context.Background()
	root, blocks := w.dag(string(name), contents)
	l, err := w.st.Lease(ctx, "test", root)
	w.must(err)
	defer l.Release()
	key := store.Key{Root: root, Part: store.AnyPart}
	plan, err := w.st.Plan(ctx, store.Want{Key: key, Limits: dag.DefaultLimits()}, blocks)
	w.must(err)
	w.must(w.st.Ensure(ctx, l, plan, blocks, nil))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.members[root.String()] = generation.Member{
		Name:    name,
		Version: "1.0.0",
		Exposed: &generation.Exposed{
			Key:      key,
			Bases:    []string{"."},
			Commands: []generation.Command{{Name: ref.Command(name), Path: "bin/" + string(name)}},
		},
	}
	return lock.Package{Name: name, Version: "1.0.0", CID: root, DagSize: 1}
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

// dag builds a package's DAG.
func (w *world) dag(name, contents string) (cid.Cid, dag.Blocks) {
	hash, err := multihash.Sum([]byte(contents), multihash.SHA2_256, -1)
	w.must(err)
	leaf := cid.NewCidV1(cid.Raw, hash)
	m := memory{dag.NewBuilder(), map[cid.Cid][]byte{leaf: []byte(contents)}}
	file, err := m.File([]dag.Leaf{{CID: leaf, Size: int64(len(contents))}}, true)
	w.must(err)
	bin, err := m.Dir(map[string]dag.Link{name: file})
	w.must(err)
	root, err := m.Dir(map[string]dag.Link{"bin": bin})
	w.must(err)
	return root.CID, m
}

// add is an edit that adds packages.
func (w *world) add(pkgs ...lock.Package) Edit {
	return func(ctx context.Context, s State) (State, []generation.Member, error) {
		for _, pkg := range pkgs {
			s.Wishes.Put(lock.Wish{Name: pkg.Name, CID: pkg.CID})
			s.Lock.Packages = slices.DeleteFunc(s.Lock.Packages, func(o lock.Package) bool { return o.Name == pkg.Name })
			s.Lock.Packages = append(s.Lock.Packages, pkg)
		}
		slices.SortFunc(s.Lock.Packages, func(a, b lock.Package) int { return strings.Compare(string(a.Name), string(b.Name)) })
		return s, w.membersOf(s), nil
	}
}

// only is an edit that leaves nothing else.
func (w *world) only(pkgs ...lock.Package) Edit {
	return func(ctx context.Context, s State) (State, []generation.Member, error) {
		s.Wishes.Packages = nil
		s.Lock.Packages = nil
		return w.add(pkgs...)(ctx, s)
	}
}

func (w *world) membersOf(s State) (members []generation.Member) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, pkg := range s.Lock.Packages {
		members = append(members, w.members[pkg.CID.String()])
	}
	return members
}

// allSame has the members bring one command.
func allSame(members []generation.Member) []generation.Member {
	for i := range members {
		m := &members[i]
		m.Exposed = &generation.Exposed{Key: m.Key, Commands: []generation.Command{{Name: "same", Path: "bin/" + string(m.Name)}}}
	}
	return members
}

// nowhere is a tree that is not there, of the same package.
func nowhere(k store.Key) *generation.Exposed {
	k.Part = "nowhere"
	return &generation.Exposed{Key: k}
}

// try runs an update of p as a process of its own would.
func (w *world) try(p *Profile, edit Edit) (Change, error) {
	ctx := context.Background()
	l, err := w.st.Lease(ctx, "test")
	if err != nil {
		return Change{}, err
	}
	defer l.Release()
	return p.Update(ctx, w.st, l, Reason{Command: "test it"}, State{}, edit)
}

func (w *world) update(edit Edit) Change {
	w.Helper()
	c, err := w.try(w.p, edit)
	w.must(err)
	return c
}

func (w *world) rollback(n generation.Number) Change {
	w.Helper()
	c, err := w.p.Rollback(context.Background(), n, Reason{Command: "rollback"})
	w.must(err)
	return c
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// wantCurrent checks that n is current, and that what it links to is there.
func (w *world) wantCurrent(n generation.Number) {
	w.Helper()
	got, err := w.p.CurrentNumber()
	w.must(err)
	if got != n {
		w.Errorf("current is %d, want %d", got, n)
	}
	if n != 0 {
		w.wantWhole(n)
	}
}

// wantWhole checks that generation n can be read and every command be opened.
func (w *world) wantWhole(n generation.Number) {
	w.Helper()
	g, err := w.p.Get(n)
	w.must(err)
	for _, pkg := range g.Lock.Packages {
		if _, err := os.ReadFile(filepath.Join(g.Dir, "bin", string(pkg.Name))); err != nil {
			w.Errorf("generation %d: %v", n, err)
		}
	}
}

// list tells every name of the state directory, with what it holds.
func (w *world) list() string {
	w.Helper()
	var lines []string
	err := filepath.WalkDir(w.state, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == w.p.path("mutex") { // who held it last is no state
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		line := strings.TrimPrefix(path, w.state) + " " + info.Mode().String()
		switch info.Mode().Type() {
		case fs.ModeSymlink:
			target, err := os.Readlink(path)
			line += " " + target
			if err != nil {
				return err
			}
		case 0:
			data, err := os.ReadFile(path)
			line += fmt.Sprintf(" %q", data)
			if err != nil {
				return err
			}
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

// wantUnchanged checks that the state directory is what it was.
func (w *world) wantUnchanged(before string) {
	w.Helper()
	if after := w.list(); after != before {
		w.Errorf("before\n%s\nafter\n%s", before, after)
	}
}

// wantNames checks what the profile's directory holds, but for files that it
// always has.
func (w *world) wantNames(want string) {
	w.Helper()
	entries, err := os.ReadDir(w.p.Dir())
	w.must(err)
	var names []string
	for _, e := range entries {
		if n := e.Name(); n != "current" && n != "log" && n != "mutex" {
			names = append(names, n)
		}
	}
	if got := strings.Join(names, " "); got != want {
		w.Errorf("the profile holds %q, want %q", got, want)
	}
}

// wantPackages checks what the current generation holds.
func (w *world) wantPackages(want string) {
	w.Helper()
	g, err := w.p.Current()
	w.must(err)
	names := map[string]bool{}
	for _, pkg := range g.Lock.Packages {
		names[string(pkg.Name)] = true
	}
	if got := strings.Join(slices.Sorted(maps.Keys(names)), " "); got != want {
		w.Errorf("the current generation holds %q, want %q", got, want)
	}
}

// logged is the log as "FROM>TO …".
func (w *world) logged() string {
	w.Helper()
	entries, err := w.p.Log()
	w.must(err)
	var b bytes.Buffer
	for _, e := range entries {
		fmt.Fprintf(&b, "%d>%d ", e.From, e.To)
	}
	return strings.TrimSpace(b.String())
}
