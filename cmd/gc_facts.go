package cmd

import (
	"cmp"
	"slices"
	"strings"

	"ipp/gc"
	"ipp/lock/ref"
	"ipp/store"

	"github.com/ipfs/go-cid"
)

// storeLines gathers what is in the store by package, with what keeps it.
func storeLines(facts gc.Facts) []storeLine {
	plan := gc.MakePlan(facts, gc.Policy{})
	lines := []storeLine{}
	seen := map[string]map[string]bool{} // CID to objects counted
	for i, t := range plan.Trees {
		id := t.Key.Root.String()
		if n := len(lines); n == 0 || lines[n-1].CID != id {
			name, version, _ := strings.Cut(t.Label, " ")
			lines = append(lines, storeLine{Name: name, Version: version, CID: id, KeptBy: []keeper{}})
			seen[id] = map[string]bool{}
		}
		l := &lines[len(lines)-1]
		l.Parts = append(l.Parts, t.Key.Part)
		for _, r := range t.Reasons {
			if !slices.Contains(l.words, r.String()) {
				l.words = append(l.words, r.String())
				l.KeptBy = append(l.KeptBy, keepers(r)...)
			}
		}
		for _, f := range treeFiles(facts, i, t.Key) {
			if !seen[id][f.Object] {
				seen[id][f.Object] = true
				l.Bytes += f.Size
			}
		}
	}
	slices.SortStableFunc(lines, func(a, b storeLine) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), ref.Version(a.Version).Compare(ref.Version(b.Version)))
	})
	return lines
}

// treeFiles finds a tree's files; plan and facts usually have one order.
func treeFiles(facts gc.Facts, i int, k store.Key) []store.FileInfo {
	same := func(t gc.Tree) bool { return t.Key.Part == k.Part && t.Key.Root.Equals(k.Root) }
	if i < len(facts.Trees) && same(facts.Trees[i]) {
		return facts.Trees[i].Files
	}
	if j := slices.IndexFunc(facts.Trees, same); j >= 0 {
		return facts.Trees[j].Files
	}
	return nil
}

// lastCopy lists the parts of a package that the next gc would delete if its
// root k-CID kept them no more, and whether that is all of them.
func lastCopy(facts gc.Facts, root cid.Cid) (parts []string, all bool) {
	all = true
	facts.Roots = slices.DeleteFunc(slices.Clone(facts.Roots), func(r store.Root) bool {
		return r.Kind == store.KeptRoot && r.CID.Equals(root)
	})
	// Leases and running programs end; they keep nothing.
	facts.Leases, facts.Processes = nil, nil
	for _, t := range gc.MakePlan(facts, gc.Policy{}).Trees {
		switch {
		case !t.Key.Root.Equals(root):
		case t.Goes:
			parts = append(parts, t.Key.Part)
		default:
			all = false
		}
	}
	return parts, all
}
