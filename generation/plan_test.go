package generation

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"ipp/lock/ref"
	"ipp/store"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// A forest is told in one line. Members are separated by ";", and each is
//
//	NAME[BASE,BASE]: FILE FILE …
//
// with "." for the base where none is said. FILE is PATH, PATH=CONTENTS,
// PATH->TARGET for a symlink, PATH/ for an empty directory, PATH* for a
// command, and PATH+ for an executable that is none. Without contents a file differs from all others; equal contents are
// two inodes, and @CONTENTS hard links of one. NAME~OTHER has OTHER's tree.
//
// The plan is PATH=OWNER:TARGET for a link, PATH/ for a real directory, and
// PATH!OWNER,OWNER for a conflict.
var planTests = []struct {
	about   string
	members string
	prefer  string
	want    string
}{
	{"nothing at all", "", "", ""},
	{"a package that exposes nothing", "a: README lib64/x", "", ""},
	{"commands only", "a: bin/a* bin/b*; c: x/c*", "", "bin/ bin/a=a:bin/a bin/b=a:bin/b bin/c=c:x/c"},
	{"bin holds nothing but commands", "a: bin/a* bin/hidden bin/sub/x", "", "bin/ bin/a=a:bin/a"},
	{"one owner: whole directories", "a: share/x/y lib/z other/q", "", "lib=a:lib share=a:share"},
	{"every forest directory", "a: sbin/1 share/1 etc/1 lib/1 libexec/1 include/1 opt/1", "",
		"etc=a:etc include=a:include lib=a:lib libexec=a:libexec sbin=a:sbin share=a:share"},
	{"two owners share a top", "a: share/a/1; b: share/b/1", "", "share/ share/a=a:share/a share/b=b:share/b"},
	{"two owners share deep down", "a: share/man/man1/a.1 share/man/man5/a.5; b: share/man/man1/b.1", "",
		"share/ share/man/ share/man/man1/ share/man/man1/a.1=a:share/man/man1/a.1 share/man/man1/b.1=b:share/man/man1/b.1 share/man/man5=a:share/man/man5"},
	{"an empty directory is linked", "a: share/e/; b: share/b", "", "share/ share/b=b:share/b share/e=a:share/e"},
	{"two empty directories merge", "a: share/e/; b: share/e/", "", "share/ share/e/"},
	{"a plain file is no forest directory", "a: share; b: share/x", "", "share=b:share"},

	{"platform over any", "a[p,any]: p/share/x any/share/x any/share/y", "",
		"share/ share/x=a:p/share/x share/y=a:any/share/y"},
	{"a base that owns a directory alone", "a[p,any]: p/lib/x any/share/y", "", "lib=a:p/lib share=a:any/share"},
	{"platform's file over any's directory", "a[p,any]: p/share/x any/share/x/y", "", "share/ share/x=a:p/share/x"},
	{"platform's directory over any's file", "a[p,any]: p/share/x/y any/share/x", "", "share/ share/x=a:p/share/x"},
	{"a base may be missing", "a[p,any]: any/share/x", "", "share=a:any/share"},
	{"two bases and another package", "a[p,any]: p/share/x any/share/y; b: share/z", "",
		"share/ share/x=a:p/share/x share/y=a:any/share/y share/z=b:share/z"},

	{"a file twice", "a: share/x; b: share/x", "", "share/x!a,b"},
	{"a command twice", "a: bin/x*; b: y/x*", "", "bin/x!a,b"},
	{"file against directory", "a: share/x/y; b: share/x", "", "share/x!a,b"},
	{"directory against file", "a: share/x; b: share/x/y", "", "share/x!a,b"},
	{"every conflict at once", "a: share/x lib/y bin/z*; b: share/x lib/y bin/z*", "", "bin/z!a,b lib/y!a,b share/x!a,b"},
	{"three owners", "a: share/x; b: share/x; c: share/x", "", "share/x!a,b share/x!a,c"},
	{"below a directory that a file fights", "a: share/x/1; b: share/x; c: share/x/1", "", "share/x!a,b share/x/1!a,c"},

	{"equal contents are one object", "a: share/x=1; b: share/x=1", "", "share/ share/x=a:share/x"},
	{"hard links are one object", "a: share/x@1; b: share/x@1", "", "share/ share/x=a:share/x"},
	{"equal size is not equal contents", "a: share/x=1; b: share/x=2", "", "share/x!a,b"},
	{"equal contents, another run bit", "a: share/x=1; b: share/x+=1", "", "share/x!a,b"},
	{"equal commands", "a: bin/x*=1; b: bin/x*=1", "", "bin/ bin/x=a:bin/x"},
	{"one of three differs", "a: share/x=1; b: share/x=2; c: share/x=1", "", "share/x!a,b"},

	{"a symlink is linked as it is", "a: share/x->y share/y; b: share/z", "",
		"share/ share/x=a:share/x share/y=a:share/y share/z=b:share/z"},
	{"a dangling symlink too", "a: share/x->nowhere; b: share/z", "", "share/ share/x=a:share/x share/z=b:share/z"},
	{"equal symlinks to equal files", "a: share/x->y share/y=1; b: share/x->y share/y=1", "",
		"share/ share/x=a:share/x share/y=a:share/y"},
	{"equal symlinks that dangle", "a: share/x->y; b: share/x->y", "", "share/ share/x=a:share/x"},
	{"equal symlinks to other files", "a: share/x->../y y=1; b: share/x->../y y=2", "", "share/x!a,b"},
	{"equal symlinks to directories", "a: share/x->../y y/1=1; b: share/x->../y y/1=1", "", "share/x!a,b"},
	{"other symlinks", "a: share/x->y share/y=1; b: share/x->z share/z=1", "", "share/x!a,b"},
	{"a symlink against a directory", "a: share/x->y share/y/1; b: share/x/1", "", "share/x!a,b"},
	{"a symlink at the top", "a: share->lib lib/1", "", "lib=a:lib share=a:share"},
	{"a symlink at the top against a directory", "a: share->lib lib/1; b: share/1", "", "share!a,b"},

	{"prefer a path", "a: share/x; b: share/x", "share/x=b", "share/ share/x=b:share/x"},
	{"prefer a directory", "a: share/x/1 share/x/2; b: share/x/1 share/x/3", "share=b",
		"share/ share/x/ share/x/1=b:share/x/1 share/x/2=a:share/x/2 share/x/3=b:share/x/3"},
	{"the nearest preference", "a: share/x/1; b: share/x/1", "share=a share/x=b", "share/ share/x/ share/x/1=b:share/x/1"},
	{"prefer who is not there", "a: share/x; b: share/x", "share/x=c", "share/x!a,b"},
	{"prefer who is not there, then a directory", "a: share/x; b: share/x", "share/x=c share=b", "share/ share/x=b:share/x"},
	{"prefer without a conflict", "a: share/x/1; b: share/x/2", "share/x=b",
		"share/ share/x/ share/x/1=a:share/x/1 share/x/2=b:share/x/2"},
	{"prefer a file to directories", "a: share/x/1; b: share/x; c: share/x/1", "share/x=b", "share/ share/x=b:share/x"},
	{"prefer one directory to a file", "a: share/x/1; b: share/x; c: share/x/2", "share/x=a",
		"share/ share/x/ share/x/1=a:share/x/1 share/x/2=c:share/x/2"},
	{"prefer a command", "a: bin/x*; b: bin/x*; c: bin/y*", "bin/x=b", "bin/ bin/x=b:bin/x bin/y=c:bin/y"},

	{"one package under two names", "a: share/x bin/c*; b~a:", "", "bin/ bin/c=a:bin/c share=a:share"},
	{"and its two bases", "a[p,any]: p/share/x any/share/y; b~a:", "",
		"share/ share/x=a:p/share/x share/y=a:any/share/y"},
}

func TestPlan(t *testing.T) {
	for _, tt := range planTests {
		t.Run(tt.about, func(t *testing.T) {
			w := newWorld(t)
			members := w.members(tt.members)
			for range 2 {
				got := w.plan(members, parsePrefer(tt.prefer))
				if got != tt.want {
					t.Errorf("members %s, prefer %q\n got %s\nwant %s", tt.members, tt.prefer, got, tt.want)
				}
				slices.Reverse(members)
			}
		})
	}
}

func TestPlanRefuses(t *testing.T) {
	w := newWorld(t)
	good := w.members("a: share/x bin/a*")[0]
	for about, spoil := range map[string]func(x *Exposed){
		"a base outside":       func(x *Exposed) { x.Bases = []string{"../b"} },
		"an absolute base":     func(x *Exposed) { x.Bases = []string{"/etc"} },
		"a command outside":    func(x *Exposed) { x.Commands = []Command{{"a", "../../x"}} },
		"a command of nothing": func(x *Exposed) { x.Commands = []Command{{"a", "."}} },
		"a missing tree":       func(x *Exposed) { x.Key = store.Key{Root: testCID("elsewhere"), Part: "any"} },
	} {
		bad := *good.Exposed
		spoil(&bad)
		if f, err := Plan([]Member{{good.Name, good.Version, &bad}}, nil, w.fs()); err == nil {
			t.Errorf("%s: planned %v", about, f.Links())
		}
	}
	if _, err := Plan([]Member{good, good}, nil, w.fs()); err == nil {
		t.Error("two members of one name were planned")
	}
}

// TestPlanMissingTree wants to be told apart from other failures.
func TestPlanMissingTree(t *testing.T) {
	w := newWorld(t)
	m := Member{Name: "a", Exposed: &Exposed{Key: store.Key{Root: testCID("a"), Part: "any"}, Bases: []string{"."}}}
	if _, err := Plan([]Member{m}, nil, w.fs()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
}

func TestConflictErrorNamesBoth(t *testing.T) {
	w := newWorld(t)
	_, err := Plan(w.members("a: share/x; b: share/x"), nil, w.fs())
	want := "plan forest: share/x is in both a 1.0.0 and b 1.0.0"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestPlanReadsLittle holds what makes large profiles quick: below its bases a
// package that shares nothing is not read.
func TestPlanReadsLittle(t *testing.T) {
	w := newWorld(t)
	members := w.members("a: bin/a* share/a/1/2; b: bin/b* lib/x/1; c[p,any]: p/bin/c* any/etc/c/1; d: share/d/1/2")
	counted := &countingFS{ReadLinkFS: w.fs().(fs.ReadLinkFS)}
	if _, err := Plan(members, nil, counted); err != nil {
		t.Fatal(err)
	}
	slices.Sort(counted.read)
	var want []string
	for _, at := range []string{"a:.", "b:.", "c:p", "c:any", "d:.", "a:share", "d:share"} {
		name, dir, _ := strings.Cut(at, ":")
		want = append(want, path.Join(w.key(name).String(), dir))
	}
	slices.Sort(want)
	if !slices.Equal(counted.read, want) {
		t.Errorf("read %d directories:\n%s\nwant %d:\n%s", len(counted.read), strings.Join(counted.read, "\n"), len(want), strings.Join(want, "\n"))
	}
	if counted.looked > 0 {
		t.Errorf("looked at %d files where nothing is in doubt", counted.looked)
	}
}

type countingFS struct {
	fs.ReadLinkFS
	mu     sync.Mutex
	read   []string // under mu
	looked int
}

func (c *countingFS) ReadDir(name string) ([]fs.DirEntry, error) {
	c.mu.Lock()
	c.read = append(c.read, name)
	c.mu.Unlock()
	return fs.ReadDir(c.ReadLinkFS, name)
}

func (c *countingFS) Lstat(name string) (fs.FileInfo, error) {
	c.looked++
	return c.ReadLinkFS.Lstat(name)
}

func BenchmarkPlan2000(b *testing.B) {
	w := newWorld(b)
	var said []string
	for i := range 2000 {
		said = append(said, fmt.Sprintf("p%d: bin/c%d*", i, i))
	}
	members := w.members(strings.Join(said, ";"))
	trees := w.fs()
	for b.Loop() {
		if _, err := Plan(members, nil, trees); err != nil {
			b.Fatal(err)
		}
	}
}

// world is a store's trees directory that tests fill.
type world struct {
	t     testing.TB
	state string
	links map[string]string // contents to the one file that holds them
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, state: t.TempDir(), links: map[string]string{}}
	w.must(os.MkdirAll(w.trees(), 0o755))
	return w
}

func (w *world) trees() string { return filepath.Join(w.state, "store", "trees") }
func (w *world) fs() fs.FS     { return os.DirFS(w.trees()) }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) key(tree string) store.Key { return store.Key{Root: testCID(tree), Part: "any"} }

// members makes the trees of members told in one line.
func (w *world) members(line string) []Member {
	var members []Member
	for said := range strings.SplitSeq(line, ";") {
		head, files, ok := strings.Cut(strings.TrimSpace(said), ":")
		if !ok {
			continue
		}
		name, bases, _ := strings.Cut(strings.TrimSuffix(head, "]"), "[")
		name, tree, twin := strings.Cut(name, "~")
		if !twin {
			tree = name
		}
		m := Member{Name: ref.Name(name), Version: "1.0.0", Exposed: &Exposed{Key: w.key(tree), Bases: []string{"."}}}
		if bases != "" {
			m.Bases = strings.Split(bases, ",")
		}
		w.must(os.MkdirAll(filepath.Join(w.trees(), m.Key.String()), 0o755))
		for _, f := range strings.Fields(files) {
			w.file(&m, f)
		}
		if twin {
			i := slices.IndexFunc(members, func(o Member) bool { return o.Name == ref.Name(tree) })
			m.Bases, m.Commands = members[i].Bases, members[i].Commands
		}
		members = append(members, m)
	}
	return members
}

// file makes one file of a member's tree.
func (w *world) file(m *Member, said string) {
	said, target, symlink := strings.Cut(said, "->")
	said, shared, linked := strings.Cut(said, "@")
	said, contents, told := strings.Cut(said, "=")
	name, command := strings.CutSuffix(said, "*")
	name, executable := strings.CutSuffix(name, "+")
	at := filepath.Join(w.trees(), m.Key.String(), filepath.FromSlash(name))
	w.must(os.MkdirAll(filepath.Dir(at), 0o755))
	perm := fs.FileMode(0o444)
	if command {
		m.Commands = append(m.Commands, Command{ref.Command(path.Base(name)), name})
	}
	if command || executable {
		perm = 0o555
	}
	if !told {
		contents = string(m.Name) + " " + name
	}
	if _, err := os.Lstat(at); err == nil { // of a tree that is in two forests
		return
	}
	switch {
	case strings.HasSuffix(name, "/"):
		w.must(os.MkdirAll(at, 0o755))
	case symlink:
		w.must(os.Symlink(target, at))
	case linked && w.links[shared] != "":
		w.must(os.Link(w.links[shared], at))
	case linked:
		w.links[shared] = at
		w.must(os.WriteFile(at, []byte(shared), perm))
	default:
		w.must(os.WriteFile(at, []byte(contents), perm))
	}
}

// plan plans and tells the result in one line.
func (w *world) plan(members []Member, prefer map[string]ref.Name) string {
	w.t.Helper()
	f, err := Plan(members, prefer, w.fs())
	var said []string
	var conflicts *ConflictError
	if errors.As(err, &conflicts) {
		for _, c := range conflicts.Conflicts {
			said = append(said, fmt.Sprintf("%s!%s,%s", c.Path, c.A.Name, c.B.Name))
		}
		return strings.Join(said, " ")
	}
	w.must(err)
	for _, d := range f.dirs {
		said = append(said, d+"/")
	}
	for _, l := range f.Links() {
		said = append(said, fmt.Sprintf("%s=%s:%s", l.Path, l.Owner.Name, l.Target))
	}
	slices.SortFunc(said, func(a, b string) int {
		return strings.Compare(strings.TrimSuffix(strings.Split(a, "=")[0], "/"), strings.TrimSuffix(strings.Split(b, "=")[0], "/"))
	})
	return strings.Join(said, " ")
}

func parsePrefer(line string) map[string]ref.Name {
	prefer := map[string]ref.Name{}
	for _, said := range strings.Fields(line) {
		at, name, _ := strings.Cut(said, "=")
		prefer[at] = ref.Name(name)
	}
	return prefer
}

func testCID(s string) cid.Cid {
	sum, err := multihash.Sum([]byte(s), multihash.SHA2_256, -1)
	if err != nil {
		panic(err)
	}
	return cid.NewCidV1(cid.DagProtobuf, sum)
}
