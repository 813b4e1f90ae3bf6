package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// figure is one thing to compare. Its sides are made once and run in turn.
type figure struct {
	name  string
	work  string
	bars  []bar // a row each
	noise bool  // as good as the bar if a quarter of the neighbours are: the rest is noise
	times int   // runs per -n; 0 is 1
	slow  bool  // a run takes seconds: slowRuns and one warm-up are enough
	make  func(b *bench, runs int) (ours side, peers []side, err error)
	rows  func(b *bench) ([]row, error) // instead of make, for what does not vary between runs
}

// bar is what a row shows, and what it should stay below.
type bar struct {
	kind  kind
	ratio float64 // to the peer; 0: none
	more  float64 // than the peer takes, in the kind's unit; 0: none
	most  float64 // in the kind's unit, whatever the peer takes; 0: none
}

// side is one way to do the work. All hooks may be nil but steps or measure,
// and get the number of the run, from 0, warm-up included.
type side struct {
	name    string
	missing string // what to install, if this can't run here
	before  func(run int) error
	steps   func(run int) []step        // what is timed, one after the other
	measure func(run int) (cost, error) // instead of steps: what it costs is not a process's time
	check   func(run int) error         // that the work was done; may clean up
}

// step is one process.
type step struct {
	argv []string
	env  []string
}

// String is the command line, or the beginning of a long one.
func (s step) String() string {
	const most = 10
	if len(s.argv) > most {
		return strings.Join(s.argv[:most], " ") + " …"
	}
	return strings.Join(s.argv, " ")
}

// end is the last that a process said.
func end(text []byte) []byte {
	const most = 1000
	text = bytes.TrimSpace(text)
	return text[max(0, len(text)-most):]
}

// cost is what one run took; what its figure does not measure stays 0.
type cost struct {
	Wall, CPU time.Duration
	Hold      time.Duration // the longest time that others were kept out
	Bytes     int64
}

// kind is what of a cost a row shows.
type kind string

const (
	wall kind = "wall" // ms
	cpu  kind = "cpu"  // ms
	hold kind = "hold" // ms
	peak kind = "peak" // MiB of memory
	disk kind = "disk" // MiB, as allocated
)

// of is that part of a cost, in the kind's unit.
func (k kind) of(c cost) float64 {
	const ms, mib = float64(time.Millisecond), 1 << 20
	switch k {
	case wall:
		return float64(c.Wall) / ms
	case cpu:
		return float64(c.CPU) / ms
	case hold:
		return float64(c.Hold) / ms
	}
	return float64(c.Bytes) / mib
}

func (k kind) unit() string {
	if k == peak || k == disk {
		return "MiB"
	}
	return "ms"
}

// bench has what all figures need: a directory of its own and the binary.
type bench struct {
	ctx  context.Context
	dir  string
	ipp  string
	self string
	n    int

	crowd *crowd         // see ofCrowd
	ends  []func() error // of what the figure has in the background
}

const (
	warmUp   = 2 // runs of each side that don't count; two, for pairs that alternate
	slowRuns = 5
)

func newBench(ctx context.Context, o options) (*bench, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(o.dir, "ipp-figures-")
	if err != nil {
		return nil, err
	}
	b := &bench{ctx: ctx, dir: dir, self: self, n: o.n, ipp: o.ipp}
	if b.ipp == "" {
		b.ipp = filepath.Join(dir, "ipp")
		_, err = b.output(step{argv: []string{"go", "build", "-trimpath", "-o", b.ipp, "ipp/cmd/ipp"}, env: []string{"CGO_ENABLED=0"}})
	} else {
		b.ipp, err = filepath.Abs(b.ipp)
	}
	if err != nil {
		return nil, errors.Join(err, removeAll(dir))
	}
	return b, nil
}

// measure runs a figure and gives a row for each peer and bar.
func (b *bench) measure(f figure) (_ []row, err error) {
	defer func() { err = errors.Join(err, b.end()) }()
	if f.rows != nil {
		return f.rows(b)
	}
	warm, runs := warmUp, b.n*max(1, f.times)
	if f.slow {
		warm, runs = 1, min(runs, slowRuns)
	}
	ours, peers, err := f.make(b, warm+runs)
	if err != nil {
		return nil, err
	}
	sides := []side{ours}
	for _, p := range peers {
		if p.missing == "" {
			sides = append(sides, p)
		}
	}
	costs := make([][]cost, len(sides))
	for run := range warm + runs {
		for i, s := range sides {
			c, err := b.run(s, run)
			if err != nil {
				return nil, fmt.Errorf("%s, run %d: %w", s.name, run, err)
			}
			if run >= warm {
				costs[i] = append(costs[i], c)
			}
		}
	}
	return rows(f, ours, peers, costs), nil
}

// run does the work of one side once.
func (b *bench) run(s side, run int) (total cost, err error) {
	if s.before != nil {
		if err := s.before(run); err != nil {
			return total, err
		}
	}
	if s.measure != nil {
		total, err = s.measure(run)
	} else {
		total, err = b.timeAll(s.steps(run))
	}
	if err == nil && s.check != nil {
		if err = s.check(run); err != nil {
			err = fmt.Errorf("check: %w", err)
		}
	}
	return total, err
}

func (b *bench) timeAll(steps []step) (total cost, err error) {
	for _, st := range steps {
		c, err := b.time(st)
		if err != nil {
			return total, err
		}
		total.Wall += c.Wall
		total.CPU += c.CPU
	}
	return total, nil
}

// time runs one process with its output in files, so that no goroutine of ours
// copies while the clock runs.
func (b *bench) time(s step) (cost, error) {
	said, err := os.Create(filepath.Join(b.dir, "said"))
	if err != nil {
		return cost{}, err
	}
	defer said.Close()
	cmd := b.command(s)
	cmd.Stdout, cmd.Stderr = said, said
	start := time.Now()
	err = cmd.Run()
	wall := time.Since(start)
	if err != nil {
		text, _ := os.ReadFile(said.Name())
		return cost{}, fmt.Errorf("%s: %w: %s", s, err, end(text))
	}
	return cost{Wall: wall, CPU: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}, nil
}

// output runs one process, untimed, and returns its standard output.
func (b *bench) output(s step) (string, error) {
	cmd := b.command(s)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", s, err, end(stderr.Bytes()))
	}
	return string(out), nil
}

func (b *bench) command(s step) *exec.Cmd {
	cmd := exec.CommandContext(b.ctx, s.argv[0], s.argv[1:]...)
	cmd.Env = append(os.Environ(), s.env...)
	return cmd
}

// background starts a process that runs until the figure ends, and gives what it
// prints up to what it is to say.
func (b *bench) background(s step, until string) (string, error) {
	cmd := b.command(s)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return "", err
	}
	var said strings.Builder
	for lines := bufio.NewReader(out); err == nil && !strings.Contains(said.String(), until); {
		var line string
		line, err = lines.ReadString('\n')
		said.WriteString(line)
	}
	drained := make(chan struct{})
	go func() { // it must not wait for its reader
		defer close(drained)
		_, _ = io.Copy(io.Discard, out)
	}()
	b.ends = append(b.ends, func() error {
		err := cmd.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(cmd.WaitDelay, func() { _ = cmd.Process.Kill() })
		defer late.Stop()
		<-drained
		return errors.Join(err, cmd.Wait())
	})
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s%s", s, err, said.String(), end(stderr.Bytes()))
	}
	return said.String(), nil
}

// end ends what runs in the background.
func (b *bench) end() error {
	var errs []error
	for _, end := range slices.Backward(b.ends) {
		errs = append(errs, end())
	}
	b.ends = nil
	return errors.Join(errs...)
}

// do runs processes, untimed.
func (b *bench) do(steps ...step) error {
	for _, s := range steps {
		if _, err := b.output(s); err != nil {
			return err
		}
	}
	return nil
}

// sync empties the disk's queue. Without coreutils it is done without.
func (b *bench) sync(int) error {
	if _, err := exec.LookPath("sync"); err != nil {
		return nil
	}
	_, err := b.output(step{argv: []string{"sync", "-f", b.dir}})
	return err
}
