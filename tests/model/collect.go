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
	gFsync     // (g), and all .objects are read; without sweep
	gUnlink    // (h), one object a step
	gLists     // .objects without a tree
	gRelease   // sweep goes
	gEmpty     // trash
	gAgain     // between two objects sweep goes, and is taken again: others may have published
)

// collector is one step of one collector: the state that it makes, or that it
// waits.
type collector struct {
	m     *M
	p     int
	me    uint8
	s     S
	l     string // what the step did
	waits bool
}

func (m *M) collect(s S, p int) []succ {
	c := &collector{m: m, p: p, me: uint8(p + 1), s: s}
	pc := s.pc[p]
	c.s.pc[p]++ // unless a step says otherwise
	switch {
	case pc <= gPruned:
		c.prune(pc)
	case pc <= gProc:
		c.mark(pc)
	case pc <= gProcAgain:
		c.clear(pc)
	default:
		c.unlink(pc)
	}
	if c.waits {
		return nil
	}
	return []succ{{c.s, c.l}}
}

// prune takes expired generations away.
func (c *collector) prune(pc uint8) {
	switch pc {
	case gMutex:
		if c.s.gc != 0 {
			c.waits = true
			return
		}
		c.s.gc = c.me
		c.l = "gc: gc mutex"
	case gPlan:
		if c.m.PruneMutex {
			if c.s.profile != 0 {
				c.waits = true
				return
			}
			c.s.profile = c.me
		}
		if c.m.EntryFsync {
			fsyncProfile(&c.s)
		}
		for n := 1; n < NG; n++ {
			if n == int(c.s.cur) || n == int(parent(c.s.gen[c.s.cur])) {
				if c.s.gen[n]&real != 0 && !c.m.RecheckGens {
					c.s.gKeep |= c.s.gen[n] & 7
				}
			} else if c.s.gen[n]&real != 0 || c.s.gen[n] == gone && n < top(&c.s) {
				c.s.gPrune |= 1 << n
			}
		}
		c.l = fmt.Sprintf("gc: plans to prune %b", c.s.gPrune)
	case gPrune:
		if c.l = "gc: nothing more to prune"; c.s.gPrune != 0 {
			n := bits.TrailingZeros8(c.s.gPrune)
			c.s.gPrune &^= 1 << n
			c.s.gen[n] = b2u(c.m.Tombstone && n == top(&c.s)) * gone
			c.s.pc[c.p] = gPrune
			c.l = fmt.Sprintf("gc: prunes %d", n)
		}
	case gPruned:
		if c.m.PruneDurable {
			fsyncProfile(&c.s)
		}
		if c.s.profile == c.me {
			c.s.profile = 0
		}
		c.l = "gc: fsyncs the profile's directory, releases its mutex"
	}
}

// mark takes sweep, and finds what lives.
func (c *collector) mark(pc uint8) {
	switch pc {
	case gSweep:
		if c.s.sweepEX != 0 || c.s.sweepSH != 0 {
			c.waits = true
			return
		}
		c.s.sweepEX = c.me
		c.l = "gc: sweep EX"
	case gLeases:
		if c.m.LeasesFirst {
			c.leases()
		} else {
			c.gens()
		}
	case gGens:
		if c.m.LeasesFirst {
			c.gens()
		} else {
			c.leases()
		}
	case gProc:
		if c.s.runT == 0 {
			c.s.gLive |= c.s.run
		}
		c.s.gI = 0
		c.l = fmt.Sprintf("gc: reads /proc; live trees %03b", c.s.gLive)
	}
}

// clear moves dead trees to the trash and removes dead staging.
func (c *collector) clear(pc uint8) {
	switch pc {
	case gTrash:
		dead := c.s.tree &^ c.s.gLive >> c.s.gI << c.s.gI
		if dead == 0 {
			c.l = "gc: no more dead trees"
			break
		}
		c.s.pc[c.p] = gTrash
		t := bits.TrailingZeros8(dead)
		c.s.gI = uint8(t + 1)
		if c.s.trash[t] != 0 && !c.m.TrashUnique {
			c.s.trashLeak |= 1 << t
			c.l = "gc: name in trash is taken"
			break
		}
		if t == 0 {
			c.s.gOwn, c.s.runT = 1, c.s.run
		}
		c.s.trash[t] |= 1
		c.s.tree &^= 1 << t
		c.l = fmt.Sprintf("gc: tree %d to trash", t)
	case gProcAgain:
		if c.m.ProcAgain && c.s.runT != 0 && c.s.trash[0]&1 != 0 && c.s.tree&1 == 0 && (c.m.TrashScan || c.s.gOwn != 0) {
			c.s.trash[0] &^= 1
			c.s.tree |= 1
			c.s.runT = 0
		}
		for k := range c.s.stg {
			if c.s.gStg>>k&1 == 0 {
				drop(&c.s, k)
			}
		}
		c.s.sweepEX = 0
		c.l = "gc: /proc again; staging without a lease removed; releases sweep"
	}
}

// unlink unlinks what no tree names, and empties the trash.
func (c *collector) unlink(pc uint8) {
	switch pc {
	case gFsync:
		if c.m.TrashDurable {
			fsyncTrees(&c.s)
		}
		c.s.gI = 0
		c.s.pc[c.p] = gAgain
		c.names()
		c.l = fmt.Sprintf("gc: fsyncs trees/, trash/; .objects name %03b", c.s.gNamed)
	case gUnlink:
		c.l = "gc: no more dead objects"
		for o := range c.s.obj {
			if c.s.obj[o] != none && c.s.gNamed>>o&1 == 0 {
				c.s.obj[o] = none
				c.s.pc[c.p] = gAgain
				c.s.sweepEX = 0
				c.l = fmt.Sprintf("gc: unlinks object %d, releases sweep", o)
				break
			}
		}
	case gAgain:
		if c.s.sweepEX != 0 || c.s.sweepSH != 0 {
			c.waits = true
			return
		}
		c.s.sweepEX = c.me
		c.s.pc[c.p] = gUnlink
		if c.m.NamedAgain {
			c.s.gNamed = 0
			c.names()
		}
		c.l = fmt.Sprintf("gc: sweep EX again; .objects name %03b", c.s.gNamed)
	case gLists:
		for t := range c.s.objs {
			if c.s.tree>>t&1 == 0 && c.s.objs[t] != none && c.m.ObjsSwept {
				c.s.gRest |= 1 << t
			}
		}
		c.l = "gc: looks for .objects without a tree"
		if c.m.ObjsUnderEX {
			c.s.unlinkRest()
		}
	case gRelease:
		c.s.sweepEX = 0
		c.l = "gc: releases sweep"
	case gEmpty:
		c.s.unlinkRest()
		for t := range c.s.trash {
			if c.s.trash[t] == 0 || t == 0 && c.s.runT != 0 && c.m.ProcAgain && c.m.TrashScan { // in use: stays
				continue
			}
			c.s.pc[c.p] = gEmpty
			if c.s.trash[t]&1 != 0 {
				c.s.trash[t] = 2
			} else {
				c.s.trash[t] = 0
			}
			c.l = fmt.Sprintf("gc: deletes half of trash/%d", t)
			return
		}
		c.m.end(&c.s, c.p)
		c.l = "gc: done"
	}
}

// names reads all .objects. One of a tree that is present and can't be read ends
// the sweep.
func (c *collector) names() {
	for t, x := range c.s.objs {
		if c.s.tree>>t&1 != 0 && !lost(x) {
			c.s.gNamed |= objsOf(1 << t)
		} else if c.s.tree>>t&1 != 0 && c.m.ObjsAbort {
			c.s.pc[c.p] = gRelease
		}
	}
}

// leases are read: what they protect lives.
func (c *collector) leases() {
	for q := range c.s.lease {
		if c.s.lease[q] == 1 || c.s.lease[q] == stale {
			c.s.lease[q] = 0 // not flocked: its process is taken for dead
		}
		if c.s.lease[q] != live {
			continue
		}
		if w := c.m.want(q); c.m.procs[q].kind != Pack || c.s.join>>q&1 != 0 {
			c.s.gLive |= w
			c.s.gStg |= w
		}
		if c.m.procs[q].kind == Pack && c.m.LeaseStaging {
			c.s.gStg |= 1 << c.m.slot(q)
		}
	}
	c.l = "gc: reads leases"
}

// gens are read: what they hold lives.
func (c *collector) gens() {
	if c.s.gLive |= c.s.gKeep; c.m.RecheckGens {
		c.s.gLive |= allGens(&c.s)
	}
	c.l = "gc: reads generations"
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
