package cmd

import (
	"io/fs"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"ipp/generation"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/store"
	"ipp/store/pack"

	"github.com/ipfs/go-cid"
)

// This file is how a change knows what the trees of packages bring to a forest:
// the current generation noted it, or they are read.

// note is what the current generation noted of the tree of one of its packages.
type note struct {
	*generation.Exposed      // nil: nothing, or the tree is gone
	there               bool // the tree was looked for, and found
}

// notesOf finds the note on each package. Both stand in the order of names; of two
// packages with one tree only the first has one.
func notesOf(l *lock.Lockfile, trees []generation.Exposed) []note {
	notes := make([]note, len(l.Packages))
	for i := range l.Packages {
		if len(trees) > 0 && store.SameRoot(trees[0].Key.Root, l.Packages[i].CID) {
			notes[i].Exposed, trees = &trees[0], trees[1:]
		}
	}
	return notes
}

// noted is the note on a package's tree, or nil. One of another machine's is of no
// use here.
func (c *change) noted(p *lock.Package) *note {
	i, ok := c.old.Lock.Index(p.Name)
	if !ok || c.st == nil || !c.old.Lock.Packages[i].CID.Equals(p.CID) || c.notes[i].Exposed == nil || !isHere(c.notes[i].Key) {
		return nil
	}
	return &c.notes[i]
}

// isHere says whether the tree is one that this machine uses.
func isHere(k store.Key) bool { return k.Part == store.AnyPart || k.Part == string(ref.Host()) }

// treesBefore are the trees of the current generation, by root.
func (c *change) treesBefore() map[cid.Cid]store.Key {
	trees := map[cid.Cid]store.Key{}
	if c.old.From != nil {
		for _, k := range c.old.From.Info.Trees {
			trees[k.Root] = k
		}
	}
	return trees
}

// exposed is what a package's tree exposes, or why that can't be told.
type exposed struct {
	*generation.Exposed
	err error
}

// see finds out what packages expose. A tree is immutable, so once is enough. What
// the current generation did not note is read, two small files and a directory a
// package: in a large profile all cores help.
func (c *change) see(next *lock.Lockfile, planned map[ref.Name]*store.Plan, trees fs.FS) {
	c.forgetLost(next)
	if c.seen == nil {
		c.seen = map[cid.Cid]exposed{}
	}
	var unseen []*lock.Package
	for i := range next.Packages {
		p := &next.Packages[i]
		if _, seen := c.seen[p.CID]; !seen && (planned[p.Name] != nil || c.noted(p) == nil) {
			c.seen[p.CID] = exposed{} // it may be here under another name too
			unseen = append(unseen, p)
		}
	}
	found := make([]exposed, len(unseen))
	var i atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(unseen)) {
		workers.Go(func() {
			for n := int(i.Add(1)) - 1; n < len(unseen); n = int(i.Add(1)) - 1 {
				found[n] = c.look(unseen[n], planned[unseen[n].Name], trees)
			}
		})
	}
	workers.Wait()
	for n, p := range unseen {
		c.seen[p.CID] = found[n]
	}
}

// exposes is what a package exposes, once see was told of it.
func (c *change) exposes(p *lock.Package) exposed {
	if x, seen := c.seen[p.CID]; seen {
		return x
	}
	return exposed{Exposed: c.noted(p).Exposed}
}

// forgetLost forgets the notes on trees that are not there any more.
func (c *change) forgetLost(next *lock.Lockfile) {
	var notes []*note
	var keys []store.Key
	for i := range next.Packages {
		if n := c.noted(&next.Packages[i]); n != nil && !n.there {
			notes, keys = append(notes, n), append(keys, n.Key)
		}
	}
	if len(keys) == 0 {
		return
	}
	lost, err := c.lease.Missing(keys)
	if err != nil {
		lost = keys // to read them tells
	}
	for _, n := range notes {
		if n.there = len(lost) == 0 || lost[0] != n.Key; !n.there { // it is in the order of keys
			n.Exposed, lost = nil, lost[1:]
		}
	}
}

// look reads a package's tree, planned or present.
func (c *change) look(p *lock.Package, plan *store.Plan, trees fs.FS) exposed {
	t, err := c.treeOf(p, plan, trees)
	if err != nil {
		return exposed{err: err}
	}
	x, err := exposedBy(t)
	return exposed{x, err}
}

// exposedBy is what a tree brings to a forest.
func exposedBy(t *pack.Tree) (*generation.Exposed, error) {
	commands, err := t.Commands()
	if err != nil {
		return nil, err
	}
	x := &generation.Exposed{Key: t.Key, Bases: t.Bases()}
	for _, name := range slices.Sorted(maps.Keys(commands)) {
		x.Commands = append(x.Commands, generation.Command{Name: name, Path: commands[name]})
	}
	return x, nil
}

func (c *change) treeOf(p *lock.Package, plan *store.Plan, trees fs.FS) (*pack.Tree, error) {
	if plan != nil {
		return pack.PlannedTree(trees, plan.Key)
	}
	if c.st == nil {
		return nil, &absentError{name: p.Name, version: p.Version, root: p.CID}
	}
	// To choose another one is to list what the store has.
	if k, ok := c.had()[p.CID]; ok && isHere(k) {
		if t, err := pack.OpenTree(c.st, k); err == nil {
			return t, nil
		}
	}
	return c.tree(*p)
}
