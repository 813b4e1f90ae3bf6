package tests

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"ipp/tests/programs"
	"ipp/tests/support"
	"ipp/tests/whole"

	"github.com/rogpeppe/go-internal/testscript"
)

type script = testscript.TestScript

// commands are what our scripts can do besides testscript's own commands.
func commands() map[string]func(*script, bool, []string) {
	all := map[string]func(*script, []string){
		"ipp":       runIPP,
		"fails":     fails,
		"program":   program,
		"unpacked":  unpacked,
		"kubo":      kubo,
		"helia":     helia,
		"heliad":    heliad,
		"kubod":     kubod,
		"kuboat":    kuboat,
		"online":    online,
		"router":    router,
		"serve":     serve,
		"ipfs-car":  ipfsCar,
		"capture":   capture,
		"current":   current,
		"whole":     checkWhole,
		"collected": checkCollected,
		"sametree":  sameTree,
		"samefile":  sameFile,
		"remember":  remember,
		"unchanged": unchanged,
		"objects":   objects,
		"random":    random,
	}
	cmds := map[string]func(*script, bool, []string){}
	for name, f := range all {
		cmds[name] = func(ts *script, neg bool, args []string) {
			if neg {
				ts.Fatalf("%s takes no !", name)
			}
			f(ts, args)
		}
	}
	return cmds
}

func need(ts *script, args []string, n int, usage string) {
	if len(args) != n {
		ts.Fatalf("usage: %s", usage)
	}
}

// ipp ARGS: runs the real binary, which must succeed, and leave all whole.
func runIPP(ts *script, args []string) {
	ts.Check(ts.Exec(ippPath, args...))
	checkWhole(ts, nil)
}

// fails CODE [store-grows] ipp ARGS: exits with that code, after an error, and
// nothing on disk is other than it was; but the store may hold more, for gc.
func fails(ts *script, args []string) {
	grows := len(args) > 1 && args[1] == "store-grows"
	if grows {
		args = slices.Delete(args, 1, 2)
	}
	if len(args) < 2 || args[1] != "ipp" {
		ts.Fatalf("usage: fails CODE [store-grows] ipp ARGS")
	}
	before := snapshot(ts, ts.Getenv("HOME"))
	err := ts.Exec(ippPath, args[2:]...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		ts.Fatalf("want exit code %s: %v", args[0], err)
	}
	if got := strconv.Itoa(exit.ExitCode()); got != args[0] {
		ts.Fatalf("exit code is %s, not %s", got, args[0])
	}
	if stderr := ts.ReadFile("stderr"); !strings.HasPrefix(stderr, "ipp: ") && !strings.Contains(stderr, "\nipp: ") {
		ts.Fatalf("no line of stderr begins with \"ipp: \"")
	}
	after := snapshot(ts, ts.Getenv("HOME"))
	if grows {
		after = slices.DeleteFunc(after, func(line string) bool {
			return strings.Contains(line, "/ipp/store") && !slices.Contains(before, line)
		})
	}
	if diff := compare(before, after); diff != "" {
		ts.Fatalf("a failure changed something:\n%s", diff)
	}
}

// program NAME VERSION PLATFORM FILE: copies a real program's executable.
func program(ts *script, args []string) {
	need(ts, args, 4, "program NAME VERSION PLATFORM FILE")
	p := findProgram(ts, args)
	data, err := os.ReadFile(p.Executable())
	ts.Check(err)
	to := ts.MkAbs(args[3])
	ts.Check(os.MkdirAll(filepath.Dir(to), 0o755))
	ts.Check(os.WriteFile(to, data, 0o755))
}

// unpacked NAME VERSION PLATFORM DIR: copies all of a real program.
func unpacked(ts *script, args []string) {
	need(ts, args, 4, "unpacked NAME VERSION PLATFORM DIR")
	ts.Check(os.CopyFS(ts.MkAbs(args[3]), os.DirFS(findProgram(ts, args).Dir())))
}

func findProgram(ts *script, args []string) programs.Program {
	i := slices.IndexFunc(programs.All(), func(p programs.Program) bool {
		return p.Name == args[0] && p.Version == args[1] && p.Platform == args[2]
	})
	if i < 0 {
		ts.Fatalf("no such program: %v", args[:3])
	}
	return programs.All()[i]
}

// kubo ARGS: Kubo, offline, on a repository of this script's own.
func kubo(ts *script, args []string) {
	ipfs, err := support.KuboPath()
	ts.Check(err)
	if _, err := os.Stat(ts.Getenv("IPFS_PATH")); err != nil {
		ts.Check(ts.Exec(ipfs, "init", "--empty-repo", "--profile=unixfs-v1-2025"))
		ts.Check(ts.Exec(ipfs, "bootstrap", "rm", "--all"))
	}
	ts.Check(ts.Exec(ipfs, append([]string{"--offline"}, args...)...))
}

// ipfs-car ARGS
func ipfsCar(ts *script, args []string) {
	path, err := support.IPFSCarPath()
	ts.Check(err)
	ts.Check(ts.Exec(path, args...))
}

// capture NAME REGEXP: sets a variable to what the first group of the
// expression matches in the last standard output.
func capture(ts *script, args []string) {
	need(ts, args, 2, "capture NAME REGEXP")
	re, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	m := re.FindStringSubmatch(ts.ReadFile("stdout"))
	if len(m) < 2 {
		ts.Fatalf("stdout does not match %q", args[1])
	}
	ts.Setenv(args[0], m[1])
}

// current N [PROFILE]: the pointer says N.
func current(ts *script, args []string) {
	profile := "default"
	if len(args) == 2 {
		profile, args = args[1], args[:1]
	}
	need(ts, args, 1, "current N [PROFILE]")
	if n := whole.Current(ts.Getenv("STATE"), profile); strconv.Itoa(n) != args[0] {
		ts.Fatalf("current of %s is %d, not %s", profile, n, args[0])
	}
}

// whole: every generation, tree and object is.
func checkWhole(ts *script, args []string) {
	need(ts, args, 0, "whole")
	if bad := whole.Check(ts.Getenv("STATE")); len(bad) > 0 {
		ts.Fatalf("%s", strings.Join(bad, "\n"))
	}
}

// collected: there is nothing that nobody needs.
func checkCollected(ts *script, args []string) {
	need(ts, args, 0, "collected")
	if bad := whole.Rest(ts.Getenv("STATE")); len(bad) > 0 {
		ts.Fatalf("%s", strings.Join(bad, "\n"))
	}
}

// sametree A B: the same names, contents, run bits and targets.
func sameTree(ts *script, args []string) {
	need(ts, args, 2, "sametree A B")
	if diff := compare(snapshot(ts, ts.MkAbs(args[0])), snapshot(ts, ts.MkAbs(args[1]))); diff != "" {
		ts.Fatalf("%s and %s differ:\n%s", args[0], args[1], diff)
	}
}

// samefile A B: both are one file on disk, by whatever links.
func sameFile(ts *script, args []string) {
	need(ts, args, 2, "samefile A B")
	a, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	b, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if !os.SameFile(a, b) {
		ts.Fatalf("%s and %s are two files", args[0], args[1])
	}
}

// remember DIR, then unchanged DIR: nothing below it is other than it was.
func remember(ts *script, args []string) {
	need(ts, args, 1, "remember DIR")
	dir := ts.MkAbs(args[0])
	ts.Setenv("REMEMBERED", dir)
	ts.Check(os.WriteFile(ts.MkAbs("remembered"), []byte(strings.Join(snapshot(ts, dir), "\n")), 0o644))
}

func unchanged(ts *script, args []string) {
	need(ts, args, 1, "unchanged DIR")
	dir := ts.MkAbs(args[0])
	if ts.Getenv("REMEMBERED") != dir {
		ts.Fatalf("%s was not remembered", dir)
	}
	if diff := compare(strings.Split(ts.ReadFile("remembered"), "\n"), snapshot(ts, dir)); diff != "" {
		ts.Fatalf("%s changed:\n%s", dir, diff)
	}
}

// objects N: the store holds that many.
func objects(ts *script, args []string) {
	need(ts, args, 1, "objects N")
	found, err := filepath.Glob(filepath.Join(ts.Getenv("STORE"), "objects", "*", "*"))
	ts.Check(err)
	if strconv.Itoa(len(found)) != args[0] {
		ts.Fatalf("the store holds %d objects, not %s", len(found), args[0])
	}
}

// random FILE BYTES SEED: a file that no other seed makes.
func random(ts *script, args []string) {
	need(ts, args, 3, "random FILE BYTES SEED")
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.MkdirAll(filepath.Dir(ts.MkAbs(args[0])), 0o755))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), randomBytes(n, args[2]), 0o644))
}

// snapshot is a line for each name below dir: kind, run bit, contents. Empty
// files that only exclude processes, and when they were last held, don't count.
func snapshot(ts *script, dir string) (lines []string) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path == dir {
			return nil
		}
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		if isMutex(rel) {
			return nil
		}
		if d.IsDir() && filepath.Base(rel) == "index" { // a cache
			return fs.SkipDir
		}
		line, err := describe(path, d)
		if line != "" {
			lines = append(lines, rel+": "+line)
		}
		return err
	})
	ts.Check(err)
	return lines
}

func isMutex(rel string) bool {
	base := filepath.Base(rel)
	return base == "mutex" || base == "gc" || base == "sweep" || strings.HasSuffix(base, ".mutex")
}

func describe(path string, d fs.DirEntry) (string, error) {
	switch d.Type() {
	case fs.ModeDir:
		return "", nil
	case fs.ModeSymlink:
		target, err := os.Readlink(path)
		return "-> " + target, err
	}
	fi, err := d.Info()
	if err != nil {
		return "", err
	}
	c, err := whole.FileCID(path)
	return fmt.Sprintf("%s run=%v", c, fi.Mode().Perm()&0o111 != 0), err
}

// compare lists the lines that only one of both has.
func compare(a, b []string) string {
	var diff strings.Builder
	for _, l := range a {
		if !slices.Contains(b, l) {
			fmt.Fprintln(&diff, "-", l)
		}
	}
	for _, l := range b {
		if !slices.Contains(a, l) {
			fmt.Fprintln(&diff, "+", l)
		}
	}
	return diff.String()
}
