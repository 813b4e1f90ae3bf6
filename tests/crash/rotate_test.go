//go:build linux

package crash

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ipp/lock/trust"
	"ipp/tests/homes"
	"ipp/tests/support"
	"ipp/tests/trace"
)

// TestKillRotate kills `ipp key rotate` before each call that changes something.
// After each kill the key is the old one or the new one, whole; the old one is
// never lost; and the same command then succeeds.
//
// What made it fail when it was tried: the new key written before the old one is
// kept.
func TestKillRotate(t *testing.T) {
	w := homes.Empty(t)
	if r := w.Trace(t, nil, "version"); !r.Status.Exited() {
		support.Skip(t, "needs ptrace(2), which this machine does not allow")
	}
	keys := filepath.Join(w.Home(), ".local", "share", "ipp", "keys")
	fine(t, w.Run("key", "new", "alice"))
	old := read(t, filepath.Join(keys, "alice"))
	seen := map[bool]int{}
	for n := 1; ; n++ {
		if err := os.RemoveAll(keys); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(keys, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(keys, "alice"), old, 0o600); err != nil {
			t.Fatal(err)
		}
		r := w.Trace(t, []trace.Injection{trace.Kill(n)}, "key", "rotate", "alice")
		if !r.Killed() {
			break
		}
		now := read(t, filepath.Join(keys, "alice"))
		seen[slices.Equal(now, old)]++
		if !slices.Equal(now, old) {
			tookOver(t, now, old, keys)
		}
		fine(t, w.Run("key", "rotate", "alice"))
		tookOver(t, read(t, filepath.Join(keys, "alice")), now, keys)
		if t.Failed() {
			t.Fatalf("killed before call %d (%s)", n, r.Hit[0])
		}
	}
	if seen[true] == 0 || seen[false] == 0 {
		t.Errorf("kills left the old key %d times and the new one %d times", seen[true], seen[false])
	}
}

// tookOver says whether a key file is one that took over from old, which is kept.
func tookOver(t *testing.T, data, old []byte, keys string) {
	t.Helper()
	f, err := trust.ParsePrivate(data)
	if err != nil {
		t.Fatal(err)
	}
	was, err := trust.ParsePrivate(old)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Handovers) != 1+len(was.Handovers) || f.Handovers[0].From.String() != was.Key.String() {
		t.Errorf("the new key did not take over:\n%s", data)
	}
	kept := filepath.Join(keys, "alice."+strings.Split(was.Key.String(), "+")[1])
	if !slices.Equal(read(t, kept), old) {
		t.Errorf("%s is not the old key", kept)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func fine(t *testing.T, bad []string) {
	t.Helper()
	if len(bad) > 0 {
		t.Fatal(bad)
	}
}
