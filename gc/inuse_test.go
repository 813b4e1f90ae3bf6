package gc

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"ipp/store"
)

func known(names ...string) map[string]bool {
	k := map[string]bool{}
	for _, n := range names {
		k[n] = true
	}
	return k
}

func TestFinderText(t *testing.T) {
	a, b := treeName(key("a")), treeName(key("b"))
	trash := "trash/" + key("a").String() + "~0123456789ab"
	tests := []struct{ name, text, want string }{
		{"exe", "/home/u/.local/share/ipp/store/" + a + "/bin/x", a},
		{"directory", "/s/" + a, a},
		{"deleted", "/s/" + a + " (deleted)", a},
		{"trash", "/s/" + trash + "/bin/x", trash},
		{"mapping", "7f00-7f01 r-xp 00000000 08:01 42   /s/" + b + "/lib/l.so\n", b},
		{"environment", "PATH=/s/" + a + "/bin:/s/" + b + "/bin\x00HOME=/home/u\x00", a + " " + b},
		{"after something like it", "/trees/x /try/trees/ /s/" + a + "/x", a},
		{"behind another", "/s/trees/" + a + "/x", a},
		{"another tree's name begins the same", "/s/" + a + "-musl/x", ""},
		{"a listing of it", "/s/" + a + ".objects", ""},
		{"unknown", "/s/" + treeName(key("c")) + "/x", ""},
		{"not below trees", "/s/" + key("a").String(), ""},
		{"cut short", "/s/" + a[:len(a)-1], ""},
		{"no element of its own", "/s/sub" + a, ""},
		{"empty", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFinder(known(a, b, trash))
			f.text([]byte(tt.text), true)
			if got := strings.Join(slices.Sorted(maps.Keys(f.found)), " "); got != sorted(tt.want) {
				t.Errorf("found %q, want %q", got, tt.want)
			}
		})
	}
}

func sorted(words string) string {
	w := strings.Fields(words)
	slices.Sort(w)
	return strings.Join(w, " ")
}

// TestFinderRead looks for a name at every place where two chunks may meet.
func TestFinderRead(t *testing.T) {
	name := treeName(key("a"))
	for at := chunk - 2*len(name); at <= chunk+longest; at += 7 {
		text := strings.Repeat("x", at) + "/" + name + "\x00" + strings.Repeat("y", chunk)
		f := newFinder(known(name))
		if err := f.read(iotest.HalfReader(strings.NewReader(text))); err != nil {
			t.Fatal(err)
		}
		if !f.found[name] {
			t.Fatalf("not found at byte %d", at)
		}
	}
}

// TestFinderReadNeverMatchesHalfAName: where a chunk ends within a longer name,
// the part that was read must not count as a shorter one.
func TestFinderReadNeverMatchesHalfAName(t *testing.T) {
	short := treeName(key("a"))
	for at := chunk - 2*len(short); at <= chunk; at++ {
		text := strings.Repeat("x", at) + "/" + short + "-musl/bin" + strings.Repeat("y", chunk)
		f := newFinder(known(short))
		if err := f.read(strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		if f.found[short] {
			t.Fatalf("half a name counted at byte %d", at)
		}
	}
}

func TestFinderReadKeepsWhatItFoundBeforeAnError(t *testing.T) {
	name, broken := treeName(key("a")), errors.New("broken")
	f := newFinder(known(name))
	r := iotest.ErrReader(broken)
	if err := f.read(r); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func FuzzFinder(f *testing.F) {
	name := treeName(key("a"))
	f.Add([]byte("/s/"+name+"/x"), uint16(3))
	f.Add([]byte("/trees/"), uint16(1))
	f.Add([]byte("/trash/~"), uint16(0))
	f.Fuzz(func(t *testing.T, text []byte, cut uint16) {
		whole, parts := newFinder(known(name)), newFinder(known(name))
		whole.text(text, true)
		n := min(int(cut), len(text))
		parts.text(text[:n], false) // what this finds, the whole text has too
		for k := range parts.found {
			if !whole.found[k] {
				t.Errorf("found %q in a part only", k)
			}
		}
		if whole.found[name] && !strings.Contains(string(text), "/"+name) {
			t.Error("found what is not there")
		}
	})
}

func TestProcessesOf(t *testing.T) {
	a, b := key("a"), key("b")
	keys := map[string]store.Key{treeName(a): a, "trash/x": a, treeName(b): b}
	uses := []use{{pid: 3, comm: "p", names: known(treeName(a), "trash/x", treeName(b))}}
	got := processesOf(uses, keys)
	if len(got) != 1 || got[0].PID != 3 || got[0].Name != "p" || len(got[0].Trees) != 2 {
		t.Errorf("got %+v", got)
	}
}
