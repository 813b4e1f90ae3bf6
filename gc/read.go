package gc

import (
	"fmt"
	"path/filepath"
	"strings"

	"ipp/generation"
	"ipp/lock"
	"ipp/profile"
	"ipp/store"
)

// reader reads generations one at a time and remembers of each what Plan needs to
// know, a small part of it. What it has read it takes as read when it looks again,
// so that the second look, for which others wait, costs a look at the files.
//
// That is no less sure than to read anew: a number is never used twice, a
// generation is never written again once it has its name, and its files are those
// that were there before it was read, as large and as old. What could differ is
// damage that left no trace, and then what was read first is what is right. Which
// generations there are, and which is current, is asked anew every time, and the
// current one is always read.
type reader struct {
	trees table
	seen  map[string]map[generation.Number]remembered // by profile directory
}

// remembered is a generation that was read.
type remembered struct {
	Gen
	files profile.Files // before it was read
}

// look reads what Plan needs to know of a profile. A profile that is missing is
// an error too, as is one whose files contradict each other: what it held can't
// be known.
func (r *reader) look(p *profile.Profile) (gens []Gen, keep int, err error) {
	current, err := p.CurrentNumber()
	if err != nil {
		return nil, 0, err
	}
	if err := p.Lost(); err != nil {
		return nil, 0, err
	}
	found := current == 0
	old, now := r.seen[p.Dir()], map[generation.Number]remembered{}
	add := func(g Gen, files profile.Files) {
		g.Current = g.Number == current
		now[g.Number] = remembered{g, files}
		gens = append(gens, g)
	}
	err = p.Each(func(n generation.Number, files profile.Files) bool {
		known, ok := old[n]
		if ok = ok && n != current && known.files.Same(files); ok {
			add(known.Gen, files)
		}
		return ok
	}, func(g *generation.Generation, files profile.Files) error {
		if err := agrees(g); err != nil {
			return err
		}
		add(r.gen(p, g), files)
		if g.Number != current {
			return nil
		}
		found = true
		keep, err = policyKeep(g)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	if !found {
		return nil, 0, fmt.Errorf("generation %d is current, but not there", current)
	}
	if r.seen == nil {
		r.seen = map[string]map[generation.Number]remembered{}
	}
	r.seen[p.Dir()] = now
	return gens, keep, nil
}

// gen is what is kept of a generation.
func (r *reader) gen(p *profile.Profile, g *generation.Generation) Gen {
	return Gen{
		Profile: p.Name(),
		Dir:     p.Dir(),
		Number:  g.Number,
		Parent:  g.Info.Parent,
		Time:    g.Info.Time,
		Trees:   r.trees.add(g.Info.Trees),
	}
}

// table numbers trees, so that one that a thousand generations hold is kept once.
type table struct {
	keys []store.Key
	at   map[store.Key]int32
}

// add gives the numbers of keys.
func (t *table) add(keys []store.Key) []int32 {
	if t.at == nil {
		t.at = map[store.Key]int32{}
	}
	numbers := make([]int32, len(keys))
	for i, k := range keys {
		n, ok := t.at[k]
		if !ok {
			n = int32(len(t.keys))
			k.Part = strings.Clone(k.Part) // it would keep the text of the whole file
			t.keys = append(t.keys, k)
			t.at[k] = n
		}
		numbers[i] = n
	}
	return numbers
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
