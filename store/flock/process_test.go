package flock

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"testing"
)

// helperEnv makes the test binary play another process: it holds or takes the
// mutex named in its arguments, says so on standard output, and stays until
// its standard input ends.
const helperEnv = "FLOCK_TEST_HELPER"

func TestMain(m *testing.M) {
	if role := os.Getenv(helperEnv); role != "" {
		if err := play(role, os.Args[1]); err != nil {
			fmt.Printf("%v (%T)\n", err, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func play(role, path string) error {
	switch role {
	case "exclusive", "shared":
		mode := Exclusive
		if role == "shared" {
			mode = Shared
		}
		l, err := Acquire(context.Background(), path, mode, role, Policy{})
		if err != nil {
			return err
		}
		sayAndStay("locked")
		return l.Release()
	case "inherit", "exec", "create":
		return playExec(role, path)
	case "idle":
		sayAndStay("idle")
	case "traced":
		return playTraced(path)
	}
	return nil
}

// playTraced does once what there is, for strace to watch or to disturb.
func playTraced(path string) error {
	runtime.LockOSThread() // strace counts calls by thread
	lease, err := Create(path, []byte("data"))
	if err != nil {
		return err
	}
	if err := lease.Remove(); err != nil {
		return err
	}
	l, err := Acquire(context.Background(), path, Exclusive, "traced", Policy{})
	if err != nil {
		return err
	}
	return l.Release()
}

func sayAndStay(word string) {
	fmt.Println(word)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// helper is another process.
type helper struct {
	cmd *exec.Cmd
	in  io.Closer
	out *bufio.Reader
}

func start(t *testing.T, role, path string, options ...func(*exec.Cmd)) *helper {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, path)
	cmd.Env = append(os.Environ(), helperEnv+"="+role, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	for _, option := range options {
		option(cmd)
	}
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	h := &helper{cmd, in, bufio.NewReader(out)}
	t.Cleanup(func() { _ = h.cmd.Process.Kill() })
	return h
}

// passing lets the other process inherit a descriptor.
func passing(f *os.File) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) { cmd.ExtraFiles = append(cmd.ExtraFiles, f) }
}

func (h *helper) wantLine(t *testing.T, want string) {
	t.Helper()
	if line, err := h.out.ReadString('\n'); line != want+"\n" {
		t.Fatalf("helper said %q (%v), want %q", line, err, want)
	}
}

func (h *helper) end(t *testing.T) {
	t.Helper()
	if err := errors.Join(h.in.Close(), h.cmd.Wait()); err != nil {
		t.Error(err)
	}
}

func (h *helper) kill(t *testing.T) {
	t.Helper()
	if err := h.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = h.cmd.Wait() // says that it was killed
}

func TestProcessesExcludeEachOther(t *testing.T) {
	path := mutexPath(t)
	h := start(t, "exclusive", path)
	h.wantLine(t, "locked")
	for _, mode := range []Mode{Shared, Exclusive} {
		_, err := Try(path, mode, "test")
		wantBusy(t, err, Holder{h.cmd.Process.Pid, "exclusive"})
	}
	h.end(t)
	l := mustTry(t, path, Exclusive, "test")
	later := start(t, "exclusive", path)
	release(t, l)
	later.wantLine(t, "locked")
	later.end(t)
}

func TestProcessesShare(t *testing.T) {
	path := mutexPath(t)
	h := start(t, "shared", path)
	h.wantLine(t, "locked")
	release(t, mustTry(t, path, Shared, "test"))
	if _, err := Try(path, Exclusive, "test"); err == nil {
		t.Error("exclusive beside a shared holder")
	}
	h.end(t)
	release(t, mustTry(t, path, Exclusive, "test"))
}

func TestKillReleases(t *testing.T) {
	path := mutexPath(t)
	h := start(t, "exclusive", path)
	h.wantLine(t, "locked")
	h.kill(t)
	wantContents(t, path, fmt.Sprintf("%d exclusive\n", h.cmd.Process.Pid)) // no repair was needed
	release(t, mustTry(t, path, Exclusive, "test"))
}

func holderLine(purpose string) string { return fmt.Sprintf("%d %s\n", os.Getpid(), purpose) }
