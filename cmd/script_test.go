package cmd

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ipp/tests/support"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	run := func() {
		out, done := noted(os.Args[1:])
		code := Main(os.Args[1:], os.Environ(), os.Stdin, out, os.Stderr)
		done()
		os.Exit(code)
	}
	// greet is what the tour calls a copy of its own executable.
	testscript.Main(m, map[string]func(){"ipp": run, "greet": run})
}

// noted is standard output, and where IPP_TEST_JSON names a directory and the
// command line says --json a copy of it in a file there, below the arguments.
func noted(args []string) (out io.Writer, done func()) {
	dir := os.Getenv("IPP_TEST_JSON")
	if dir == "" || !slices.Contains(args, "--json") {
		return os.Stdout, func() {}
	}
	var text bytes.Buffer
	text.WriteString(strings.Join(args, "\x00") + "\n")
	return io.MultiWriter(os.Stdout, &text), func() {
		f, err := os.CreateTemp(dir, "")
		if err == nil {
			_, err = f.Write(text.Bytes())
		}
		if err != nil {
			panic(err)
		}
	}
}

// TestScripts tells what every command does, on the real Main in a process of
// its own, in a home with nothing in it.
func TestScripts(t *testing.T) {
	outputs := t.TempDir()
	t.Cleanup(func() {
		checkOutputs(t, outputs, flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == "")
	})
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			home := filepath.Join(e.WorkDir, "home")
			state := filepath.Join(home, ".local", "state", "ipp")
			e.Vars = append(e.Vars, "HOME="+home, "USER=tester", support.Offline(), "IPP_TEST_JSON="+outputs, "STATE="+state,
				"GORACE=atexit_sleep_ms=0", // else each ipp with the race detector sleeps a second before it exits
				"REALCACHE="+goCache(), "BINDIR="+filepath.Dir(lookPath("ipp")),
				"STORE="+filepath.Join(home, ".local", "share", "ipp", "store"),
				"BIN="+filepath.Join(state, "profiles", "default", "current", "bin"))
			e.Values[serverKey{}] = map[string]*scriptServer{}
			e.Values[pinnerKey{}] = map[string]any{}
			return os.Mkdir(home, 0o755)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"tool":      tool,
			"foreign":   foreign,
			"gateway":   gateway,
			"repack":    repack,
			"shrink":    shrink,
			"fails":     fails,
			"capture":   capture,
			"remember":  remember,
			"unchanged": unchanged,
			"damage":    damage,
			"current":   current,
			"serve":     serve,
			"quit":      quit,
			"get":       get,
			"routing":   routing,
			"appears":   appears,

			"pinkubo":    pinkubo,
			"pinservice": pinservice,
			"pins":       pinsAt,
			"foreignpin": foreignpin,
			"asked":      asked,
		},
	})
}

// goCache is this machine's build cache: an empty one takes a minute to fill.
func goCache() string {
	out, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

func lookPath(name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		panic(err) // testscript.Main put it there
	}
	return path
}

// tool DIR NAME VERSION [LINE…]: a directory with package.toml and one command,
// a script that says its name, version and arguments. LINEs go into package.toml.
func tool(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: tool DIR NAME VERSION [LINE…]")
	}
	dir, name, version := ts.MkAbs(args[0]), args[1], args[2]
	meta := fmt.Sprintf("format = 1\nname = %q\nversion = %q\n%s\n", name, version, strings.Join(args[3:], "\n"))
	program := fmt.Sprintf("#!/bin/sh\necho %s %s \"$@\"\n", name, version)
	ts.Check(os.MkdirAll(filepath.Join(dir, "bin"), 0o755))
	ts.Check(os.WriteFile(filepath.Join(dir, "package.toml"), []byte(meta), 0o644))
	ts.Check(os.WriteFile(filepath.Join(dir, "bin", name), []byte(program), 0o755))
}

// fails CODE COMMAND…: exits with that code after an error of ours, and nothing
// below HOME is other than it was.
func fails(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fails CODE COMMAND…")
	}
	before := snapshot(ts, ts.Getenv("HOME"))
	err := ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		ts.Fatalf("it did not fail: %v", err)
	}
	if got := strconv.Itoa(exit.ExitCode()); got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
	if stderr := ts.ReadFile("stderr"); !strings.Contains("\n"+stderr, "\nipp: ") {
		ts.Fatalf("no line of stderr begins with \"ipp: \"")
	}
	if after := snapshot(ts, ts.Getenv("HOME")); after != before {
		ts.Fatalf("a failure changed something:\n%s\n--- was\n%s", after, before)
	}
}

// capture NAME REGEXP: the first group of what matches the last output.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: capture NAME REGEXP")
	}
	m := regexp.MustCompile("(?m)" + args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(m) < 2 {
		ts.Fatalf("stdout does not match %s", args[1])
	}
	ts.Setenv(args[0], m[1])
}

// remember DIR, then unchanged DIR: nothing below it is other than it was.
func remember(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: remember DIR")
	}
	ts.Check(os.WriteFile(ts.MkAbs(".remembered"), []byte(snapshot(ts, ts.MkAbs(args[0]))), 0o644))
}

func unchanged(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: unchanged DIR")
	}
	was, is := ts.ReadFile(".remembered"), snapshot(ts, ts.MkAbs(args[0]))
	if (was == is) == neg {
		ts.Fatalf("before:\n%s\nafter:\n%s", was, is)
	}
}

// snapshot is a line for each name below dir: mode, target, contents. Mutexes
// say who held them last, so they don't count, nor do empty directories, nor the
// index, which is a cache.
func snapshot(ts *testscript.TestScript, dir string) string {
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "index" {
			return fs.SkipDir
		}
		if err != nil || d.IsDir() {
			return err
		}
		switch name := d.Name(); {
		case name == "mutex" || name == "sweep" || name == "gc" || strings.HasSuffix(name, ".mutex"):
			return nil
		case filepath.Base(filepath.Dir(path)) == "leases": // who looks whether it is held writes into it
			fmt.Fprintln(&b, path)
			return nil
		case d.Type() == fs.ModeSymlink:
			target, err := os.Readlink(path)
			fmt.Fprintf(&b, "%s -> %s\n", path, target)
			return err
		case !d.Type().IsRegular(): // opening a FIFO waits
			fmt.Fprintln(&b, path, d.Type())
			return nil
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s %v %x\n", path, fi.Mode(), sha256.Sum256(data))
		return err
	})
	ts.Check(err)
	return b.String()
}

// damage FILE: changes one byte of it, whatever its mode.
func damage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: damage FILE")
	}
	path := ts.MkAbs(args[0])
	if found, err := filepath.Glob(path); err == nil && len(found) == 1 {
		path = found[0]
	}
	fi, err := os.Stat(path)
	ts.Check(err)
	data, err := os.ReadFile(path)
	ts.Check(err)
	data = bytes.Clone(data)
	data[len(data)/2] ^= 1
	ts.Check(os.Chmod(path, 0o600))
	ts.Check(os.WriteFile(path, data, 0o600))
	ts.Check(os.Chmod(path, fi.Mode()))
}

// current N: the pointer of the default profile says N.
func current(ts *testscript.TestScript, neg bool, args []string) {
	target, err := os.Readlink(filepath.Join(ts.Getenv("STATE"), "profiles", "default", "current"))
	ts.Check(err)
	if neg || len(args) != 1 || target != args[0] {
		ts.Fatalf("current is %s, want %v", target, args)
	}
}
