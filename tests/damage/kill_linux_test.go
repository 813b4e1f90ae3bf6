package damage

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
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
		if r := w.trace(args, trace.Kill(n)); !r.Killed() {
			break
		} else if w.repairs(""); t.Failed() {
			t.Fatalf("killed before call %d (%s)", n, r.Hit[0])
		}
		points++
	}
	if points == 0 {
		t.Error("no call was killed")
	}
	t.Logf("%d points", points)
}

// TestKilledMending damages generations where names can't be swapped, and kills
// the repair before each rename and removal in their profile: every file that
// could be read still can, gc takes nothing, and the same repair then puts
// everything back. IPP_TEST_DAMAGE=all tries every call, otherwise every 20th.
//
// What made it fail when it was tried: the damaged generation put aside by one
// rename, and the new one in its place by another.
func TestKilledMending(t *testing.T) {
	w := newWorld(t)
	every := 20
	if os.Getenv("IPP_TEST_DAMAGE") == "all" {
		every = 1
	}
	noSwap := trace.Injection{Match: trace.Named("renameat2"), Errno: syscall.EINVAL}
	moves := func(c trace.Call) bool {
		return c.Changes && strings.Contains(c.Where, "/profiles/default/") &&
			(strings.HasPrefix(c.Name, "rename") || strings.HasPrefix(c.Name, "unlink") || c.Name == "rmdir")
	}
	points := 0
	for n := 1 + rand.IntN(every); ; n += every {
		w.reset()
		readable := w.harmGenerations()
		kill := trace.Injection{Match: moves, Nth: n, Signal: syscall.SIGKILL}
		r := w.trace([]string{"check", "--repair"}, kill, noSwap)
		if !r.Killed() {
			break
		}
		points++
		is := w.look()
		for _, rel := range readable {
			if is[rel] != w.was[rel] {
				t.Errorf("%s is %q, was %q", rel, is[rel], w.was[rel])
			}
		}
		w.run("gc") // may refuse
		if w.repairs(""); t.Failed() {
			t.Fatalf("killed before call %d (%s)", n, r.Hit[len(r.Hit)-1])
		}
	}
	if points == 0 {
		t.Error("no call was killed")
	}
	t.Logf("%d points", points)
}

// TestRebuildIsLeased: what a generation links to is leased before it is built
// anew, whoever prunes and collects meanwhile.
func TestRebuildIsLeased(t *testing.T) {
	w := newWorld(t)
	two := filepath.Join(w.home(), ".local/state/ipp/profiles/default/2")
	info, err := os.ReadFile(filepath.Join(two, "generation.toml"))
	w.must(err)
	w.must(os.Remove(filepath.Join(two, "bin/b")))
	building := func(c trace.Call) bool { return c.Changes && strings.Contains(c.Where, "/profiles/default/tmp.") }
	r := w.trace([]string{"check", "--repair"}, trace.Injection{Match: building, Nth: 1, Signal: syscall.SIGKILL})
	if !r.Killed() {
		t.Fatalf("nothing was built: %s", r.Output)
	}
	leases, err := filepath.Glob(filepath.Join(w.store(), "leases", "*"))
	w.must(err)
	if len(leases) != 1 {
		t.Fatalf("%d leases", len(leases))
	}
	lease, err := os.ReadFile(leases[0])
	w.must(err)
	trees := regexp.MustCompile(`"(bafy\w+)\.`).FindAllSubmatch(info, -1)
	if len(trees) != 2 {
		t.Fatalf("generation 2 has not two trees:\n%s", info)
	}
	for _, tree := range trees {
		if !bytes.Contains(lease, tree[1]) {
			t.Errorf("the lease does not hold %s:\n%s", tree[1], lease)
		}
	}
}

// trace runs ipp, with what is injected.
func (w *world) trace(args []string, inject ...trace.Injection) trace.Result {
	r, err := trace.Run(w.command(args...), inject...)
	if err != nil {
		support.Skip(w.t, "needs ptrace(2): "+err.Error())
	}
	return r
}

// harmGenerations damages forests, and one file of three; it returns what can
// still be read of those.
func (w *world) harmGenerations() (readable []string) {
	profile := ".local/state/ipp/profiles/default/"
	at := func(name string) string { return filepath.Join(w.home(), profile, name) }
	w.must(os.Remove(at("2/bin/b")))
	w.must(os.Remove(at("2/bin/a")))
	w.must(os.MkdirAll(at("2/bin/a/extra"), 0o755))
	w.rewrite(at("3/generation.toml"), func(data []byte) []byte {
		data[len(data)/2] ^= 1
		return data
	})
	w.must(os.RemoveAll(at("4/bin")))
	w.must(os.WriteFile(at("4/bin"), []byte("junk"), 0o644))
	for _, n := range []string{"1/", "2/", "3/", "4/"} {
		for _, name := range []string{"generation.toml", "profile.toml", "profile.lock"} {
			if n+name != "3/generation.toml" {
				readable = append(readable, profile+n+name)
			}
		}
	}
	return readable
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
