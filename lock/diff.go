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
	var changes []Change
	a, b := old.Packages, new.Packages
	for len(a) > 0 || len(b) > 0 {
		var c Change
		if len(a) > 0 && (len(b) == 0 || a[0].Name <= b[0].Name) {
			c.Name, c.Old = a[0].Name, &a[0]
		}
		if len(b) > 0 && (len(a) == 0 || b[0].Name <= a[0].Name) {
			c.Name, c.New = b[0].Name, &b[0]
		}
		if c.Old != nil {
			a = a[1:]
		}
		if c.New != nil {
			b = b[1:]
		}
		if c.Old == nil || c.New == nil || !dag.V1(c.Old.CID).Equals(dag.V1(c.New.CID)) {
			changes = append(changes, c)
		}
	}
	return changes
}
