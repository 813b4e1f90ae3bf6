package lock

import (
	"cmp"
	"fmt"
	"maps"
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
	s := &solver{wishes: wishes, old: indexLock(old), known: known, upgrade: upgrade,
		slots: make([]*slot, 0, len(wishes.Packages)), byName: make(map[ref.Name]*slot, len(wishes.Packages))}
	for _, name := range sortedKeys(wishes.Packages) {
		s.slot(name)
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

// maxTries bounds a search; an ordinary one tries once a package.
const maxTries = 100_000

// solver is one run of Resolve: a depth-first search that decides one slot
// after the other, and when it fails jumps back to the last decision that had
// a part in the failure.
type solver struct {
	wishes  *Profile
	old     *oldLock
	known   Known
	upgrade func(ref.Name) bool
	slots   []*slot // wishes first, then by name: the order of decisions
	byName  map[ref.Name]*slot
	decided int // so many slots at the front are, if not more
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

// blame is the set of slots whose choice had a part in a failure.
type blame map[*slot]bool

// slot returns the slot of that name, and makes it where it is new.
func (s *solver) slot(name ref.Name) *slot {
	if x := s.byName[name]; x != nil {
		return x
	}
	x := &slot{name: name, own: name}
	channel := ref.Name("")
	if wish, ok := s.wishes.Packages[name]; ok {
		x.wish = &wish
		channel = wish.Channel
		x.own = cmp.Or(wish.Package, name)
	}
	x.all = optionsFor(name, x.own, channel, s.known(x.own), s.old)
	x.options = filter(x.all, x.wished)
	if i := slices.IndexFunc(x.options, func(o *option) bool { return o.locked }); i >= 0 && x.wish != nil && x.wish.Hold {
		x.held = true
		x.options = x.options[i : i+1]
	}
	x.against = make([]int, len(x.options))
	s.byName[name] = x
	i, _ := slices.BinarySearchFunc(s.slots, x, inOrder)
	s.slots, s.decided = slices.Insert(s.slots, i, x), min(s.decided, i)
	return x
}

func inOrder(a, b *slot) int {
	if (a.wish != nil) != (b.wish != nil) {
		if a.wish != nil {
			return -1
		}
		return 1
	}
	return cmp.Compare(a.name, b.name)
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

// next picks the slot to decide, and its choices: the first in order that is
// wanted and undecided. One that takes a person to decide comes last, since
// what others ask may still narrow it.
func (s *solver) next() (*slot, []*option, error) {
	for s.decided < len(s.slots) && s.slots[s.decided].chosen != nil {
		s.decided++
	}
	var doubt error
	for _, x := range s.slots[s.decided:] {
		if x.chosen != nil || x.wish == nil && len(x.asks) == 0 {
			continue
		}
		choices, err := s.choices(x)
		if err == nil {
			return x, choices, nil
		}
		if doubt == nil {
			doubt = err
		}
	}
	return nil, nil, doubt
}

// search decides all slots that are left. Where it can't, it says which of the
// decisions before had a part in that. What has one choice, as nearly all of a
// large profile does, is decided in a loop: a call for each makes a deep stack.
func (s *solver) search() (bool, blame, error) {
	var forced []*slot
	var clash blame
	for {
		x, choices, err := s.next()
		if err != nil || x == nil {
			return err == nil, nil, err
		}
		if len(choices) != 1 {
			var solved bool
			if solved, clash, err = s.branch(x, choices); solved || err != nil {
				return solved, nil, err
			}
			break
		}
		if clash, err = s.try(x, choices[0]); err != nil {
			return false, nil, err
		}
		if clash != nil {
			clash.answer(x)
			break
		}
		forced = append(forced, x)
	}
	for _, x := range slices.Backward(forced) {
		s.undo(x)
		if clash[x] {
			clash.answer(x)
		}
	}
	return false, clash, nil
}

// branch decides x in one of several ways, or in none, and then all that is left.
func (s *solver) branch(x *slot, choices []*option) (bool, blame, error) {
	if len(choices) == 0 {
		s.fail(x)
	}
	reasons := blame{}
	for _, o := range choices {
		clash, err := s.try(x, o)
		if err != nil {
			return false, nil, err
		}
		if clash == nil {
			var solved bool
			if solved, clash, err = s.search(); solved || err != nil {
				return solved, nil, err
			}
			s.undo(x)
			if !clash[x] {
				return false, clash, nil // whatever x is, it fails again
			}
		}
		maps.Copy(reasons, clash)
	}
	reasons.answer(x)
	return false, reasons, nil
}

// try is choose, unless it was done too often or takes a person.
func (s *solver) try(x *slot, o *option) (blame, error) {
	if s.tries++; s.tries > maxTries {
		return nil, &TooHardError{Tries: maxTries, Name: x.name}
	}
	if len(o.twins) > 0 {
		return nil, o.ambiguous(x.own)
	}
	return s.choose(x, o), nil
}

// choose fills x with o and tells the slots that o needs. Where that can't be,
// nothing has changed, and it says whose choice it clashes with.
func (s *solver) choose(x *slot, o *option) blame {
	x.chosen = o
	for _, name := range sortedKeys(o.Dependencies) {
		y := s.slot(name)
		y.ask(x, o.Dependencies[name])
		clash := blame{}
		switch {
		case y.chosen != nil && !y.suits(y.chosen, o.Dependencies[name]):
			clash[y] = true
		case y.chosen == nil && !y.canBeChosen():
			clash.askers(y)
		default:
			continue
		}
		s.fail(y)
		s.undo(x)
		return clash
	}
	return nil
}

// undo takes back the choice for x, which is the last one that was made.
func (s *solver) undo(x *slot) {
	for name := range x.chosen.Dependencies {
		y := s.byName[name]
		if y != nil && len(y.asks) > 0 && y.asks[len(y.asks)-1].by == x {
			y.unask()
		}
	}
	x.chosen, s.decided = nil, 0
}

// askers adds the slots that ask something of x.
func (b blame) askers(x *slot) {
	for _, a := range x.asks {
		b[a.by] = true
	}
}

// answer puts those who ask something of x in its place: no other choice for it
// is left.
func (b blame) answer(x *slot) {
	delete(b, x)
	b.askers(x)
}

// fail remembers the first dead end; one that other choices for the slot could
// avoid gives way to one that none could.
func (s *solver) fail(x *slot) {
	hard := !x.canBeChosen()
	if s.failure == nil || hard && !s.hard {
		s.failure, s.hard = x.explain(), hard
	}
}

// explain says why nothing fills the slot.
func (x *slot) explain() error {
	has := versionsOf(x.all)
	if x.wish != nil && !slices.ContainsFunc(x.all, x.wished) {
		return &NotFoundError{Name: x.own, Constraint: x.wish.Constraint, CID: x.wish.CID, Channel: x.wish.Channel, Has: has}
	}
	asked := map[ref.Name]ref.Constraint{}
	for _, a := range x.asks {
		asked[a.by.name] = a.constraint
		matches := func(o *option) bool { return x.suits(o, a.constraint) }
		if x.own == x.name && !slices.ContainsFunc(x.all, matches) {
			return &NotFoundError{Name: x.own, Constraint: a.constraint, NeededBy: a.by.name, Has: has}
		}
	}
	e := &UnsatisfiableError{Name: x.name, Asked: asked, Held: x.held, Loop: x.canBeChosen(), Has: has}
	if x.wish != nil {
		asked[""] = x.wish.Constraint
		e.CID = x.wish.CID
	}
	return e
}

// lockfile writes down what was chosen.
func (s *solver) lockfile() (*Lockfile, error) {
	l := &Lockfile{Packages: make([]Package, 0, len(s.slots))}
	for _, x := range s.slots {
		if x.chosen == nil {
			continue
		}
		p := x.chosen.Package
		if p.DagSize > math.MaxInt64 {
			return nil, fmt.Errorf("resolve %s: its root block claims %d bytes below it", x.name, p.DagSize)
		}
		p.Name, p.Package, p.Wanted, p.NeededBy = x.name, "", "", nil
		if x.own != x.name {
			p.Package = x.own
		}
		if x.wish != nil {
			p.Wanted = x.wish.Wanted()
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
