package store

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"os"

	"ipp/store/durable"

	"github.com/hashicorp/go-multierror"
)

// batch is how many objects are unlinked under one hold: others wait for some
// 20 ms at most, however much there is to delete.
const batch = 2000

// unlinking is the last part of a sweep: (g) and (h).
type unlinking struct {
	*Sweep
	read map[string]bool // trees whose .objects were read
	// named are the objects that these name, as hashes: where two names share
	// one, garbage stays, and nothing else can happen.
	named map[uint64]struct{}
	seed  maphash.Seed
}

func newUnlinking(w *Sweep) *unlinking {
	return &unlinking{Sweep: w, read: map[string]bool{}, named: map[uint64]struct{}{}, seed: maphash.MakeSeed()}
}

// unlink (g, h) syncs trees and trash, reads all .objects, then unlinks the
// objects, .car and .objects that no tree names. A listing that can't be read
// ends it before the next unlink.
//
// It looks for what to unlink without a hold; under each hold it first reads
// the .objects of trees that came since. Trees are immutable, and nobody else
// removes any, so what was read stays right.
func (w *Sweep) unlink(ctx context.Context, c *Collection) error {
	if err := w.settle(); err != nil {
		return err
	}
	u := newUnlinking(w)
	if _, err := u.readLists(ctx); err != nil {
		return err
	}
	shards, err := readNames(w.store.path("objects"))
	if err != nil {
		return fmt.Errorf("list objects: %w", err)
	}
	var bad *multierror.Error
	for last := false; !last; {
		var dead []deadObject
		for len(shards) > 0 && len(dead) < batch {
			more, err := u.unnamed(shards[0])
			bad = multierror.Append(bad, err)
			dead, shards = append(dead, more...), shards[1:]
		}
		last = len(shards) == 0
		err := c.hold(ctx, func() error {
			trees, err := u.readLists(ctx)
			if err != nil {
				return err
			}
			bad = multierror.Append(bad, u.remove(dead))
			if last {
				bad = multierror.Append(bad, u.unlinkLists(trees))
			}
			return nil
		})
		if err != nil {
			return multierror.Append(bad, err)
		}
	}
	return bad.ErrorOrNil()
}

// noteTrash notes what may be deleted of the trash. What comes there after the
// hold, a damaged tree that was replaced, was not looked for in /proc: it is for
// the next gc.
func (w *Sweep) noteTrash() (err error) {
	w.trash, err = readNames(w.store.path("trash"))
	return err
}

// settle (g) makes the renames to the trash durable, before anything is deleted:
// a power cut must not bring back a tree whose files are gone.
func (w *Sweep) settle() error {
	for _, d := range []string{"trees", "trash"} {
		if err := durable.SyncDir(w.store.path(d)); err != nil {
			return err
		}
	}
	w.settled = true
	return nil
}

// readLists reads the .objects of all trees that were not read yet, and lists
// the trees.
func (u *unlinking) readLists(ctx context.Context) (trees map[string]bool, err error) {
	keys, err := u.store.Trees()
	if err != nil {
		return nil, err
	}
	trees = make(map[string]bool, len(keys))
	for _, k := range keys {
		name := k.String()
		trees[name] = true
		if u.read[name] {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := u.readList(k); err != nil {
			return nil, err
		}
		u.read[name] = true
	}
	return trees, u.readLost()
}

func (u *unlinking) readList(k Key) error {
	return u.store.eachFile(k, func(f FileInfo) error {
		u.named[u.hash(f.Object)] = struct{}{}
		return nil
	})
}

// readLost reads the .objects of live trees that are lost: under each hold anew,
// because whoever puts a tree back writes it anew.
func (u *unlinking) readLost() error {
	keys, err := u.store.Lost()
	if err != nil {
		return err
	}
	for _, k := range keys {
		if !u.live[k.String()] {
			continue
		}
		if err := u.readList(k); err != nil && !isNotExist(err) {
			return err
		}
	}
	return nil
}

func (u *unlinking) hash(object string) uint64 { return maphash.String(u.seed, object) }

func (u *unlinking) isNamed(object string) bool {
	_, ok := u.named[u.hash(object)]
	return ok
}

// deadObject is one that no tree named when it was looked for.
type deadObject struct {
	shard, name string
	size        int64
}

// unnamed lists what no tree names in a shard.
func (u *unlinking) unnamed(shard string) (dead []deadObject, err error) {
	if fi, err := os.Lstat(u.store.path("objects", shard)); err == nil && !fi.IsDir() {
		return nil, nil // not ours: nothing is removed through a symlink
	}
	dir, err := os.OpenRoot(u.store.path("objects", shard))
	if err != nil {
		return nil, err
	}
	defer dir.Close() // only read
	names, err := readNames(dir.Name())
	if err != nil {
		return nil, err
	}
	var bad *multierror.Error
	for _, n := range names {
		if u.isNamed(n) {
			continue
		}
		fi, err := dir.Lstat(n)
		if isNotExist(err) {
			continue // a temporary name of somebody at work
		}
		if err != nil {
			bad = multierror.Append(bad, err)
			continue
		}
		dead = append(dead, deadObject{shard, n, fi.Size()})
	}
	return dead, bad.ErrorOrNil()
}

// remove unlinks those of the dead that still no tree names. They stand shard
// by shard.
func (u *unlinking) remove(dead []deadObject) error {
	var bad *multierror.Error
	for len(dead) > 0 {
		n := 1
		for n < len(dead) && dead[n].shard == dead[0].shard {
			n++
		}
		if err := u.removeFrom(dead[:n]); err != nil {
			bad = multierror.Append(bad, err)
		}
		dead = dead[n:]
	}
	return bad.ErrorOrNil()
}

func (u *unlinking) removeFrom(dead []deadObject) error {
	dir, err := os.OpenRoot(u.store.path("objects", dead[0].shard))
	if err != nil {
		return err
	}
	var bad *multierror.Error
	for _, o := range dead {
		if u.isNamed(o.name) {
			continue
		}
		switch err := dir.Remove(o.name); {
		case err == nil:
			u.done.Objects++
			u.done.Bytes += o.size
		case !isNotExist(err): // a temporary name may be gone
			bad = multierror.Append(bad, err)
		}
	}
	return errors.Join(bad.ErrorOrNil(), dir.Close())
}

// unlinkLists removes .car and .objects of trees that neither are there nor
// live.
func (u *unlinking) unlinkLists(trees map[string]bool) error {
	names, err := readNames(u.store.path("trees"))
	if err != nil {
		return fmt.Errorf("list trees: %w", err)
	}
	var bad *multierror.Error
	for _, n := range names {
		base, ok := besideTree(n)
		if !ok || trees[base] || u.live[base] {
			continue
		}
		if err := os.Remove(u.store.path("trees", n)); err != nil {
			bad = multierror.Append(bad, err)
		}
	}
	return bad.ErrorOrNil()
}
