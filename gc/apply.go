package gc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ipp/generation"
	"ipp/lock/ref"
	"ipp/profile"
	"ipp/store"

	"github.com/hashicorp/go-multierror"
)

// Apply prunes by policy and sweeps. The result tells what was done also where
// there is an error. On a full disk it takes the room of the reserve.
func (c *Collector) Apply(ctx context.Context, p Policy) (Result, error) {
	res := Result{Pruned: map[ref.Name][]generation.Number{}}
	err := c.Store.Reserve().Spend(func() error { return c.apply(ctx, p, &res) })
	if err == nil {
		// Where there was none and is room again now, the next full disk finds one.
		_ = c.Store.Reserve().Fill()
	}
	return res, err
}

// apply adds to res what it did: it may not be the first attempt.
func (c *Collector) apply(ctx context.Context, p Policy, res *Result) error {
	col, err := c.Store.Collect(ctx)
	if err != nil {
		return err
	}
	defer col.Close() // it also ends with us
	a := &applying{Collector: c, policy: p, res: res}
	a.res.InUse, a.res.Leases = nil, nil
	if err := a.prune(ctx); err != nil {
		return err
	}
	swept, err := col.Sweep(ctx, func(w *store.Sweep) error { return a.sweep(ctx, w) })
	a.note(err)
	res.Swept.Add(swept)
	return a.errors()
}

// applying is one run of Apply.
type applying struct {
	*Collector
	policy Policy
	res    *Result
	read   reader            // what was read before the sweep need not be read in it
	bad    *multierror.Error // on single files
}

// note keeps an error that does not end the collection.
func (a *applying) note(err error) { a.bad = multierror.Append(a.bad, err) }

// errors is what was noted; one error alone needs no list.
func (a *applying) errors() error {
	if a.bad.Len() == 1 {
		return a.bad.Errors[0]
	}
	return a.bad.ErrorOrNil()
}

// prune prunes every profile, durably. Nothing is pruned in one while another
// can't be read: no sweep could follow.
func (a *applying) prune(ctx context.Context) error {
	_, profiles, err := a.generations(&a.read)
	if err != nil {
		return err
	}
	for _, p := range profiles {
		if err := ctx.Err(); err != nil {
			return err
		}
		pruned, err := p.Prune(ctx, a.choose(p))
		if len(pruned) > 0 {
			a.res.Pruned[p.Name()] = append(a.res.Pruned[p.Name()], pruned...)
		}
		var leftover *profile.LeftoverError
		switch {
		case errors.As(err, &leftover):
			a.note(err)
		case err != nil:
			return err
		}
	}
	return nil
}

// choose plans anew under the profile's mutex, after a scan of /proc, and picks
// what goes of this profile.
func (a *applying) choose(p *profile.Profile) func([]generation.Number) ([]generation.Number, error) {
	return func(old []generation.Number) ([]generation.Number, error) {
		if a.policy == (Policy{}) || len(old) == 0 {
			return nil, nil
		}
		f, err := a.decisive(&a.read)
		if err != nil {
			return nil, err
		}
		var chosen []generation.Number
		for _, g := range MakePlan(f, a.policy).Gens {
			if g.Goes && g.Dir == p.Dir() && slices.Contains(old, g.Number) {
				chosen = append(chosen, g.Number)
			}
		}
		return chosen, nil
	}
}

// sweep runs under one hold of sweep, exclusively. The order is that of the
// model, step by step; an error before the trash was looked through ends it,
// and then nothing but renames was done, which the next gc takes up.
func (a *applying) sweep(ctx context.Context, w *store.Sweep) (err error) {
	if a.res.Leases, err = w.Leases(); err != nil { // (a)
		return err
	}
	live, profiles, err := a.live(w) // (b), (c)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	a.note(w.Trash(live))                // (d): a tree that could not be renamed is one that is present
	a.note(w.Staging())                  // (f), of which programs may run too
	if err := a.restore(w); err != nil { // (e)
		return err
	}
	for _, p := range profiles {
		a.note(p.SweepTemp(a.leased))
	}
	return ctx.Err() // (g) and (h) follow under holds of their own
}

// leased says whether a live lease has that ID.
func (a *applying) leased(id string) bool {
	return slices.ContainsFunc(a.res.Leases, func(l store.LeaseInfo) bool { return l.ID == id })
}

// leases says whether a live lease holds the tree.
func (a *applying) leases(k store.Key) bool {
	return slices.ContainsFunc(a.res.Leases, func(l store.LeaseInfo) bool { return l.Holds(k.Root) })
}

// live decides which trees stay: those of every generation on disk, whatever
// Prune saw, of kept roots, of leases and of running programs. Roots are read
// after the leases: who made one since had a lease until it was durable.
func (a *applying) live(w *store.Sweep) (map[store.Key]bool, []*profile.Profile, error) {
	f, profiles, err := a.generations(&a.read)
	if err != nil {
		return nil, nil, err
	}
	live := f.held()
	keys, err := w.Trees()
	if err != nil {
		return nil, nil, err
	}
	lost := lostRoots(live, keys)
	for _, k := range keys {
		if lost[string(k.Root.Hash())] || keptByRoot(f.Roots, k) || a.leases(k) {
			live[k] = true
		}
	}
	left, err := w.Lost()
	if err != nil {
		return nil, nil, err
	}
	for _, k := range left { // of a kept package that is here they are of a publishing that was killed
		if lost[string(k.Root.Hash())] || a.leases(k) || keptByRoot(f.Roots, k) && !hasPart(keys, k) {
			live[k] = true
		}
	}
	if a.res.InUse, err = a.processes(keys); err != nil {
		return nil, nil, err
	}
	for _, p := range a.res.InUse {
		for _, k := range p.Trees {
			live[k] = true
		}
	}
	return live, profiles, nil
}

// held are the trees that generations hold.
func (f Facts) held() map[store.Key]bool {
	held := make([]bool, len(f.Keys)) // far fewer than what all generations name
	for _, g := range f.Gens {
		for _, t := range g.Trees {
			held[t] = true
		}
	}
	keys := map[store.Key]bool{}
	for t, is := range held {
		if is {
			keys[f.Keys[t]] = true
		}
	}
	return keys
}

// lostRoots are the packages of trees that a generation names and the store does
// not have. What there is of them stays: the name may be what is damaged.
func lostRoots(live map[store.Key]bool, present []store.Key) map[string]bool {
	lost := map[string]bool{}
	for k := range live {
		if _, ok := slices.BinarySearchFunc(present, k.String(), func(o store.Key, name string) int { return strings.Compare(o.String(), name) }); !ok {
			lost[string(k.Root.Hash())] = true
		}
	}
	return lost
}

// keptByRoot says whether a kept root holds the tree: all parts of a package.
func keptByRoot(roots []store.Root, k store.Key) bool {
	return slices.ContainsFunc(roots, func(r store.Root) bool {
		return r.Kind == store.KeptRoot && store.SameRoot(r.CID, k.Root)
	})
}

// hasPart says whether there is any part of the tree's package.
func hasPart(keys []store.Key, k store.Key) bool {
	return slices.ContainsFunc(keys, func(o store.Key) bool { return store.SameRoot(o.Root, k.Root) })
}

// restore looks at /proc again: a program may have been started since the first
// look, and be shown below the trash now; trash of a killed gc is no different.
// Where it fails the trash must not be emptied.
func (a *applying) restore(w *store.Sweep) error {
	dirs, err := w.TrashDirs()
	if err != nil {
		return err
	}
	present, err := w.Trees()
	if err != nil {
		return err
	}
	keys := namesInTrash(dirs, present)
	known := make(map[string]bool, len(keys))
	for name := range keys {
		known[name] = true
	}
	uses, err := scan(a.Proc, known)
	if err != nil {
		return fmt.Errorf("look at the trash: %w", err)
	}
	var inUse []string
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		old, now := treeName(dirs[dir]), trashName(dir)
		if slices.ContainsFunc(uses, func(u use) bool { return u.names[old] || u.names[now] }) {
			inUse = append(inUse, dir)
		}
	}
	a.addUsers(processesOf(uses, keys))
	return w.Restore(inUse)
}

// namesInTrash maps what a process may show to the trees in the trash. An
// environment keeps the old name; where the tree is present again it means that
// one.
func namesInTrash(dirs map[string]store.Key, present []store.Key) map[string]store.Key {
	keys := make(map[string]store.Key, 2*len(dirs))
	for dir, k := range dirs {
		keys[trashName(dir)] = k
		keys[treeName(k)] = k
	}
	for _, k := range present {
		delete(keys, treeName(k))
	}
	return keys
}

// addUsers adds to the programs of the first look.
func (a *applying) addUsers(more []Process) {
	for _, p := range more {
		at := slices.IndexFunc(a.res.InUse, func(o Process) bool { return o.PID == p.PID })
		if at < 0 {
			a.res.InUse = append(a.res.InUse, p)
			continue
		}
		for _, k := range p.Trees {
			if o := &a.res.InUse[at]; !slices.Contains(o.Trees, k) {
				o.Trees = append(o.Trees, k)
			}
		}
	}
}
