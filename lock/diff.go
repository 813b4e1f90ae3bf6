package lock

import (
	"ipp/lock/ref"
	"ipp/store/dag"
)

// Change is a difference between two lockfiles for one name; Old or New is nil
// where it is added or removed.
type Change struct {
	Name     ref.Name
	Old, New *Package
}

// Diff lists what differs, sorted by name. Equal packages with other reasons
// (Wanted, NeededBy) or from another channel are not a difference.
func Diff(old, new *Lockfile) []Change {
	names := map[ref.Name]bool{}
	for _, l := range []*Lockfile{old, new} {
		for _, p := range l.Packages {
			names[p.Name] = true
		}
	}
	var changes []Change
	for _, name := range sortedKeys(names) {
		a, b := old.Find(name), new.Find(name)
		if a != nil && b != nil && dag.V1(a.CID).Equals(dag.V1(b.CID)) {
			continue
		}
		changes = append(changes, Change{Name: name, Old: a, New: b})
	}
	return changes
}
