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

// readNotes begins to read the notes of the current generation: there is time until
// the packages are resolved.
func (c *change) readNotes(g *generation.Generation) {
	var notes []note
	var read sync.WaitGroup
	read.Go(func() { notes = notesOf(g.Lock, generation.ReadExposed(g.Dir)) })
	c.notes = func() []note {
		read.Wait()
		return notes
	}
	c.closers = append(c.closers, func() error {
		read.Wait()
		return nil
	})
}

func (n *note) holds() bool { return n != nil && n.Exposed != nil }

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

// noted finds the note on each package of a new lockfile; nil: none. One on another
// machine's tree is of no use here.
func (c *change) noted(next *lock.Lockfile) []*note {
	noted := make([]*note, len(next.Packages))
	old := c.old.Lock.Packages
	if c.st == nil || len(old) == 0 {
		return noted
	}
	notes, at := c.notes(), 0
	for i := range next.Packages { // both are sorted by name
		p := &next.Packages[i]
		for at < len(old) && old[at].Name < p.Name {
			at++
		}
		if at < len(old) && old[at].Name == p.Name && old[at].CID.Equals(p.CID) && notes[at].Exposed != nil && isHere(notes[at].Key) {
			noted[i] = &notes[at]
		}
	}
	return noted
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

// see finds out what packages expose: what the current generation noted of them, and
// in c.seen what was read because it did not. A tree is immutable, so once is enough.
func (c *change) see(next *lock.Lockfile, planned map[ref.Name]*store.Plan, trees fs.FS) []*note {
	if c.seen == nil {
		c.seen = map[cid.Cid]exposed{}
	}
	noted := c.noted(next)
	c.forgetLost(noted)
	var unseen []*lock.Package
	for i := range next.Packages {
		p := &next.Packages[i]
		if _, seen := c.seen[p.CID]; !seen && (planned[p.Name] != nil || !noted[i].holds()) {
			c.seen[p.CID] = exposed{} // it may be here under another name too
			unseen = append(unseen, p)
		}
	}
	for n, x := range c.lookAll(unseen, planned, trees) {
		c.seen[unseen[n].CID] = x
	}
	return noted
}

// forgetLost forgets the notes on trees that are not there any more.
func (c *change) forgetLost(noted []*note) {
	var notes []*note
	for _, n := range noted {
		if n != nil && !n.there {
			notes = append(notes, n)
		}
	}
	if len(notes) == 0 {
		return
	}
	keys := make([]store.Key, len(notes))
	for i, n := range notes {
		keys[i] = n.Key
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

// lookAll reads packages' trees, two small files and a directory each: in a large
// profile all cores help.
func (c *change) lookAll(packages []*lock.Package, planned map[ref.Name]*store.Plan, trees fs.FS) []exposed {
	found := make([]exposed, len(packages))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(packages)) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(packages); i = int(next.Add(1)) - 1 {
				found[i] = c.look(packages[i], planned[packages[i].Name], trees)
			}
		})
	}
	workers.Wait()
	return found
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
