package generation

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"testing"

	"ipp/lock"
	"ipp/lock/ref"
	"ipp/store"
)

func someMembers(t *testing.T) []Member {
	t.Helper()
	var members []Member
	for _, k := range someInfo(t).Trees[:2] {
		members = append(members, Member{
			Name: "a", Key: k, Bases: []string{"linux-amd64", "any"},
			Commands: map[ref.Command]string{"a": "linux-amd64/bin/a", "b": "any/bin/a program"},
			Top:      []Entry{{"any/share", true}, {"any/etc", false}},
		})
	}
	return members
}

func TestExposed(t *testing.T) {
	members := someMembers(t)
	got := parseExposed(encodeExposed(append(members, members[0])))
	if len(got) != len(members) {
		t.Fatalf("%d trees, want %d", len(got), len(members))
	}
	for _, m := range members {
		m.Name = ""
		if !reflect.DeepEqual(got[m.Key], &m) {
			t.Errorf("got %+v, want %+v", got[m.Key], m)
		}
	}
}

// What a tree exposes may be nothing, which is known too.
func TestExposedNothing(t *testing.T) {
	k := someInfo(t).Trees[0]
	m, ok := parseExposed(encodeExposed([]Member{{Key: k, Top: []Entry{}}}))[k]
	if !ok || m.Top == nil || len(m.Commands) > 0 {
		t.Errorf("got %+v, %v", m, ok)
	}
}

// One that can't be written so that it is read back the same is left out.
func TestExposedLeavesOut(t *testing.T) {
	for _, bad := range []Member{
		{Bases: []string{"a\tb"}},
		{Commands: map[ref.Command]string{"a": "bin/a\nbase\tb"}},
		{Top: []Entry{{"a\x00", true}}},
	} {
		bad.Key = someInfo(t).Trees[0]
		if got := parseExposed(encodeExposed([]Member{bad})); got == nil || len(got) != 0 {
			t.Errorf("%+v came back as %+v", bad, got)
		}
	}
}

// Every flipped bit and every cut is noticed: nothing is believed then.
func TestExposedDamaged(t *testing.T) {
	whole := encodeExposed(someMembers(t))
	for i := range whole {
		flipped := bytes.Clone(whole)
		flipped[i] ^= 1 << (i % 8)
		if parseExposed(flipped) != nil {
			t.Fatalf("bit of byte %d: %q was believed", i, flipped)
		}
		if parseExposed(whole[:i]) != nil {
			t.Fatalf("cut at byte %d, it was believed", i)
		}
	}
}

// A generation shares the links that the one before it has too.
func TestWriteLike(t *testing.T) {
	w := newWorld(t)
	dirs := [2]string{filepath.Join(w.state, "1"), filepath.Join(w.state, "2")}
	key := someInfo(t).Trees[0]
	link := func(path, target string) Link { return Link{Path: path, Key: key, Target: target} }
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
		trees := parseExposed(withSum(append([]byte(exposedHeader), lines...)))
		var members []Member
		for _, m := range trees {
			members = append(members, *m)
		}
		again := parseExposed(encodeExposed(members))
		for k, m := range again {
			if !reflect.DeepEqual(trees[k], m) {
				t.Errorf("%+v became %+v", trees[k], m)
			}
		}
	})
}
