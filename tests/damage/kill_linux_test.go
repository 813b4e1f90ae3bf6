package damage

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ipp/tests/support"
	"ipp/tests/trace"
)

// TestKilledRepair damages something of every kind, and kills the repair before
// each call that changes something: the same repair then puts everything back.
// IPP_TEST_DAMAGE=all tries every call, otherwise every 25th.
//
// What made it fail when it was tried: a generation put in the place of the damaged
// one by two renames.
func TestKilledRepair(t *testing.T) {
	w := newWorld(t)
	every := 25
	if os.Getenv("IPP_TEST_DAMAGE") == "all" {
		every = 1
	}
	args := []string{"check", "--repair", "--from", "a.car", "--from", "b.car", "--from", "c.car", "--from", "s.car"}
	points := 0
	for n := 1 + rand.IntN(every); ; n += every {
		w.reset()
		w.harmAll()
		r, err := trace.Run(w.command(args...), trace.Kill(n))
		if err != nil {
			support.Skip(t, "needs ptrace(2): "+err.Error())
		}
		if !r.Killed() {
			break
		}
		points++
		w.repairs("")
		if t.Failed() {
			t.Fatalf("killed before call %d (%s)", n, r.Hit[0])
		}
	}
	if points == 0 {
		t.Error("no call was killed")
	}
	t.Logf("%d points", points)
}

// harmAll damages an object, a .car, a .objects, a forest, the files of a
// generation, the pointer, a root and the format, and leaves an object of nobody.
func (w *world) harmAll() {
	one := func(pattern string) string {
		found, err := filepath.Glob(filepath.Join(w.home(), ".local", pattern))
		w.must(err)
		if len(found) == 0 {
			w.t.Fatal("there is no ", pattern)
		}
		return found[0]
	}
	flip := func(data []byte) []byte {
		data[len(data)/2] ^= 1
		return data
	}
	w.rewrite(one("share/ipp/store/trees/*/bin/a"), flip)
	w.must(os.Remove(strings.TrimSuffix(one("share/ipp/store/trees/*/bin/b"), "/bin/b") + ".car"))
	w.rewrite(strings.TrimSuffix(one("share/ipp/store/trees/*/bin/c"), "/bin/c")+".objects", flip)
	w.must(os.Remove(one("state/ipp/profiles/default/2/bin/b")))
	w.rewrite(one("state/ipp/profiles/default/3/generation.toml"), flip)
	w.must(os.Remove(one("state/ipp/profiles/default/current")))
	w.must(os.Remove(one("share/ipp/store/roots/p-*")))
	w.must(os.Remove(one("share/ipp/store/format")))
	orphan := filepath.Join(w.store(), "objects/aa/bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyaa")
	w.must(os.MkdirAll(filepath.Dir(orphan), 0o755))
	w.must(os.WriteFile(orphan, []byte("junk"), 0o444))
}
