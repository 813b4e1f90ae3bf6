package main

// Rules of the protocol, in the order of design.md. SH and EX: shared and exclusive.
type Rules struct {
	LeaseAtomic    bool // a lease file appears already flocked
	LeaseSH        bool // ... under sweep SH
	LeaseStaging   bool // staging/LEASE is protected by its lease
	Join           bool // pack: the root joins the lease once it is known
	JoinSH         bool // ... under sweep SH
	StagingLock    bool // staging/TREE is held from a look at the tree through its rename
	PackLock       bool // ... also by who staged in staging/LEASE
	FdBefore       bool // the descriptor for syncfs is opened before the first byte is staged
	Rehash         bool // a found object and a resumed part are rehashed
	ResumeFsync    bool // a resumed part is fsynced on its own descriptor, dropped if that fails
	PublishSync    bool // data is synced before it gets a name in objects/
	PublishSH      bool // publishing runs under sweep SH
	ObjsSynced     bool // .car and .objects are synced before they take their names
	ObjsFirst      bool // ... which they do before the tree's rename
	NamesDurable   bool // names in objects/, .car and .objects are durable before the tree's rename
	TreeFsync      bool // trees/ is fsynced after the rename
	FoundTreeFsync bool // ... and by whoever finds a tree
	ProfileMutex   bool // installers: compare, number, rename and flip under the profile mutex
	RBMutex        bool // rollback too
	PruneMutex     bool // prune too
	EntryFsync     bool // who takes it (or answers "nothing to do") fsyncs the profile's directory first
	GenFsync       bool // it is fsynced between the rename to N and the flip
	FlipFsync      bool // ... and between the flip and the report
	Tombstone      bool // the highest number's name survives its prune
	PruneDurable   bool // prune is fsynced before the sweep
	LeasesFirst    bool // gc reads leases before generations
	RecheckGens    bool // gc reads all generations under sweep EX, not those the prune kept
	ProcAgain      bool // /proc is read again after the renames to trash, what is in use is renamed back
	TrashScan      bool // ... also what a killed gc left in trash
	TrashUnique    bool // names in trash are unique
	TrashDurable   bool // trees/ and trash/ are fsynced before objects are unlinked and trash is emptied
	ObjsAbort      bool // a tree whose .objects can't be read ends the sweep
	NamedAgain     bool // who lets sweep go between two objects reads .objects again when it has it again
	ObjsSwept      bool // .car and .objects without a tree are removed
	ObjsUnderEX    bool // ... under the hold of sweep EX that looked
}

// The world: objects s a b; trees T0={s} TA={s,a} TB={s,b}. Trees are immutable, so it is all one whether two of them
// are platforms of one root. What lies in a staging directory is up to three objects and the tree's .objects (and .car).
const (
	NO = 3 // objects
	NT = 3 // trees
)

// treeObjs says which objects tree t is made of, a bit each.
func treeObjs(t int) uint8 { return [NT]uint8{0b001, 0b011, 0b101}[t] }

const list = 3 // index of .objects in a staging directory

// States of a file's data.
const (
	none   = iota
	clean  // synced
	dirty  // written, not synced
	torn   // wrong after a power cut
	poison // its sync failed: reads well from the page cache, lost at a power cut
)

const (
	NP    = 4    // processes
	NG    = 8    // generation numbers 1 to 7
	real  = 0x80 // a generation: real | parent<<3 | trees
	gone  = 0x40 // N.gone
	live  = 2    // lease states: 0 no lease, 1 created but not flocked, live,
	void  = 3    // flocked after gc unlinked it,
	stale = 4    // left by a dead process
	over  = 100  // pc of a process that has ended
)

type Proc struct{ kind, arg int }

const (
	Idle     = iota
	Inst     // installs tree arg
	Pack     // installs a directory, all trees of mask arg: staging/LEASE, its root known once all is staged
	Rollback // to generation arg
	Program  // resolves generation 1's link to T0, executes it later, exits; no lease
	GC
)

// S is one state. Durable twins (D) are what a power cut may bring back.
type S struct {
	pc, lease     [NP]uint8
	par, num, i   [NP]uint8          // registers: generation read; tree being published, later generation made; part
	join, fd, err uint8              // bit p: root joined the lease; syncfs descriptor open; it has an error to tell
	gen, genD     [NG]uint8          // the profile's directory
	cur, curD     uint8              // current; set of values it may have after a power cut
	obj, objD     [3]uint8           // objects/
	objs, objsD   [3]uint8           // trees/T.objects
	tree, treeD   uint8              // trees/T
	hold          [3][3]uint8        // data a tree's links lead to
	stg           [5][list + 1]uint8 // staging/T; 3, 4: staging/LEASE
	stgs          uint8              // which of them exist
	trash         [3]uint8           // bit 0: a whole tree; bit 1: a partly deleted one
	trashLeak     uint8              // could not be renamed: its name in trash was taken
	run, runT     uint8              // a program runs from T0; its copy lies in trash
	sweepSH       uint8              // bit p
	sweepEX       uint8              // the other mutexes: who holds it, plus one
	profile, gc   uint8
	staging       [3]uint8
	gKeep, gPrune uint8 // gc: trees of the generations kept, numbers to prune
	gLive, gStg   uint8 // gc: live trees, leased staging
	gNamed, gRest uint8 // gc: objects that trees name, .objects without a tree
	gI, gOwn      uint8 // gc: index; it put T0 in trash itself
	kills, power  uint8
	eio, rot      uint8
	must          uint8 // trees whose installation was reported, and not rolled back
	flip          uint8 // bit p: flipped, not rolled back
	used          uint8 // generation numbers ever made
	bad           uint8 // what a step itself saw go wrong
}

// Invariants.
const (
	bCurrent = 1 << iota // current is a generation whose trees and objects are whole
	bLost                // what was reported is in current
	bNumber              // no number is made twice
	bKept                // what a generation, lease or program needs stays
	bLeak                // at rest, one gc leaves nothing unreachable
	bUpdate              // no update is lost
	bWhole               // a tree that is present is whole, its .objects too
)

// names of the invariants, by bit.
func names() []string {
	return []string{"current", "lost", "number", "kept", "leak", "update", "whole"}
}

type M struct {
	Rules
	procs                  [NP]Proc
	kills, power, eio, rot int // how many of each may happen
}

type succ struct {
	s S
	l string
}
