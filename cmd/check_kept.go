package cmd

import (
	"cmp"
	"slices"
	"strings"

	"ipp/gc"
	"ipp/store"
)

// noteUnkept says what nothing keeps once lost roots were made anew: those of
// packages that were only packed or imported nobody can tell.
func (c *checker) noteUnkept() {
	lost := func(f checkFault) bool { return f.Kind == string(store.RootDamage) && f.File == c.path("roots") }
	if !slices.ContainsFunc(c.report.Faults, lost) {
		return
	}
	facts, err := c.a.collectorOf(c.st).Facts()
	if err != nil {
		return // what is in its way is told as damage
	}
	// Leases and running programs end; they keep nothing.
	facts.Leases, facts.Processes = nil, nil
	var names []string
	for _, t := range gc.MakePlan(facts, gc.Policy{}).Trees {
		name := cmp.Or(strings.TrimSpace(t.Label), shortCID(t.Key.Root))
		if t.Goes && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		slices.Sort(names)
		c.report.Notes = append(c.report.Notes, checkWord{c.path("roots"), "which packages were packed or imported to be kept can't be told; kept by nothing now, so that ipp gc deletes them: " +
			strings.Join(names, ", ") + "; to keep one: ipp export REF -o FILE.car, then ipp import FILE.car"})
	}
}
