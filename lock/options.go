package lock

import (
	"cmp"
	"slices"

	"ipp/lock/ref"
	"ipp/store/dag"
)

// option is one package that could fill a slot.
type option struct {
	*Package
	Dependencies map[ref.Name]ref.Constraint
	Before       []string // keys, as in Candidate
	locked       bool     // it is what the old lock has in this slot
	twins        []option // others of the same version that differ: it takes a person to choose
}

// candidate is the option as it was known.
func (o *option) candidate() Candidate { return Candidate{*o.Package, o.Dependencies, o.Before} }

// own is the name that a package has of itself.
func (p *Package) own() ref.Name {
	if p.Package != "" {
		return p.Package
	}
	return p.Name
}

// newestFirst orders versions; those that compare alike, by their spelling.
func newestFirst(a, b ref.Version) int {
	return cmp.Or(b.Compare(a), cmp.Compare(b, a))
}

// oldLock is the old lock, looked up by what optionsFor asks for: a large
// profile has a slot for each of its packages, and each would go through all.
type oldLock struct {
	byOwn []*Package                            // by the packages' own names, then as in the lock
	needs map[ref.Name]map[ref.Name]ref.Version // what a package needs, as it was locked
}

func indexLock(l *Lockfile) *oldLock {
	x := &oldLock{make([]*Package, len(l.Packages)), map[ref.Name]map[ref.Name]ref.Version{}}
	for i := range l.Packages {
		p := &l.Packages[i]
		x.byOwn[i] = p
		for _, by := range p.NeededBy {
			if x.needs[by] == nil {
				x.needs[by] = map[ref.Name]ref.Version{}
			}
			x.needs[by][p.Name] = p.Version
		}
	}
	slices.SortStableFunc(x.byOwn, func(a, b *Package) int { return cmp.Compare(a.own(), b.own()) })
	return x
}

// called lists the packages that have that name of their own.
func (x *oldLock) called(own ref.Name) []*Package {
	first, _ := slices.BinarySearchFunc(x.byOwn, own, func(p *Package, n ref.Name) int { return cmp.Compare(p.own(), n) })
	end := first
	for end < len(x.byOwn) && x.byOwn[end].own() == own {
		end++
	}
	return x.byOwn[first:end]
}

// optionsFor gathers what could fill the slot: what is known, and what the old
// lock has, which may be known nowhere else. The newest stand first.
func optionsFor(name, own ref.Name, channel ref.Name, known []Candidate, old *oldLock) []*option {
	locked := old.called(own)
	if len(known) == 0 && len(locked) == 1 && channel == "" { // as with most of a large profile
		return []*option{old.option(locked[0], name)}
	}
	byCID := map[string]*option{}
	for i := range known {
		c := &known[i]
		id := dag.CIDText(c.CID)
		if before, ok := byCID[id]; (channel == "" || c.Channel == channel) && (!ok || betterSource(&c.Package, before.Package)) {
			byCID[id] = &option{Package: &c.Package, Dependencies: c.Dependencies, Before: c.Before}
		}
	}
	for _, p := range locked {
		id := dag.CIDText(p.CID)
		o, same := old.option(p, name), byCID[id]
		if channel != "" && p.Channel != channel || same != nil && !o.locked {
			continue
		}
		if same != nil {
			o.Dependencies, o.Before = same.Dependencies, same.Before
		}
		byCID[id] = o
	}
	var options []*option
	for _, id := range sortedKeys(byCID) {
		options = append(options, byCID[id])
	}
	slices.SortStableFunc(options, func(a, b *option) int { return newestFirst(a.Version, b.Version) })
	return options
}

// option is a package of the old lock as what could fill the slot of that name.
func (x *oldLock) option(p *Package, slot ref.Name) *option {
	return &option{Package: p, Dependencies: x.dependencies(p.Name), locked: p.Name == slot}
}

// betterSource chooses between two sources of one package: a channel, and of
// these the first by name, in its latest version.
func betterSource(a, b *Package) bool {
	if a.Channel == b.Channel {
		return a.ChannelVersion > b.ChannelVersion
	}
	return b.Channel == "" || a.Channel != "" && a.Channel < b.Channel
}

// dependencies says what a package needs that is known from the old lock alone:
// by which constraint is not known, so what it has must stay.
func (x *oldLock) dependencies(name ref.Name) map[ref.Name]ref.Constraint {
	if len(x.needs[name]) == 0 {
		return nil
	}
	needs := map[ref.Name]ref.Constraint{}
	for need, version := range x.needs[name] {
		needs[need] = ref.Exact(version)
	}
	return needs
}

// oneAuthor narrows options to one author, and one package a version. An
// author's keys are those that took over from one another; all unsigned packages
// count as one author, and that may begin to sign. What is locked says whose
// packages may follow. An AmbiguousError where it takes a person to choose the
// author. Options that differ in nothing but that stay together as twins.
func oneAuthor(own ref.Name, options []*option) ([]*option, error) {
	if len(options) < 2 {
		return options, nil
	}
	options = dropResigned(options)
	if i := slices.IndexFunc(options, func(o *option) bool { return o.locked }); i >= 0 {
		return groupTwins(after(options[i], options)), nil
	}
	if !haveOneAuthor(options) {
		return nil, ambiguous(own, options)
	}
	return groupTwins(options), nil
}

// follows says whether an option is by the key, or by one that took over from it.
func (o *option) follows(key string) bool { return o.Key == key || slices.Contains(o.Before, key) }

// after are the options that may follow what is locked: those of its author, and
// after an unsigned one also the first author's who signs, if there is one alone.
func after(locked *option, options []*option) []*option {
	if locked.Key != "" {
		return filter(options, func(o *option) bool { return o.follows(locked.Key) })
	}
	if signed := filter(options, func(o *option) bool { return o.Key != "" }); haveOneAuthor(signed) {
		return options
	}
	return filter(options, func(o *option) bool { return o.Key == "" })
}

// haveOneAuthor says whether one of the keys took over from all the others.
func haveOneAuthor(options []*option) bool {
	return len(options) == 0 || slices.ContainsFunc(options, func(last *option) bool {
		return !slices.ContainsFunc(options, func(o *option) bool { return !last.follows(o.Key) })
	})
}

// dropResigned keeps one of the packages of a version that have the same
// manifest, since a re-signed package is the same package: what is locked, then
// what is signed, by the later of two keys, then the smaller CID. Two that carry
// signatures of different authors both stay.
func dropResigned(options []*option) []*option {
	var kept []*option
	for _, o := range options {
		i := slices.IndexFunc(kept, func(k *option) bool {
			same := k.Version == o.Version && k.Manifest.Defined() && dag.V1(k.Manifest).Equals(dag.V1(o.Manifest))
			return same && (k.Key == "" || o.Key == "" || k.follows(o.Key) || o.follows(k.Key))
		})
		switch {
		case i < 0:
			kept = append(kept, o)
		case !kept[i].locked && (o.locked || kept[i].Key != o.Key && o.Key != "" && (kept[i].Key == "" || o.follows(kept[i].Key))):
			kept[i] = o
		}
	}
	return kept
}

// groupTwins keeps one option a version, which is the locked one where there
// is one, and else knows those that differ.
func groupTwins(options []*option) []*option {
	var kept []*option
	for _, o := range options {
		last := len(kept) - 1
		switch {
		case last < 0 || kept[last].Version != o.Version:
			alone := *o
			kept = append(kept, &alone)
		case o.locked:
			kept[last] = o
		case !kept[last].locked:
			kept[last].twins = append(kept[last].twins, *o)
		}
	}
	return kept
}

func ambiguous(own ref.Name, options []*option) *AmbiguousError {
	e := &AmbiguousError{Name: own}
	for _, o := range options {
		e.Candidates = append(e.Candidates, o.candidate())
	}
	return e
}
