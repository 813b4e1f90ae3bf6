package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"ipp/store/dag"
	"ipp/store/durable"

	"golang.org/x/sync/errgroup"
)

// Check looks at everything in a store.
//
// Every object is hashed once, by its name. A tree's file that is an object,
// which is one inode, is not hashed again; any other is. Then the trees are
// compared with their DAGs, see Verify.
//
// Check holds no mutex and no lease: others install and collect meanwhile. What
// looks damaged is looked at again once all the rest is done, and only what is
// damaged in both looks counts: a tree that was healed, collected or swapped
// meanwhile is no fault, nor is an object that went with its tree. An object
// that came after the list of objects was made is hashed when its tree is.
//
// Memory: 50 bytes an object, and what the largest tree takes.
func (s *Store) Check(ctx context.Context, opt CheckOptions) (*Checked, error) {
	c := &checking{
		store: s, begin: opt.Begin, pool: dag.NewPool(2 * s.slots), // one reads while another hashes
		damage: map[string]*Damage{}, held: opt.Held,
	}
	found, err := c.run(ctx)
	if err != nil {
		return nil, fmt.Errorf("check store: %w", err)
	}
	return found, nil
}

// CheckOptions steer a check.
type CheckOptions struct {
	// Begin, if set, is told how many bytes there are to look at, and gives the
	// function that is told of those done, from several goroutines.
	Begin func(total int64) (report func(int64))
	// Held, if set, tells which trees generations hold. It is asked for only where
	// trees are lost, and given the roots that can be read.
	Held func(roots []Root) (func(Key) bool, error)
}

// checking is one check.
type checking struct {
	store  *Store
	pool   *dag.Pool
	begin  func(total int64) (report func(int64))
	report func(int64)
	found  Checked

	held func([]Root) (func(Key) bool, error)
	lost []Key // trees of which only something beside them is there

	unlisted bool // a tree's .objects is damaged: what no tree names can't be told

	mu      sync.Mutex
	objects objectList
	damage  map[string]*Damage // by file
}

// Checked is what a check found.
type Checked struct {
	Objects, Trees int
	Bytes          int64 // of objects
	Damage         []Damage
	Unread         []UnreadError // what could not be looked at
	Notes          []Note
	Roots          []Root // those that can be read
}

// DamageKind says what a damaged file is, so what it takes to repair it.
type DamageKind string

// The kinds of damage.
const (
	TreeDamage   DamageKind = "tree"   // a tree, its objects, .car or .objects: ensure the tree again
	OrphanDamage DamageKind = "orphan" // an object that no tree names: drop it
	FormatDamage DamageKind = "format" // the file format: see RepairFormat
	RootDamage   DamageKind = "root"   // a root: see AddRoot
	OtherDamage  DamageKind = "other"
)

// Damage is a file that is not as it should be.
type Damage struct {
	Kind  DamageKind
	File  string // below the store's directory, slash-separated
	Why   string
	Trees []Key // that it hurts
}

// Note is something that is no damage, but worth a word.
type Note struct {
	File  string // below the store's directory, slash-separated
	What  string
	Bytes int64 // that it is about; 0: none in particular
}

// objectState is what is known of an object.
type objectState uint8

const (
	named  objectState = 1 << iota // a tree names it
	hashOK                         // it is what its name says
)

func (c *checking) run(ctx context.Context) (*Checked, error) {
	if err := c.listObjects(); err != nil {
		return nil, err
	}
	keys, err := c.listTrees()
	if err != nil {
		return nil, err
	}
	c.start(keys)
	for _, step := range []func(context.Context) error{
		c.hashObjects,
		func(ctx context.Context) error { return c.checkTrees(ctx, keys) },
		c.checkRest,
		c.checkLost,
		c.checkOrphans,
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return c.result(), nil
}

// start adds up what there is to do.
func (c *checking) start(keys []Key) {
	total := c.found.Bytes
	for _, k := range keys {
		total += size(c.store.carPath(k)) + size(c.store.listPath(k))
	}
	c.report = func(int64) {}
	if c.begin != nil {
		c.report = c.begin(total)
	}
}

func size(path string) int64 {
	fi, err := os.Lstat(path)
	if err != nil {
		return 0
	}
	return fi.Size()
}

func (c *checking) note(file, format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found.Notes = append(c.found.Notes, Note{File: file, What: fmt.Sprintf(format, args...)})
}

// harm notes damage; a tree that is hurt by it may be added to what is known.
func (c *checking) harm(kind DamageKind, file, why string, trees ...Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.damage[file]
	if d == nil {
		d = &Damage{Kind: kind, File: file, Why: why}
		c.damage[file] = d
	}
	for _, k := range trees {
		if !slices.Contains(d.Trees, k) {
			d.Trees = append(d.Trees, k)
		}
	}
}

// unreadable notes an error of looking, and passes any other on; but what is gone
// is missed by whoever needs it: a copy leaves out directories with nothing in
// them.
func (c *checking) unreadable(file string, err error) error {
	if isNotExist(err) {
		return nil
	}
	if !unread(err) {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found.Unread = append(c.found.Unread, UnreadError{file, err})
	return nil
}

// listObjects lists objects/, and adds up what has an object's name.
func (c *checking) listObjects() error {
	shards, err := readNames(c.store.path("objects"))
	if err != nil {
		return c.unreadable("objects", err)
	}
	for _, shard := range shards {
		at := "objects/" + shard
		names, err := readNames(c.store.path(at))
		if err != nil && !unread(err) {
			c.note(at, "not ipp's: no directory of objects; remove it by hand")
			continue
		}
		if err := c.unreadable(at, err); err != nil {
			return err
		}
		for _, n := range names {
			c.listObject(shard, n)
		}
	}
	slices.SortFunc(c.objects, func(a, b listedObject) int { return a.compare(b.objectKey) })
	c.found.Objects = len(c.objects)
	return nil
}

func (c *checking) listObject(shard, name string) {
	at := "objects/" + shard + "/" + name
	k, err := parseObjectKey(name)
	switch {
	case err == nil && strings.HasSuffix(strings.TrimSuffix(name, execSuffix), shard):
		c.objects = append(c.objects, listedObject{objectKey: k})
		c.found.Bytes += size(c.store.path(at))
	case !durable.IsTemp(name): // gc takes those of killed processes
		c.note(at, "not ipp's: no object has such a name; ipp gc deletes it")
	}
}

// hashObjects hashes all objects. What is damaged is only noted: whether it hurts
// anybody is for the trees to tell, and whether it still is, for the second look.
func (c *checking) hashObjects(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2 * c.store.slots)
	for i := range c.objects {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			why, err := c.store.checkObject(ctx, c.objects[i].objectKey, c.pool, c.report)
			if err == nil && why == "" {
				c.objects[i].state = hashOK
			}
			return ctx.Err()
		})
	}
	return g.Wait()
}

// names implements verdicts.
func (c *checking) names(k objectKey) {
	if i, ok := c.objects.index(k); ok {
		c.mu.Lock()
		c.objects[i].state |= named
		c.mu.Unlock()
	}
}

// object implements verdicts, by the first look: what is not known to be right
// is looked at again now.
func (c *checking) object(ctx context.Context, k objectKey) (string, error) {
	if i, ok := c.objects.index(k); ok {
		c.mu.Lock()
		state := c.objects[i].state
		c.mu.Unlock()
		if state&hashOK != 0 {
			return "", nil
		}
	}
	return c.store.checkObject(ctx, k, c.pool, nil)
}

// checkTrees looks at all trees, and again at those that seem damaged.
func (c *checking) checkTrees(ctx context.Context, keys []Key) error {
	var again []Key
	g, first := errgroup.WithContext(ctx)
	g.SetLimit(c.store.slots)
	for _, k := range keys {
		g.Go(func() error {
			faults, bad, err := c.store.verify(first, k, c, c.report)
			c.report(size(c.store.carPath(k)) + size(c.store.listPath(k)))
			if len(faults)+len(bad) > 0 {
				c.mu.Lock()
				defer c.mu.Unlock()
				again = append(again, k)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	slices.SortFunc(again, func(a, b Key) int { return strings.Compare(a.String(), b.String()) })
	for _, k := range again {
		if err := c.secondLook(ctx, k); err != nil {
			return err
		}
	}
	return nil
}

// why names the file of the package where an object is to blame.
func (f *Fault) why() string {
	name := "the object of " + f.Path + ": "
	if !strings.HasPrefix(f.File, "objects/") || strings.HasPrefix(f.Why, name) {
		return f.Why
	}
	return name + f.Why
}

func (c *checking) secondLook(ctx context.Context, k Key) error {
	faults, bad, err := c.store.verify(ctx, k, c, nil)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(c.store.TreeDir(k)); isNotExist(err) {
		return nil // collected meanwhile
	}
	for _, f := range faults {
		c.unlisted = c.unlisted || f.File == "trees/"+k.String()+".objects"
		c.harm(TreeDamage, f.File, f.why(), k)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, u := range bad {
		c.unlisted = c.unlisted || u.File == "trees/"+k.String()+".objects"
		c.found.Unread = append(c.found.Unread, *u)
	}
	return nil
}

// checkOrphans looks again at the damaged objects that no tree names.
func (c *checking) checkOrphans(ctx context.Context) error {
	var spare int
	for _, o := range c.objects {
		if o.state&named != 0 {
			continue
		}
		spare++
		if o.state&hashOK != 0 {
			continue
		}
		k := o.objectKey
		why, err := c.store.checkObject(ctx, k, c.pool, nil)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			if err := c.unreadable(k.file(), err); err != nil {
				return err
			}
		case why != "" && !isGone(c.store.path(filepath.FromSlash(k.file()))):
			c.harm(OrphanDamage, k.file(), why)
		}
	}
	c.noteSpare(spare)
	return nil
}

func isGone(path string) bool {
	_, err := os.Lstat(path)
	return isNotExist(err)
}

// result sorts what was found.
func (c *checking) result() *Checked {
	for _, d := range c.damage {
		slices.SortFunc(d.Trees, func(a, b Key) int { return strings.Compare(a.String(), b.String()) })
		c.found.Damage = append(c.found.Damage, *d)
	}
	slices.SortFunc(c.found.Damage, func(a, b Damage) int { return strings.Compare(a.File, b.File) })
	slices.SortFunc(c.found.Notes, func(a, b Note) int { return strings.Compare(a.File, b.File) })
	slices.SortFunc(c.found.Unread, func(a, b UnreadError) int { return strings.Compare(a.File, b.File) })
	c.found.Unread = slices.CompactFunc(c.found.Unread, func(a, b UnreadError) bool { return a.File == b.File })
	return &c.found
}
