//go:build linux

package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"ipp/tests/homes"
	"ipp/tests/trace"
	"ipp/tests/whole"
)

// sampled is how many points testDisk tries of syncs and of all else, where not
// all are asked for: syncs are few, and what matters most.
const sampled = 12

// fault is what may go wrong with a disk.
type fault struct {
	what   string
	match  func(trace.Call) bool
	errno  syscall.Errno
	onward bool
}

// ofSync is the fault that is always tried.
const ofSync = "EIO of a sync once"

func faults() []fault {
	return []fault{
		{ofSync, func(c trace.Call) bool { return ours(c) && syncs(c) }, syscall.EIO, false},
		{"ENOSPC once", changing, syscall.ENOSPC, false},
		{"EIO once", changing, syscall.EIO, false},
		{"EDQUOT once", changing, syscall.EDQUOT, false},
		{"ENOSPC for good", changing, syscall.ENOSPC, true},
		{"EIO for good", changing, syscall.EIO, true},
		{"EMFILE once", opening, syscall.EMFILE, false},
		{"EIO of an open once", opening, syscall.EIO, false},
		{"EMFILE for good", opening, syscall.EMFILE, true},
		{"EINTR once", func(c trace.Call) bool { return changing(c) || opening(c) }, syscall.EINTR, false},
	}
}

func changing(c trace.Call) bool { return ours(c) && c.Changes && c.Name != "exit_group" }
func opening(c trace.Call) bool  { return ours(c) && trace.Opening(c) && !c.Changes }

// ours leaves out what the loader and the Go runtime look at, and other
// processes, of which there are more or fewer each time.
func ours(c trace.Call) bool {
	for _, top := range []string{"/sys/", "/dev/null", "/etc/", "/lib", "/usr/", "/proc/"} {
		if strings.HasPrefix(c.Where, top) {
			return false
		}
	}
	return true
}

// point is one call of one operation, and what is done to it.
type point struct {
	op homes.Operation
	fault
	n int
}

func (p point) String() string { return fmt.Sprintf("%s: %s, call %d", p.op.Name, p.what, p.n) }

// testDisk lets each operation's calls fail, one at a time and all from one on.
// Then the old generation is whole, the cause is named with what to do, no
// success follows a failed sync, and the next command works.
//
// IPP_TEST_FAULTS=all tries every call (an hour of a whole core); otherwise some are, from a
// seed that is printed and that IPP_TEST_FAULTS=SEED repeats.
//
// What made it fail when it was tried: the error of syncfs dropped; a directory
// whose fsync failed synced once more.
func testDisk(t *testing.T, w *homes.World) {
	var points []point
	for _, op := range homes.Operations() {
		points = append(points, pointsOf(t, w, op)...)
	}
	t.Logf("%d points", len(points))
	points = choose(t, points)
	tried, failed := 0, 0
	for _, p := range points {
		if tried%500 == 499 {
			t.Logf("%d points tried", tried+1)
		}
		hit, bad := try(t, w, p)
		if hit {
			tried++
		}
		if len(bad) > 0 {
			failed++
			t.Errorf("%s", strings.Join(bad, "\n\t"))
		}
	}
	t.Logf("%d points tried, %d failed", tried, failed)
	if tried < len(points)*9/10 {
		t.Errorf("of %d points only %d were hit", len(points), tried)
	}
}

// choose takes a sample, or all in a random order.
func choose(t *testing.T, points []point) []point {
	seed := rand.Uint64N(1 << 32)
	if v := os.Getenv("IPP_TEST_FAULTS"); v != "" && v != "all" {
		var err error
		if seed, err = strconv.ParseUint(v, 10, 64); err != nil {
			t.Fatalf("IPP_TEST_FAULTS: %v", err)
		}
	}
	t.Logf("IPP_TEST_FAULTS=%d repeats this", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	random.Shuffle(len(points), func(i, k int) { points[i], points[k] = points[k], points[i] })
	if everything() {
		return points
	}
	var chosen []point
	for _, sync := range []bool{true, false} {
		left := sampled
		for _, p := range points {
			if (p.what == ofSync) == sync && left > 0 {
				chosen = append(chosen, p)
				left--
			}
		}
	}
	return chosen
}

// pointsOf counts what there is of op to let fail.
func pointsOf(t *testing.T, w *homes.World, op homes.Operation) (points []point) {
	w.Reset(t, op.From)
	var count []trace.Injection
	for _, f := range faults() {
		count = append(count, trace.Injection{Match: f.match, Nth: trace.Never})
	}
	r := w.Trace(t, count, op.Args...)
	if r.Status.ExitStatus() != 0 {
		t.Fatalf("ipp %v: %v\n%s", op.Args, r.Status, r.Output)
	}
	for i, f := range faults() {
		for n := 1; n <= r.Seen[i]; n++ {
			points = append(points, point{op, f, n})
		}
	}
	return points
}

// try lets a call fail, and lists what does not hold then.
func try(t *testing.T, w *homes.World, p point) (hit bool, bad []string) {
	w.Reset(t, p.op.From)
	before := w.Generations()
	r := w.Trace(t, []trace.Injection{{Match: p.match, Nth: p.n, Onward: p.onward, Errno: p.errno}}, p.op.Args...)
	if len(r.Hit) == 0 { // threads and maps make no two runs the same
		return false, nil
	}
	bad = append(p.judge(w, r), w.AtOnce(p.op)...)
	bad = append(bad, w.Again(p.op, before)...)
	if len(bad) > 0 {
		bad = append([]string{fmt.Sprintf("%s (%s), exit %d", p, r.Hit[0], r.Status.ExitStatus())}, append(bad, r.Output)...)
	}
	return true, bad
}

// judge looks at what ipp said of a failure.
func (p point) judge(w *homes.World, r trace.Result) (bad []string) {
	if p.errno == syscall.EINTR {
		if r.Status != 0 {
			bad = append(bad, "an interrupted call was not made again")
		}
		return append(bad, w.Done(p.op)...)
	}
	named := strings.Contains(r.Output, p.errno.Error())
	switch {
	case !r.Status.Exited():
		return []string{fmt.Sprintf("it was killed: %v", r.Status.Signal())}
	case r.Status.ExitStatus() == 0:
		bad = w.Done(p.op)
		if slices.ContainsFunc(r.Hit, syncs) && !named {
			bad = append(bad, "success after a failed sync, without a word")
		}
		return bad
	case r.Status.ExitStatus() != 1:
		bad = append(bad, "the exit code is not 1")
	}
	if !named {
		bad = append(bad, "the cause is not named")
	}
	if !strings.Contains(r.Output, "hint: ") {
		bad = append(bad, "there is no hint")
	}
	now := whole.Current(w.State(), "default")
	if now != p.op.Old && !strings.Contains(r.Output, fmt.Sprintf("%d is current", now)) {
		bad = append(bad, fmt.Sprintf("%d became current, and that is not said", now))
	}
	return bad
}

func syncs(c trace.Call) bool { return trace.Named("fsync", "fdatasync", "syncfs")(c) }
