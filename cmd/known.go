package cmd

import (
	"cmp"
	"context"

	"ipp/lock"
	"ipp/lock/ref"

	"github.com/ipfs/go-cid"
)

// This file is what resolution is told of packages.

// wished finds wishes by the packages' own names.
type wished struct {
	*lock.Profile
	renamed map[ref.Name][]lock.Wish // for packages that are to have other names here
}

func wishedIn(wishes *lock.Profile) wished {
	w := wished{wishes, map[ref.Name][]lock.Wish{}}
	for _, wish := range wishes.Packages {
		if own := cmp.Or(wish.Package, wish.Name); own != wish.Name {
			w.renamed[own] = append(w.renamed[own], wish)
		}
	}
	return w
}

// plain is the wish for a package of that name of its own, under this name.
func (w wished) plain(own ref.Name) (lock.Wish, bool) {
	wish, ok := w.Wish(own)
	return wish, ok && cmp.Or(wish.Package, own) == own
}

// all are the wishes for it, plain first.
func (w wished) all(own ref.Name) (list []lock.Wish) {
	if wish, ok := w.plain(own); ok {
		list = append(list, wish)
	}
	return append(list, w.renamed[own]...)
}

// exact lists the packages that are wished for by CID; nil where one is wished
// for in another way.
func exact(wishes []lock.Wish) []cid.Cid {
	var roots []cid.Cid
	for _, w := range wishes {
		if !w.CID.Defined() {
			return nil
		}
		roots = append(roots, w.CID)
	}
	return roots
}

// settled says of names what the lock says already: a package that is wished for
// by its CID, under its own name alone, and locked as just that, can be no other
// one, and if it needed nothing then it needs nothing now. So it is not opened,
// which is what makes a change of a large profile quick.
func settled(wishes wished, old *lock.Lockfile) func(own ref.Name) bool {
	needs := map[ref.Name]bool{}
	for _, p := range old.Packages {
		for _, by := range p.NeededBy {
			needs[by] = true
		}
	}
	return func(own ref.Name) bool {
		wish, plain := wishes.plain(own)
		p := old.Find(own)
		return plain && len(wishes.renamed[own]) == 0 && p != nil && p.Package == "" && wish.CID.Defined() && wish.CID.Equals(p.CID) && !needs[own]
	}
}

// only is candidates where nothing but these packages can be chosen; false if
// one of them can't be had.
func (s *session) only(ctx context.Context, name ref.Name, roots []cid.Cid) ([]lock.Candidate, bool) {
	var list []lock.Candidate
	for _, root := range roots {
		o, err := s.source(ctx, root)
		if err != nil || o.own() != "" && o.own() != name {
			return nil, false
		}
		list = append(list, candidate(o.pkg, name))
	}
	return list, len(list) > 0
}

// known is what Resolve asks. The first error is kept for after. What the old
// lock settles is not told again.
func (s *session) known(ctx context.Context, wishes *lock.Profile, old *lock.Lockfile, failure *error) lock.Known {
	cache := map[ref.Name][]lock.Candidate{}
	if s.candidatesOf == nil {
		s.candidatesOf = map[ref.Name][]lock.Candidate{}
	}
	wanted := wishedIn(wishes)
	isSettled := settled(wanted, old)
	return func(name ref.Name) []lock.Candidate {
		if list, ok := cache[name]; ok {
			return list
		}
		if isSettled(name) {
			return nil
		}
		list, ok := s.only(ctx, name, exact(wanted.all(name)))
		if !ok {
			var err error
			if list, err = s.candidates(ctx, name); err != nil && *failure == nil {
				*failure = err
			}
			s.candidatesOf[name] = list
		}
		cache[name] = list
		return list
	}
}
