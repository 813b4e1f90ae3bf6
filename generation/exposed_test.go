package generation

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"github.com/ipfs/go-cid"

	"ipp/lock"
	"ipp/store"
)

func someExposed(t *testing.T) (trees []*Exposed) {
	t.Helper()
	for _, k := range someInfo(t).Trees[:2] {
		trees = append(trees, &Exposed{
			Key: k, Bases: []string{"linux-amd64", "any"},
			Commands: []Command{{"a", "linux-amd64/bin/a"}, {"b", "any/bin/a program"}},
			Top:      []Entry{{"any/share", true}, {"any/etc", false}},
		})
	}
	return trees
}

func TestExposed(t *testing.T) {
	trees := someExposed(t)
	got := parseExposed(string(encodeExposed(trees)))
	if len(got) != len(trees) {
		t.Fatalf("%d trees, want %d", len(got), len(trees))
	}
	for i, want := range trees {
		if !reflect.DeepEqual(&got[i], want) {
			t.Errorf("got %+v, want %+v", got[i], want)
		}
	}
}

// A forest has the trees of its members by name, each once, whatever CID's version
// names it.
func TestForestTrees(t *testing.T) {
	w := newWorld(t)
	members := w.members("b: bin/b*; a~b: ; c: bin/c*")
	members[2].Exposed.Key.Root = cid.NewCidV0(members[2].Key.Root.Hash())
	again := *members[2].Exposed
	again.Key = again.Key.V1()
	f, err := Plan(append(members, Member{"d", "1.0.0", &again}), nil, w.fs())
	w.must(err)
	if got, want := f.Trees(), []store.Key{w.key("b"), w.key("c")}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := parseExposed(string(encodeExposed(f.trees))); len(got) != 2 {
		t.Errorf("noted are %+v", got)
	}
}

// What a tree exposes may be nothing, which is known too.
func TestExposedNothing(t *testing.T) {
	k := someInfo(t).Trees[0]
	got := parseExposed(string(encodeExposed([]*Exposed{{Key: k, Top: []Entry{}}})))
	if len(got) != 1 || got[0].Key != k || got[0].Top == nil || len(got[0].Commands) > 0 {
		t.Errorf("got %+v", got)
	}
}

// One that can't be written so that it is read back the same is left out.
func TestExposedLeavesOut(t *testing.T) {
	for _, bad := range []Exposed{
		{Bases: []string{"a\tb"}},
		{Commands: []Command{{"a", "bin/a\nbase\tb"}}},
		{Top: []Entry{{"a\x00", true}}},
	} {
		bad.Key = someInfo(t).Trees[0]
		if got := parseExposed(string(encodeExposed([]*Exposed{&bad}))); got == nil || len(got) != 0 {
			t.Errorf("%+v came back as %+v", bad, got)
		}
	}
}

// Every flipped bit and every cut is noticed: nothing is believed then.
func TestExposedDamaged(t *testing.T) {
	whole := encodeExposed(someExposed(t))
	for i := range whole {
		flipped := bytes.Clone(whole)
		flipped[i] ^= 1 << (i % 8)
		if parseExposed(string(flipped)) != nil {
			t.Fatalf("bit of byte %d: %q was believed", i, flipped)
		}
		if parseExposed(string(whole[:i])) != nil {
			t.Fatalf("cut at byte %d, it was believed", i)
		}
	}
}

// A generation shares the links that the one before it has too.
func TestWriteLike(t *testing.T) {
	w := newWorld(t)
	dirs := [2]string{filepath.Join(w.state, "1"), filepath.Join(w.state, "2")}
	owner := &Member{Exposed: &Exposed{Key: someInfo(t).Trees[0]}}
	link := func(path, target string) Link { return Link{path, owner, target} }
	forests := [2]*Forest{
		{dirs: []string{"bin"}, links: []Link{link("bin/same", "bin/same"), link("bin/other", "bin/a")}},
		{dirs: []string{"bin"}, links: []Link{link("bin/same", "bin/same"), link("bin/other", "bin/b"), link("bin/new", "bin/new")}},
	}
	like := ""
	for i, f := range forests {
		w.must(Write(dirs[i], f, &Generation{Info: someInfo(t), Lock: &lock.Lockfile{}}, like))
		like = dirs[i]
		for _, fault := range f.Compare(dirs[i]) {
			t.Errorf("generation %d: %+v", i+1, fault)
		}
	}
	a, err := os.Lstat(filepath.Join(dirs[0], "bin/same"))
	w.must(err)
	b, err := os.Lstat(filepath.Join(dirs[1], "bin/same"))
	w.must(err)
	if runtime.GOOS == "linux" && !os.SameFile(a, b) {
		t.Error("the same link is not shared")
	}
}

func FuzzParseExposed(f *testing.F) {
	k, err := store.ParseKey("bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e.any")
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("tree\t" + k.String() + "\nbase\tany\ncommand\ta\tany/bin/a\ndir\tany/share\nlink\tany/etc\n"))
	f.Add([]byte("base\tany\n"))
	f.Add([]byte("tree\t" + k.String() + "\nelse\n"))
	f.Fuzz(func(t *testing.T, lines []byte) {
		trees := parseExposed(string(withSum(append([]byte(exposedHeader), lines...))))
		var whole []*Exposed
		for i := range trees {
			whole = append(whole, &trees[i])
		}
		again := parseExposed(string(encodeExposed(whole)))
		for _, x := range again {
			if !slices.ContainsFunc(trees, func(was Exposed) bool { return reflect.DeepEqual(was, x) }) {
				t.Errorf("%+v was not there", x)
			}
		}
	})
}
