//go:build linux

package faults

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"ipp/tests/homes"
	"ipp/tests/trace"
	"ipp/tests/whole"
)

// codes are how ipp ends when one of these signals cancels it.
var codes = map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGHUP: 129, syscall.SIGQUIT: 131}

// testSignals sends a signal at moments of each operation: the change is whole,
// or none, and the exit code says which; the next command works.
//
// IPP_TEST_FAULTS=all tries each call that changes something; otherwise some
// are.
func testSignals(t *testing.T, w *homes.World) {
	signals := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}
	for _, op := range homes.Operations() {
		w.Reset(t, op.From)
		n := w.Trace(t, []trace.Injection{{Match: changing, Nth: trace.Never}}, op.Args...).Seen[0]
		points := rand.Perm(n)
		if !everything() {
			points = points[:2]
		}
		caught := 0
		for i, at := range points {
			cancelled, bad := signalled(t, w, op, signals[(i+at)%len(signals)], at+1)
			if cancelled {
				caught++
			}
			if len(bad) > 0 {
				t.Error(strings.Join(bad, "\n\t"))
			}
		}
		t.Logf("%s: %d of %d moments cancelled it", op.Name, caught, len(points))
	}
}

func signalled(t *testing.T, w *homes.World, op homes.Operation, signal syscall.Signal, n int) (cancelled bool, bad []string) {
	w.Reset(t, op.From)
	before := w.Generations()
	r := w.Trace(t, []trace.Injection{{Match: changing, Nth: n, Signal: signal}}, op.Args...)
	switch now := whole.Current(w.State(), "default"); {
	case !r.Status.Exited():
		bad = append(bad, "it was killed")
	case r.Status.ExitStatus() == 0:
		bad = w.Done(op)
	case r.Status.ExitStatus() != codes[signal]:
		bad = append(bad, "the exit code is wrong")
	case now != op.Old:
		bad = append(bad, fmt.Sprintf("%d is current, in spite of the exit code", now))
	case !strings.Contains(r.Output, "hint: nothing is half done"):
		bad = append(bad, "it does not say how things are")
	default:
		cancelled = true
	}
	bad = append(bad, w.AtOnce(op)...)
	bad = append(bad, w.Again(op, before)...)
	if len(bad) > 0 {
		bad = append([]string{fmt.Sprintf("%s: %v at call %d %v, status %v", op.Name, signal, n, r.Hit, r.Status)}, append(bad, r.Output)...)
	}
	return cancelled, bad
}

// testSecondSignalKills: whoever asks twice does not wait.
func testSecondSignalKills(t *testing.T, w *homes.World) {
	op := homes.Operations()[1]
	w.Reset(t, op.From)
	r := w.Trace(t, []trace.Injection{{Match: trace.Changing, Nth: 20, Onward: true, Signal: syscall.SIGINT}}, op.Args...)
	if !r.Status.Signaled() || r.Status.Signal() != syscall.SIGINT {
		t.Errorf("status %v after %d signals\n%s", r.Status, len(r.Hit), r.Output)
	}
	for _, bad := range w.AtOnce(op) {
		t.Error(bad)
	}
}
