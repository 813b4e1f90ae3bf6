package main

import "fmt"

// publish gives names to what is staged, the tree last.
func (x *installer) publish() {
	switch x.s.pc[x.p] {
	case iSweep:
		if x.m.PublishSH {
			if x.s.sweepEX != 0 {
				return
			}
			x.s.sweepSH |= x.bit
		}
		x.to(iPublish, "sweep SH")
	case iPublish:
		x.publishPart()
	case iRename:
		if x.s.tree>>x.t&1 != 0 {
			if !x.pack {
				drop(&x.s, x.k)
			}
			x.to(iFsync, "rename: tree is there")
			break
		}
		if x.s.stgs&x.kb == 0 {
			x.s.bad |= bKept
		}
		x.s.tree |= 1 << x.t
		x.s.hold[x.t] = [3]uint8{}
		for o := range NO {
			if treeObjs(int(x.t))>>o&1 != 0 {
				x.s.hold[x.t][o] = x.s.stg[x.k][o]
			}
		}
		if !x.pack {
			drop(&x.s, x.k)
		}
		x.to(iFsync, fmt.Sprintf("renames staging to trees/%d", x.t))
	case iFsync:
		if !x.m.ObjsFirst {
			x.s.objs[x.t] = clean
		}
		if x.m.TreeFsync {
			fsyncTrees(&x.s)
		}
		x.next("fsyncs trees/, releases")
	}
}

// flip builds the forest and makes it current.
func (x *installer) flip() {
	switch x.s.pc[x.p] {
	case iBuild:
		if !has(x.s.gen[x.s.par[x.p]], 0) || x.s.tree&x.want != x.want || x.s.gen[x.s.par[x.p]]&7&^x.s.tree != 0 {
			x.to(iRead, "forest: parent or tree gone")
		} else {
			x.to(iProfile, "builds the forest")
		}
	case iProfile:
		if x.m.ProfileMutex {
			if x.s.profile != 0 {
				return
			}
			x.s.profile = x.me
		}
		if x.m.EntryFsync {
			fsyncProfile(&x.s)
		}
		x.to(iNumber, "profile mutex")
	case iNumber:
		n := top(&x.s) + 1
		if x.s.cur != x.s.par[x.p] {
			release(&x.s, x.p)
			x.to(iRead, "parent changed")
			break
		}
		if n == NG {
			return
		}
		if x.s.used>>n&1 != 0 {
			x.s.bad |= bNumber
		}
		x.s.used |= 1 << n
		x.s.gen[n] = real | x.s.cur<<3 | x.s.gen[x.s.cur]&7 | x.want
		x.s.num[x.p] = uint8(n)
		x.to(iGenFsync, fmt.Sprintf("compares, renames to %d", n))
	case iGenFsync:
		if x.m.GenFsync {
			fsyncProfile(&x.s)
		}
		x.to(iFlip, "fsyncs the profile's directory")
	case iFlip:
		for q := 0; q < NP; q++ {
			if q != x.p && x.s.flip>>q&1 != 0 && !has(x.s.gen[x.s.num[x.p]], x.m.want(q)) {
				x.s.bad |= bUpdate
			}
		}
		x.s.cur = x.s.num[x.p]
		x.s.curD |= 1 << x.s.cur
		x.s.flip |= x.bit
		x.to(iFlipFsync, fmt.Sprintf("FLIPS current to %d", x.s.cur))
	case iFlipFsync:
		if x.m.FlipFsync {
			fsyncProfile(&x.s)
		}
		x.to(iReport, "fsyncs the profile's directory")
	}
}

// finish reports, and only then drops the lease.
func (x *installer) finish() {
	switch x.s.pc[x.p] {
	case iReport:
		if x.s.flip&x.bit != 0 { // unless rolled back
			x.s.must |= x.want
		}
		release(&x.s, x.p)
		x.to(iDrop, "SUCCESS reported")
	case iNothing:
		if x.m.EntryFsync {
			if x.s.profile != 0 {
				return
			}
			fsyncProfile(&x.s)
		}
		if !has(x.s.gen[x.s.cur], x.want) {
			x.to(iRead, "changed meanwhile")
			break
		}
		x.s.must |= x.want
		x.s.flip |= x.bit
		x.to(iDrop, "SUCCESS reported (nothing to do)")
	case iDrop:
		if x.pack {
			drop(&x.s, x.k)
		}
		x.m.end(&x.s, x.p)
		x.to(over, "drops its lease")
	}
}

// publishPart publishes the next object, then .objects, then syncs.
func (x *installer) publishPart() {
	o := int(x.s.i[x.p])
	for o < 3 && objsOf(1<<x.t)>>o&1 == 0 {
		o++
	}
	x.s.i[x.p] = uint8(o + 1)
	switch {
	case o < 3:
		if lost(x.s.obj[o]) {
			x.s.obj[o] = x.s.stg[x.k][o]
		} else {
			x.s.stg[x.k][o] = x.s.obj[o]
		}
		x.to(iPublish, fmt.Sprintf("publishes object %d", o))
	case o == 3 && x.m.ObjsFirst:
		x.s.objs[x.t], x.s.stg[x.k][list] = dirty, none
		if x.m.ObjsSynced {
			x.s.objs[x.t] = clean
		}
		x.to(iPublish, ".car and .objects take their names")
	default:
		if x.m.NamesDurable && !x.syncfs("second syncfs") {
			return
		}
		x.s.i[x.p] = 0
		if x.m.NamesDurable {
			x.s.objD, x.s.objsD = x.s.obj, x.s.objs // of all it syncs, what the protocol relies on
			if x.s.objs[x.t] == dirty {
				x.s.objs[x.t], x.s.objsD[x.t] = clean, clean
			}
		}
		x.to(iRename, "second syncfs")
	}
}
