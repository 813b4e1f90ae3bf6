package lock

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"ipp/lock/ref"
	"ipp/store/dag"
)

// Resolve finds a package for each wish and for whatever these need. upgrade
// says which names may move although what is locked still matches; nil: none.
// Held packages never move while they match their own wish.
//
// The choice for each name, best first: what is locked; the version that is
// spelled like a constraint; the newest. A choice is taken back only where it
// leaves no other way, the latest first, and a package that has another author
// than the locked one is no choice while one by the same author matches.
//
// Errors: NotFoundError, AmbiguousError, UnsatisfiableError, TooHardError.
func Resolve(wishes *Profile, old *Lockfile, known Known, upgrade func(ref.Name) bool) (*Lockfile, error) {
	if old == nil {
		old = &Lockfile{}
	}
	s := &solver{wishes: wishes, old: indexLock(old), known: known, upgrade: upgrade, slots: make([]*slot, 0, len(wishes.Packages))}
	for i := range wishes.Packages {
		s.slot(wishes.Packages[i].Name)
	}
	solved, _, err := s.search()
	switch {
	case err != nil:
		return nil, err
	case !solved:
		return nil, s.failure
	}
	return s.lockfile()
}

// solver is one run of Resolve: a depth-first search that decides one slot
// after the other, and when it fails jumps back to the last decision that had
// a part in the failure.
type solver struct {
	wishes  *Profile
	old     *oldLock
	known   Known
	upgrade func(ref.Name) bool
	slots   []*slot // wishes first, then by name: the order of decisions
	decided int     // so many slots at the front are, if not more
	tries   int
	failure error // the first dead end, which is what the person is told
	hard    bool  // failure does not depend on what was chosen before
}

// slot is a name of the lock to be made.
type slot struct {
	name    ref.Name
	own     ref.Name // of the package: another one where it is installed under a name of the person's
	wish    *Wish    // nil: none
	held    bool     // only what is locked will do
	all     []*option
	options []*option        // of all, what matches the wish
	asks    []ask            // by decided slots
	against []int            // how many asks each of the options fails
	fails   map[string][]int // by constraint: the options that fail it
	chosen  *option          // nil: undecided
}

// ask is what the package in another slot needs of a slot.
type ask struct {
	by         *slot
	constraint ref.Constraint
	fails      []int // the options that don't match
}

// slot returns the slot of that name, and makes it where it is new.
func (s *solver) slot(name ref.Name) *slot {
	wish := s.wishes.find(name)
	i, there := s.find(name, wish != nil)
	if there {
		return s.slots[i]
	}
	x := &slot{name: name, own: name, wish: wish}
	channel := ref.Name("")
	if wish != nil {
		channel = wish.Channel
		x.own = cmp.Or(wish.Package, name)
	}
	x.all = optionsFor(name, x.own, channel, s.known(x.own), s.old)
	x.options = filter(x.all, x.wished)
	if i := slices.IndexFunc(x.options, func(o *option) bool { return o.locked }); i >= 0 && wish != nil && wish.Hold {
		x.held = true
		x.options = x.options[i : i+1]
	}
	x.against = make([]int, len(x.options))
	s.slots, s.decided = slices.Insert(s.slots, i, x), min(s.decided, i)
	return x
}

// find says where the slot of that name stands, or would.
func (s *solver) find(name ref.Name, wished bool) (int, bool) {
	return slices.BinarySearchFunc(s.slots, name, func(x *slot, n ref.Name) int {
		switch {
		case (x.wish != nil) == wished:
			return cmp.Compare(x.name, n)
		case wished:
			return 1
		}
		return -1
	})
}

// wished says whether an option matches the slot's wish.
func (x *slot) wished(o *option) bool {
	switch {
	case x.wish == nil:
		return true
	case x.wish.CID.Defined():
		return dag.V1(x.wish.CID).Equals(dag.V1(o.CID))
	}
	return x.wish.Constraint.Match(o.Version)
}

// suits says whether an option gives what another package asks for. A package
// that is here under a name of the person's is not the one that others mean.
func (x *slot) suits(o *option, c ref.Constraint) bool {
	return x.own == x.name && c.Match(o.Version)
}

// ask adds what by needs. Constraints repeat a lot in a large profile and in a
// long search, so each is compared once.
func (x *slot) ask(by *slot, c ref.Constraint) {
	fails, ok := x.fails[c.String()]
	if !ok {
		for i, o := range x.options {
			if !x.suits(o, c) {
				fails = append(fails, i)
			}
		}
		if x.fails == nil {
			x.fails = map[string][]int{}
		}
		x.fails[c.String()] = fails
	}
	for _, i := range fails {
		x.against[i]++
	}
	x.asks = append(x.asks, ask{by, c, fails})
}

// unask takes back the last ask.
func (x *slot) unask() {
	last := len(x.asks) - 1
	for _, i := range x.asks[last].fails {
		x.against[i]--
	}
	x.asks = x.asks[:last]
}

// viable lists the options that match the wish and all that is asked.
func (x *slot) viable() []*option {
	var viable []*option
	for i, o := range x.options {
		if x.against[i] == 0 {
			viable = append(viable, o)
		}
	}
	return viable
}

// canBeChosen says whether viable lists any.
func (x *slot) canBeChosen() bool { return slices.Contains(x.against, 0) }

// choices lists the options that the search may try, best first.
func (s *solver) choices(x *slot) ([]*option, error) {
	options, err := oneAuthor(x.own, x.viable())
	if err != nil {
		return nil, err
	}
	moves := s.upgrade != nil && s.upgrade(x.name)
	slices.SortStableFunc(options, func(a, b *option) int { return cmp.Compare(x.rank(a, moves), x.rank(b, moves)) })
	if len(options) > 0 && len(options[0].twins) > 0 {
		return nil, options[0].ambiguous(x.own)
	}
	ordered := slices.IndexFunc(options, func(o *option) bool { return x.rank(o, moves) == unordered })
	switch {
	case ordered < 0 || ordered == len(options)-1:
		return options, nil
	case ordered == 0:
		return nil, ambiguous(x.own, options)
	}
	return options[:ordered], nil
}

// The ranks of options: within one, the newest is the best.
const (
	lockedHere   = iota // and need not move
	spelled             // like a constraint
	semantic            // has an order
	lockedOpaque        // is not semver; neither is anything after it, so nothing is newer
	unordered
)

func (x *slot) rank(o *option, moves bool) int {
	said := x.wish != nil && x.wish.Constraint.String() == string(o.Version)
	for _, a := range x.asks {
		said = said || a.constraint.String() == string(o.Version)
	}
	switch {
	case o.locked && !moves:
		return lockedHere
	case said:
		return spelled
	case o.Version.IsSemver():
		return semantic
	case o.locked:
		return lockedOpaque
	}
	return unordered
}

func (o *option) ambiguous(own ref.Name) error {
	all := []*option{o}
	for i := range o.twins {
		all = append(all, &o.twins[i])
	}
	return ambiguous(own, all)
}

// lockfile writes down what was chosen.
func (s *solver) lockfile() (*Lockfile, error) {
	l := &Lockfile{Packages: make([]Package, 0, len(s.slots))}
	var wanted []byte
	for _, x := range s.slots {
		if x.chosen == nil {
			continue
		}
		p := *x.chosen.Package
		if p.DagSize > math.MaxInt64 {
			return nil, fmt.Errorf("resolve %s: its root block claims %d bytes below it", x.name, p.DagSize)
		}
		p.Name, p.Package, p.NeededBy = x.name, "", nil
		if x.own != x.name {
			p.Package = x.own
		}
		wanted = wanted[:0]
		if x.wish != nil {
			wanted = x.wish.appendWanted(wanted)
		}
		if p.Wanted != string(wanted) { // as with few: the others keep the text that they have
			p.Wanted = string(wanted)
		}
		for _, a := range x.asks {
			if a.by != x {
				p.NeededBy = append(p.NeededBy, a.by.name)
			}
		}
		slices.Sort(p.NeededBy)
		l.Packages = append(l.Packages, p)
	}
	slices.SortFunc(l.Packages, byName)
	return l, nil
}

func filter[T any](all []T, keep func(T) bool) []T {
	var kept []T
	for _, x := range all {
		if keep(x) {
			kept = append(kept, x)
		}
	}
	return kept
}
