//go:build linux

package homes

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ipp/tests/support"
	"ipp/tests/trace"
)

// World is one home directory after another, all at one path, because a store
// root names its profile's directory.
type World struct {
	IPP, Dir string
}

// Empty builds ipp and makes a home with nothing in it.
func Empty(t testing.TB) *World {
	t.Helper()
	dir, err := support.Scratch()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	ipp, err := support.Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	w := &World{IPP: ipp, Dir: dir}
	w.reset(t)
	return w
}

// New is Empty, with the homes that operations start from.
func New(t testing.TB) *World {
	w := Empty(t)
	if r := w.Trace(t, nil, "version"); !r.Status.Exited() {
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
func (w *World) homes(t testing.TB) {
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
			w.copy(t, w.Home(), w.kept(args[1]))
		case "reset":
			w.reset(t)
		default:
			if bad := w.Run(args...); bad != nil {
				t.Fatal(bad)
			}
		}
	}
}

// Home is HOME; State is where ipp keeps profiles and the link to its store.
func (w *World) Home() string  { return filepath.Join(w.Dir, "home") }
func (w *World) State() string { return filepath.Join(w.Home(), ".local", "state", "ipp") } // see Home

func (w *World) kept(name string) string { return filepath.Join(w.Dir, "home-"+name) }

func (w *World) copy(t testing.TB, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v\n%s", err, out)
	}
}

func (w *World) reset(t testing.TB) {
	t.Helper()
	if err := os.RemoveAll(w.Home()); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(w.Home(), 0o755); err != nil {
		t.Fatal(err)
	}
}

// Reset makes the home what it was under that name, and clears out what
// operations write beside it.
func (w *World) Reset(t testing.TB, name string) {
	t.Helper()
	w.copy(t, w.kept(name), w.Home())
	if err := os.RemoveAll(w.Out()); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(w.Out(), 0o755); err != nil {
		t.Fatal(err)
	}
}

// Out is where operations put the files that they write.
func (w *World) Out() string { return filepath.Join(w.Dir, "out") }

// Command is ipp with its whole environment.
func (w *World) Command(args ...string) *exec.Cmd {
	cmd := exec.Command(w.IPP, args...)
	cmd.Dir = w.Dir
	cmd.Env = []string{"HOME=" + w.Home(), "PATH=" + os.Getenv("PATH"), "USER=tester", "GOMAXPROCS=1", support.Offline()}
	return cmd
}

// Run runs ipp, and lists what it said where it failed.
func (w *World) Run(args ...string) (bad []string) {
	if out, err := w.Command(args...).CombinedOutput(); err != nil {
		bad = append(bad, fmt.Sprintf("ipp %s: %v\n%s", strings.Join(args, " "), err, out))
	}
	return bad
}

// Trace runs ipp with what is injected.
func (w *World) Trace(t testing.TB, inject []trace.Injection, args ...string) trace.Result {
	t.Helper()
	r, err := trace.Run(w.Command(args...), inject...)
	if err != nil {
		support.Skip(t, "needs ptrace(2): "+err.Error())
	}
	return r
}

// Version is what the installed program prints.
func (w *World) Version() string {
	out, err := exec.Command(filepath.Join(w.State(), "profiles", "default", "current", "bin", "prog")).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// Generations are the generation.toml of each generation, by path.
func (w *World) Generations() map[string]string {
	found := map[string]string{}
	paths, _ := filepath.Glob(filepath.Join(w.State(), "profiles", "*", "[0-9]*", "generation.toml"))
	for _, p := range paths {
		data, _ := os.ReadFile(p)
		found[p] = string(data)
	}
	return found
}

// Changed lists the generations that are not what they were.
func Changed(before, after map[string]string) (bad []string) {
	for path, text := range before {
		if after[path] != text {
			bad = append(bad, path+" is gone, or its number was used again")
		}
	}
	return bad
}

// writePackage makes version i: a program, a page that all versions share, and
// a file of two leaves that none shares.
func (w *World) writePackage(t testing.TB, i int) {
	t.Helper()
	version := fmt.Sprintf("%d.0.0", i)
	for name, text := range map[string]string{
		"package.toml":          "format = 1\nname = \"prog\"\nversion = \"" + version + "\"\n",
		"bin/prog":              "#!/bin/sh\necho " + version + "\n",
		"share/doc/prog/page":   "the same in every version\n",
		"share/prog/large file": strings.Repeat(version+"\n", 1<<20/6+5000),
	} {
		path := filepath.Join(w.Dir, fmt.Sprintf("v%d", i), name)
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
