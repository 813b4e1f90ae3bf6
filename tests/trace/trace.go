//go:build linux

package trace

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Injection is what happens at the calls that Match. At most one thing happens
// at a call: the first injection that has it counts.
type Injection struct {
	Match  func(Call) bool
	Nth    int  // the first is 1; 0 stands for every one, Never for none
	Onward bool // and all after the Nth
	Errno  syscall.Errno
	Signal syscall.Signal // where Errno is 0; SIGKILL comes before the call is made
}

// Never, as the Nth of an Injection, only counts the calls that it matches.
const Never = -1

// Kill kills before the nth call that changes something.
func Kill(n int) Injection {
	return Injection{Match: Changing, Nth: n, Signal: syscall.SIGKILL}
}

// Result is what became of a traced program.
type Result struct {
	Status syscall.WaitStatus
	Hit    []Call // at which something was injected
	Seen   []int  // by injection: the calls that it matched
	Output string // of both outputs, where the command has none of its own
}

// Killed says whether SIGKILL ended the program.
func (r Result) Killed() bool { return r.Status.Signaled() && r.Status.Signal() == syscall.SIGKILL }

// Run runs a command to its end, with what is injected. The error is of
// tracing; how the program ended is in the Result.
func Run(cmd *exec.Cmd, inject ...Injection) (Result, error) {
	output, done, err := capture(cmd)
	if err != nil {
		return Result{}, err
	}
	r, err := start(cmd, inject)
	done()
	r.Output = output.String()
	return r, err
}

// capture gives a command that has no outputs a pipe for both.
func capture(cmd *exec.Cmd) (output *bytes.Buffer, done func(), err error) {
	output = &bytes.Buffer{}
	if cmd.Stdout != nil || cmd.Stderr != nil {
		return output, func() {}, nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	cmd.Stdout, cmd.Stderr = w, w
	read := make(chan struct{})
	go func() {
		defer close(read)
		io.Copy(output, r)
	}()
	return output, func() {
		w.Close()
		<-read
		r.Close()
	}, nil
}

func start(cmd *exec.Cmd, inject []Injection) (Result, error) {
	runtime.LockOSThread() // only the thread that began to trace may go on
	defer runtime.UnlockOSThread()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Ptrace, cmd.SysProcAttr.Setpgid = true, true
	if err := cmd.Start(); err != nil {
		return Result{}, err
	}
	defer cmd.Process.Release()
	t := &tracer{pid: cmd.Process.Pid, names: known(), inject: inject, fails: map[int]syscall.Errno{}}
	t.r.Seen = make([]int, len(inject))
	err := t.begin()
	if err == nil {
		err = t.loop()
	}
	if err != nil {
		syscall.Kill(-t.pid, syscall.SIGKILL)
		for e := error(nil); e != syscall.ECHILD; {
			_, e = syscall.Wait4(-t.pid, nil, syscall.WALL, nil)
		}
	}
	return t.r, err
}

type tracer struct {
	pid    int // and process group
	names  map[uint64]string
	inject []Injection
	fails  map[int]syscall.Errno // by thread: the call that it is in
	r      Result
}

func (t *tracer) begin() error {
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(t.pid, &ws, syscall.WALL, nil); err != nil {
		return err
	}
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK |
		unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_EXITKILL
	if err := syscall.PtraceSetOptions(t.pid, options); err != nil {
		return fmt.Errorf("set ptrace options: %w", err)
	}
	return syscall.PtraceSyscall(t.pid, 0)
}

// loop follows all threads until the last has ended.
func (t *tracer) loop() error {
	for {
		var ws syscall.WaitStatus
		tid, err := syscall.Wait4(-t.pid, &ws, syscall.WALL, nil)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.ECHILD:
			return nil
		case err != nil:
			return err
		case !ws.Stopped():
			if tid == t.pid {
				t.r.Status = ws
			}
			continue
		}
		signal := 0
		switch stop := ws.StopSignal(); {
		case stop == syscall.SIGTRAP|0x80:
			if err := t.stopped(tid); err != nil && err != syscall.ESRCH {
				return err
			}
		case stop != syscall.SIGTRAP && stop != syscall.SIGSTOP:
			signal = int(stop)
		}
		if err := syscall.PtraceSyscall(tid, signal); err != nil && err != syscall.ESRCH {
			return err
		}
	}
}

// stopped looks at a stop at a system call's entry or exit. ESRCH says that the
// thread was killed meanwhile.
func (t *tracer) stopped(tid int) error {
	nr, args, entry, err := syscallInfo(tid)
	if err != nil {
		return err
	}
	if !entry {
		errno, ok := t.fails[tid]
		if !ok {
			return nil
		}
		delete(t.fails, tid)
		return setResult(tid, errno)
	}
	name, ok := t.names[nr]
	if !ok || t.r.Killed() {
		return nil
	}
	return t.call(tid, newCall(tid, name, args))
}

// call injects what is to be injected at a call that is about to be made.
func (t *tracer) call(tid int, c Call) error {
	for i, in := range t.inject {
		if !in.Match(c) {
			continue
		}
		t.r.Seen[i]++
		if n := t.r.Seen[i]; in.Nth != 0 && n != in.Nth && !(in.Onward && n > in.Nth) {
			continue
		}
		t.r.Hit = append(t.r.Hit, c)
		if in.Errno == 0 {
			return syscall.Kill(t.pid, in.Signal)
		}
		t.fails[tid] = in.Errno
		return dropCall(tid)
	}
	return nil
}

// syscallInfo is PTRACE_GET_SYSCALL_INFO, see ptrace(2).
func syscallInfo(tid int) (nr uint64, args [6]uint64, entry bool, err error) {
	var buf [88]byte
	_, _, errno := syscall.Syscall6(syscall.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(tid),
		uintptr(len(buf)), uintptr(unsafe.Pointer(&buf[0])), 0, 0)
	if errno == syscall.ESRCH {
		return 0, args, false, errno
	}
	if errno != 0 {
		return 0, args, false, fmt.Errorf("read system call: %w", errno)
	}
	const opEntry, data = 1, 24
	nr = binary.NativeEndian.Uint64(buf[data:])
	for i := range args {
		args[i] = binary.NativeEndian.Uint64(buf[data+8+8*i:])
	}
	return nr, args, buf[0] == opEntry, nil
}
