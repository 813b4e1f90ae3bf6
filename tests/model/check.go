package main

func (m *M) check(s *S) uint8 {
	bad := s.bad
	var whole uint8 // trees that are present and whole, with objects that are
	for t := range NT {
		if s.tree>>t&1 == 0 {
			continue
		}
		if s.rot == 0 && lost(s.objs[t]) {
			bad |= bWhole
		}
		whole |= 1 << t
		for o := range NO {
			if treeObjs(t)>>o&1 == 0 {
				continue
			}
			if lost(s.hold[t][o]) {
				bad |= bWhole
			}
			if lost(s.obj[o]) {
				whole &^= 1 << t
			}
		}
	}
	if !has(s.gen[s.cur], 0) || s.gen[s.cur]&7&^whole != 0 {
		bad |= bCurrent
	}
	if allGens(s)&^whole != 0 {
		bad |= bKept
	}
	if s.must&^s.gen[s.cur] != 0 {
		bad |= bLost
	}
	for p := range s.pc { // who holds a lease and has seen its trees must not lose them
		if w := m.want(p); (s.lease[p] == live || s.lease[p] == void) && s.pc[p] >= iBuild && s.pc[p] != iNothing && s.tree&w != w {
			bad |= bKept
		}
	}
	if s.run != 0 && (s.tree&1 == 0 || s.runT != 0) && s.trash[0]&1 == 0 {
		bad |= bKept
	}
	return bad
}

// leak: when all have ended, one more gc, alone, must leave nothing unreachable.
func (m *M) leak(s S) bool {
	g := -1
	for p, x := range m.procs {
		if x.kind != Idle && s.pc[p] != over {
			return false
		}
		if x.kind == GC {
			g = p
		}
	}
	if g < 0 || s.rot != 0 { // a sweep ends at an unreadable .objects
		return false
	}
	for s.pc[g], s.trashLeak = gMutex, 0; s.pc[g] != over; {
		n := m.collect(s, g)
		if n == nil {
			return true
		}
		s = n[0].s
	}
	keep, n := allGens(&s), 0
	for t := range NT {
		if s.objs[t] != none && keep>>t&1 == 0 || s.obj[t] != none && objsOf(keep)>>t&1 == 0 {
			return true
		}
	}
	for _, g := range s.gen {
		n += int(b2u(g != 0))
	}
	return n > 3 || s.tree&^keep != 0 || s.stgs != 0 || s.trash != [3]uint8{} || s.trashLeak != 0 || s.lease != [NP]uint8{}
}

// powercut lists what may be found after one: each name that was not fsynced is
// the old or the new one, what was not synced is whole or torn.
func (m *M) powercut(s S) []S {
	s.power++
	for p, x := range m.procs {
		if x.kind != Idle && s.pc[p] != 0 && s.pc[p] != over {
			s = m.kill(s, p)
		}
	}
	data(&s, poison, torn)
	set := []S{s}
	fork := func(f func(*S)) {
		for _, x := range set {
			f(&x)
			set = append(set, x)
		}
	}
	if data(&set[0], dirty, clean) {
		data(&s, dirty, torn)
		set = append(set, s)
	}
	for n := range s.gen {
		if s.gen[n] != s.genD[n] {
			fork(func(x *S) {
				if x.gen[n] = x.genD[n]; x.gen[n] == 0 { // never durable, never reported: the number may come again
					x.used &^= 1 << n
				}
			})
		}
	}
	for v := range s.gen {
		if v != int(s.cur) && s.curD>>v&1 != 0 {
			for _, x := range set {
				if x.cur == s.cur {
					x.cur = uint8(v)
					set = append(set, x)
				}
			}
		}
	}
	for t := range NT {
		undone(&s, t, fork)
	}
	for i := range set {
		x := &set[i]
		fsyncProfile(x)
		fsyncTrees(x)
		x.objD = x.obj
		x.flip = 0
	}
	return set
}

// undone forks what a power cut may undo of tree t's names and its objects'.
func undone(s *S, t int, fork func(func(*S))) {
	switch b := uint8(1) << t; {
	case s.tree&b != 0 && s.treeD&b == 0:
		fork(func(x *S) { // the rename out of staging undone
			x.tree &^= b
			copy(x.stg[t][:], x.hold[t][:])
			x.stgs |= b
		})
	case s.tree&b == 0 && s.treeD&b != 0:
		fork(func(x *S) { // the rename to trash undone
			x.tree |= b
			if x.trash[t]&1 == 0 {
				x.hold[t][0] = torn
			}
			x.trash[t] &^= 1
		})
	}
	if s.objs[t] != s.objsD[t] {
		fork(func(x *S) { x.objs[t] = x.objsD[t] })
	}
	if s.obj[t] != s.objD[t] {
		fork(func(x *S) { x.obj[t] = x.objD[t] })
	}
}
