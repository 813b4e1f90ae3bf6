package main

// want: the trees that p installs.
func (m *M) want(p int) uint8 {
	switch m.procs[p].kind {
	case Inst:
		return 1 << m.procs[p].arg
	case Pack:
		return uint8(m.procs[p].arg)
	}
	return 0
}

// slot: the staging directory of p.
func (m *M) slot(p int) int {
	if m.procs[p].kind == Inst {
		return m.procs[p].arg
	}
	n := 3
	for q := 0; q < p; q++ {
		if m.procs[q].kind == Pack {
			n++
		}
	}
	return n
}

func objsOf(trees uint8) (b uint8) {
	for t := range NT {
		if trees>>t&1 != 0 {
			b |= treeObjs(t)
		}
	}
	return b
}

func lost(data uint8) bool { return data == none || data == torn }

// has: generation g contains all of trees.
func has(g, trees uint8) bool { return g&real != 0 && g&trees == trees }

func parent(g uint8) uint8 { return g >> 3 & 7 }

func allGens(s *S) (b uint8) {
	for _, g := range s.gen {
		if g&real != 0 {
			b |= g & 7
		}
	}
	return b
}

func top(s *S) int {
	for n := NG - 1; n > 0; n-- {
		if s.gen[n] != 0 {
			return n
		}
	}
	return 0
}

func fsyncProfile(s *S) { s.genD, s.curD = s.gen, 1<<s.cur }
func fsyncTrees(s *S)   { s.treeD, s.objsD = s.tree, s.objs }

// data changes every file's data that is from into to.
func data(s *S, from, to uint8) (found bool) {
	f := func(x []uint8) {
		for i := range x {
			if x[i] == from {
				x[i], found = to, true
			}
		}
	}
	f(s.obj[:])
	f(s.objD[:])
	f(s.objs[:])
	f(s.objsD[:])
	for i := range s.hold {
		f(s.hold[i][:])
	}
	for i := range s.stg {
		f(s.stg[i][:])
	}
	return found
}

func drop(s *S, k int) {
	s.stg[k] = [list + 1]uint8{}
	s.stgs &^= 1 << k
}

// release gives up what a process's descriptors held.
func release(s *S, p int) {
	s.sweepSH &^= 1 << p
	s.fd &^= 1 << p
	s.err &^= 1 << p
	for _, x := range []*uint8{&s.sweepEX, &s.profile, &s.staging[0], &s.staging[1], &s.staging[2]} {
		if *x == uint8(p+1) {
			*x = 0
		}
	}
	if s.gc == uint8(p+1) {
		s.gc, s.gKeep, s.gPrune, s.gLive, s.gStg, s.gNamed, s.gRest, s.gI, s.gOwn = 0, 0, 0, 0, 0, 0, 0, 0, 0
	}
}

func (m *M) end(s *S, p int) {
	release(s, p)
	if m.procs[p].kind == Program {
		s.run, s.runT = 0, 0
	}
	s.join &^= 1 << p
	s.pc[p], s.lease[p], s.par[p], s.num[p], s.i[p] = over, 0, 0, 0, 0
}

// kill ends p wherever it is: its lease file and its staging stay.
func (m *M) kill(s S, p int) S {
	l := s.lease[p]
	m.end(&s, p)
	if l == 1 || l == live {
		s.lease[p] = stale
	}
	return s
}

// start: generation 3, empty, made from an empty 2, made from 1, which holds T0.
func start() S {
	s := S{gen: [NG]uint8{1: real | 1, 2: real | 1<<3, 3: real | 2<<3}, cur: 3, used: 0b1110, tree: 1}
	s.obj[0], s.objs[0], s.hold[0][0] = clean, clean, clean
	fsyncProfile(&s)
	fsyncTrees(&s)
	s.objD = s.obj
	return s
}

func b2u(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}
