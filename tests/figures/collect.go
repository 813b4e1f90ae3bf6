package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ipp/store/flock"
)

const (
	garbage = 50_000
	held    = 10_000
)

// collect deletes a package that nothing keeps. In ipp's store each of its files
// has two names, the object and that in the tree: the like tree, which rm
// deletes, is a copy of the store with the same directories, names and links.
func collect(b *bench, _ int) (ours side, peers []side, err error) {
	g, err := b.newGarbage("gc", garbage)
	if err != nil {
		return ours, nil, err
	}
	like := filepath.Join(b.dir, "gc-like")
	ours = side{name: "ipp", before: g.restore, check: g.collected,
		steps: func(int) []step { return []step{g.h.ipp("gc")} }}
	return ours, []side{{name: "`rm -rf` of a copy (`cp -a`) of the store", missing: missing("cp", "coreutils"),
		before: func(run int) error {
			if err := os.Mkdir(like, 0o755); err != nil {
				return err
			}
			if err := g.copyTo(like); err != nil {
				return err
			}
			return b.sync(run)
		},
		steps: func(int) []step { return []step{{argv: []string{"rm", "-rf", like}}} }}}, nil
}

// holdToDelete measures how long gc keeps installs from going on while it
// deletes.
func holdToDelete(b *bench, _ int) (ours side, peers []side, err error) {
	g, err := b.newGarbage("hold", held)
	if err != nil {
		return ours, nil, err
	}
	return side{name: "ipp", before: g.restore, check: g.collected,
		measure: func(int) (cost, error) { return g.h.longestHold(g.h.ipp("gc")) }}, nil, nil
}

// holdToKeep is the same where all objects stay; there is a small package to
// delete, so that there is something to do.
func holdToKeep(b *bench, runs int) (ours side, peers []side, err error) {
	h, err := b.home("hold-keep")
	if err != nil {
		return ours, nil, err
	}
	dir := filepath.Join(b.dir, "hold-kept")
	if err := bigPackage(dir, held*100, held); err != nil {
		return ours, nil, err
	}
	if err := b.do(h.ipp("install", dir)); err != nil {
		return ours, nil, err
	}
	return side{name: "ipp",
		before: func(run int) error {
			tool, err := b.toolDir("1.0.0")
			if err == nil {
				err = h.packForgotten(tool)
			}
			return errors.Join(err, b.sync(run))
		},
		measure: func(int) (cost, error) { return h.longestHold(h.ipp("gc")) },
		check:   func(int) error { return h.storeHas(1) }}, nil, nil
}

// rubbish is a store with a package that nothing keeps, and a copy of it to
// begin each run from.
type rubbish struct {
	h      home
	master string
}

func (b *bench) newGarbage(name string, files int) (*rubbish, error) {
	h, err := b.home(name)
	if err != nil {
		return nil, err
	}
	g := &rubbish{h: h, master: filepath.Join(b.dir, name+"-master")}
	dir, tool := filepath.Join(b.dir, name+"-package"), ""
	if err := bigPackage(dir, files*100, files); err != nil {
		return nil, err
	}
	if tool, err = b.toolDir("1.0.0"); err != nil {
		return nil, err
	}
	if err := b.do(h.ipp("install", tool)); err != nil {
		return nil, err
	}
	if err := h.packForgotten(dir); err != nil {
		return nil, err
	}
	if err := os.Mkdir(g.master, 0o755); err != nil {
		return nil, err
	}
	return g, b.do(copyStore(h.store(), g.master))
}

// packForgotten puts a package into the store that the next gc deletes.
func (h home) packForgotten(dir string) error {
	root, err := h.b.output(h.ipp("pack", dir))
	if err != nil {
		return err
	}
	return h.b.do(h.ipp("forget", "--yes", strings.TrimSpace(root)))
}

func (h home) store() string { return h.dir + "/data/ipp/store" }

// copyStore copies what a store holds, each file with all its names.
func copyStore(from, to string) step {
	return step{argv: []string{"cp", "-a", from + "/objects", from + "/trees", to}}
}

func (g *rubbish) copyTo(dir string) error { return g.h.b.do(copyStore(g.master, dir)) }

// restore brings back what gc deleted.
func (g *rubbish) restore(run int) error {
	for _, sub := range []string{"objects", "trees"} {
		if err := removeAll(filepath.Join(g.h.store(), sub)); err != nil {
			return err
		}
	}
	if err := g.copyTo(g.h.store()); err != nil {
		return err
	}
	return g.h.b.sync(run)
}

// collected checks that only the tool is left.
func (g *rubbish) collected(int) error { return g.h.storeHas(1) }

// storeHas checks how many trees there are.
func (h home) storeHas(trees int) error {
	entries, err := os.ReadDir(h.store() + "/trees")
	if err != nil {
		return err
	}
	n := 0
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			n++
		}
	}
	if n != trees {
		return fmt.Errorf("the store has %d trees, want %d", n, trees)
	}
	return nil
}

// longestHold runs a process, and sees by trying again and again how long at
// most *sweep* can't be had meanwhile.
func (h home) longestHold(s step) (cost, error) {
	type result struct {
		cost
		err error
	}
	done := make(chan result, 1)
	go func() {
		c, err := h.b.time(s)
		done <- result{c, err}
	}()
	var longest time.Duration
	for free := time.Now(); ; time.Sleep(100 * time.Microsecond) {
		select {
		case r := <-done:
			r.Hold = longest
			return r.cost, r.err
		default:
		}
		lock, err := flock.Try(h.store()+"/sweep", flock.Shared, "")
		var busy *flock.BusyError
		if errors.As(err, &busy) {
			longest = max(longest, time.Since(free))
			continue
		}
		if err != nil {
			return cost{}, err
		}
		if err := lock.Release(); err != nil {
			return cost{}, err
		}
		free = time.Now()
	}
}
