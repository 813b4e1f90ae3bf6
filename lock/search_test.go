package lock

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"ipp/lock/ref"
)

// TestSearchIsComplete compares Resolve with trying every combination, on small
// random problems: it finds an answer exactly where there is one, and what it
// finds is one.
func TestSearchIsComplete(t *testing.T) {
	solvable, tight := 0, 0
	for seed := range uint64(3000) {
		random := rand.New(rand.NewPCG(seed, 1))
		known, wishes, old := randomProblem(t, random)
		want := bruteForce(known, wishes)
		l, err := Resolve(wishes, old, known.find, func(ref.Name) bool { return random.IntN(2) == 0 })
		if (err == nil) != want {
			t.Fatalf("seed %d: got %v, but an answer exists: %v\nknown %v\nwishes %s", seed, err, want, tellKnown(known), wishes.Encode())
		}
		if want {
			solvable++
			checkAnswer(t, known, wishes, l)
		} else {
			tight++
		}
	}
	if solvable < 500 || tight < 500 {
		t.Errorf("the problems are one-sided: %d can be solved, %d can't", solvable, tight)
	}
}

// randomProblem makes up to six packages of up to three versions, each of which
// needs some others at some version.
func randomProblem(t testing.TB, random *rand.Rand) (knownList, *Profile, *Lockfile) {
	names := []ref.Name{"a", "b", "c", "d", "e", "f"}
	constraint := func() ref.Constraint {
		return mustConstraint(t, []string{"*", "1", "2", "3", ">=2", "<3"}[random.IntN(6)])
	}
	var known knownList
	for i, name := range names {
		for v := range 1 + random.IntN(3) {
			c := parseCandidate(t, fmt.Sprintf("%s %d.0.0", name, v+1))
			for range random.IntN(4) {
				c.Dependencies[names[random.IntN(len(names))]] = constraint()
			}
			delete(c.Dependencies, names[i])
			known = append(known, c)
		}
	}
	wishes, old := NewProfile(), &Lockfile{}
	for _, name := range names[:1+random.IntN(3)] {
		wishes.Put(Wish{Name: name, Constraint: constraint()})
	}
	for _, name := range names {
		if have := known.find(name); random.IntN(2) == 0 {
			old.Packages = append(old.Packages, have[random.IntN(len(have))].Package)
		}
	}
	return known, wishes, old
}

// bruteForce says whether any choice of one version a package, for all of them,
// satisfies the wishes and what the chosen ones that they reach need.
func bruteForce(known knownList, wishes *Profile) bool {
	names := slices.Sorted(maps.Keys(map[ref.Name]bool{"a": true, "b": true, "c": true, "d": true, "e": true, "f": true}))
	chosen := map[ref.Name]Candidate{}
	var try func(i int) bool
	try = func(i int) bool {
		if i == len(names) {
			return satisfies(chosen, wishes)
		}
		for _, c := range known.find(names[i]) {
			chosen[names[i]] = c
			if try(i + 1) {
				return true
			}
		}
		return false
	}
	return try(0)
}

func satisfies(chosen map[ref.Name]Candidate, wishes *Profile) bool {
	reached := map[ref.Name]bool{}
	var reach func(name ref.Name, c ref.Constraint) bool
	reach = func(name ref.Name, c ref.Constraint) bool {
		if !c.Match(chosen[name].Version) {
			return false
		}
		if reached[name] {
			return true
		}
		reached[name] = true
		for dep, c := range chosen[name].Dependencies {
			if !reach(dep, c) {
				return false
			}
		}
		return true
	}
	for _, w := range wishes.Packages {
		if !reach(w.Name, w.Constraint) {
			return false
		}
	}
	return true
}

// checkAnswer wants a lock that satisfies everything and holds nothing that is
// not needed.
func checkAnswer(t *testing.T, known knownList, wishes *Profile, l *Lockfile) {
	t.Helper()
	chosen := map[ref.Name]Candidate{}
	for _, p := range l.Packages {
		i := slices.IndexFunc(known, func(c Candidate) bool { return c.CID.Equals(p.CID) })
		chosen[p.Name] = known[i]
		if p.Wanted == "" && len(p.NeededBy) == 0 {
			t.Fatalf("nobody needs %s", p.Name)
		}
	}
	if !satisfies(chosen, wishes) {
		t.Fatalf("not an answer: %s\nto %s", tellResult(l, nil), tellKnown(known))
	}
}

func tellKnown(known knownList) string {
	said := ""
	for _, c := range known {
		said += fmt.Sprintf("%s %s %v; ", c.Name, c.Version, c.Dependencies)
	}
	return said
}

// TestSearchEnds states the pigeonhole problem, which no backtracking search
// solves in less than about n! steps: eleven packages each want one of ten
// others for themselves.
func TestSearchEnds(t *testing.T) {
	const holes = 10
	var known knownList
	wishes := NewProfile()
	for pigeon := range holes + 1 {
		name := fmt.Sprintf("pigeon%02d", pigeon)
		wishes.Put(Wish{Name: ref.Name(name), Constraint: ref.Any()})
		for hole := range holes {
			known = append(known, parseCandidate(t, fmt.Sprintf("%s 1.%d.0 +hole%d:1.%d.0", name, hole, hole, pigeon)))
			known = append(known, parseCandidate(t, fmt.Sprintf("hole%d 1.%d.0", hole, pigeon)))
		}
	}
	_, err := Resolve(wishes, nil, known.find, nil)
	if hard, ok := errors.AsType[*TooHardError](err); !ok || hard.Tries != maxTries {
		t.Errorf("got %v, want a TooHardError", err)
	}
}

// TestSearchJumpsBack has the first and the last of many packages clash: a
// search that only took back the latest choice would never end.
func TestSearchJumpsBack(t *testing.T) {
	known := parseKnown(t, "a 1.0.0; a 2.0.0 +z:1.0.0; z 1.0.0; z 2.0.0; y 1.0.0 +z:^2")
	wishes := parseWishes(t, "a *; y *")
	for i := range 500 {
		name := fmt.Sprintf("m%03d", i)
		wishes.Put(Wish{Name: ref.Name(name), Constraint: ref.Any()})
		for v := range 10 {
			known = append(known, parseCandidate(t, fmt.Sprintf("%s 1.%d.0", name, v)))
		}
	}
	byName := indexed(known)
	l, err := Resolve(wishes, nil, byName, nil)
	if err != nil {
		t.Fatal(err)
	}
	if v := l.Find("a").Version; v != "1.0.0" {
		t.Errorf("chose a %s", v)
	}
}

func indexed(known knownList) Known {
	byName := map[ref.Name][]Candidate{}
	for _, c := range known {
		byName[c.Name] = append(byName[c.Name], c)
	}
	return func(name ref.Name) []Candidate { return byName[name] }
}

// BenchmarkResolve resolves 1,000 packages of 10 versions, each of which needs
// three others.
func BenchmarkResolve(b *testing.B) {
	var known knownList
	wishes := NewProfile()
	for i := range 1000 {
		name := fmt.Sprintf("p%03d", i)
		wishes.Put(Wish{Name: ref.Name(name), Constraint: ref.Any()})
		for v := range 10 {
			known = append(known, parseCandidate(b, fmt.Sprintf("%s 1.%d.0 +p%03d:^1.%d +p%03d:>=1.%d +p%03d:*",
				name, v, (i*7+1)%1000, min(v, 8), (i*13+5)%1000, min(v, 5), (i*29+3)%1000)))
		}
	}
	byName := indexed(known)
	for b.Loop() {
		if _, err := Resolve(wishes, nil, byName, nil); err != nil {
			b.Fatal(err)
		}
	}
}
