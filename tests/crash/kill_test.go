//go:build linux

package crash

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"ipp/tests/homes"
	"ipp/tests/trace"
)

// TestKill kills each operation before each call that changes something. After
// each kill current is the old or the new generation, whole; the same command
// then succeeds without any repair; and one gc leaves nothing unreachable.
//
// IPP_TEST_CRASH=all tries every call (minutes); otherwise every kth, from a
// random start that is printed and that IPP_TEST_CRASH=SEED repeats.
//
// What made it fail when it was tried: the tree renamed into place before its
// .car and .objects; current replaced before the rename to N; leases of dead
// processes kept; staging kept; .tmp.* of a root kept.
func TestKill(t *testing.T) {
	w := homes.New(t)
	every, seed := 14, rand.Uint64N(1<<32)
	switch v := os.Getenv("IPP_TEST_CRASH"); v {
	case "":
	case "all":
		every = 1
	default:
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			t.Fatalf("IPP_TEST_CRASH: %v", err)
		}
		seed = n
	}
	t.Logf("every %dth call; IPP_TEST_CRASH=%d repeats this", every, seed)
	for _, op := range homes.Operations() {
		t.Run(op.Name, func(t *testing.T) {
			n := 1 + int(seed%uint64(every))
			points, failed := 0, 0
			for failed < 5 {
				killed, bad := kill(t, w, op, n)
				if !killed && points == 0 && n > 1 { // it has fewer calls
					n /= 2
					continue
				}
				if !killed {
					break
				}
				points, n = points+1, n+every
				for _, b := range bad {
					t.Error(b)
				}
				if len(bad) > 0 {
					failed++
				}
			}
			if points == 0 {
				t.Error("no call was killed")
			}
			t.Logf("%d points, %d failed", points, failed)
		})
	}
}

// kill kills op before its nth call, and lists what does not hold then; it
// killed nothing where op has no such call.
func kill(t *testing.T, w *homes.World, op homes.Operation, n int) (killed bool, bad []string) {
	w.Reset(t, op.From)
	before := w.Generations()
	r := w.Trace(t, []trace.Injection{trace.Kill(n)}, op.Args...)
	if !r.Killed() {
		if r.Status.ExitStatus() != 0 {
			t.Fatalf("ipp %v was not killed, and exits %d\n%s", op.Args, r.Status.ExitStatus(), r.Output)
		}
		return false, nil
	}
	for _, b := range append(w.AtOnce(op), w.Again(op, before)...) {
		bad = append(bad, fmt.Sprintf("killed before call %d (%s): %s", n, r.Hit[0], b))
	}
	return true, bad
}
