package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// target is one fuzz target.
type target struct{ dir, name string }

func (t target) String() string { return filepath.ToSlash(t.dir) + "." + t.name }

var declared = regexp.MustCompile(`(?m)^func (Fuzz\w*)\(\w+ \*testing\.F\)`)

// find lists the targets below top whose name matches only.
func find(top, only string) ([]target, error) {
	want, err := regexp.Compile(only)
	if err != nil {
		return nil, err
	}
	var all []target
	err = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != top && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range declared.FindAllSubmatch(text, -1) {
			if t := (target{filepath.Dir(path), string(m[1])}); want.MatchString(t.String()) {
				all = append(all, t)
			}
		}
		return err
	})
	if err == nil && len(all) == 0 {
		err = errors.New("no targets")
	}
	return all, err
}

// build builds the rooms' test binaries, instrumented.
func build(ctx context.Context, targets []target, o options) error {
	if err := os.MkdirAll(o.cache, 0o755); err != nil {
		return err
	}
	var dirs []string
	for _, t := range targets {
		if !slices.Contains(dirs, t.dir) {
			dirs = append(dirs, t.dir)
		}
	}
	for _, dir := range dirs {
		cmd := exec.CommandContext(ctx, "go", "test", "-c", "-fuzz=.", "-o", binary(o.cache, dir), "./"+dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", cmd, err, out)
		}
	}
	return nil
}

func binary(cache, dir string) string {
	return filepath.Join(cache, "bin", strings.ReplaceAll(dir, string(filepath.Separator), "-")+".test")
}

// fuzz runs the target for d. Its room's testdata/fuzz is where it begins from,
// and where Go leaves what fails.
func (t target) fuzz(ctx context.Context, d time.Duration, cache string) (result, error) {
	r := result{target: t}
	cmd := exec.CommandContext(ctx, binary(cache, t.dir), "-test.run=^$", "-test.fuzz=^"+t.name+"$", "-test.fuzztime="+d.String(),
		"-test.parallel=1", "-test.fuzzcachedir="+filepath.Join(cache, "inputs", t.dir), "-test.fuzzminimizetime=500x")
	cmd.Dir = t.dir
	cmd.WaitDelay = 10 * time.Second
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	began := time.Now()
	out, err := cmd.CombinedOutput()
	r.wall = time.Since(began)
	if s := cmd.ProcessState; s != nil {
		r.cpu = s.UserTime() + s.SystemTime()
	}
	r.progress(out)
	var failed *exec.ExitError
	if !errors.As(err, &failed) || ctx.Err() != nil {
		return r, err
	}
	if atDeadline(out) {
		return r, nil
	}
	r.said = string(bytes.TrimSpace(out))
	r.crasher, err = t.setAside(out, cache)
	return r, err
}

var late = regexp.MustCompile(`(?m)^--- FAIL: Fuzz\w+ \([\d.]+s\)\n +context deadline exceeded\nFAIL$`)

// atDeadline says that Go called the end of the time a failure, as it may before
// Go 1.27 (go.dev/issue/75804): that is all it says, and it left no input. A
// worker that hangs or ends is told in other words.
func atDeadline(out []byte) bool {
	return late.Match(out) && !written.Match(out)
}

var written = regexp.MustCompile(`Failing input written to (\S+)`)

// setAside moves the input that failed out of the room: the next slice would
// stop at it.
func (t target) setAside(out []byte, cache string) (string, error) {
	m := written.FindSubmatch(out)
	if m == nil {
		return "", fmt.Errorf("it failed, and left no input:\n%s", out)
	}
	from := filepath.Join(t.dir, filepath.FromSlash(string(m[1])))
	to := filepath.Join(cache, "crashers", t.name, filepath.Base(from))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return "", err
	}
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o644)
	}
	if err == nil {
		err = os.Remove(from)
	}
	return to, err
}

// result is one slice.
type result struct {
	target
	wall, cpu    time.Duration
	execs, found string
	crasher      string // the input that failed
	said         string // what Go said of it
}

var progressed = regexp.MustCompile(`execs: (\d+) .*new interesting: (\d+)`)

// progress takes the last line of progress.
func (r *result) progress(out []byte) {
	r.execs, r.found = "0", "0"
	if all := progressed.FindAllSubmatch(out, -1); len(all) > 0 {
		r.execs, r.found = string(all[len(all)-1][1]), string(all[len(all)-1][2])
	}
}

func (r result) String() string {
	line := fmt.Sprintf("%-40s %5.0f s, %5.0f s of CPU, %10s runs, %4s new inputs", r.target, r.wall.Seconds(), r.cpu.Seconds(), r.execs, r.found)
	if r.crasher != "" {
		line += "  FAILED"
	}
	return line
}

// append adds a line to the file.
func (r result) append(file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%s\t%.0f\t%.0f\t%s\t%s\t%s\n", r.target, r.wall.Seconds(), r.cpu.Seconds(), r.execs, r.found, r.crasher)
	return errors.Join(err, f.Close())
}
