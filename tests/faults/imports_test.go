//go:build linux

package faults

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ipp/tests/homes"
	"ipp/tests/trace"
)

// testImports are two files imported at once, while the mutex of the store is
// refused once, each time in turn: both are kept, or none.
func testImports(t *testing.T, w *homes.World) {
	const most = 100
	sweep := func(c trace.Call) bool { return c.Name == "flock" && strings.HasSuffix(c.Where, "/sweep") }
	for n := 1; n <= most; n++ {
		w.Reset(t, "empty")
		r := w.Trace(t, []trace.Injection{{Match: sweep, Nth: n, Errno: syscall.ENOLCK}}, "import", "v1.car", "v2.car")
		kept, err := filepath.Glob(filepath.Join(w.State(), "store", "roots", "k-*"))
		if err != nil {
			t.Fatal(err)
		}
		if len(kept) == 1 || len(kept) != 2 && r.Status.ExitStatus() == 0 {
			t.Errorf("refused %v: exit %d, and %d are kept\n%s", r.Hit, r.Status.ExitStatus(), len(kept), r.Output)
		}
		if len(r.Hit) == 0 {
			if n < 4 {
				t.Errorf("it was refused %d times only", n-1)
			}
			return
		}
	}
	t.Errorf("it takes the mutex more than %d times", most)
}
