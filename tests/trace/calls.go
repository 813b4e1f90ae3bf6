//go:build linux

package trace

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Call is a system call that is about to be made.
type Call struct {
	Name    string
	Where   string // the file that it is about, as far as its arguments tell
	Changes bool   // something on disk, or it ends the process
}

func (c Call) String() string { return c.Name + " " + c.Where }

// Changing matches calls that change something.
func Changing(c Call) bool { return c.Changes }

// Opening matches calls that open a file.
func Opening(c Call) bool { return strings.HasPrefix(c.Name, "open") || c.Name == "creat" }

// Named matches calls by their names.
func Named(names ...string) func(Call) bool {
	return func(c Call) bool { return slices.Contains(names, c.Name) }
}

// known are the system calls that the tracer looks at, by number; older() adds
// those that newer systems lack.
func known() map[uint64]string {
	calls := map[uint64]string{
		unix.SYS_OPENAT: "openat", unix.SYS_OPENAT2: "openat2", unix.SYS_MKDIRAT: "mkdirat", unix.SYS_MKNODAT: "mknodat",
		unix.SYS_WRITE: "write", unix.SYS_PWRITE64: "pwrite64", unix.SYS_WRITEV: "writev", unix.SYS_PWRITEV: "pwritev",
		unix.SYS_FCHMOD: "fchmod", unix.SYS_FCHMODAT: "fchmodat", unix.SYS_FCHMODAT2: "fchmodat2", unix.SYS_FCHOWN: "fchown", unix.SYS_FCHOWNAT: "fchownat",
		unix.SYS_LINKAT: "linkat", unix.SYS_SYMLINKAT: "symlinkat", unix.SYS_RENAMEAT: "renameat",
		unix.SYS_RENAMEAT2: "renameat2", unix.SYS_UNLINKAT: "unlinkat", unix.SYS_UTIMENSAT: "utimensat",
		unix.SYS_FSYNC: "fsync", unix.SYS_FDATASYNC: "fdatasync", unix.SYS_SYNCFS: "syncfs", unix.SYS_FLOCK: "flock",
		unix.SYS_FTRUNCATE: "ftruncate", unix.SYS_FALLOCATE: "fallocate", unix.SYS_COPY_FILE_RANGE: "copy_file_range",
		unix.SYS_SENDFILE: "sendfile", unix.SYS_IOCTL: "ioctl", unix.SYS_EXIT_GROUP: "exit_group",
		// and these only read
		unix.SYS_READ: "read", unix.SYS_PREAD64: "pread64", unix.SYS_GETDENTS64: "getdents64", unix.SYS_READLINKAT: "readlinkat",
		unix.SYS_FSTAT: "fstat", unix.SYS_STATX: "statx", unix.SYS_STATFS: "statfs", unix.SYS_FSTATFS: "fstatfs",
		unix.SYS_FACCESSAT: "faccessat", unix.SYS_FACCESSAT2: "faccessat2",
	}
	maps.Copy(calls, older())
	return calls
}

func newCall(tid int, name string, args [6]uint64) Call {
	c := Call{Name: name, Where: where(tid, name, args)}
	c.Changes = changes(c, args)
	return c
}

// changes tells calls that change a file from those that only could.
func changes(c Call, args [6]uint64) bool {
	switch c.Name {
	case "openat":
		return args[2]&(unix.O_CREAT|unix.O_TRUNC) != 0
	case "open":
		return args[1]&(unix.O_CREAT|unix.O_TRUNC) != 0
	case "write", "pwrite64", "writev", "pwritev", "sendfile":
		return strings.HasPrefix(c.Where, "/") && !strings.HasPrefix(c.Where, "/dev/null")
	case "ioctl":
		return uint32(args[1]) == unix.FICLONE || uint32(args[1]) == unix.FICLONERANGE
	case "read", "pread64", "getdents64", "readlinkat", "fstat", "newfstatat", "statx", "statfs", "fstatfs", "stat", "lstat",
		"readlink", "faccessat", "faccessat2", "access":
		return false
	}
	return true
}

// where is the file that a call is about.
func where(tid int, name string, args [6]uint64) string {
	switch name {
	case "openat", "openat2", "mkdirat", "unlinkat", "linkat", "renameat", "renameat2", "fchmodat", "fchmodat2", "fchownat",
		"readlinkat", "newfstatat", "statx", "faccessat", "faccessat2", "utimensat":
		return below(tid, args[0], args[1])
	case "symlinkat":
		return below(tid, args[1], args[2])
	case "mkdir", "rmdir", "unlink", "rename", "link", "symlink", "chmod", "creat", "open", "stat", "lstat", "readlink", "access", "statfs":
		return text(tid, uintptr(args[0]))
	case "exit_group":
		return ""
	}
	return descriptor(tid, args[0])
}

// below is a path as a directory's descriptor and a name give it.
func below(tid int, fd, name uint64) string {
	path := text(tid, uintptr(name))
	if filepath.IsAbs(path) || int32(fd) == unix.AT_FDCWD {
		return path
	}
	return filepath.Join(descriptor(tid, fd), path)
}

func descriptor(tid int, fd uint64) string {
	path, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tid, int32(fd)))
	return path
}

// text is the string at an address; one that ends with its page may be read
// only up to there.
func text(tid int, at uintptr) string {
	buf := make([]byte, 512)
	n, _ := syscall.PtracePeekData(tid, at, buf)
	s, _, _ := strings.Cut(string(buf[:n]), "\x00")
	return s
}
