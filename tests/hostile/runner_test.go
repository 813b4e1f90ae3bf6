//go:build linux

package hostile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"ipp/tests/support"
)

// ippPath is the real binary, without the race detector: its memory is measured.
var ippPath string

const runnerVariable = "IPP_TEST_HOSTILE_RUNNER"

func TestMain(m *testing.M) {
	if os.Getenv(runnerVariable) != "" {
		os.Exit(serve(os.Stdin, os.Stdout))
	}
	os.Exit(testAll(m))
}

func testAll(m *testing.M) int {
	dir, err := os.MkdirTemp("", "ipp-hostile-")
	if err == nil {
		defer os.RemoveAll(dir)
		ippPath, err = support.Build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// tooLong is when a command is taken for hanging, tooMuch how many seconds of a
// processor it may use: the first depends on what else the machine does.
const (
	tooLong = 3 * time.Minute
	tooMuch = 20
)

// order is a command to run, outcome what came of it.
type (
	order struct {
		Path  string
		Args  []string
		Dir   string
		Env   []string
		Umask int
		Limit int // bytes of output that are kept; 0: 64 KiB
	}
	outcome struct {
		Code           int
		Stdout, Stderr string
		Memory         int64 // the most that was resident, in bytes
		Signal         string
		Failed         string // to start
	}
)

// runner runs commands out of a small process. Linux counts what a parent had
// resident at the fork as the child's own peak, so that a test which has made a
// large archive can't measure its children by itself.
type runner struct {
	to   *json.Encoder
	from *json.Decoder
}

func startRunner(t *testing.T) *runner {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), runnerVariable+"=1", "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	return &runner{json.NewEncoder(in), json.NewDecoder(out)}
}

func (r *runner) run(t *testing.T, o order) (got outcome) {
	t.Helper()
	must(t, r.to.Encode(o))
	must(t, r.from.Decode(&got))
	if got.Failed != "" {
		t.Fatalf("%s %q: %s", o.Path, o.Args, got.Failed)
	}
	return got
}

// serve is the runner's side.
func serve(in io.Reader, out io.Writer) int {
	from, to := json.NewDecoder(in), json.NewEncoder(out)
	if syscall.Setrlimit(syscall.RLIMIT_CPU, &syscall.Rlimit{Cur: tooMuch, Max: tooMuch}) != nil {
		return 1
	}
	for {
		var o order
		if err := from.Decode(&o); err != nil {
			return 0
		}
		if err := to.Encode(o.run()); err != nil {
			return 1
		}
	}
}

func (o order) run() (got outcome) {
	ctx, cancel := context.WithTimeout(context.Background(), tooLong)
	defer cancel()
	cmd := exec.CommandContext(ctx, o.Path, o.Args...)
	cmd.Dir, cmd.Env = o.Dir, o.Env
	stdout, stderr := &head{max: max(o.Limit, 64<<10)}, &head{max: max(o.Limit, 64<<10)}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	defer syscall.Umask(syscall.Umask(o.Umask))
	err := cmd.Run()
	got.Stdout, got.Stderr = stdout.String(), stderr.String()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		got.Failed = fmt.Sprintf("it did not end in %v:\n%s%s", tooLong, got.Stdout, got.Stderr)
	case err != nil && !errors.As(err, &exit):
		got.Failed = err.Error()
	}
	if s := cmd.ProcessState; s != nil {
		got.Code = s.ExitCode()
		got.Memory = s.SysUsage().(*syscall.Rusage).Maxrss << 10
		if ws := s.Sys().(syscall.WaitStatus); ws.Signaled() {
			got.Signal = ws.Signal().String()
		}
	}
	return got
}

// head keeps the beginning of what is written to it.
type head struct {
	bytes.Buffer
	max int
}

func (h *head) Write(p []byte) (int, error) {
	h.Buffer.Write(p[:min(len(p), max(0, h.max-h.Len()))])
	return len(p), nil
}
