package gc

// Who refers to an object: the index of a generation, or one of these.
const (
	nobody  = -1
	several = -2 // or something that is no generation
)

// weight is what is known of an object.
type weight struct {
	size  int64
	owner int  // who alone refers to it
	stays bool // a tree that stays names it
}

// weigh counts bytes by objects: what each generation alone keeps, and what
// goes with each tree, each object once. It returns what goes in all.
func (m *planner) weigh(fates []TreeFate) (total int64) {
	goes := make(map[string]bool, len(fates))
	for _, t := range fates {
		goes[t.Key.String()] = t.Goes
	}
	objects := m.objects(goes)
	for _, o := range objects {
		if o.owner >= 0 {
			m.gens[o.owner].Unique += o.size
		}
	}
	files := make(map[string]*Tree, len(m.Trees))
	for i := range m.Trees {
		files[m.Trees[i].Key.String()] = &m.Trees[i]
	}
	for i := range fates {
		t := &fates[i]
		if !t.Goes {
			continue
		}
		for _, f := range files[t.Key.String()].Files {
			if o := objects[f.Object]; o != nil && !o.stays {
				t.Bytes += o.size
				delete(objects, f.Object) // counted
			}
		}
		total += t.Bytes
	}
	return total
}

// objects looks at what every tree names.
func (m *planner) objects(goes map[string]bool) map[string]*weight {
	objects := map[string]*weight{}
	for _, t := range m.Trees {
		owner, stays := m.owner(t), !goes[t.Key.String()]
		for _, f := range t.Files {
			o := objects[f.Object]
			if o == nil {
				o = &weight{size: f.Size, owner: nobody}
				objects[f.Object] = o
			}
			o.owner = both(o.owner, owner)
			o.stays = o.stays || stays
		}
	}
	return objects
}

// owner is the one generation that refers to a tree, whether it stays or goes.
func (m *planner) owner(t Tree) int {
	owner := nobody
	for _, r := range m.holders[t.Key.String()] {
		owner = both(both(owner, int(r.first)), int(r.last))
	}
	if len(m.keptByOthers(t.Key)) > 0 {
		owner = several
	}
	return owner
}

// both is who alone refers to what a and b refer to.
func both(a, b int) int {
	switch {
	case a == nobody || a == b:
		return b
	case b == nobody:
		return a
	}
	return several
}
