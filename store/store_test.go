package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// memory is a package held in memory: the source of its own blocks.
type memory struct {
	*dag.Builder
	root   cid.Cid
	leaves map[string][]byte
	asked  map[string]int
	mu     sync.Mutex
}

func (m *memory) Block(ctx context.Context, c cid.Cid) ([]byte, error) {
	m.mu.Lock()
	m.asked[c.KeyString()]++
	m.mu.Unlock()
	if b, ok := m.leaves[c.KeyString()]; ok {
		return b, nil
	}
	return m.Builder.Block(ctx, c)
}

// pkg builds a package: path to contents; "x:" before contents is a run bit,
// "->" makes a symlink.
func pkg(t *testing.T, files map[string]string) *memory {
	t.Helper()
	m := &memory{Builder: dag.NewBuilder(), leaves: map[string][]byte{}, asked: map[string]int{}}
	dirs := map[string]map[string]dag.Link{".": {}}
	for p, c := range files {
		l := m.node(t, c)
		for d := path.Dir(p); ; d = path.Dir(d) {
			if dirs[d] == nil {
				dirs[d] = map[string]dag.Link{}
			}
			if d == "." {
				break
			}
		}
		dirs[path.Dir(p)][path.Base(p)] = l
	}
	names := make([]string, 0, len(dirs))
	for d := range dirs {
		names = append(names, d)
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Count(b, "/") - strings.Count(a, "/") })
	names = append(slices.DeleteFunc(names, func(d string) bool { return d == "." }), ".")
	for _, d := range names {
		l, err := m.Dir(dirs[d])
		if err != nil {
			t.Fatal(err)
		}
		if d == "." {
			m.root = l.CID
		} else {
			dirs[path.Dir(d)][path.Base(d)] = l
		}
	}
	return m
}

func (m *memory) node(t *testing.T, contents string) dag.Link {
	t.Helper()
	if target, ok := strings.CutPrefix(contents, "->"); ok {
		l, err := m.Symlink(target)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	contents, exec := strings.CutPrefix(contents, "x:")
	leaves, err := dag.NewPool(0).Leaves(t.Context(), strings.NewReader(contents), int64(len(contents)), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range leaves {
		m.leaves[l.CID.KeyString()] = []byte(contents[l.Offset : l.Offset+l.Size])
	}
	l, err := m.File(leaves, exec)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func newStore(t *testing.T) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "store"), Options{First: Root{Kind: ProfileRoot, Path: "/nowhere", Why: "test"}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func want(m *memory, part string) Want {
	return Want{Key: Key{m.root, part}, Limits: dag.DefaultLimits()}
}

func ensure(t *testing.T, s *Store, w Want, src dag.Blocks) (*Plan, error) {
	t.Helper()
	l, err := s.Lease(t.Context(), "test", w.Root)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	p, err := s.Plan(t.Context(), w, src)
	if err != nil {
		return nil, err
	}
	return p, s.Ensure(t.Context(), l, p, src, nil)
}

func mustEnsure(t *testing.T, s *Store, w Want, src dag.Blocks) *Plan {
	t.Helper()
	p, err := ensure(t, s, w, src)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// listing describes everything below dir but mutexes, to prove that nothing
// changed.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		if strings.HasSuffix(rel, ".mutex") || rel == "sweep" || rel == "gc" {
			return nil
		}
		fi, err := os.Lstat(p)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %v", rel, fi.Mode())
		switch {
		case fi.Mode().IsRegular():
			data, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %x", data)
		case fi.Mode()&fs.ModeSymlink != 0:
			target, _ := os.Readlink(p)
			fmt.Fprintf(&b, " -> %s", target)
		}
		b.WriteString("\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func sweepAll(t *testing.T, s *Store, live map[Key]bool, inUse func(map[string]Key) []string) Swept {
	t.Helper()
	c, err := s.Collect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	done, err := c.Sweep(t.Context(), func(w *Sweep) error {
		leases, err := w.Leases()
		if err != nil {
			return err
		}
		keep := map[Key]bool{}
		trees, err := w.Trees()
		if err != nil {
			return err
		}
		for _, k := range trees {
			keep[k] = live[k] || slices.ContainsFunc(leases, func(l LeaseInfo) bool { return l.Holds(k.Root) })
		}
		for k, v := range keep {
			if !v {
				delete(keep, k)
			}
		}
		if err := w.Trash(keep); err != nil {
			return err
		}
		dirs, err := w.TrashDirs()
		if err != nil {
			return err
		}
		if inUse != nil {
			if err := w.Restore(inUse(dirs)); err != nil {
				return err
			}
		}
		return w.Staging()
	})
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func TestEnsureMakesTheTree(t *testing.T) {
	s := newStore(t)
	big := strings.Repeat("0123456789abcdef", 5<<16) // 5 leaves
	m := pkg(t, map[string]string{"bin/tool": "x:run", "share/doc": "words", "share/same": "words", "big": big, "lib/l": "->../bin/tool", "empty": "", "other/x": "not wanted"})
	w := want(m, "linux-amd64")
	w.Omit = []string{"other"}
	p := mustEnsure(t, s, w, m)
	if p.Present || p.Files != 5 || p.Bytes != int64(len(big)+3+5+5) || p.NewBytes != p.Bytes-5 {
		t.Errorf("plan = %+v", *p)
	}
	dir := s.TreeDir(w.Key)
	if got, _ := os.ReadFile(filepath.Join(dir, "big")); string(got) != big {
		t.Error("big file differs")
	}
	fi, err := os.Stat(filepath.Join(dir, "lib/l"))
	if err != nil || runtime.GOOS != "windows" && fi.Mode().Perm() != 0o555 {
		t.Errorf("lib/l: %v, %v", fi, err)
	}
	if same, err := sameFile(filepath.Join(dir, "share/doc"), filepath.Join(dir, "share/same")); err != nil || !same {
		t.Errorf("equal contents take two files (%v)", err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "other")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("another part's directory is there: %v", err)
	}
	files, err := s.Files(w.Key)
	if err != nil || len(files) != 5 || !slices.IsSortedFunc(files, func(a, b FileInfo) int { return strings.Compare(a.Path, b.Path) }) {
		t.Errorf("Files = %v, %v", files, err)
	}
	if faults, err := s.Verify(t.Context(), w.Key, nil); err != nil || len(faults) > 0 {
		t.Errorf("Verify = %v, %v", faults, err)
	}
	if left, err := readNames(s.path("staging")); err != nil || len(left) != 1 {
		t.Errorf("staging holds %v, want the mutex alone (%v)", left, err)
	}
	before := listing(t, s.Dir())
	if p := mustEnsure(t, s, w, m); !p.Present || p.NewBytes != 0 {
		t.Errorf("second plan = %+v", *p)
	}
	if listing(t, s.Dir()) != before {
		t.Error("a second Ensure changed something")
	}
}

func TestEnsureNeedsTheLease(t *testing.T) {
	s := newStore(t)
	m := pkg(t, map[string]string{"a": "1"})
	l, err := s.Lease(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	p, err := s.Plan(t.Context(), want(m, AnyPart), m)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Ensure(t.Context(), l, p, m, nil); err == nil {
		t.Error("Ensure went on without a lease on the root")
	}
}

func TestTreesShareObjects(t *testing.T) {
	s := newStore(t)
	one := pkg(t, map[string]string{"bin/a": "x:shared", "v": "1"})
	two := pkg(t, map[string]string{"bin/a": "x:shared", "v": "2"})
	mustEnsure(t, s, want(one, AnyPart), one)
	p := mustEnsure(t, s, want(two, AnyPart), two)
	if p.NewBytes != 1 {
		t.Errorf("NewBytes = %d, want 1", p.NewBytes)
	}
	a, b := s.TreeDir(want(one, AnyPart).Key), s.TreeDir(want(two, AnyPart).Key)
	if same, err := sameFile(filepath.Join(a, "bin/a"), filepath.Join(b, "bin/a")); err != nil || !same {
		t.Errorf("the shared file is two files (%v)", err)
	}
}

func TestEqualFiles(t *testing.T) {
	s := newStore(t)
	m := pkg(t, map[string]string{"d/a": "equal", "d/b": "equal"})
	k := want(m, AnyPart).Key
	mustEnsure(t, s, want(m, AnyPart), m)
	if same, err := sameFile(filepath.Join(s.TreeDir(k), "d/a"), filepath.Join(s.TreeDir(k), "d/b")); err != nil || !same {
		t.Errorf("equal files are two files (%v)", err)
	}
}

// A kill leaves staging behind: finished files, an unfinished one with a bad
// leaf in it, and names that the plan doesn't know.
func TestEnsureResumes(t *testing.T) {
	s := newStore(t)
	contents := strings.Repeat("x", 3*dag.LeafSize)
	contents = "first" + contents[5:]
	m := pkg(t, map[string]string{"done": "finished", "bad": "finished too", "part": contents, "l": "->done", "d/e": "in a directory"})
	w := want(m, AnyPart)
	dir := s.stagingDir(w.Key)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(dir, "junk/deep"), 0o755))
	must(os.WriteFile(filepath.Join(dir, "done"), []byte("finished"), 0o444))
	must(os.WriteFile(filepath.Join(dir, "bad"), []byte("finished foo"), 0o444))
	must(os.WriteFile(filepath.Join(dir, ".tmp.1"), []byte("junk"), 0o600))
	must(os.Symlink("elsewhere", filepath.Join(dir, "l")))
	must(os.Symlink("elsewhere", filepath.Join(dir, "d")))
	part := []byte(contents)
	copy(part[dag.LeafSize:], "damage")
	must(os.WriteFile(filepath.Join(dir, "part"), append(part, "too long"...), 0o600))

	mustEnsure(t, s, w, m)
	if faults, err := s.Verify(t.Context(), w.Key, nil); err != nil || len(faults) > 0 {
		t.Errorf("Verify = %v, %v", faults, err)
	}
	leaf := func(off, n int) string {
		leaves, err := dag.NewPool(0).Leaves(t.Context(), strings.NewReader(contents[off:off+n]), int64(n), nil)
		must(err)
		return leaves[0].CID.KeyString()
	}
	if n := m.asked[leaf(0, dag.LeafSize)]; n != 0 {
		t.Errorf("a verified leaf was fetched %d times again", n)
	}
}

// A finished staged file may be the object itself: staging must never write
// into it.
func TestResumeNeverWritesIntoObjects(t *testing.T) {
	s := newStore(t)
	m := pkg(t, map[string]string{"a": "contents of a"})
	w := want(m, AnyPart)
	mustEnsure(t, s, w, m)
	files, err := s.Files(w.Key)
	if err != nil {
		t.Fatal(err)
	}
	other := pkg(t, map[string]string{"a": "another a"})
	ow := want(other, AnyPart)
	if err := os.Mkdir(s.stagingDir(ow.Key), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(s.objectPath(files[0].Object), filepath.Join(s.stagingDir(ow.Key), "a")); err != nil {
		t.Fatal(err)
	}
	mustEnsure(t, s, ow, other)
	if faults, err := s.Verify(t.Context(), w.Key, nil); err != nil || len(faults) > 0 {
		t.Errorf("the first tree is damaged: %v, %v", faults, err)
	}
}

func TestLyingSourceLeavesNothing(t *testing.T) {
	s := newStore(t)
	m := pkg(t, map[string]string{"a": "contents of a", "b": "contents of b"})
	for k := range m.leaves {
		if strings.Contains(string(m.leaves[k]), "of b") {
			m.leaves[k] = []byte("contents of c")
		}
	}
	before := listing(t, s.Dir())
	_, err := ensure(t, s, want(m, AnyPart), m)
	var hash *dag.HashError
	if !errors.As(err, &hash) {
		t.Errorf("err = %v, want a HashError", err)
	}
	if after := listing(t, s.Dir()); after != before {
		t.Errorf("something is left:\n%s", after)
	}
}

func TestInstallHeals(t *testing.T) {
	s := newStore(t)
	m := pkg(t, map[string]string{"a": "contents of a", "b": "contents of b", "l": "->a", "bin/a": "->../a"})
	w := want(m, AnyPart)
	mustEnsure(t, s, w, m)
	damage := map[string]func(string) error{
		"flipped": func(d string) error {
			p := filepath.Join(d, "a")
			os.Chmod(p, 0o644)
			defer os.Chmod(p, 0o444)
			return os.WriteFile(p, []byte("contents of A"), 0o644)
		},
		"missing": func(d string) error { return os.Remove(filepath.Join(d, "a")) },
		"extra":   func(d string) error { return os.WriteFile(filepath.Join(d, "x"), nil, 0o644) },
		"symlink": func(d string) error {
			os.Remove(filepath.Join(d, "l"))
			return os.Symlink("b", filepath.Join(d, "l"))
		},
		"no symlink": func(d string) error { return os.Remove(filepath.Join(d, "l")) },
		"no links":   func(d string) error { return os.RemoveAll(filepath.Join(d, "bin")) },
		"mode":       func(d string) error { return os.Chmod(filepath.Join(d, "b"), 0o755) },
		"no list":    func(d string) error { return os.Remove(d + ".objects") },
		"no car":     func(d string) error { return os.Remove(d + ".car") },
		"cut list": func(d string) error {
			return os.Truncate(d+".objects", 40)
		},
		"bad car": func(d string) error {
			data, err := os.ReadFile(d + ".car")
			if err == nil {
				data[len(data)-3] ^= 1
				err = os.WriteFile(d+".car", data, 0o644)
			}
			return err
		},
	}
	for name, f := range damage {
		t.Run(name, func(t *testing.T) {
			if err := f(s.TreeDir(w.Key)); err != nil {
				t.Fatal(err)
			}
			if faults, err := s.Verify(t.Context(), w.Key, nil); err != nil || len(faults) == 0 {
				t.Fatalf("Verify saw nothing: %v", err)
			}
			v := w
			v.Verify = true
			if p := mustEnsure(t, s, v, m); !p.Damaged {
				t.Errorf("plan = %+v", *p)
			}
			if faults, err := s.Verify(t.Context(), w.Key, nil); err != nil || len(faults) > 0 {
				t.Errorf("not healed: %v, %v", faults, err)
			}
		})
	}
	if done := sweepAll(t, s, map[Key]bool{}, nil); done.Trees != 1 {
		t.Errorf("swept %+v", done)
	}
	if names, err := readNames(s.path("trash")); err != nil || len(names) != 0 {
		t.Errorf("trash holds %v, %v", names, err)
	}
}

func TestBlocksRebuildTheDAG(t *testing.T) {
	s := newStore(t)
	big := strings.Repeat("fedcba9876543210", 3<<16)
	m := pkg(t, map[string]string{"bin/t": "x:" + big, "linux/a": "a", "darwin/a": "b", "l": "->bin/t"})
	l, d := want(m, "linux"), want(m, "darwin")
	l.Omit, d.Omit = []string{"darwin"}, []string{"linux"}
	car := func(src dag.Blocks, omit ...string) []byte {
		t.Helper()
		var b bytes.Buffer
		opt := dag.WalkOptions{Limits: dag.DefaultLimits(), Omit: func(p string) bool { return slices.Contains(omit, p) }}
		if err := dag.WriteCAR(t.Context(), &b, src, m.root, opt, nil); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	mustEnsure(t, s, l, m)
	half, err := s.Blocks(t.Context(), m.root)
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	if !bytes.Equal(car(half, "darwin"), car(m, "darwin")) {
		t.Error("one part's CAR differs from the source's")
	}
	e, err := dag.Resolve(t.Context(), m, m.root, "darwin/a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := half.Block(t.Context(), e.CID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a block of the part that is not there: %v", err)
	}
	mustEnsure(t, s, d, m)
	whole, err := s.Blocks(t.Context(), m.root)
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close()
	if !bytes.Equal(car(whole), car(m)) {
		t.Error("the CAR of both parts differs from the source's")
	}
	if _, err := newStore(t).Blocks(t.Context(), m.root); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Blocks of an absent package: %v", err)
	}
}

func TestExecOfPackagesWithoutModes(t *testing.T) {
	s := newStore(t)
	m := pkg(t, map[string]string{"bin/a": "a", "bin/sub/b": "b", "lib/c": "c", "lib/d": "d"})
	w := want(m, AnyPart)
	w.Exec = []string{"bin/", "lib/c"}
	mustEnsure(t, s, w, m)
	files, err := s.Files(w.Key)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, f := range files {
		got[f.Path] = f.Exec()
	}
	if want := map[string]bool{"bin/a": true, "bin/sub/b": false, "lib/c": true, "lib/d": false}; !reflect.DeepEqual(got, want) {
		t.Errorf("run bits %v, want %v", got, want)
	}
}

func TestEnsureSideBySide(t *testing.T) {
	s := newStore(t)
	m := pkg(t, map[string]string{"a": "a", "b": strings.Repeat("b", 2*dag.LeafSize)})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := ensure(t, s, want(m, AnyPart), m); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if faults, err := s.Verify(t.Context(), want(m, AnyPart).Key, nil); err != nil || len(faults) > 0 {
		t.Errorf("Verify = %v, %v", faults, err)
	}
}

// A part lacks the directories of others, and nothing else.
func TestVerifyOfAPart(t *testing.T) {
	s := newStore(t)
	m := pkg(t, map[string]string{"l": "->linux/a", "linux/a": "->b", "linux/b": "b", "darwin/b": "b"})
	w := want(m, "linux")
	w.Omit = []string{"darwin"}
	mustEnsure(t, s, w, m)
	if faults, err := s.Verify(t.Context(), w.Key, nil); err != nil || len(faults) > 0 {
		t.Fatalf("Verify = %v, %v", faults, err)
	}
	for _, name := range []string{"l", "linux/a"} {
		link := filepath.Join(s.TreeDir(w.Key), name)
		target, err := os.Readlink(link)
		if err == nil {
			err = os.Remove(link)
		}
		if err != nil {
			t.Fatal(err)
		}
		if faults, err := s.Verify(t.Context(), w.Key, nil); err != nil || len(faults) != 1 || faults[0].Path != name {
			t.Errorf("without %s Verify = %v, %v", name, faults, err)
		}
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
}

// An interrupt while an object is rehashed says nothing about the object.
func TestInterruptReplacesNoObject(t *testing.T) {
	s := newStore(t)
	m := pkg(t, map[string]string{"a": "a"})
	files, err := s.Files(mustEnsure(t, s, want(m, AnyPart), m).Key)
	if err != nil {
		t.Fatal(err)
	}
	f := files[0]
	object := s.objectPath(f.Object)
	before, err := os.Lstat(object)
	if err != nil {
		t.Fatal(err)
	}
	st := &stage{store: s, dir: t.TempDir()}
	if err := os.WriteFile(st.abs(f.Path), []byte("a"), 0o444); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := st.publishObject(ctx, f, object, false); !errors.Is(err, context.Canceled) {
		t.Errorf("publishObject = %v", err)
	}
	if after, err := os.Lstat(object); err != nil || !os.SameFile(before, after) {
		t.Errorf("the object was replaced: %v", err)
	}
}
