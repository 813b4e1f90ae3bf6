package gc

import (
	"fmt"
	"path/filepath"
	"time"

	"ipp/generation"
	"ipp/lock"
	"ipp/profile"
	"ipp/store"
)

// Facts looks at everything, without any mutex.
func (c *Collector) Facts() (Facts, error) {
	f, err := c.decisive()
	if err != nil {
		return f, err
	}
	keys, err := c.Store.Trees()
	if err != nil {
		return f, err
	}
	for _, k := range keys {
		t := Tree{Key: k}
		if t.Files, t.Err = c.Store.Files(k); t.Err != nil && !c.Store.Has(k) {
			continue // collected meanwhile
		}
		if c.Label != nil {
			t.Label = c.Label(k)
		}
		f.Trees = append(f.Trees, t)
	}
	if f.Leases, err = c.Store.Leases(); err != nil {
		return f, err
	}
	f.Staged, err = c.Store.Staged(f.Leases)
	return f, err
}

// decisive are the facts that decide which generations go: all but the trees'
// files and what keeps trees without a generation.
func (c *Collector) decisive() (Facts, error) {
	f, _, err := c.generations()
	if err != nil {
		return f, err
	}
	keys, err := c.Store.Trees()
	if err != nil {
		return f, err
	}
	f.Processes, err = c.processes(keys)
	return f, err
}

// generations reads every generation of every profile that has a root; one that
// is missing or can't be read is a *MissingProfileError.
func (c *Collector) generations() (f Facts, profiles []*profile.Profile, err error) {
	f = Facts{Now: c.now(), Keep: map[string]int{}}
	if f.Roots, profiles, err = c.roots(); err != nil {
		return f, nil, err
	}
	for _, p := range profiles {
		gens, keep, err := look(p)
		if err != nil {
			return f, nil, &MissingProfileError{Dir: p.Dir(), Err: err}
		}
		f.Gens = append(f.Gens, gens...)
		f.Keep[p.Dir()] = keep
	}
	return f, profiles, nil
}

func (c *Collector) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

// roots lists the roots and opens the profiles among them.
func (c *Collector) roots() ([]store.Root, []*profile.Profile, error) {
	roots, err := c.Store.Roots()
	if err != nil {
		return nil, nil, err
	}
	var profiles []*profile.Profile
	for _, r := range roots {
		if r.Kind != store.ProfileRoot {
			continue
		}
		p, err := c.Profile(r.Path)
		if err != nil {
			return nil, nil, &MissingProfileError{Dir: r.Path, Err: err}
		}
		profiles = append(profiles, p)
	}
	return roots, profiles, nil
}

// look reads what Plan needs to know of a profile. A profile that is missing is
// an error too, as is one whose files contradict each other: what it held can't
// be known.
func look(p *profile.Profile) (gens []Gen, keep int, err error) {
	current, err := p.CurrentNumber()
	if err != nil {
		return nil, 0, err
	}
	all, err := p.Generations()
	if err != nil {
		return nil, 0, err
	}
	found := current == 0
	for _, g := range all {
		if err := agrees(g); err != nil {
			return nil, 0, &profile.DamagedError{Profile: p.Name(), Number: g.Number, Dir: g.Dir, Err: err}
		}
		gens = append(gens, Gen{
			Profile: p.Name(),
			Dir:     p.Dir(),
			Number:  g.Number,
			Parent:  g.Info.Parent,
			Current: g.Number == current,
			Time:    g.Info.Time,
			Trees:   g.Info.Trees,
		})
		if g.Number == current {
			found = true
			if keep, err = policyKeep(g); err != nil {
				return nil, 0, err
			}
		}
	}
	if !found {
		return nil, 0, fmt.Errorf("generation %d is current, but not there", current)
	}
	return gens, keep, nil
}

// agrees holds the two files of a generation that say what it needs against each
// other. A flipped bit makes one CID of another, and what reads well is believed:
// the tree of a package that is installed would go.
func agrees(g *generation.Generation) error {
	trees := make(map[string]bool, len(g.Info.Trees))
	for _, k := range g.Info.Trees {
		trees[string(k.Root.Hash())] = true
	}
	for _, p := range g.Lock.Packages {
		if !trees[string(p.CID.Hash())] {
			return fmt.Errorf("%s has %s, and %s no tree of it", lock.LockName, p.Name, generation.InfoName)
		}
	}
	return nil
}

// policyKeep reads [policy] keep of a generation's wishes.
func policyKeep(g *generation.Generation) (int, error) {
	wishes, err := lock.ParseProfile(filepath.Join(g.Dir, lock.ProfileName), g.Wishes)
	if err != nil {
		return 0, err
	}
	return wishes.Keep, nil
}

// processes finds the programs that use the trees with these keys.
func (c *Collector) processes(keys []store.Key) ([]Process, error) {
	uses, err := scan(c.Proc, treeNames(keys))
	if err != nil {
		return nil, err
	}
	byName := make(map[string]store.Key, len(keys))
	for _, k := range keys {
		byName[treeName(k)] = k
	}
	return processesOf(uses, byName), nil
}
