//go:build linux

package crash

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ipp/tests/support"
	"ipp/tests/whole"
)

// operation is a command that is killed at each of its calls.
type operation struct {
	name string
	from string   // the home it starts from, see homes
	args []string // of ipp; run again after the kill, and once more where it went through
	want string   // what `prog` prints in the end; "": there is none
	old  int      // current before, and
	new  []int    // after: what a kill may leave besides old
}

func operations() []operation {
	return []operation{
		{"first install", "empty", []string{"install", "v1.car"}, "1.0.0", 0, []int{1}},
		{"install of another version", "one", []string{"install", "v2.car"}, "2.0.0", 1, []int{2}},
		{"install of a directory", "one", []string{"install", "./v3"}, "3.0.0", 1, []int{2}},
		{"upgrade", "known", []string{"upgrade", "prog"}, "2.0.0", 1, []int{2}},
		{"switch", "two", []string{"switch", "prog@1.0.0"}, "1.0.0", 2, []int{3}},
		{"rollback", "two", []string{"rollback", "1"}, "1.0.0", 2, []int{1}},
		{"remove", "two", []string{"remove", "prog"}, "", 2, []int{3}},
		{"import", "one", []string{"import", "v2.car"}, "1.0.0", 1, nil},
		{"pack", "one", []string{"pack", "./v3"}, "1.0.0", 1, nil},
		{"gc", "dead", []string{"gc", "--keep", "1"}, "2.0.0", 5, nil},
	}
}

// TestKill kills each operation before each call that changes something. After
// each kill current is the old or the new generation, whole; the same command
// then succeeds without any repair; and one gc leaves nothing unreachable.
//
// IPP_TEST_CRASH=all tries every call (minutes); otherwise every kth, from a
// random start that is printed and that IPP_TEST_CRASH=SEED repeats.
//
// What made it fail when it was tried: the tree renamed into place before its
// .car and .objects; current replaced before the rename to N; leases of dead
// processes kept; staging kept; .tmp.* of a root kept.
func TestKill(t *testing.T) {
	w := newWorld(t)
	every, seed := 9, rand.Uint64N(1<<32)
	switch v := os.Getenv("IPP_TEST_CRASH"); v {
	case "":
	case "all":
		every = 1
	default:
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			t.Fatalf("IPP_TEST_CRASH: %v", err)
		}
		seed = n
	}
	t.Logf("every %dth call; IPP_TEST_CRASH=%d repeats this", every, seed)
	for _, op := range operations() {
		t.Run(op.name, func(t *testing.T) {
			first := 1 + int(seed%uint64(every))
			points, failed := 0, 0
			for n := first; failed < 5; n += every {
				killed, bad := w.kill(t, op, n)
				if !killed {
					break
				}
				points++
				for _, b := range bad {
					t.Error(b)
				}
				if len(bad) > 0 {
					failed++
				}
			}
			if points == 0 {
				t.Error("no call was killed")
			}
			t.Logf("%d points, %d failed", points, failed)
		})
	}
}

// world is one home directory after another, all at one path, because a store
// root names its profile's directory.
type world struct {
	ipp, dir string
}

func newWorld(t *testing.T) *world {
	dir, err := support.Scratch()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	ipp, err := support.Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{ipp: ipp, dir: dir}
	if r := w.trace(t, 0, "version"); !r.Status.Exited() {
		support.Skip(t, "needs ptrace(2), which this machine does not allow")
	}
	for i := 1; i <= 3; i++ {
		w.writePackage(t, i)
	}
	w.homes(t)
	return w
}

// homes makes the homes that operations start from. Each step is a command, and
// "= NAME" keeps a copy of the home as it is.
func (w *world) homes(t *testing.T) {
	for _, step := range strings.Split(strings.TrimSpace(`
		= empty
		pack ./v1 -o v1.car
		pack ./v2 -o v2.car
		reset
		install v1.car
		= one
		install v2.car
		= two
		install v1.car
		install ./v3
		rollback 3
		install v2.car
		= dead
		reset
		import v1.car
		install prog
		import v2.car
		= known
	`), "\n") {
		switch args := strings.Fields(step); args[0] {
		case "=":
			w.copy(t, w.home(), filepath.Join(w.dir, "home-"+args[1]))
		case "reset":
			w.reset(t, "empty")
		default:
			if bad := w.run(args...); bad != nil {
				t.Fatal(bad)
			}
		}
	}
}

func (w *world) home() string  { return filepath.Join(w.dir, "home") }
func (w *world) state() string { return filepath.Join(w.home(), ".local", "state", "ipp") }

func (w *world) copy(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(from, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v\n%s", err, out)
	}
}

func (w *world) reset(t *testing.T, home string) {
	t.Helper()
	w.copy(t, filepath.Join(w.dir, "home-"+home), w.home())
}

// env is ipp's whole environment; a tracer with the race detector would sleep a
// second before it exits.
func (w *world) env(more ...string) []string {
	return append([]string{"HOME=" + w.home(), "PATH=" + os.Getenv("PATH"), "USER=tester", "GOMAXPROCS=1",
		"GORACE=atexit_sleep_ms=0"}, more...)
}

// run runs ipp, and lists what it said where it failed.
func (w *world) run(args ...string) (bad []string) {
	cmd := exec.Command(w.ipp, args...)
	cmd.Dir, cmd.Env = w.dir, w.env()
	if out, err := cmd.CombinedOutput(); err != nil {
		bad = append(bad, fmt.Sprintf("ipp %s: %v\n%s", strings.Join(args, " "), err, out))
	}
	return bad
}

// trace runs ipp and kills it before its nth call.
func (w *world) trace(t *testing.T, n int, args ...string) Result {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	result := filepath.Join(w.dir, "result")
	cmd := exec.Command(self, append([]string{w.ipp}, args...)...)
	cmd.Dir = w.dir
	cmd.Env = w.env(fmt.Sprintf("%s=%d", killAt, n), resultFile+"="+result)
	if out, err := cmd.CombinedOutput(); err != nil {
		support.Skip(t, fmt.Sprintf("needs ptrace(2): %v\n%s", err, out))
	}
	data, err := os.ReadFile(result)
	if err != nil {
		t.Fatal(err)
	}
	var r Result
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// kill kills op before its nth call, and lists what does not hold then; it
// killed nothing where op has no such call.
func (w *world) kill(t *testing.T, op operation, n int) (killed bool, bad []string) {
	w.reset(t, op.from)
	before := w.generations()
	r := w.trace(t, n, op.args...)
	if !r.Killed {
		if r.Status.ExitStatus() != 0 {
			t.Fatalf("ipp %v was not killed, and exits %d", op.args, r.Status.ExitStatus())
		}
		return false, nil
	}
	at := fmt.Sprintf("killed before call %d (%s)", n, r.Calls[n-1])
	wrong := func(when string, list ...string) {
		for _, l := range list {
			bad = append(bad, at+", "+when+": "+l)
		}
	}
	wrong("at once", whole.Check(w.state())...)
	if now := whole.Current(w.state(), "default"); now != op.old && !slices.Contains(op.new, now) {
		wrong("at once", fmt.Sprintf("current is %d, was %d, should become one of %v", now, op.old, op.new))
	}
	if op.want != "" || w.version() != "" { // a removal that went through is an error the second time
		wrong("the same command again", w.run(op.args...)...)
	}
	wrong("after the same command again", whole.Check(w.state())...)
	if got := w.version(); got != op.want {
		wrong("after the same command again", fmt.Sprintf("prog prints %q, not %q", got, op.want))
	}
	wrong("gc", w.run("gc")...)
	wrong("after gc", whole.Rest(w.state())...)
	if op.name != "gc" {
		wrong("after gc", changed(before, w.generations())...)
	}
	return true, bad
}

// version is what the installed program prints.
func (w *world) version() string {
	out, err := exec.Command(filepath.Join(w.state(), "profiles", "default", "current", "bin", "prog")).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// generations are the generation.toml of each generation, by path.
func (w *world) generations() map[string]string {
	found := map[string]string{}
	paths, _ := filepath.Glob(filepath.Join(w.state(), "profiles", "*", "[0-9]*", "generation.toml"))
	for _, p := range paths {
		data, _ := os.ReadFile(p)
		found[p] = string(data)
	}
	return found
}

// changed lists the generations that are not what they were.
func changed(before, after map[string]string) (bad []string) {
	for path, text := range before {
		if after[path] != text {
			bad = append(bad, path+" is gone, or its number was used again")
		}
	}
	return bad
}

// writePackage makes version i: a program, a page that all versions share, and
// a file of two leaves that none shares.
func (w *world) writePackage(t *testing.T, i int) {
	t.Helper()
	version := fmt.Sprintf("%d.0.0", i)
	for name, text := range map[string]string{
		"package.toml":          "format = 1\nname = \"prog\"\nversion = \"" + version + "\"\n",
		"bin/prog":              "#!/bin/sh\necho " + version + "\n",
		"share/doc/prog/page":   "the same in every version\n",
		"share/prog/large file": strings.Repeat(version+"\n", 1<<20/6+5000),
	} {
		path := filepath.Join(w.dir, fmt.Sprintf("v%d", i), name)
		mode := os.FileMode(0o644)
		if name == "bin/prog" {
			mode = 0o755
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
	}
}
