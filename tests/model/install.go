package main

import (
	"fmt"
	"math/bits"
)

// Steps of an installer. Inst goes iLease, iRead, iLook, iMutex, iOpen … iWrite; Pack goes iLease, iOpen … iJoin, iRead
// and then, for each of its trees in turn, iLook, iMutex, iWrite … iFsync.
const (
	iLease   = iota // a lease
	iFlock          // ... in two steps, where LeaseAtomic is off
	iRead           // current: the parent of what is to be made
	iLook           // for the tree
	iMutex          // of its staging, and a new look
	iOpen           // staging: what lies there is checked
	iStage          // the next part: staged, or an object, or neither
	iLink           // ... from objects/
	iFetch          // ... from elsewhere
	iJoin           // Pack: the root is known
	iWrite          // .car and .objects
	iSync           // the first syncfs
	iDiscard        // it failed
	iSweep          // sweep SH
	iPublish        // objects one by one, .objects, the second syncfs
	iRename         // staging to trees/T
	iFsync          // its parents; all mutexes go
	iBuild          // the forest
	iProfile        // profile mutex
	iNumber         // compare, rename to N
	iGenFsync
	iFlip
	iFlipFsync
	iReport  // success
	iNothing // to do
	iDrop    // the lease
)

// installer is one step of one installer: what may come of it is in out.
type installer struct {
	m           *M
	p, k        int // the process, its staging directory
	s, s0       S
	pack        bool
	want        uint8
	me, bit, kb uint8
	t           uint8 // until iBuild: the tree being published
	out         []succ
}

func (m *M) install(s S, p int) []succ {
	x := &installer{m: m, p: p, k: m.slot(p), s: s, s0: s, pack: m.procs[p].kind == Pack, want: m.want(p),
		me: uint8(p + 1), bit: 1 << p, t: s.num[p]}
	x.kb = 1 << x.k
	switch pc := s.pc[p]; {
	case pc <= iMutex:
		x.begin()
	case pc <= iDiscard:
		x.stage()
	case pc <= iFsync:
		x.publish()
	case pc <= iFlipFsync:
		x.flip()
	default:
		x.finish()
	}
	return x.out
}

// to adds the state that was made of s, and begins with s anew.
func (x *installer) to(pc uint8, l string) {
	x.s.pc[x.p] = pc
	x.out = append(x.out, succ{x.s, l})
	x.s = x.s0
}

// next goes to the next tree, or to the forest.
func (x *installer) next(l string) {
	x.s.sweepSH &^= x.bit
	if x.s.staging[x.t] == x.me {
		x.s.staging[x.t] = 0
	}
	if rest := x.want >> (x.t + 1) << (x.t + 1); rest != 0 {
		x.s.num[x.p] = uint8(bits.TrailingZeros8(rest))
		x.to(iLook, l)
		return
	}
	release(&x.s, x.p)
	x.s.num[x.p] = 0
	x.to(iBuild, l)
}

// syncfs is false where there is nothing but an error.
func (x *installer) syncfs(l string) bool {
	if x.s.err&x.bit != 0 {
		x.to(iDiscard, l+": EIO (told to this descriptor too)")
		return false
	}
	if int(x.s.eio) < x.m.eio {
		x.s.eio++
		data(&x.s, dirty, poison)
		x.s.err = x.s.fd &^ x.bit
		x.to(iDiscard, l+": EIO")
	}
	return true
}

// first is what follows once the lease stands.
func (x *installer) first() uint8 {
	if x.pack {
		return iOpen
	}
	return iRead
}

// begin takes the lease, reads current and looks for the tree.
func (x *installer) begin() {
	switch x.s.pc[x.p] {
	case iLease:
		if x.m.LeaseSH && x.s.sweepEX != 0 {
			return
		}
		if x.s.lease[x.p] = 1; !x.m.LeaseAtomic {
			x.to(iFlock, "lease created")
			break
		}
		x.s.lease[x.p] = live
		x.to(x.first(), "lease taken (sweep SH held for the moment)")
	case iFlock:
		if x.s.lease[x.p] == 1 {
			x.s.lease[x.p] = live
		} else {
			x.s.lease[x.p] = void
		}
		x.to(x.first(), "lease flocked")
	case iRead:
		x.s.par[x.p], x.s.num[x.p] = x.s.cur, uint8(bits.TrailingZeros8(x.want))
		if has(x.s.gen[x.s.cur], x.want) {
			x.to(iNothing, "reads current: nothing to do")
		} else {
			x.to(iLook, "reads current")
		}
	case iLook:
		if x.s.tree>>x.t&1 != 0 {
			if x.m.FoundTreeFsync {
				fsyncTrees(&x.s)
			}
			x.next(fmt.Sprintf("tree %d found", x.t))
		} else {
			x.to(iMutex, fmt.Sprintf("tree %d absent", x.t))
		}
	case iMutex:
		if x.pack && x.m.PackLock || !x.pack && x.m.StagingLock {
			if x.s.staging[x.t] != 0 {
				return
			}
			if x.s.tree>>x.t&1 != 0 {
				x.to(iLook, "staging mutex: tree came meanwhile")
				break
			}
			x.s.staging[x.t] = x.me
		}
		if x.pack {
			x.to(iWrite, "staging mutex, staging/LEASE full")
		} else {
			x.to(iOpen, "staging mutex")
		}
	}
}

// stage fills staging and syncs it.
func (x *installer) stage() {
	switch x.s.pc[x.p] {
	case iOpen:
		x.s.stgs |= x.kb
		for o, d := range x.s.stg[x.k] {
			if d == torn && x.m.Rehash || d == poison && x.m.ResumeFsync {
				x.s.stg[x.k][o] = none
			} else if d == dirty && x.m.ResumeFsync {
				x.s.stg[x.k][o] = clean
			}
		}
		if x.m.FdBefore {
			x.s.fd |= x.bit
		}
		x.s.i[x.p] = 0
		x.to(iStage, "opens staging")
	case iStage, iLink, iFetch:
		x.stagePart()
	case iJoin:
		if x.m.JoinSH && x.s.sweepEX != 0 {
			return
		}
		if x.m.Join {
			x.s.join |= x.bit
		}
		x.to(iRead, "root joins the lease (sweep SH held for the moment)")
	case iWrite:
		if x.m.ObjsSynced {
			x.s.stg[x.k][list] = dirty
		}
		x.to(iSync, "writes .car and .objects into staging")
	case iSync:
		if x.syncfs("syncfs") {
			data(&x.s, dirty, clean)
			x.s.objD = x.s.obj
			fsyncTrees(&x.s)
			x.to(iSweep, "syncfs")
		}
	case iDiscard:
		drop(&x.s, x.k)
		x.m.end(&x.s, x.p)
		x.to(over, "discards staging, fails loudly")
	}
}

// stagePart stages the next part: an object that is there, or one that is fetched.
func (x *installer) stagePart() {
	o := int(x.s.i[x.p])
	for o < 3 && objsOf(x.want)>>o&1 == 0 {
		o++
	}
	x.s.i[x.p] = uint8(o)
	switch {
	case x.s.stgs&x.kb == 0:
		x.s.bad |= bKept
		x.to(iStage, "staging has vanished")
	case o == 3:
		if x.s.i[x.p] = 0; x.pack {
			x.to(iJoin, "all parts staged")
		} else {
			x.to(iWrite, "all parts staged")
		}
	case x.s.pc[x.p] == iStage && x.s.stg[x.k][o] != none:
		x.s.i[x.p]++
		x.to(iStage, fmt.Sprintf("object %d already staged", o))
	case x.s.pc[x.p] == iStage && x.s.obj[o] != none:
		x.to(iLink, fmt.Sprintf("object %d exists", o))
	case x.s.pc[x.p] == iStage:
		x.to(iFetch, fmt.Sprintf("object %d absent", o))
	case x.s.pc[x.p] == iLink && (x.s.obj[o] == none || x.s.obj[o] == torn && x.m.Rehash):
		x.to(iFetch, fmt.Sprintf("object %d gone or bad", o))
	case x.s.pc[x.p] == iLink:
		x.s.stg[x.k][o] = x.s.obj[o]
		x.s.i[x.p]++
		x.to(iStage, fmt.Sprintf("links object %d into staging", o))
	default:
		x.s.stg[x.k][o] = dirty
		if x.s.i[x.p]++; !x.m.PublishSync && lost(x.s.obj[o]) {
			x.s.obj[o] = dirty
		}
		x.to(iStage, fmt.Sprintf("fetches object %d", o))
	}
}
