package gc

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ipp/generation"
	"ipp/store"

	"github.com/ipfs/go-cid"
)

// MakePlan decides; it is pure.
func MakePlan(f Facts, p Policy) *Plan {
	m := newPlanner(f, p)
	m.decide()
	m.keepInUse()
	m.listStaying()
	plan := &Plan{Gens: m.gens, Trees: m.trees()}
	plan.Bytes = m.weigh(plan.Trees)
	for _, st := range f.Staged {
		plan.Staged += st.Bytes
	}
	return plan
}

// planner is MakePlan at work. What refers to trees is looked up by the tree's
// name.
type planner struct {
	Facts
	policy  Policy
	gens    []GenFate            // sorted by profile and number
	holders map[string][]run     // the generations that hold a tree, in that order
	stay    []generation.Number  // of those that stay, the last first
	stayAt  []int                // how many of them are in gens from each on
	users   map[string][]Process // the programs that use a tree
	kept    map[pkg][]Reason     // why a package is kept
	keepAll []Reason             // why all packages are
}

func newPlanner(f Facts, p Policy) *planner {
	m := &planner{
		Facts:  f,
		policy: p,
		users:  map[string][]Process{},
		kept:   map[pkg][]Reason{},
	}
	for _, g := range f.Gens {
		m.gens = append(m.gens, GenFate{Gen: g})
	}
	slices.SortFunc(m.gens, func(a, b GenFate) int {
		return cmp.Or(cmp.Compare(a.Profile, b.Profile), cmp.Compare(a.Dir, b.Dir), cmp.Compare(a.Number, b.Number))
	})
	m.holders = m.runs()
	for _, p := range f.Processes {
		for _, k := range p.Trees {
			m.users[k.String()] = append(m.users[k.String()], p)
		}
	}
	m.addRoots()
	return m
}

// addRoots notes what kept roots and leases keep.
func (m *planner) addRoots() {
	for _, r := range m.Roots {
		if r.Kind == store.KeptRoot {
			m.kept[packageOf(r.CID)] = append(m.kept[packageOf(r.CID)], Reason{Kind: ByRoot, Why: cmp.Or(r.Why, "a root of its own")})
		}
	}
	for _, l := range m.Leases {
		reason := Reason{Kind: ByLease, PIDs: []int{l.PID}, Why: l.Purpose}
		if l.All {
			m.keepAll = append(m.keepAll, reason)
		}
		for _, c := range l.Roots {
			m.kept[packageOf(c)] = append(m.kept[packageOf(c)], reason)
		}
	}
}

// pkg is a package whatever version its root's CID is of.
type pkg struct {
	codec uint64
	hash  string
}

func packageOf(c cid.Cid) pkg {
	if !c.Defined() {
		return pkg{}
	}
	return pkg{c.Type(), string(c.Hash())}
}

// decide applies the policy, profile by profile.
func (m *planner) decide() {
	for start := 0; start < len(m.gens); {
		end := start + 1
		for end < len(m.gens) && m.gens[end].Dir == m.gens[start].Dir {
			end++
		}
		m.decideProfile(m.gens[start:end])
		start = end
	}
}

func (m *planner) decideProfile(gens []GenFate) {
	var parent generation.Number
	for _, g := range gens {
		if g.Current {
			parent = g.Parent
		}
	}
	for i := range gens {
		g := &gens[i]
		switch {
		case g.Current:
			g.Reason = "current"
		case g.Number == parent:
			g.Reason = "parent of current"
		default:
			g.Goes, g.Reason = m.fate(g.Gen, len(gens)-i)
		}
	}
}

// fate applies the policy to a generation that is the rank-newest of its
// profile.
func (m *planner) fate(g Gen, rank int) (goes bool, reason string) {
	keep, than := m.policy.Keep, m.policy.OlderThan
	if keep <= 0 && than > 0 {
		keep = m.Keep[g.Dir]
	}
	beyond, older := fmt.Sprintf("beyond the newest %d", keep), "older than "+age(than)
	switch {
	case keep <= 0 && than <= 0:
		return false, "nothing asked to remove it"
	case keep > 0 && rank <= keep:
		return false, fmt.Sprintf("among the newest %d", keep)
	case than > 0 && m.Now.Sub(g.Time) <= than:
		return false, "not " + older
	case than <= 0:
		return true, beyond
	case keep <= 0:
		return true, older
	}
	return true, beyond + ", " + older
}

// age spells a duration as people type it.
func age(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	switch s := d.String(); {
	case d%time.Hour == 0:
		return strings.TrimSuffix(s, "0m0s")
	case d%time.Minute == 0:
		return strings.TrimSuffix(s, "0s")
	default:
		return s
	}
}

// keepInUse lets the newest of the generations stay that hold a tree in use,
// where otherwise none would.
func (m *planner) keepInUse() {
	for _, k := range slices.Sorted(maps.Keys(m.users)) {
		if n := m.newest(m.holders[k]); n >= 0 && m.noneStays(m.holders[k]) {
			m.gens[n].Goes, m.gens[n].Reason = false, inUse(m.users[k]).String()
		}
	}
}

// inUse names who uses a tree.
func inUse(users []Process) Reason {
	r := Reason{Kind: ByProgram, Why: users[0].Name}
	for _, p := range users {
		r.PIDs = append(r.PIDs, p.PID)
	}
	return r
}

// trees decides about every tree.
func (m *planner) trees() []TreeFate {
	fates := make([]TreeFate, len(m.Trees))
	for i, t := range m.Trees {
		f := TreeFate{Key: t.Key, Label: t.Label, Err: t.Err}
		f.Reasons = append(m.keptByGens(m.holders[t.Key.String()]), m.keptByOthers(t.Key)...)
		if f.Goes = len(f.Reasons) == 0; f.Goes {
			if last := m.newest(m.holders[t.Key.String()]); last >= 0 {
				g := m.gens[last]
				f.Last = &Reason{Kind: ByGeneration, Profile: g.Profile, Generations: []generation.Number{g.Number}}
			}
		}
		fates[i] = f
	}
	slices.SortFunc(fates, func(a, b TreeFate) int { return cmp.Compare(a.Key.String(), b.Key.String()) })
	return fates
}

// keptByOthers names the kept root, the leases and the programs that keep a
// tree. A program that ipp run became has its lease, and is named once.
func (m *planner) keptByOthers(k store.Key) (reasons []Reason) {
	users := m.users[k.String()]
	for _, by := range slices.Concat(m.kept[packageOf(k.Root)], m.keepAll) {
		if by.Kind != ByLease || !slices.ContainsFunc(users, func(p Process) bool { return p.PID == by.PIDs[0] }) {
			reasons = append(reasons, by)
		}
	}
	if len(users) > 0 {
		reasons = append(reasons, inUse(users))
	}
	return reasons
}
