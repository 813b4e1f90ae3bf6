// Command fuzz runs every fuzz target of the repository, one after the other or
// a few at a time, for as long as it is told:
//
//	go run ./tests/fuzz                     one second each, as .ci/run does
//	go run ./tests/fuzz -time 1h            an hour each: a campaign
//	go run ./tests/fuzz -time 1h -only CAR  an hour of what has CAR in its name
//
// A campaign goes round in slices, so that one that is cut short has given each
// target its share; what a slice found to be interesting stays in the cache, and
// the next one goes on from it. An input that fails is moved to crashers/ in the
// cache, and named: put it into the testdata/fuzz of its room once the fault is
// mended. Each slice is a line of slices.tsv. It exits 1 if anything failed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// options are what the command line says.
type options struct {
	each, slice time.Duration
	jobs        int
	only, cache string
}

func main() {
	var o options
	flag.DurationVar(&o.each, "time", time.Second, "how long each target is run, by the clock")
	flag.DurationVar(&o.slice, "slice", 4*time.Minute, "how long at a stretch")
	flag.IntVar(&o.jobs, "jobs", runtime.NumCPU(), "how many targets at once")
	flag.StringVar(&o.only, "only", "", "only targets whose room and name match this regular expression")
	flag.StringVar(&o.cache, "cache", ".cache/fuzz", "where binaries, inputs, crashers and slices.tsv go")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	if o.cache, err = filepath.Abs(o.cache); err != nil {
		return err
	}
	targets, err := find(".", o.only)
	if err != nil {
		return err
	}
	if err := build(ctx, targets, o); err != nil {
		return err
	}
	c := &campaign{options: o, left: map[string]time.Duration{}}
	for _, t := range targets {
		c.left[t.String()] = o.each
	}
	for c.round(ctx, targets) {
	}
	return errors.Join(c.errs...)
}

// campaign is what is left to do, and what went wrong.
type campaign struct {
	options
	mu   sync.Mutex
	left map[string]time.Duration
	errs []error
}

// round gives each target that has time left one slice; false: none had.
func (c *campaign) round(ctx context.Context, targets []target) bool {
	var wg sync.WaitGroup
	slots := make(chan struct{}, c.jobs)
	more := false
	for _, t := range targets {
		d := min(c.left[t.String()], c.slice)
		if d <= 0 || ctx.Err() != nil {
			continue
		}
		c.left[t.String()] -= d
		more = true
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			c.one(ctx, t, d)
		})
	}
	wg.Wait()
	return more
}

func (c *campaign) one(ctx context.Context, t target, d time.Duration) {
	r, err := t.fuzz(ctx, d, c.cache)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Println(r)
	if err == nil {
		err = r.append(filepath.Join(c.cache, "slices.tsv"))
	}
	if err != nil {
		c.errs = append(c.errs, fmt.Errorf("%s: %w", t, err))
	}
	if r.crasher != "" {
		c.errs = append(c.errs, fmt.Errorf("%s failed, the input is %s:\n%s", t, r.crasher, r.said))
	}
}
