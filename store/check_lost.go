package store

import (
	"context"
	"fmt"
	"os"
	"slices"

	"ipp/store/dag"
	"ipp/store/durable"
)

// CheckRest is Check that hashes nothing, and of trees looks only at which there
// are and what they name: quick, for a look at what was repaired.
func (s *Store) CheckRest(ctx context.Context, opt CheckOptions) (*Checked, error) {
	c := &checking{store: s, pool: s.pool, damage: map[string]*Damage{}, held: opt.Held}
	if err := c.rest(ctx); err != nil {
		return nil, fmt.Errorf("check store: %w", err)
	}
	return c.result(), nil
}

func (c *checking) rest(ctx context.Context) error {
	if err := c.listObjects(); err != nil {
		return err
	}
	for i := range c.objects {
		c.objects[i].state = hashOK
	}
	keys, err := c.listTrees()
	if err != nil {
		return err
	}
	for _, k := range keys {
		c.unlisted = c.nameObjects(k, nil) != nil || c.unlisted
	}
	if err := c.checkRest(ctx); err != nil {
		return err
	}
	if err := c.checkLost(ctx); err != nil {
		return err
	}
	return c.checkOrphans(ctx)
}

// nameObjects names the objects of a tree as its .objects does.
func (c *checking) nameObjects(k Key, each func(path string, o objectKey) error) error {
	return c.store.eachFile(k, func(f FileInfo) error {
		o, err := parseObjectKey(f.Object)
		if err != nil {
			return err
		}
		c.names(o)
		if each == nil {
			return nil
		}
		return each(f.Path, o)
	})
}

// listTrees lists trees/: what is there, and what stands beside nothing.
func (c *checking) listTrees() ([]Key, error) {
	names, err := readNames(c.store.path("trees"))
	if err != nil {
		return nil, c.unreadable("trees", err)
	}
	var keys []Key
	for _, n := range names {
		base, beside := besideTree(n)
		if !beside {
			base = n
		}
		k, err := ParseKey(base)
		_, there := slices.BinarySearch(names, base)
		switch {
		case durable.IsTemp(n):
		case err != nil:
			c.note("trees/"+n, "not ipp's: no tree has such a name; remove it by hand")
		case !beside:
			keys = append(keys, k)
		case !there && !hasKey(c.lost, k):
			c.lost = append(c.lost, k)
		}
	}
	c.found.Trees = len(keys)
	return keys, nil
}

// checkKept looks for the package that a root keeps.
func (c *checking) checkKept(name string, r Root) {
	if r.Kind != KeptRoot {
		return
	}
	parts, err := c.store.Parts(r.CID)
	if err != nil || len(parts) > 0 || isGone(c.store.path("roots", name)) {
		return
	}
	why, known := "missing: roots/"+name+" keeps it", false
	for _, k := range c.lost {
		if SameRoot(k.Root, r.CID) {
			known = true
			c.harm(TreeDamage, "trees/"+k.String(), why, k)
		}
	}
	if !known { // nobody knows which parts there were
		c.harm(OtherDamage, "trees/"+dag.CIDText(r.CID), why)
	}
}

// checkLost looks at what is left of the trees that are gone: of those that
// something holds it may be the last copy, and gc keeps it; that of others gc
// deletes. Where what holds trees can't be told all are taken for held.
func (c *checking) checkLost(ctx context.Context) error {
	if len(c.lost) == 0 {
		return nil
	}
	held, err := c.holding()
	if err != nil {
		return err
	}
	for _, k := range c.lost {
		if !isGone(c.store.TreeDir(k)) { // it was being published
			continue
		}
		if !held(k) {
			c.noteLeftover(k)
			continue
		}
		if err := c.checkLeft(ctx, k); err != nil {
			return err
		}
	}
	return nil
}

// holding finds out which trees are held: by generations, leases, or a root that
// was found to keep a package that is gone.
func (c *checking) holding() (func(Key) bool, error) {
	byGenerations := func(Key) bool { return false }
	if c.held != nil {
		var err error
		if byGenerations, err = c.held(c.found.Roots); err != nil {
			return nil, err
		}
	}
	leases, err := c.store.Leases()
	all := err != nil || !c.rootsKnown()
	return func(k Key) bool {
		return all || byGenerations(k) || c.damage["trees/"+k.String()] != nil ||
			slices.ContainsFunc(leases, func(l LeaseInfo) bool { return l.Holds(k.Root) })
	}, nil
}

// rootsKnown says whether all roots could be read.
func (c *checking) rootsKnown() bool {
	for _, d := range c.damage {
		if d.Kind == RootDamage {
			return false
		}
	}
	return !slices.ContainsFunc(c.found.Unread, func(u UnreadError) bool { return u.isBelow("roots") })
}

func (u *UnreadError) isBelow(dir string) bool {
	_, ok := below(dir, u.File)
	return ok || u.File == dir
}

func (c *checking) noteLeftover(k Key) {
	for _, suffix := range []string{".car", ".objects"} {
		file := "trees/" + k.String() + suffix
		if _, err := os.Lstat(c.store.path("trees", k.String()+suffix)); err == nil {
			c.note(file, "left over: its tree is gone; ipp gc deletes it")
		}
	}
}

// checkLeft looks at the objects of a tree that is lost. That it is lost is for
// those to tell who need it.
func (c *checking) checkLeft(ctx context.Context, k Key) error {
	err := c.nameObjects(k, func(path string, o objectKey) error {
		why, err := c.object(ctx, o)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return c.unreadable(o.file(), err)
		case why != "":
			c.harm(TreeDamage, o.file(), "the object of "+path+": "+why, k)
		}
		return nil
	})
	c.unlisted = c.unlisted || err != nil
	return ctx.Err()
}

// noteSpare notes how many objects no tree names; where a list of them can't be
// read nobody knows, and gc deletes none.
func (c *checking) noteSpare(spare int) {
	if spare > 0 && !c.unlisted {
		c.note("objects", "in no package: %d; ipp gc deletes them", spare)
	}
}
