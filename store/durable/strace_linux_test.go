package durable

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"ipp/tests/support"
)

// These tests run one operation in a process of its own below strace, to see
// its system calls in order, to make one of them fail, or to kill it there.

const (
	opEnv    = "DURABLE_TEST_OP"
	errnoEnv = "DURABLE_TEST_ERRNO"
)

// How the other process ends.
const (
	exitDone  = 0
	exitNamed = 10 // an error that errors.Is the injected one
	exitOther = 11
)

func TestMain(m *testing.M) {
	name := os.Getenv(opEnv)
	if name == "" {
		os.Exit(m.Run())
	}
	runtime.LockOSThread() // strace counts calls by thread
	dir := os.Args[1]
	err := operations[name].run(func(name string) string { return filepath.Join(dir, name) })
	if err == nil {
		os.Exit(exitDone)
	}
	errno, _ := strconv.Atoi(os.Getenv(errnoEnv))
	if errors.Is(err, syscall.Errno(errno)) {
		os.Exit(exitNamed)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(exitOther)
}

// operation is something to do to a small directory, and what is seen there
// before and after. Whatever happens, one of the two must be seen.
type operation struct {
	run    func(at func(string) string) error
	before map[string]string // name to contents, "-> target" or "dir"
	after  map[string]string
	also   map[string]string // a third state: the old contents, under two names or still empty
	calls  string            // that matter, in order; TMP is a temporary name
	refuse string            // a call that the file system refuses, as strace writes it
}

var operations = map[string]operation{
	"WriteFile": {
		run:    func(at func(string) string) error { return WriteFile(at("f"), []byte("new"), 0o644) },
		before: map[string]string{"f": "old"}, after: map[string]string{"f": "new"},
		calls: "fchmod TMP; write TMP; fsync TMP; renameat TMP f; fsync .",
	},
	"CreateFile": {
		run:    func(at func(string) string) error { return CreateFile(at("f"), []byte("new"), 0o644) },
		before: map[string]string{}, after: map[string]string{"f": "new"},
		calls: "fchmod TMP; write TMP; fsync TMP; renameat2 TMP f; fsync .",
	},
	"CreateFile by link": {
		run:    func(at func(string) string) error { return CreateFile(at("f"), []byte("new"), 0o644) },
		before: map[string]string{}, after: map[string]string{"f": "new"},
		calls:  "fchmod TMP; write TMP; fsync TMP; renameat2 TMP f; linkat TMP f; unlinkat TMP; fsync .",
		refuse: "renameat2:error=EINVAL",
	},
	"AppendLine": {
		run:    func(at func(string) string) error { return AppendLine(at("f"), []byte("b"), 0o644) },
		before: map[string]string{"f": "a\n"}, after: map[string]string{"f": "a\nb\n"},
		calls: "write f; fsync f",
	},
	"AppendLine to a new file": {
		run:    func(at func(string) string) error { return AppendLine(at("f"), []byte("b"), 0o644) },
		before: map[string]string{}, after: map[string]string{"f": "b\n"}, also: map[string]string{"f": ""},
		calls: "fchmod f; fsync .; write f; fsync f",
	},
	"MkdirAll": {
		run:    func(at func(string) string) error { return MkdirAll(at("a/b"), 0o755) },
		before: map[string]string{}, after: map[string]string{"a": "dir", "a/b": "dir"}, also: map[string]string{"a": "dir"},
		calls: "fsync ..; mkdirat a; fchmodat a; fsync .; mkdirat a/b; fchmodat a/b; fsync a",
	},
	"MkdirAll of what is there": {
		run:    func(at func(string) string) error { return MkdirAll(at("a"), 0o755) },
		before: map[string]string{"a": "dir"}, after: map[string]string{"a": "dir"},
		calls: "fsync .",
	},
	"ReplaceSymlink": {
		run: func(at func(string) string) error {
			return errors.Join(ReplaceSymlink("2", at("current")), SyncDir(at(".")))
		},
		before: map[string]string{"current": "-> 1"}, after: map[string]string{"current": "-> 2"},
		calls: "symlinkat TMP; renameat TMP current; fsync .",
	},
	"RenameNoReplace": {
		run: func(at func(string) string) error {
			if err := RenameNoReplace(at("a"), at("b")); err != nil {
				return err
			}
			return SyncDir(at("."))
		},
		before: map[string]string{"a": "dir", "a/f": "x"}, after: map[string]string{"b": "dir", "b/f": "x"},
		calls: "renameat2 a b; fsync .",
	},
	"Mend": {
		run:    func(at func(string) string) error { return Mend(at("a"), at("b")) },
		before: map[string]string{"a": "dir", "a/f": "new", "b": "dir", "b/f": "old"},
		after:  map[string]string{"a": "dir", "b": "dir", "b/f": "new"},
		calls:  "renameat a/f b/f; fsync b",
	},
	"Link": {
		run: func(at func(string) string) error {
			_, err := Link(at("a"), at("b"))
			return err
		},
		before: map[string]string{"a": "x"}, after: map[string]string{"a": "x", "b": "x"},
		calls: "linkat a b",
	},
	"Link by copy": {
		run: func(at func(string) string) error {
			_, err := Link(at("a"), at("b"))
			return err
		},
		before: map[string]string{"a": "x"}, after: map[string]string{"a": "x", "b": "x"},
		calls:  "linkat a b; fchmod TMP; copy_file_range a TMP; copy_file_range a TMP; fsync TMP; renameat2 TMP b",
		refuse: "linkat:error=EMLINK",
	},
	"FS.Sync": {
		run:    func(at func(string) string) error { return syncAll(at) },
		before: map[string]string{"a": "dir", "a/f": "x"}, after: map[string]string{"a": "dir", "a/f": "x"},
		calls: "syncfs .",
	},
	"FS.Sync without syncfs": {
		run:    func(at func(string) string) error { return syncAll(at) },
		before: map[string]string{"a": "dir", "a/f": "x", "g": "y"}, after: map[string]string{"a": "dir", "a/f": "x", "g": "y"},
		calls:  "syncfs .; fsync a/f; fsync a; fsync g; fsync .",
		refuse: "syncfs:error=ENOSYS",
	},
}

func syncAll(at func(string) string) error {
	f, err := OpenFS(at("."))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// TestOrder holds the order of the calls that a power cut makes matter. It is
// where a forgotten fsync shows.
func TestOrder(t *testing.T) {
	for name, op := range operations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := runTraced(t, name, op, "")
			if r.code != exitDone {
				t.Fatalf("exit code %d\n%s", r.code, r.trace)
			}
			wantState(t, r.dir, op.after)
			if got := r.calls(); got != op.calls {
				t.Errorf("calls\n got %s\nwant %s", got, op.calls)
			}
		})
	}
}

// TestFaults lets the Nth of each call fail, N rising until nothing is hit.
// Then nothing has changed or, where the failure came late, everything; it is
// named; nothing is left behind; and after a failed sync there is no success.
func TestFaults(t *testing.T) {
	for name, op := range operations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, f := range faultsOf(op) {
				for n := 1; ; n++ {
					r := runTraced(t, name, op, fmt.Sprintf("%s:error=%s:when=%d", f.call, f.name, n), f.errno)
					if !r.hit && n > 1 {
						break
					}
					if !r.hit {
						t.Fatalf("%s is never called\n%s", f.call, r.trace)
					}
					if f.name == "EINTR" && r.code != exitDone {
						t.Errorf("EINTR of %s %d was not made good: exit code %d\n%s", f.call, n, r.code, r.trace)
					}
					if !mayRecover(f.call, f.name) && r.code != exitNamed {
						t.Errorf("%s of %s %d: exit code %d\n%s", f.name, f.call, n, r.code, r.trace)
					}
					wantOneOf(t, r, op, f.call == "unlinkat")
					if r.code == exitDone {
						wantState(t, r.dir, op.after)
					}
				}
			}
		})
	}
}

type fault struct {
	call, name string
	errno      syscall.Errno
}

// faultsOf are the faults worth trying: each call that op makes, and opening
// and closing, which the Go runtime does as well before op begins.
func faultsOf(op operation) []fault {
	faults := []fault{{"openat", "EMFILE", syscall.EMFILE}, {"close", "EIO", syscall.EIO}}
	for _, call := range strings.Split(op.calls, "; ") {
		call, _, _ = strings.Cut(call, " ")
		if strings.HasPrefix(op.refuse, call+":") || slices.ContainsFunc(faults, func(f fault) bool { return f.call == call }) {
			continue
		}
		faults = append(faults, fault{call, "EIO", syscall.EIO})
		if strings.Contains("write copy_file_range fsync syncfs linkat symlinkat mkdirat renameat renameat2", call) {
			faults = append(faults, fault{call, "ENOSPC", syscall.ENOSPC}, fault{call, "EINTR", syscall.EINTR})
		}
	}
	return faults
}

// mayRecover says that an operation may go on after this fault: an interrupted
// call is made again, copy_file_range has read and write to fall back to, and
// what the runtime or a reader opens and closes need not matter.
func mayRecover(call, errno string) bool {
	return errno == "EINTR" || call == "copy_file_range" || call == "openat" || call == "close"
}

// TestKilled kills the process at each call. What it leaves is old or new, and
// the operation done again succeeds.
func TestKilled(t *testing.T) {
	for name, op := range operations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, f := range faultsOf(op) {
				if f.name != "EIO" {
					continue
				}
				for n := 1; ; n++ {
					r := runTraced(t, name, op, fmt.Sprintf("%s:signal=KILL:when=%d", f.call, n))
					if !r.hit && n > 1 {
						break
					}
					if !r.hit {
						t.Fatalf("%s is never called\n%s", f.call, r.trace)
					}
					wantOneOf(t, r, op, true)
				}
			}
		})
	}
}

// TestSyncIsNotRetried lets every sync fail for good, and only the first: in
// neither case may the operation succeed.
func TestSyncIsNotRetried(t *testing.T) {
	for name, op := range operations {
		for _, call := range []string{"fsync", "syncfs"} {
			for _, when := range []string{"1", "1+"} {
				if strings.HasPrefix(op.refuse, call) || !strings.Contains(op.calls, call) {
					continue
				}
				r := runTraced(t, name, op, call+":error=EIO:when="+when, syscall.EIO)
				if r.code != exitNamed {
					t.Errorf("%s, EIO of %s %s: exit code %d\n%s", name, call, when, r.code, r.trace)
				}
			}
		}
	}
}

// TestRefusals are file systems that lack something: there is another way, or
// the cause is named.
func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		op, refuse string
		code       int
	}{
		{"Link", "linkat:error=EPERM", exitDone},
		{"Link", "linkat:error=EACCES", exitDone},
		{"Link", "linkat:error=EXDEV", exitDone},
		{"Link", "linkat:error=EOPNOTSUPP", exitDone},
		{"Link", "linkat:error=ENOSYS", exitDone},
		{"Link", "linkat:error=EINVAL", exitDone},
		{"Link", "linkat:error=ESTALE", exitNamed},
		{"Link by copy", "ioctl:error=EAGAIN", exitDone},
		{"Link by copy", "copy_file_range:error=EXDEV", exitDone},
		{"CreateFile", "renameat2:error=ENOSYS", exitDone},
		{"CreateFile", "renameat2:error=EOPNOTSUPP", exitDone},
		{"CreateFile by link", "linkat:error=EPERM", exitDone},
		{"CreateFile by link", "linkat:error=EIO", exitNamed},
		{"RenameNoReplace", "renameat2:error=EINVAL", exitDone},
		{"RenameNoReplace", "fsync:error=EINVAL", exitDone},
		{"FS.Sync", "syncfs:error=EOPNOTSUPP", exitDone},
		{"FS.Sync", "syncfs:error=EINVAL", exitDone},
		{"FS.Sync", "fstatfs:error=ESTALE", exitNamed},
		{"WriteFile", "renameat:error=ESTALE", exitNamed},
		{"AppendLine", "fsync:error=EDQUOT", exitNamed},
	} {
		_, errno, _ := strings.Cut(tt.refuse, "=")
		op := operations[tt.op]
		r := runTraced(t, tt.op, op, tt.refuse, errnos[errno])
		if r.code != tt.code || !r.hit {
			t.Errorf("%s, %s: exit code %d, hit %v\n%s", tt.op, tt.refuse, r.code, r.hit, r.trace)
		}
		if tt.code == exitDone {
			wantState(t, r.dir, op.after)
		}
	}
}

var errnos = map[string]syscall.Errno{"ESTALE": syscall.ESTALE, "EIO": syscall.EIO, "EDQUOT": syscall.EDQUOT}

// result is what became of a traced process.
type result struct {
	dir, trace string
	code       int
	hit        bool // the fault was injected
}

const traced = "openat,close,write,fsync,syncfs,fstatfs,rename,renameat,renameat2,linkat,symlinkat,mkdirat,unlinkat,fchmod,fchmodat,ftruncate,ioctl,copy_file_range"

// runTraced runs op in a fresh directory, with a fault unless it is "".
func runTraced(t *testing.T, name string, op operation, inject string, errno ...syscall.Errno) result {
	t.Helper()
	strace := support.Tool(t, "strace")
	dir := filepath.Join(t.TempDir(), "D")
	build(t, dir, op.before)
	log := filepath.Join(filepath.Dir(dir), "log")
	args := []string{"-f", "-qq", "-y", "-o", log, "-e", "trace=" + traced}
	for _, fault := range []string{op.refuse, inject} {
		if fault != "" {
			args = append(args, "-e", "inject="+fault)
		}
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(strace, append(args, exe, dir)...)
	cmd.Env = append(os.Environ(), opEnv+"="+name, "GORACE=atexit_sleep_ms=0")
	if len(errno) > 0 {
		cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", errnoEnv, errno[0]))
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	trace, err := os.ReadFile(log)
	if err != nil {
		t.Fatalf("strace left no trace: %v\n%s", err, out)
	}
	r := result{dir: dir, trace: string(trace) + string(out), code: cmd.ProcessState.ExitCode()}
	r.hit = injected(string(trace), inject)
	return r
}

// injected says whether a fault was. strace marks failed calls; a killed
// process says so itself.
func injected(trace, inject string) bool {
	if strings.Contains(inject, "signal=KILL") {
		return strings.Contains(trace, "killed by SIGKILL")
	}
	call, rest, _ := strings.Cut(inject, ":error=")
	errno, _, _ := strings.Cut(rest, ":")
	for line := range strings.Lines(trace) {
		if strings.Contains(line, " "+call) && strings.Contains(line, errno) && strings.Contains(line, "(INJECTED)") {
			return true
		}
	}
	return false
}

// unordered are calls whose place makes no difference.
var unordered = []string{"openat", "close", "fstatfs", "ioctl"}

var (
	callName = regexp.MustCompile(`^\d+ +(\w+)\(`)
	tempName = regexp.MustCompile(`\.tmp\.[0-9a-f]+`)
)

// calls are the traced calls that name something in the directory, in order.
func (r result) calls() string {
	parent := filepath.Dir(r.dir)
	inDir := regexp.MustCompile(regexp.QuoteMeta(parent) + `(/D)?(/[^">]*)?[">]`)
	var calls []string
	for line := range strings.Lines(r.trace) {
		name := callName.FindStringSubmatch(line)
		paths := inDir.FindAllString(line, -1)
		if name == nil || paths == nil || slices.Contains(unordered, name[1]) {
			continue
		}
		call := name[1]
		for _, p := range paths {
			rel, err := filepath.Rel(r.dir, p[:len(p)-1])
			if err == nil {
				call += " " + tempName.ReplaceAllString(rel, "TMP")
			}
		}
		calls = append(calls, call)
	}
	return strings.Join(calls, "; ")
}

// build makes the directory dir that holds state.
func build(t *testing.T, dir string, state map[string]string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, what := range state {
		path := filepath.Join(dir, name)
		if target, ok := strings.CutPrefix(what, "-> "); ok {
			symlink(t, target, path)
		} else if what == "dir" {
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
		} else {
			put(t, path, what)
		}
	}
}

// state is the opposite of build; temporary names are left out if asked to.
func state(t *testing.T, dir string, withTemp bool) map[string]string {
	t.Helper()
	seen := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		switch {
		case err != nil || path == dir:
			return err
		case IsTemp(path) && !withTemp:
		case d.IsDir():
			seen[name] = "dir"
		case d.Type() == os.ModeSymlink:
			target, err := os.Readlink(path)
			seen[name] = "-> " + target
			return err
		default:
			data, err := os.ReadFile(path)
			seen[name] = string(data)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

func wantState(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	if got := fmt.Sprint(state(t, dir, true)); got != fmt.Sprint(want) {
		t.Errorf("found %s, want %v", got, want)
	}
}

// wantOneOf fails unless the old or the new state is seen. Temporary files may
// be left only if tempToo.
func wantOneOf(t *testing.T, r result, op operation, tempToo bool) {
	t.Helper()
	got := fmt.Sprint(state(t, r.dir, !tempToo))
	for _, s := range []map[string]string{op.before, op.after, op.also} {
		if s != nil && got == fmt.Sprint(s) {
			return
		}
	}
	t.Errorf("found %s, want %v or %v\n%s", got, op.before, op.after, r.trace)
}
