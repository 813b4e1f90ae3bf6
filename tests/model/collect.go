package main

import (
	"fmt"
	"math/bits"
)

// Steps of gc.
const (
	gMutex     = iota
	gPlan      // profile mutex, current and its parent are kept
	gPrune     // one generation a step
	gPruned    // fsync, profile mutex goes
	gSweep     // sweep EX
	gLeases    // (a)
	gGens      // (b)
	gProc      // (c)
	gTrash     // (d), one tree a step
	gProcAgain // (e), (f)
	gFsync     // (g), and all .objects are read
	gUnlink    // (h), one object a step
	gLists     // .objects without a tree
	gRelease   // sweep goes
	gEmpty     // trash
)

func (m *M) collect(s S, p int) []succ {
	me, l := uint8(p+1), ""
	pc := s.pc[p]
	s.pc[p]++ // unless a step says otherwise
	leases := func() {
		for q := range s.lease {
			if s.lease[q] == 1 || s.lease[q] == stale {
				s.lease[q] = 0 // not flocked: its process is taken for dead
			}
			if s.lease[q] != live {
				continue
			}
			if w := m.want(q); m.procs[q].kind != Pack || s.join>>q&1 != 0 {
				s.gLive |= w
				s.gStg |= w
			}
			if m.procs[q].kind == Pack && m.LeaseStaging {
				s.gStg |= 1 << m.slot(q)
			}
		}
		l = "gc: reads leases"
	}
	gens := func() {
		if s.gLive |= s.gKeep; m.RecheckGens {
			s.gLive |= allGens(&s)
		}
		l = "gc: reads generations"
	}
	switch pc {
	case gMutex:
		if s.gc != 0 {
			return nil
		}
		s.gc = me
		l = "gc: gc mutex"
	case gPlan:
		if m.PruneMutex {
			if s.profile != 0 {
				return nil
			}
			s.profile = me
		}
		if m.EntryFsync {
			fsyncProfile(&s)
		}
		for n := 1; n < NG; n++ {
			if n == int(s.cur) || n == int(parent(s.gen[s.cur])) {
				if s.gen[n]&real != 0 && !m.RecheckGens {
					s.gKeep |= s.gen[n] & 7
				}
			} else if s.gen[n]&real != 0 || s.gen[n] == gone && n < top(&s) {
				s.gPrune |= 1 << n
			}
		}
		l = fmt.Sprintf("gc: plans to prune %b", s.gPrune)
	case gPrune:
		if l = "gc: nothing more to prune"; s.gPrune != 0 {
			n := bits.TrailingZeros8(s.gPrune)
			s.gPrune &^= 1 << n
			s.gen[n] = b2u(m.Tombstone && n == top(&s)) * gone
			s.pc[p] = gPrune
			l = fmt.Sprintf("gc: prunes %d", n)
		}
	case gPruned:
		if m.PruneDurable {
			fsyncProfile(&s)
		}
		if s.profile == me {
			s.profile = 0
		}
		l = "gc: fsyncs the profile's directory, releases its mutex"
	case gSweep:
		if s.sweepEX != 0 || s.sweepSH != 0 {
			return nil
		}
		s.sweepEX = me
		l = "gc: sweep EX"
	case gLeases:
		if m.LeasesFirst {
			leases()
		} else {
			gens()
		}
	case gGens:
		if m.LeasesFirst {
			gens()
		} else {
			leases()
		}
	case gProc:
		if s.runT == 0 {
			s.gLive |= s.run
		}
		s.gI = 0
		l = fmt.Sprintf("gc: reads /proc; live trees %03b", s.gLive)
	case gTrash:
		dead := s.tree &^ s.gLive >> s.gI << s.gI
		if dead == 0 {
			l = "gc: no more dead trees"
			break
		}
		s.pc[p] = gTrash
		t := bits.TrailingZeros8(dead)
		s.gI = uint8(t + 1)
		if s.trash[t] != 0 && !m.TrashUnique {
			s.trashLeak |= 1 << t
			l = "gc: name in trash is taken"
			break
		}
		if t == 0 {
			s.gOwn, s.runT = 1, s.run
		}
		s.trash[t] |= 1
		s.tree &^= 1 << t
		l = fmt.Sprintf("gc: tree %d to trash", t)
	case gProcAgain:
		if m.ProcAgain && s.runT != 0 && s.trash[0]&1 != 0 && s.tree&1 == 0 && (m.TrashScan || s.gOwn != 0) {
			s.trash[0] &^= 1
			s.tree |= 1
			s.runT = 0
		}
		for k := range s.stg {
			if s.gStg>>k&1 == 0 {
				drop(&s, k)
			}
		}
		l = "gc: /proc again; staging without a lease removed"
	case gFsync:
		if m.TrashDurable {
			fsyncTrees(&s)
		}
		s.gI = 0
		for t, x := range s.objs {
			if s.tree>>t&1 != 0 && !lost(x) {
				s.gNamed |= objsOf(1 << t)
			} else if s.tree>>t&1 != 0 && m.ObjsAbort {
				s.pc[p] = gRelease
			}
		}
		l = fmt.Sprintf("gc: fsyncs trees/, trash/; .objects name %03b", s.gNamed)
	case gUnlink:
		l = "gc: no more dead objects"
		for o := range s.obj {
			if s.obj[o] != none && s.gNamed>>o&1 == 0 {
				s.obj[o] = none
				s.pc[p] = gUnlink
				l = fmt.Sprintf("gc: unlinks object %d", o)
				break
			}
		}
	case gLists:
		for t := range s.objs {
			if s.tree>>t&1 == 0 && s.objs[t] != none && m.ObjsSwept {
				s.gRest |= 1 << t
			}
		}
		l = "gc: looks for .objects without a tree"
		if m.ObjsUnderEX {
			s.unlinkRest()
		}
	case gRelease:
		s.sweepEX = 0
		l = "gc: releases sweep"
	case gEmpty:
		s.unlinkRest()
		for t := range s.trash {
			if s.trash[t] == 0 || t == 0 && s.runT != 0 && m.ProcAgain && m.TrashScan { // in use: stays
				continue
			}
			s.pc[p] = gEmpty
			if s.trash[t]&1 != 0 {
				s.trash[t] = 2
			} else {
				s.trash[t] = 0
			}
			return []succ{{s, fmt.Sprintf("gc: deletes half of trash/%d", t)}}
		}
		m.end(&s, p)
		l = "gc: done"
	}
	return []succ{{s, l}}
}

// unlinkRest removes the .objects that gc found without a tree.
func (s *S) unlinkRest() {
	for t := range s.objs {
		if s.gRest>>t&1 != 0 {
			s.objs[t] = none
		}
	}
	s.gRest = 0
}
