package gc

import (
	"time"

	"ipp/profile"
	"ipp/store"
)

// Facts looks at everything, without any mutex.
func (c *Collector) Facts() (Facts, error) {
	f, err := c.decisive(&reader{})
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
func (c *Collector) decisive(r *reader) (Facts, error) {
	f, _, err := c.generations(r)
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

// generations reads every generation of every profile that has a root, but for
// what r has read; one that is missing or can't be read is a
// *MissingProfileError.
func (c *Collector) generations(r *reader) (f Facts, profiles []*profile.Profile, err error) {
	f = Facts{Now: c.now(), Keep: map[string]int{}}
	if f.Roots, profiles, err = c.roots(); err != nil {
		return f, nil, err
	}
	for _, p := range profiles {
		gens, keep, err := r.look(p)
		if err != nil {
			return f, nil, &MissingProfileError{Dir: p.Dir(), Err: err}
		}
		f.Gens = append(f.Gens, gens...)
		f.Keep[p.Dir()] = keep
	}
	f.Keys = r.trees.keys
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
