package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

const mostMemory = 64 // MiB

// shape is a package to measure memory with.
type shape struct{ megabytes, files int }

func (s shape) String() string {
	if s.files == 1 {
		return fmt.Sprintf("%d MB in one file", s.megabytes)
	}
	return fmt.Sprintf("%d MB in %d files", s.megabytes, s.files)
}

// peaks is the most memory that each command takes for packages of any shape:
// a row a command, with the shape that takes the most. What the kernel counts
// as resident includes the binary's own pages.
func peaks(b *bench) ([]row, error) {
	worst := map[string]row{}
	var order []string
	var failed []error
	for _, s := range []shape{{10, 1}, {2000, 1}, {10, 100_000}, {2000, 100_000}} {
		err := b.peaksOf(s, func(command string, bytes int64) {
			r := row{Figure: "memory", Work: fmt.Sprintf("memory of `ipp %s`, most with %s", command, s)}
			r.compare(bar{kind: peak, most: mostMemory}, []cost{{Bytes: bytes}}, nil, false)
			old, ok := worst[command]
			if !ok {
				order = append(order, command)
			}
			if !ok || r.Ours.Median > old.Ours.Median {
				worst[command] = r
			}
		})
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", s, err))
		}
	}
	var all []row
	for _, command := range order {
		all = append(all, worst[command])
	}
	return all, errors.Join(failed...)
}

// peaksOf runs each command once with a package of that shape, and tells what
// it took.
func (b *bench) peaksOf(s shape, tell func(command string, bytes int64)) (err error) {
	h, err := b.home(fmt.Sprintf("memory-%d-%d", s.megabytes, s.files))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeAll(h.dir)) }()
	dir, car, again := filepath.Join(h.dir, "package"), filepath.Join(h.dir, "big.car"), filepath.Join(h.dir, "again.car")
	if err := bigPackage(dir, s.megabytes*1_000_000, s.files); err != nil {
		return err
	}
	for _, c := range []struct {
		command string
		args    []string
	}{
		{"pack", []string{dir, "-o", car}}, {"verify", []string{car}}, {"install", []string{car}}, {"verify", []string{"big"}},
		{"show", []string{"big"}}, {"list", nil}, {"list", []string{"--store"}}, {"history", nil}, {"check", nil},
		{"export", []string{"big", "-o", again}}, {"remove", []string{"big"}}, {"rollback", nil}, {"remove", []string{"big"}},
		{"gc", []string{"--keep", "1"}}, {"import", []string{again}}, {"gc", nil}, {"pack", []string{dir}},
	} {
		bytes, err := b.peakOf(h.ipp(append([]string{c.command}, c.args...)...))
		if err != nil {
			return err
		}
		tell(c.command, bytes)
	}
	return nil
}

// peakOf runs a process and says how much memory it had at most. It is the
// child of one that is small: Linux counts what a process was before it became
// another program, and so what its parent was.
func (b *bench) peakOf(s step) (int64, error) {
	said := filepath.Join(b.dir, "peak")
	s.argv = append([]string{b.self, "-peak", said, "--"}, s.argv...)
	if _, err := b.output(s); err != nil {
		return 0, err
	}
	return readPeak(said)
}

func readPeak(file string) (int64, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
}

// tellPeak is that small process. What it is told by a signal it hands on.
func tellPeak(ctx context.Context, file string, argv []string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	err := cmd.Run()
	if err != nil && (ctx.Err() == nil || cmd.ProcessState == nil || !cmd.ProcessState.Success()) {
		return err
	}
	bytes, ok := maxRSS(cmd.ProcessState)
	if !ok {
		return errors.New("this system does not say how much memory a process had")
	}
	return os.WriteFile(file, []byte(strconv.FormatInt(bytes, 10)), 0o644)
}
