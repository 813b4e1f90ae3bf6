//go:build linux

package trace

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"ipp/tests/support"
)

// run runs a command below the tracer.
func run(t *testing.T, inject []Injection, args ...string) Result {
	t.Helper()
	r, err := Run(exec.Command(args[0], args[1:]...), inject...)
	if err != nil {
		support.Skip(t, "needs ptrace(2): "+err.Error())
	}
	return r
}

func cat(t *testing.T, inject ...Injection) Result {
	t.Helper()
	return run(t, inject, "cat", "/dev/null", "/dev/null", "/dev/null")
}

func null(name string) func(Call) bool {
	return func(c Call) bool { return c.Name == name && c.Where == "/dev/null" }
}

func TestInjectOnceAndForGood(t *testing.T) {
	for _, tt := range []struct {
		in   Injection
		said int
	}{
		{Injection{Match: null("openat"), Nth: 4, Errno: syscall.EMFILE}, 0},
		{Injection{Match: null("openat"), Nth: 2, Errno: syscall.EMFILE}, 1},
		{Injection{Match: null("openat"), Nth: 2, Onward: true, Errno: syscall.EMFILE}, 2},
		{Injection{Match: null("openat"), Errno: syscall.EMFILE}, 3},
	} {
		r := cat(t, tt.in)
		if got := strings.Count(r.Output, "Too many open files"); got != tt.said || len(r.Hit) != tt.said {
			t.Errorf("%+v: said %d times and hit %d, not %d\n%s", tt.in, got, len(r.Hit), tt.said, r.Output)
		}
		if r.Status.ExitStatus() != min(tt.said, 1) {
			t.Errorf("%+v: exit %d", tt.in, r.Status.ExitStatus())
		}
	}
}

// TestFailedCallIsNotMade: a call that was let fail has no effect.
func TestFailedCallIsNotMade(t *testing.T) {
	dir := t.TempDir()
	r := run(t, []Injection{{Match: Named("mkdir", "mkdirat"), Nth: 1, Errno: syscall.ENOSPC}}, "mkdir", dir+"/a", dir+"/b")
	if err := exec.Command("test", "-d", dir+"/a").Run(); err == nil || len(r.Hit) != 1 {
		t.Errorf("the directory was made; hit %v", r.Hit)
	}
	if err := exec.Command("test", "-d", dir+"/b").Run(); err != nil {
		t.Error("the second was not made")
	}
}

func TestSignals(t *testing.T) {
	if r := cat(t, Injection{Match: null("openat"), Nth: 2, Signal: syscall.SIGKILL}); !r.Killed() {
		t.Errorf("status %v", r.Status)
	}
	if r := cat(t, Injection{Match: null("openat"), Nth: 2, Signal: syscall.SIGTERM}); r.Status.Signal() != syscall.SIGTERM {
		t.Errorf("status %v", r.Status)
	}
	if r := cat(t); r.Status != 0 || len(r.Hit) != 0 {
		t.Errorf("status %v, hit %v", r.Status, r.Hit)
	}
}

// TestThreadsAndChildren are followed, and counted together.
func TestThreadsAndChildren(t *testing.T) {
	r := run(t, []Injection{{Match: null("openat"), Nth: 2, Errno: syscall.EIO}}, "sh", "-c", "cat /dev/null; cat /dev/null; echo $?")
	if !strings.Contains(r.Output, "Input/output error") || !strings.HasSuffix(r.Output, "1\n") {
		t.Errorf("output %q", r.Output)
	}
}

// TestOwnChildrenStay: tracing reaps nobody else's.
func TestOwnChildrenStay(t *testing.T) {
	mine := exec.Command("sleep", "0.2")
	if err := mine.Start(); err != nil {
		t.Fatal(err)
	}
	run(t, nil, "sleep", "0.4")
	if err := mine.Wait(); err != nil {
		t.Error(err)
	}
}
