package lock

import (
	"maps"
	"slices"

	"ipp/lock/ref"
)

// maxTries bounds a search; an ordinary one tries once a package.
const maxTries = 100_000

// blame is the set of slots whose choice had a part in a failure.
type blame map[*slot]bool

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
		i, there := s.find(name, s.wishes.find(name) != nil)
		if !there {
			continue
		}
		if y := s.slots[i]; len(y.asks) > 0 && y.asks[len(y.asks)-1].by == x {
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
