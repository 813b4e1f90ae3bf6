package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"ipp/generation"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/profile"
	"ipp/store"

	"github.com/ipfs/go-cid"
)

// rebuild puts a generation back, while its packages are leased. Of its three
// files each follows from the other two, as far as they tell: the lockfile from
// wishes and trees, the wishes from the lockfile, and what generation.toml says
// from log and lockfile.
func (c *checker) rebuild(ctx context.Context, p *profile.Profile, x *generation.Examined) error {
	if err := c.protect(ctx, rootsIn(x)...); err != nil {
		return err
	}
	whole := *x
	bad := func(name string) bool {
		is := func(f generation.Fault) bool { return f.Path == name }
		return slices.ContainsFunc(x.Faults, is) || len(x.Faults) == 0 && slices.ContainsFunc(profile.Disagree(x, c.st.Has), is)
	}
	var err error
	if bad(generation.InfoName) {
		if bad(lock.LockName) || bad(lock.ProfileName) {
			return errTwoFiles
		}
		err = c.restoreInfo(p, &whole)
	} else if bad(lock.ProfileName) {
		if bad(lock.LockName) {
			return errTwoFiles
		}
		err = restoreWishes(&whole)
	} else if bad(lock.LockName) || c.wrongLock(ctx, x) {
		err = c.restoreLock(ctx, &whole)
	}
	if err != nil {
		return err
	}
	members, err := c.members(ctx, &whole)
	if err != nil {
		return err
	}
	return p.Rebuild(ctx, c.st, c.lease, &whole, members)
}

var errTwoFiles = errors.New("of profile.toml, profile.lock and generation.toml two are damaged, and one can't tell both; go to another generation: ipp rollback N")

// wrongLock says whether the lockfile contradicts the packages.
func (c *checker) wrongLock(ctx context.Context, x *generation.Examined) bool {
	_, err := c.members(ctx, x)
	var wrong *profile.LockError
	return errors.As(err, &wrong)
}

// restoreInfo tells generation.toml from the flip that made it. Numbers only rise,
// so that is the log's first line with this number or a higher one; if it is
// another flip, that line was lost.
func (c *checker) restoreInfo(p *profile.Profile, x *generation.Examined) error {
	log, err := p.Log()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(log, func(e profile.LogEntry) bool { return max(e.From, e.To) >= x.Number })
	if i < 0 || log[i].To != x.Number || log[i].From >= x.Number {
		return fmt.Errorf("generation.toml can't be told: the log does not say how generation %d was made", x.Number)
	}
	x.Info = generation.Info{Parent: log[i].From, Time: log[i].Time, Reason: log[i].Command}
	for _, pkg := range x.Lock.Packages {
		t, err := c.tree(pkg)
		if err != nil {
			return err
		}
		x.Info.Trees = append(x.Info.Trees, t.Key)
	}
	return nil
}

// restoreWishes tells the wishes from the lockfile: all but what it does not say
// (holds, preferences, policy).
func restoreWishes(x *generation.Examined) error {
	w := lock.NewProfile()
	for _, pkg := range x.Lock.Packages {
		if pkg.Wanted == "" {
			continue
		}
		wish := lock.Wish{Name: pkg.Name, Package: pkg.Package}
		root, err := cid.Decode(pkg.Wanted)
		if err == nil {
			wish.CID = root
		} else if wish.Constraint, err = ref.ParseConstraint(pkg.Wanted); err != nil {
			return err
		}
		w.Put(wish)
	}
	x.Asked, x.Wishes = w, w.Encode()
	return nil
}

// restoreLock resolves the wishes anew, where nothing but the generation's own
// trees can be chosen.
func (c *checker) restoreLock(ctx context.Context, x *generation.Examined) error {
	var failure error
	known := func(name ref.Name) []lock.Candidate {
		var list []lock.Candidate
		for _, root := range rootsOf(x.Info.Trees) {
			is, err := c.trees.candidate(ctx, root, name)
			if err != nil {
				failure = err
			}
			if err == nil && is.Name == name {
				list = append(list, is)
			}
		}
		return list
	}
	l, err := lock.Resolve(x.Asked, &lock.Lockfile{}, known, nil)
	if err = cmp.Or(failure, err); err != nil {
		return fmt.Errorf("profile.lock can't be told: %w", err)
	}
	if len(l.Packages) != len(rootsOf(x.Info.Trees)) {
		return errors.New("profile.lock can't be told: its packages are others than the generation's trees")
	}
	x.Lock = l
	return nil
}

// rootsIn are the packages of a generation, as far as its files tell.
func rootsIn(x *generation.Examined) []cid.Cid {
	roots := rootsOf(x.Info.Trees)
	if x.Lock != nil {
		for _, pkg := range x.Lock.Packages {
			roots = append(roots, pkg.CID)
		}
	}
	return roots
}

// rootsOf are the packages of trees, each once.
func rootsOf(trees []store.Key) []cid.Cid {
	var roots []cid.Cid
	for _, k := range trees {
		if !slices.ContainsFunc(roots, k.Root.Equals) {
			roots = append(roots, k.Root)
		}
	}
	return roots
}
