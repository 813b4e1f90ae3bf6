// Command figures measures ipp beside its peers, and prints both side by side:
//
//	go run ./tests/figures            all figures
//	go run ./tests/figures -only pack -n 5
//
// Only ratios mean something, and only those of one run on one machine: so each
// figure runs its sides in turn (A B A B …) after a warm-up that is not counted,
// and gives medians and the range of the ratios of neighbours. Files lie on a real disk, in
// the page cache. Before a side that writes, the disk is synced, unmeasured, so
// that nobody pays for another's bytes. Whole processes are timed, from fork to
// wait; cpu is user and system time together.
//
// After every run of ipp and Nix a check looks at what it did: a command that
// fails fast has no figure. A peer that is not installed is named together with
// what to install, and its row says "not measured". Nothing here is a test, and
// no figure is kept anywhere but where somebody pastes it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

type options struct {
	n      int
	only   string
	json   bool
	dir    string
	ipp    string
	sha256 bool
	peak   string
	give   string
	take   string
}

func main() {
	var o options
	flag.IntVar(&o.n, "n", 15, "measured runs of each side")
	flag.StringVar(&o.only, "only", "", "comma-separated figures to measure ("+strings.Join(names(), ", ")+")")
	flag.BoolVar(&o.json, "json", false, "print JSON, every run in it")
	flag.StringVar(&o.dir, "dir", defaultDir(), "where to work: a real disk, not memory")
	flag.StringVar(&o.ipp, "ipp", "", "measure this binary instead of building ./cmd/ipp")
	flag.BoolVar(&o.sha256, "sha256", false, "be the peer that reads files and hashes them on one core")
	flag.StringVar(&o.peak, "peak", "", "run a command and write into this file how many bytes of memory it had at most")
	flag.StringVar(&o.give, "give", "", "be the end of a libp2p stream that gives this file")
	flag.StringVar(&o.take, "take", "", "be the other end, and take from this address")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := measureAll
	switch {
	case o.sha256:
		run = func(context.Context, options) error { return hashFiles(flag.Args()) }
	case o.give != "":
		run = func(ctx context.Context, o options) error { return giveStream(ctx, o.give) }
	case o.take != "":
		run = func(ctx context.Context, o options) error { return takeStream(ctx, o.take, flag.Arg(0)) }
	case o.peak != "":
		run = func(ctx context.Context, o options) error { return tellPeak(ctx, o.peak, flag.Args()) }
	}
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		stop()
		os.Exit(1)
	}
}

// report is one run of this command.
type report struct {
	Machine machine `json:"machine"`
	Rows    []row   `json:"figures"`
}

func measureAll(ctx context.Context, o options) (err error) {
	figures, err := pick(o.only)
	if err != nil {
		return err
	}
	if o.n < 1 {
		return errors.New("-n: at least one run is needed")
	}
	b, err := newBench(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeAll(b.dir)) }()
	r := report{Machine: lookAround(b.dir, o.n)}
	var failed []error
	for _, f := range figures {
		fmt.Fprintf(os.Stderr, "figures: %s …\n", f.name)
		rows, err := b.measure(f)
		if err != nil {
			failed = append(failed, fmt.Errorf("measure %s: %w", f.name, err))
		}
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), err)
		}
		r.Rows = append(r.Rows, rows...)
	}
	return errors.Join(append(failed, r.print(os.Stdout, o.json))...)
}

func pick(only string) ([]figure, error) {
	if only == "" {
		return figures(), nil
	}
	var picked []figure
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(figures(), func(f figure) bool { return f.name == name })
		if i < 0 {
			return nil, fmt.Errorf("-only: no figure %q; there are %s", name, strings.Join(names(), ", "))
		}
		picked = append(picked, figures()[i])
	}
	return picked, nil
}

func names() []string {
	var all []string
	for _, f := range figures() {
		all = append(all, f.name)
	}
	return all
}

func (r report) print(w io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	_, err := fmt.Fprintf(w, "%s\n\n%s", r.Machine, markdown(r.Rows))
	return err
}

// defaultDir is the first that exists of the places that distributions keep on
// a disk.
func defaultDir() string {
	if info, err := os.Stat("/var/tmp"); err == nil && info.IsDir() {
		return "/var/tmp"
	}
	return os.TempDir()
}

// removeAll removes a directory whose parts may be read-only, as in Nix's store.
func removeAll(dir string) error {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(path, 0o755)
		}
		return nil // RemoveAll tells what is still in its way
	})
	return os.RemoveAll(dir)
}
