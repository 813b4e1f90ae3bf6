package flock

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ipp/tests/support"
)

const traced = "openat,flock,write,pwrite64,renameat2,linkat,unlinkat"

// trace runs playTraced on a fresh path below strace, and returns what it
// printed and which calls it made to files there, in order.
func trace(t *testing.T, options ...string) (path, printed, calls string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "lease")
	log := filepath.Join(t.TempDir(), "log")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"-f", "-qq", "-y", "-o", log, "-e", "trace=" + traced}, options...)
	cmd := exec.Command(support.Tool(t, "strace"), append(args, exe, path)...)
	cmd.Env = append(os.Environ(), helperEnv+"=traced", "GORACE=atexit_sleep_ms=0")
	out, _ := cmd.CombinedOutput() // a failure is what some tests want
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatalf("strace left no trace: %v\n%s", err, out)
	}
	line := regexp.MustCompile(`(?m)^\d+ +(\w+)\(.*` + regexp.QuoteMeta(filepath.Dir(path)) + `.*$`)
	for _, m := range line.FindAllStringSubmatch(string(data), -1) {
		calls += m[1] + " "
	}
	return path, string(out), calls
}

// TestCreateLocksAndFillsBeforeItNames: a lease seen unlocked is dead to gc,
// one seen empty protects nothing.
func TestCreateLocksAndFillsBeforeItNames(t *testing.T) {
	_, printed, calls := trace(t)
	want := "openat flock write renameat2 unlinkat flock " + // create, remove, unlock
		"openat flock pwrite64 flock "
	if calls != want || printed != "" {
		t.Errorf("calls\n got %s\nwant %s\n%s", calls, want, printed)
	}
}

// TestNoLocksIsAnError, with its cause: it is never "busy".
func TestNoLocksIsAnError(t *testing.T) {
	for errno, text := range map[string]string{
		"ENOLCK": "no locks available", "EIO": "input/output error", "ESTALE": "stale", "EOPNOTSUPP": "not supported",
	} {
		for n := 1; n <= 4; n++ { // create, remove, acquire, release
			path, printed, _ := trace(t, "-e", fmt.Sprintf("inject=flock:error=%s:when=%d", errno, n))
			if !strings.Contains(printed, text) || !strings.Contains(printed, "PathError") && !strings.Contains(printed, "joinError") {
				t.Errorf("%s of flock %d: %q", errno, n, printed)
			}
			if strings.Contains(printed, "busy") || strings.Contains(printed, "BusyError") {
				t.Errorf("%s of flock %d is called busy: %q", errno, n, printed)
			}
			if n == 1 {
				wantNames(t, filepath.Dir(path))
			}
		}
	}
}

func TestInterruptedCallsAreMadeAgain(t *testing.T) {
	for _, call := range []string{"flock", "openat", "renameat2", "write", "unlinkat"} {
		for n := 1; n <= 4; n++ {
			_, printed, _ := trace(t, "-e", fmt.Sprintf("inject=%s:error=EINTR:when=%d", call, n))
			if printed != "" {
				t.Errorf("EINTR of %s %d: %s", call, n, printed)
			}
		}
	}
}

// TestCreateFails at each of its calls: no name is left behind.
func TestCreateFails(t *testing.T) {
	for _, fault := range []string{"write:error=ENOSPC", "renameat2:error=EIO", "renameat2:error=ENOSPC"} {
		path, printed, _ := trace(t, "-e", "inject="+fault+":when=1")
		if printed == "" {
			t.Errorf("%s: success", fault)
		}
		wantNames(t, filepath.Dir(path))
	}
}

// TestFullDiskGivesTheMutex: gc needs it to make room.
func TestFullDiskGivesTheMutex(t *testing.T) {
	if _, printed, _ := trace(t, "-e", "inject=pwrite64:error=ENOSPC"); printed != "" {
		t.Error(printed)
	}
}

// TestCreateByHand is a file system that can't rename without replacing, with
// hard links and without.
func TestCreateByHand(t *testing.T) {
	for _, more := range [][]string{nil, {"-e", "inject=linkat:error=EPERM"}, {"-e", "inject=linkat:error=ENOSYS"}} {
		path, printed, _ := trace(t, append(more, "-e", "inject=renameat2:error=EINVAL")...)
		if printed != "" {
			t.Error(printed)
		}
		wantNames(t, filepath.Dir(path), "lease") // as Acquire made it
	}
}
