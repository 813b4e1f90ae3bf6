package gc

import "ipp/generation"

// run is some generations of one profile without a gap: indices, both in it. A
// tree is in every generation from that which brought it to that which replaced
// it, so that its runs are few however long the history is.
type run struct{ first, last int32 }

// runs lists by a tree's name who holds it.
func (m *planner) runs() map[string][]run {
	runs := make([][]run, len(m.Keys))
	for i, g := range m.gens {
		for _, t := range g.Trees {
			runs[t] = m.extend(runs[t], int32(i))
		}
	}
	holders := make(map[string][]run, len(m.Keys))
	for t, k := range m.Keys {
		if len(runs[t]) > 0 {
			holders[k.String()] = runs[t]
		}
	}
	return holders
}

// extend adds a generation after all that are in runs.
func (m *planner) extend(runs []run, gen int32) []run {
	if n := len(runs); n > 0 && runs[n-1].last >= gen-1 && m.gens[runs[n-1].first].Dir == m.gens[gen].Dir {
		runs[n-1].last = gen
		return runs
	}
	return append(runs, run{gen, gen})
}

func (m *planner) noneStays(runs []run) bool {
	for _, r := range runs {
		for _, g := range m.gens[r.first : r.last+1] {
			if !g.Goes {
				return false
			}
		}
	}
	return true
}

// newest picks the newest generation, -1 where there are none: by number within a
// profile, where a clock may have been wrong, by time between profiles.
func (m *planner) newest(runs []run) int {
	best := -1
	for len(runs) > 0 {
		var one []run
		one, runs = m.firstProfile(runs)
		if last := int(one[len(one)-1].last); best < 0 || m.gens[last].Time.After(m.gens[best].Time) {
			best = last
		}
	}
	return best
}

// listStaying lists what stays, once all is decided.
func (m *planner) listStaying() {
	m.stayAt = make([]int, len(m.gens)+1)
	for i := len(m.gens) - 1; i >= 0; i-- {
		m.stayAt[i+1] = len(m.stay)
		if g := m.gens[i]; !g.Goes {
			m.stay = append(m.stay, g.Number)
		}
	}
	m.stayAt[0] = len(m.stay)
}

// keptByGens names, for each profile, the generations that stay and hold the
// tree. Thousands of trees may share what it returns: most have one run.
func (m *planner) keptByGens(runs []run) (reasons []Reason) {
	for len(runs) > 0 {
		var one []run
		one, runs = m.firstProfile(runs)
		var stay []generation.Number
		for i := len(one) - 1; i >= 0; i-- {
			from, to := m.stayAt[one[i].last+1], m.stayAt[one[i].first]
			if part := m.stay[from:to:to]; stay == nil {
				stay = part
			} else {
				stay = append(stay, part...)
			}
		}
		if len(stay) > 0 {
			reasons = append(reasons, Reason{Kind: ByGeneration, Profile: m.gens[one[0].first].Profile, Generations: stay})
		}
	}
	return reasons
}

// firstProfile splits off the runs of one profile.
func (m *planner) firstProfile(runs []run) (first, rest []run) {
	n := 1
	for n < len(runs) && m.gens[runs[n].first].Dir == m.gens[runs[0].first].Dir {
		n++
	}
	return runs[:n], runs[n:]
}
