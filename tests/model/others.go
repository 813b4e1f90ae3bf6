package main

import (
	"fmt"
)

func (m *M) step(s S, p int) []succ {
	switch m.procs[p].kind {
	case Inst, Pack:
		return m.install(s, p)
	case Rollback:
		return m.rollback(s, p)
	case Program:
		return m.program(s, p)
	}
	return m.collect(s, p)
}

func (m *M) rollback(s S, p int) []succ {
	g := uint8(m.procs[p].arg)
	l := ""
	s.pc[p]++
	switch s.pc[p] {
	case 1:
		if m.RBMutex {
			if s.profile != 0 {
				return nil
			}
			s.profile = uint8(p + 1)
		}
		if m.EntryFsync {
			fsyncProfile(&s)
		}
		l = "rollback: profile mutex"
	case 2:
		if l = "rollback: generation is there"; s.gen[g]&real == 0 {
			m.end(&s, p)
			l = "rollback: no such generation, fails loudly"
		}
	case 3:
		s.cur = g
		s.curD |= 1 << g
		s.must &= s.gen[g]
		for q := 0; q < NP; q++ {
			if !has(s.gen[g], m.want(q)) {
				s.flip &^= 1 << q
			}
		}
		l = fmt.Sprintf("rollback: FLIPS current to %d", g)
	case 4:
		if m.FlipFsync {
			fsyncProfile(&s)
		}
		l = "rollback: fsyncs the profile's directory"
	case 5:
		m.end(&s, p)
		l = "rollback: SUCCESS reported"
	}
	return []succ{{s, l}}
}

func (m *M) program(s S, p int) []succ {
	switch {
	case s.pc[p] == 0 && s.gen[1]&real != 0:
		s.pc[p] = 1
		return []succ{{s, "program: resolves generation 1's link"}}
	case s.pc[p] == 1 && s.tree&1 != 0:
		s.pc[p], s.run = 2, 1
		return []succ{{s, "program: runs"}}
	}
	m.end(&s, p)
	return []succ{{s, "program: ends"}}
}
