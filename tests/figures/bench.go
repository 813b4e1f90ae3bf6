package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// figure is one thing to compare. Its sides are made once and run in turn.
type figure struct {
	name  string
	work  string
	wall  float64 // the ratio it should stay below; 0: none
	cpu   float64 // the same of cpu time; 0: not shown
	noise bool    // as good as the bar if a quarter of the neighbours are: the rest is noise
	times int     // runs per -n; 0 is 1
	make  func(b *bench, runs int) (ours side, peers []side, err error)
}

// side is one way to do the work. All hooks may be nil but steps, and get the
// number of the run, from 0, warm-up included.
type side struct {
	name    string
	missing string // what to install, if this can't run here
	before  func(run int) error
	steps   func(run int) []step // what is timed, one after the other
	check   func(run int) error  // that the work was done; may clean up
}

// step is one process.
type step struct {
	argv []string
	env  []string
}

type cost struct {
	Wall time.Duration `json:"wall"`
	CPU  time.Duration `json:"cpu"`
}

// bench has what all figures need: a directory of its own and the binary.
type bench struct {
	ctx  context.Context
	dir  string
	ipp  string
	self string
	n    int
}

const warmUp = 2 // runs of each side that don't count; two, for pairs that alternate

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

// measure runs a figure and gives a row for each peer and kind of time.
func (b *bench) measure(f figure) ([]row, error) {
	runs := b.n * max(1, f.times)
	ours, peers, err := f.make(b, warmUp+runs)
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
	for run := range warmUp + runs {
		for i, s := range sides {
			c, err := b.run(s, run)
			if err != nil {
				return nil, fmt.Errorf("%s, run %d: %w", s.name, run, err)
			}
			if run >= warmUp {
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
	for _, st := range s.steps(run) {
		c, err := b.time(st)
		if err != nil {
			return total, err
		}
		total.Wall += c.Wall
		total.CPU += c.CPU
	}
	if s.check != nil {
		if err := s.check(run); err != nil {
			return total, fmt.Errorf("check: %w", err)
		}
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
		return cost{}, fmt.Errorf("%s: %w: %s", strings.Join(s.argv, " "), err, bytes.TrimSpace(text))
	}
	return cost{wall, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}, nil
}

// output runs one process, untimed, and returns its standard output.
func (b *bench) output(s step) (string, error) {
	cmd := b.command(s)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(s.argv, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return string(out), nil
}

func (b *bench) command(s step) *exec.Cmd {
	cmd := exec.CommandContext(b.ctx, s.argv[0], s.argv[1:]...)
	cmd.Env = append(os.Environ(), s.env...)
	return cmd
}

// sync empties the disk's queue. Without coreutils it is done without.
func (b *bench) sync(int) error {
	if _, err := exec.LookPath("sync"); err != nil {
		return nil
	}
	_, err := b.output(step{argv: []string{"sync", "-f", b.dir}})
	return err
}
