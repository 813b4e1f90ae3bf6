//go:build linux

// Package crash kills ipp before each system call that changes something, and
// looks at what is left. trace.go stops a program at such calls, whichever of
// its threads makes them: strace counts a thread at a time, so what a second
// thread does between two calls of the first would never be cut off.
package crash

import (
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// changing are the system calls that may change what is on disk or end the
// process, by number; older() adds those that newer systems lack.
func changing() map[uint64]string {
	calls := map[uint64]string{
		unix.SYS_OPENAT: "openat", unix.SYS_OPENAT2: "openat2", unix.SYS_MKDIRAT: "mkdirat", unix.SYS_MKNODAT: "mknodat",
		unix.SYS_WRITE: "write", unix.SYS_PWRITE64: "pwrite64", unix.SYS_WRITEV: "writev", unix.SYS_PWRITEV: "pwritev",
		unix.SYS_FCHMOD: "fchmod", unix.SYS_FCHMODAT: "fchmodat", unix.SYS_FCHOWN: "fchown", unix.SYS_FCHOWNAT: "fchownat",
		unix.SYS_LINKAT: "linkat", unix.SYS_SYMLINKAT: "symlinkat", unix.SYS_RENAMEAT: "renameat",
		unix.SYS_RENAMEAT2: "renameat2", unix.SYS_UNLINKAT: "unlinkat", unix.SYS_UTIMENSAT: "utimensat",
		unix.SYS_FSYNC: "fsync", unix.SYS_FDATASYNC: "fdatasync", unix.SYS_SYNCFS: "syncfs", unix.SYS_FLOCK: "flock",
		unix.SYS_FTRUNCATE: "ftruncate", unix.SYS_FALLOCATE: "fallocate", unix.SYS_COPY_FILE_RANGE: "copy_file_range",
		unix.SYS_SENDFILE: "sendfile", unix.SYS_IOCTL: "ioctl", unix.SYS_EXIT_GROUP: "exit_group",
	}
	maps.Copy(calls, older())
	return calls
}

// Result is what became of a traced program.
type Result struct {
	Calls  []string // that change something, in the order they were made
	Killed bool     // before the last of Calls
	Status syscall.WaitStatus
}

// Trace runs a program and kills it before its nth call that changes
// something; n = 0 never does. The calling process must have no other
// children.
func Trace(argv []string, n int) (r Result, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return r, err
	}
	pid := cmd.Process.Pid
	t := tracer{pid: pid, n: n, names: changing()}
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &ws, syscall.WALL, nil); err != nil {
		return r, err
	}
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK |
		unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_EXITKILL
	if err := syscall.PtraceSetOptions(pid, options); err != nil {
		return r, fmt.Errorf("set ptrace options: %w", err)
	}
	if err := syscall.PtraceSyscall(pid, 0); err != nil {
		return r, err
	}
	return t.loop()
}

type tracer struct {
	pid, n int
	names  map[uint64]string
	r      Result
}

// loop follows all threads until the last has ended.
func (t *tracer) loop() (Result, error) {
	for {
		var ws syscall.WaitStatus
		tid, err := syscall.Wait4(-1, &ws, syscall.WALL, nil)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.ECHILD:
			return t.r, nil
		case err != nil:
			return t.r, err
		case !ws.Stopped():
			if tid == t.pid {
				t.r.Status = ws
			}
			continue
		}
		signal := 0
		switch stop := ws.StopSignal(); {
		case stop == syscall.SIGTRAP|0x80:
			if err := t.call(tid); err != nil {
				return t.r, err
			}
		case stop != syscall.SIGTRAP && stop != syscall.SIGSTOP:
			signal = int(stop)
		}
		if err := syscall.PtraceSyscall(tid, signal); err != nil && err != syscall.ESRCH {
			return t.r, err
		}
	}
}

// call looks at a stop at a system call's entry or exit, and kills where it is
// time to: a call at whose entry the process is killed is not made.
func (t *tracer) call(tid int) error {
	nr, args, entry, err := syscallInfo(tid)
	name, known := t.names[nr]
	if err == syscall.ESRCH || err == nil && !(entry && known) || t.r.Killed {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read system call: %w", err)
	}
	if !changes(tid, name, args) {
		return nil
	}
	t.r.Calls = append(t.r.Calls, name+where(tid, name, args))
	if len(t.r.Calls) == t.n {
		t.r.Killed = true
		return syscall.Kill(t.pid, syscall.SIGKILL)
	}
	return nil
}

// syscallInfo is PTRACE_GET_SYSCALL_INFO, see ptrace(2).
func syscallInfo(tid int) (nr uint64, args [6]uint64, entry bool, err error) {
	var buf [88]byte
	_, _, errno := syscall.Syscall6(syscall.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(tid),
		uintptr(len(buf)), uintptr(unsafe.Pointer(&buf[0])), 0, 0)
	if errno != 0 {
		return 0, args, false, errno
	}
	const opEntry, data = 1, 24
	nr = binary.NativeEndian.Uint64(buf[data:])
	for i := range args {
		args[i] = binary.NativeEndian.Uint64(buf[data+8+8*i:])
	}
	return nr, args, buf[0] == opEntry, nil
}

// changes tells calls that change a file from those that only could.
func changes(tid int, name string, args [6]uint64) bool {
	switch name {
	case "openat":
		return args[2]&(unix.O_CREAT|unix.O_TRUNC) != 0
	case "open":
		return args[1]&(unix.O_CREAT|unix.O_TRUNC) != 0
	case "write", "pwrite64", "writev", "pwritev", "sendfile":
		return strings.HasPrefix(descriptor(tid, args[0]), "/") && !strings.HasPrefix(descriptor(tid, args[0]), "/dev/null")
	case "ioctl":
		return uint32(args[1]) == unix.FICLONE || uint32(args[1]) == unix.FICLONERANGE
	}
	return true
}

// where is the file that a call is about, as far as its arguments tell cheaply.
func where(tid int, name string, args [6]uint64) string {
	switch name {
	case "openat", "mkdirat", "unlinkat", "linkat", "renameat", "renameat2", "fchmodat", "symlinkat":
		at := uintptr(args[1])
		if name == "symlinkat" {
			at = uintptr(args[2])
		}
		return " " + text(tid, at)
	case "mkdir", "rmdir", "unlink", "rename", "link", "symlink", "chmod", "creat":
		return " " + text(tid, uintptr(args[0]))
	case "exit_group", "open":
		return ""
	}
	return " " + descriptor(tid, args[0])
}

func descriptor(tid int, fd uint64) string {
	path, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tid, int32(fd)))
	return path
}

func text(tid int, at uintptr) string {
	buf := make([]byte, 512)
	n, _ := syscall.PtracePeekData(tid, at, buf)
	s, _, _ := strings.Cut(string(buf[:n]), "\x00")
	return s
}
