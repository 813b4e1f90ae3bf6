//go:build linux

package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"

	"ipp/tests/homes"
	"ipp/tests/trace"
	"ipp/tests/whole"
)

// refusal is a file system, or a policy, that lacks something for good.
type refusal struct {
	calls  string // names, with spaces between
	errnos []syscall.Errno
	hint   string // "": there is another way; else it is part of one, and ipp exits 1
	also   []trace.Injection
	early  bool // a first install says so before it writes
}

var unsupported = []syscall.Errno{syscall.EOPNOTSUPP, syscall.ENOSYS, syscall.EINVAL}

func refusals() map[string]refusal {
	noLinks := trace.Injection{Match: trace.Named("linkat", "link"), Errno: syscall.EPERM}
	return map[string]refusal{
		"no hard links":               {"linkat link", append([]syscall.Errno{syscall.EPERM, syscall.EMLINK, syscall.EXDEV, syscall.EACCES}, unsupported...), "", nil, false},
		"no reflinks":                 {"ioctl", append([]syscall.Errno{syscall.EAGAIN, syscall.EXDEV, syscall.ENOTTY, syscall.EPERM}, unsupported...), "", []trace.Injection{noLinks}, false},
		"no copy_file_range":          {"copy_file_range", append([]syscall.Errno{syscall.EXDEV}, unsupported...), "", []trace.Injection{noLinks}, false},
		"no renameat2":                {"renameat2", unsupported, "", nil, false},
		"no renameat2, no hard links": {"renameat2", unsupported, "", []trace.Injection{noLinks}, false},
		"no syncfs":                   {"syncfs", unsupported, "", nil, false},
		"no locks":                    {"flock", []syscall.Errno{syscall.ENOLCK, syscall.ENOSYS, syscall.EOPNOTSUPP}, "XDG_STATE_HOME", nil, false},
		"stale":                       {"openat", []syscall.Errno{syscall.ESTALE}, "mount it again", nil, false},
		"stale stat":                  {"newfstatat statx fstat", []syscall.Errno{syscall.ESTALE}, "mount it again", nil, false},
		"stale list":                  {"getdents64", []syscall.Errno{syscall.ESTALE}, "mount it again", nil, false},
		"no symlinks":                 {"symlinkat symlink", []syscall.Errno{syscall.EPERM, syscall.EOPNOTSUPP, syscall.ENOSYS}, "symlinks", nil, true},
		"read-only":                   {"mkdirat symlinkat linkat renameat renameat2 unlinkat fchmodat", []syscall.Errno{syscall.EROFS}, "can't be written", nil, true},
	}
}

// testRefusals are file systems that lack something: ipp has another way, and
// what it makes is as whole as ever, or names the cause and what to do, exits 1,
// and has torn nothing.
//
// Each is tried with each operation and errno by IPP_TEST_FAULTS=all, otherwise
// with some.
func testRefusals(t *testing.T, w *homes.World) {
	for name, ref := range refusals() {
		t.Run(name, func(t *testing.T) {
			for _, op := range operationsFor(name) {
				for _, errno := range errnosOf(ref) {
					for _, bad := range refuse(t, w, op, ref, errno) {
						t.Errorf("%v of %s, %s: %s", errno, ref.calls, op.Name, bad)
					}
				}
			}
		})
	}
}

func operationsFor(refusal string) []homes.Operation {
	all := homes.Operations()
	switch {
	case refusal == "no symlinks": // there is no home with them
		return all[:1]
	case everything():
		return all
	}
	return []homes.Operation{all[0], all[1+rand.IntN(len(all)-1)]}
}

func errnosOf(ref refusal) []syscall.Errno {
	if everything() {
		return ref.errnos
	}
	return []syscall.Errno{ref.errnos[rand.IntN(len(ref.errnos))]}
}

func everything() bool { return os.Getenv("IPP_TEST_FAULTS") == "all" }

func refuse(t *testing.T, w *homes.World, op homes.Operation, ref refusal, errno syscall.Errno) (bad []string) {
	w.Reset(t, op.From)
	before := w.Generations()
	match := func(c trace.Call) bool {
		return trace.Named(strings.Fields(ref.calls)...)(c) && strings.HasPrefix(c.Where, w.Dir) &&
			(c.Name != "ioctl" || c.Changes)
	}
	r := w.Trace(t, append(ref.also, trace.Injection{Match: match, Errno: errno}), op.Args...)
	if len(r.Hit) == 0 && r.Status.ExitStatus() == 0 {
		return nil // this operation does without
	}
	want := 0
	if ref.hint != "" && (op.File == "" || r.Status != 0) { // what only reads the store may do without
		want = 1
		bad = told(r, errno, ref.hint)
	} else {
		bad = w.Done(op)
	}
	if !r.Status.Exited() || r.Status.ExitStatus() != want {
		bad = append(bad, fmt.Sprintf("status %v, not exit %d, at %v", r.Status, want, r.Hit))
	}
	if strings.Contains(r.Output, "busy") {
		bad = append(bad, "it says busy")
	}
	bad = append(bad, w.AtOnce(op)...)
	if left, _ := os.ReadDir(w.Home()); ref.early && op.Old == 0 && len(left) > 0 {
		bad = append(bad, fmt.Sprintf("%v was made before it was refused", left))
	}
	if want == 0 {
		bad = append(bad, w.Run("gc")...)
		bad = append(bad, whole.Rest(w.State())...)
	} else {
		bad = append(bad, w.Again(op, before)...)
	}
	if len(bad) > 0 {
		bad = append(bad, r.Output)
	}
	return bad
}

// told lists what ipp's words lack.
func told(r trace.Result, errno syscall.Errno, hint string) (bad []string) {
	if !strings.Contains(r.Output, errno.Error()) {
		bad = append(bad, "the cause is not named")
	}
	if i := strings.Index(r.Output, "hint: "); i < 0 || !strings.Contains(r.Output[i:], hint) {
		bad = append(bad, fmt.Sprintf("no hint says %q", hint))
	}
	return bad
}
