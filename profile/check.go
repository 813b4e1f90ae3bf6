package profile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"ipp/generation"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/store"
	"ipp/store/durable"

	"github.com/ipfs/go-cid"
)

// FaultKind says what a damaged file is, so what it takes to repair it.
type FaultKind string

// The kinds of faults.
const (
	PointerFault FaultKind = "pointer"    // current: see RepairPointer
	LogFault     FaultKind = "log"        // see RepairLog
	FileFault    FaultKind = "generation" // profile.toml, profile.lock or generation.toml: see Rebuild
	ForestFault  FaultKind = "forest"     // see Rebuild
	TreeFault    FaultKind = "tree"       // a tree that a generation needs is not in the store
)

// Fault is something in a profile that is not as it should be.
type Fault struct {
	Kind    FaultKind
	Profile ref.Name
	Number  generation.Number // 0: it is the profile's
	File    string            // absolute; of TreeFault the tree
	Why     string
	Err     error     // it could not be looked at: nothing is known of it
	Tree    store.Key // TreeFault
}

// Note is something that is no damage, but worth a word.
type Note struct{ File, What string }

// Checked is what a check of a profile found.
type Checked struct {
	Current     generation.Number
	Generations []generation.Number // the lowest first
	Faults      []Fault
	Notes       []Note

	held held
}

// Members finds out what the packages of a generation bring to its forest. An
// error says that its trees don't tell, or tell otherwise than its lockfile.
type Members func(ctx context.Context, g *generation.Examined) ([]generation.Member, error)

// Examine looks at every generation of the profile, its forest as planned from
// its own lockfile, wishes and trees, the pointer and the log. It takes no
// mutex: what looks damaged is looked at again, and a generation that was pruned
// meanwhile is none.
func (p *Profile) Examine(ctx context.Context, st *store.Store, members Members) (*Checked, error) {
	c := &Checked{}
	l, err := p.names()
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		c.Faults = append(c.Faults, p.flaw(FileFault, 0, "", "", err))
		return c, nil
	}
	for _, n := range l.numbers {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		x, faults := p.examine(ctx, st, n, members)
		if len(faults) > 0 && !p.absent(number(n)) {
			x, faults = p.examine(ctx, st, n, members)
		}
		if p.absent(number(n)) {
			continue
		}
		c.held.add(len(c.Generations), x)
		c.Generations = append(c.Generations, n)
		c.Faults = append(c.Faults, faults...)
	}
	p.examinePointer(c, l)
	p.examineLog(c)
	p.examineNames(c, l)
	return c, nil
}

// ExamineFiles looks at the three files of one generation.
func (p *Profile) ExamineFiles(n generation.Number) *generation.Examined {
	return generation.Examine(p.path(number(n)), n)
}

func (p *Profile) flaw(kind FaultKind, n generation.Number, file, why string, err error) Fault {
	return Fault{Kind: kind, Profile: p.name, Number: n, File: filepath.Join(p.dir, filepath.FromSlash(file)), Why: why, Err: err}
}

// examine looks at one generation.
func (p *Profile) examine(ctx context.Context, st *store.Store, n generation.Number, members Members) (*generation.Examined, []Fault) {
	dir := number(n)
	x := p.ExamineFiles(n)
	var faults []Fault
	for _, f := range x.Faults {
		faults = append(faults, p.flaw(FileFault, n, dir+"/"+f.Path, f.Why, f.Err))
	}
	if len(x.Faults) > 0 {
		return x, append(faults, p.examineTrees(st, x)...)
	}
	for _, f := range Disagree(x, st.Has) {
		faults = append(faults, p.flaw(FileFault, n, dir+"/"+f.Path, f.Why, nil))
	}
	if faults = append(faults, p.examineTrees(st, x)...); len(faults) > 0 {
		return x, faults
	}
	return x, append(faults, p.examineForest(ctx, st, x, members)...)
}

// examineTrees looks for the trees of a generation.
func (p *Profile) examineTrees(st *store.Store, x *generation.Examined) []Fault {
	locked := lockedRoots(x.Lock)
	var faults []Fault
	for _, k := range x.Info.Trees {
		if !st.Has(k) && (x.Lock == nil || locked[rootKey(k.Root)]) && isPart(k.Part) {
			f := p.flaw(TreeFault, x.Number, "", "missing", nil)
			f.File, f.Tree = st.TreeDir(k), k
			faults = append(faults, f)
		}
	}
	return faults
}

// rootKey is a root in a form to look up: of version 0 and 1 alike.
func rootKey(c cid.Cid) string { return string(c.Hash()) }

// lockedRoots are the packages of a lockfile.
func lockedRoots(l *lock.Lockfile) map[string]bool {
	roots := map[string]bool{}
	if l != nil {
		for _, pkg := range l.Packages {
			roots[rootKey(pkg.CID)] = true
		}
	}
	return roots
}

// examineForest compares a forest with its plan.
func (p *Profile) examineForest(ctx context.Context, st *store.Store, x *generation.Examined, members Members) []Fault {
	dir := number(x.Number)
	m, err := members(ctx, x)
	var wrong *LockError
	switch {
	case errors.As(err, &wrong):
		return []Fault{p.flaw(FileFault, x.Number, dir+"/"+lock.LockName, wrong.Why, nil)}
	case err != nil: // a tree that is damaged: the store's check says so
		return nil
	}
	forest, err := plan(m, x.Asked, st)
	if err != nil {
		return []Fault{p.flaw(FileFault, x.Number, dir+"/"+lock.ProfileName, "its forest can't be planned: "+err.Error(), nil)}
	}
	var faults []Fault
	for _, f := range forest.Compare(x.Dir) {
		faults = append(faults, p.flaw(ForestFault, x.Number, dir+"/"+f.Path, f.Why, f.Err))
	}
	return faults
}

// LockError says that a lockfile and its packages say different things.
type LockError struct{ Why string }

func (e *LockError) Error() string { return "read lockfile: " + e.Why }

// Disagree says how the three files of a generation, each of which can be read,
// contradict each other, and blames the one that what is in the store speaks
// against.
func Disagree(x *generation.Examined, has func(store.Key) bool) []generation.Fault {
	var faults []generation.Fault
	blame := func(name, format string, args ...any) {
		faults = append(faults, generation.Fault{Path: name, Why: fmt.Sprintf(format, args...)})
	}
	locked, trees, lost := lockedRoots(x.Lock), map[string]bool{}, 0
	for _, k := range x.Info.Trees {
		trees[rootKey(k.Root)] = true
		switch {
		case locked[rootKey(k.Root)] && (has(k) || isPart(k.Part)):
		case has(k):
			blame(lock.LockName, "the generation has a tree of %s, which is not in it", k.Root)
		default:
			lost++
			blame(generation.InfoName, "it has the tree %s, which neither %s nor the store has", k, lock.LockName)
		}
	}
	for _, pkg := range x.Lock.Packages {
		if lost == 0 && !trees[rootKey(pkg.CID)] {
			blame(lock.LockName, "%s is %s, of which the generation has no tree", pkg.Name, pkg.CID)
		}
		wish, wished := x.Asked.Wish(pkg.Name)
		if wished == (pkg.Wanted != "") && wish.Wanted() == pkg.Wanted || !wished && pkg.Wanted == "" {
			continue
		}
		blame(wrongWish(pkg, wish, wished), "of %s %s says %q was wished for, and %s %q", pkg.Name, lock.LockName, pkg.Wanted, lock.ProfileName, wish.Wanted())
	}
	for _, w := range x.Asked.Packages {
		if x.Lock.Find(w.Name) == nil {
			blame(lock.LockName, "%s is wished for, and not in it", w.Name)
		}
	}
	return faults
}

// isPart says whether a part has the name that one may have.
func isPart(part string) bool {
	_, err := ref.ParsePlatform(part)
	return err == nil || part == store.AnyPart
}

// wrongWish is the file to blame where lockfile and wishes say two things of one
// package: that whose words don't fit the package that is there.
func wrongWish(pkg lock.Package, wish lock.Wish, wished bool) string {
	fits := func(w lock.Wish) bool {
		if w.CID.Defined() {
			return store.SameRoot(w.CID, pkg.CID)
		}
		return w.Constraint.Match(pkg.Version)
	}
	if !wished || fits(wish) {
		return lock.LockName
	}
	return lock.ProfileName
}

// examinePointer looks at current.
func (p *Profile) examinePointer(c *Checked, l names) {
	n, err := p.CurrentNumber()
	var wrong *PointerError
	switch {
	case errors.As(err, &wrong):
		c.Faults = append(c.Faults, p.flaw(PointerFault, 0, "current", wrong.Why, nil))
	case err != nil:
		c.Faults = append(c.Faults, p.flaw(PointerFault, 0, "current", "", err))
	case n == 0 && len(l.numbers) > 0:
		if p.lastLogged() != 0 || len(l.numbers) > 1 { // else a crash before the first flip
			c.Faults = append(c.Faults, p.flaw(PointerFault, 0, "current", "missing, and there are generations", nil))
		}
	case n != 0 && p.absent(number(n)):
		if again, err := p.CurrentNumber(); err == nil && again != n {
			return // it moved meanwhile
		}
		c.Faults = append(c.Faults, p.flaw(PointerFault, 0, "current", fmt.Sprintf("it leads to generation %d, which is not there", n), nil))
	default:
		c.Current = n
		if last := p.lastLogged(); last != 0 && last != n {
			c.Notes = append(c.Notes, Note{p.path("current"), fmt.Sprintf("it leads to %d, and the log ends with %d: a flip that was cut short of its line", n, last)})
		}
	}
}

// lastLogged is where the log's last line that can be read leads; 0: none.
func (p *Profile) lastLogged() generation.Number {
	data, err := readLog(p.path("log"))
	if err != nil {
		return 0
	}
	var last generation.Number
	for _, line := range splitLog(data) {
		if line.good() {
			last = line.entry.To
		}
	}
	return last
}

// examineLog looks at every line of the log.
func (p *Profile) examineLog(c *Checked) {
	data, err := readLog(p.path("log"))
	var failed *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if c.Current != 0 || len(c.Generations) > 1 {
			c.Faults = append(c.Faults, p.flaw(LogFault, 0, "log", "missing", nil))
		}
		return
	case errors.As(err, &failed):
		c.Faults = append(c.Faults, p.flaw(LogFault, 0, "log", "", err))
		return
	case err != nil:
		c.Faults = append(c.Faults, p.flaw(LogFault, 0, "log", err.Error(), nil))
		return
	}
	for i, l := range splitLog(data) {
		switch {
		case errors.Is(l.err, ErrNewerLog):
			c.Notes = append(c.Notes, Note{p.path("log"), fmt.Sprintf("line %d %v", i+1, l.err)})
		case l.torn:
			c.Notes = append(c.Notes, Note{p.path("log"), fmt.Sprintf("line %d was torn, as by a power cut; it is passed over", i+1)})
		case l.damaged():
			c.Faults = append(c.Faults, p.flaw(LogFault, 0, "log", fmt.Sprintf("line %d: %v", i+1, l.err), nil))
		}
	}
}

// examineNames looks for names that are none of ours.
func (p *Profile) examineNames(c *Checked, l names) {
	for _, n := range l.others {
		if n != "current" && n != "log" && n != "mutex" && n != followsName && n != damagedLog && !durable.IsTemp(n) {
			c.Notes = append(c.Notes, Note{p.path(n), "not ipp's: remove it by hand"})
		}
	}
	for _, n := range l.numbers {
		if fi, err := os.Lstat(p.path(number(n))); err == nil && !fi.IsDir() {
			c.Faults = append(c.Faults, p.flaw(FileFault, n, number(n), syscall.ENOTDIR.Error(), nil))
		}
	}
	c.Faults = slices.CompactFunc(c.Faults, func(a, b Fault) bool { return a.File == b.File && a.Why == b.Why })
}

// damagedLog is where RepairLog puts the lines that can't be read.
const damagedLog = "log.damaged"
