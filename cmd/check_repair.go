package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ipp/lock/ref"
	"ipp/profile"
	"ipp/store"
	"ipp/store/dag"
	"ipp/store/durable"
	"ipp/store/index"
	"ipp/store/pack"
)

// openFrom opens a package that --from names.
func (c *checker) openFrom(ctx context.Context, text string) error {
	r, err := ref.Parse(text)
	if err != nil {
		return failed("check", "--from "+text, err)
	}
	o, err := c.open(ctx, r, nil, asPath(r))
	if f, ok := err.(*failure); ok && f.object == text {
		f.object = "--from " + text
	}
	if err != nil {
		return failed("check", "--from "+text, err)
	}
	c.sources = append(c.sources, o.src)
	return nil
}

// repair puts back what is to be had, the store's own files first: the rest
// stands on them. What fails is noted with the fault, and does not keep others
// from being repaired.
func (c *checker) repair(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		c.repairStore, c.repairTrees, c.repairOrphans, c.repairIndex, c.repairProfiles, c.settle,
	} {
		if err := step(ctx); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// mend runs f for a fault; what goes wrong is what the fault needs.
func (f *checkFault) mend(err error) {
	if err != nil {
		f.Needs = err.Error()
	}
}

// repairStore repairs the store link, the format and the roots.
func (c *checker) repairStore(ctx context.Context) error {
	for i := range c.report.Faults {
		f := &c.report.Faults[i]
		switch f.Kind {
		case "link":
			f.mend(c.repairLink(f.File))
		case string(store.FormatDamage):
			f.mend(c.st.RepairFormat(ctx))
		case string(store.RootDamage):
			f.mend(c.repairRoot(ctx, f))
		}
	}
	return nil
}

func (c *checker) repairLink(link string) error {
	if fi, err := os.Lstat(link); err == nil && fi.Mode().Type() != os.ModeSymlink {
		if err := os.Remove(link); err != nil { // of a directory only one that is empty
			return err
		}
	}
	if err := durable.ReplaceSymlink(c.st.Dir(), link); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(link))
}

// repairRoot writes roots anew: those of all profiles that are here, and of a
// kept package whose name the file has.
func (c *checker) repairRoot(ctx context.Context, f *checkFault) error {
	if strings.HasPrefix(filepath.Base(f.File), "k-") {
		told, err := c.st.RepairRoot(ctx, filepath.Base(f.File), "kept; its root was damaged", c.a.now())
		if err == nil && !told {
			err = notOurRoot(f.File)
		}
		return err
	}
	if f.File != c.path("roots") && !strings.HasPrefix(filepath.Base(f.File), "p-") {
		return notOurRoot(f.File)
	}
	dirs, err := c.profileDirs(c.found.Roots)
	if err != nil {
		return err
	}
	var roots []store.Root
	for _, dir := range dirs {
		if p, err := c.a.profileIn(dir); err == nil {
			roots = append(roots, store.Root{Kind: store.ProfileRoot, Path: dir, Why: "profile " + string(p.Name()), Since: c.a.now()})
		}
	}
	return c.st.AddRoot(ctx, roots...)
}

// notOurRoot is what to do about a file among the roots whose name says nothing.
func notOurRoot(path string) error {
	return fmt.Errorf("what %s keeps can't be told; if it is not ipp's, remove it: rm %s", path, quote(path))
}

// repairTrees ensures every damaged tree again, from all sources there are: the
// one way in that there is.
func (c *checker) repairTrees(ctx context.Context) error {
	keys := c.damagedTrees()
	if len(keys) == 0 {
		return nil
	}
	salvage, err := c.st.Salvage(c.found)
	if err != nil {
		return err
	}
	for _, k := range keys {
		err := c.repairTree(ctx, salvage, k)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			delete(c.hurt, k.String())
			continue
		}
		c.eachFault(k, func(f *checkFault) { f.Needs = c.needs(k, err) })
	}
	return nil
}

// damagedTrees lists the trees that faults hurt, sorted, each once.
func (c *checker) damagedTrees() []store.Key {
	byName := map[string]store.Key{}
	for _, f := range c.report.Faults {
		for _, k := range f.trees {
			byName[k.String()] = k
		}
	}
	var keys []store.Key
	for _, n := range slices.Sorted(mapKeys(byName)) {
		keys = append(keys, byName[n])
	}
	return keys
}

func (c *checker) eachFault(k store.Key, do func(*checkFault)) {
	for i := range c.report.Faults {
		if slices.ContainsFunc(c.report.Faults[i].trees, func(o store.Key) bool { return o.String() == k.String() }) {
			do(&c.report.Faults[i])
		}
	}
}

// repairTree brings a tree into the store again, and looks at what came of it.
func (c *checker) repairTree(ctx context.Context, salvage *store.Salvage, k store.Key) error {
	if err := c.protect(ctx, k.Root); err != nil {
		return err
	}
	src, err := salvage.Package(k.Root, c.sources...)
	if err != nil {
		return err
	}
	defer src.Close()
	pkg, err := pack.Open(ctx, src, k.Root)
	if err != nil {
		return err
	}
	var platform ref.Platform
	if k.Part != store.AnyPart {
		if platform, err = ref.ParsePlatform(k.Part); err != nil {
			return err
		}
	}
	plan, err := c.plan(ctx, pkg.Want(platform, dag.DefaultLimits()), src)
	if err != nil {
		return err
	}
	if err := c.checkSpace(plan.Need); err != nil {
		return err
	}
	report, done := c.a.meter("repairing", plan.Bytes)
	defer done()
	if err := c.st.Ensure(ctx, c.lease, plan, src, report); err != nil {
		return err
	}
	faults, err := c.st.Verify(ctx, k, nil)
	if err == nil && len(faults) > 0 {
		err = fmt.Errorf("%s: %s", faults[0].File, faults[0].Why)
	}
	return err
}

// needs says what repairing a tree takes.
func (c *checker) needs(k store.Key, err error) string {
	var lacks *dag.MissingBlockError
	if !isAbsent(err) && !errors.As(err, &lacks) {
		return err.Error()
	}
	p := c.packageOf(k)
	what := strings.TrimSpace(p.Name + " " + p.Version)
	if what == "" {
		what = shortCID(k.Root)
	}
	if k.Part != store.AnyPart {
		what += " for " + k.Part
	}
	return "get " + what + " as a CAR file, then: ipp check --repair --from FILE.car"
}

// repairOrphans drops the damaged objects that no tree names.
func (c *checker) repairOrphans(ctx context.Context) error {
	var files []string
	for _, d := range c.found.Damage {
		if d.Kind == store.OrphanDamage {
			files = append(files, d.File)
		}
	}
	if len(files) == 0 {
		return nil
	}
	if err := c.st.DropOrphans(ctx, files...); err != nil {
		for i := range c.report.Faults {
			if c.report.Faults[i].Kind == string(store.OrphanDamage) {
				c.report.Faults[i].mend(err)
			}
		}
	}
	return nil
}

// repairIndex removes a damaged index: whoever needs it makes it anew.
func (c *checker) repairIndex(ctx context.Context) error {
	var err error
	removed := false
	for i := range c.report.Faults {
		if c.report.Faults[i].Kind != "index" {
			continue
		}
		if !removed {
			removed, err = true, index.Remove(ctx, c.st, c.a.wait())
		}
		c.report.Faults[i].mend(err)
	}
	return nil
}

// repairProfiles looks at the profiles again, now that the trees are back, and
// repairs them.
func (c *checker) repairProfiles(ctx context.Context) error {
	c.trees.forget()
	if err := c.lookAtProfiles(ctx); err != nil {
		return err
	}
	for dir, checked := range c.prof {
		p, err := c.a.profileIn(dir)
		if err != nil {
			continue
		}
		for _, f := range checked.Faults {
			if f.Err != nil || f.Kind == profile.TreeFault {
				continue
			}
			c.addProfileFault(f) // what hid behind a damaged tree
			c.fault(f.File).mend(c.repairFault(ctx, p, f))
		}
	}
	return nil
}

// fault is the fault of a file that was reported.
func (c *checker) fault(file string) *checkFault {
	i := slices.IndexFunc(c.report.Faults, func(f checkFault) bool { return f.File == file })
	return &c.report.Faults[i]
}

func (c *checker) repairFault(ctx context.Context, p *profile.Profile, f profile.Fault) error {
	switch f.Kind {
	case profile.PointerFault:
		to, err := p.RepairPointer(ctx)
		if err == nil && to == 0 {
			err = errors.New("the log does not say which one is current; to choose: ipp rollback N")
		}
		return err
	case profile.LogFault:
		return p.RepairLog(ctx)
	}
	if x := p.ExamineFiles(f.Number); !isGone(x.Dir) {
		return c.rebuild(ctx, p, x)
	}
	return nil
}

// settle looks once more, at all that was repaired.
func (c *checker) settle(ctx context.Context) error {
	rest, err := c.st.CheckRest(ctx, store.CheckOptions{Held: c.holds(ctx)})
	if err != nil {
		return err
	}
	c.trees.forget()
	c.found.Roots = rest.Roots
	if err := c.lookAtProfiles(ctx); err != nil {
		return err
	}
	left := &checker{session: c.session, state: c.state, trees: c.trees, found: rest, prof: c.prof, hurt: map[string]bool{}}
	if err := left.reportAll(ctx); err != nil {
		return err
	}
	link, err := c.a.openStore(false)
	if err != nil || link == nil {
		left.add(checkFault{File: filepath.Join(c.state, storeLink), Kind: "link", Why: fmt.Sprint(err)})
	}
	c.report.Notes = left.report.Notes // what was to be said before the repair is no longer so
	c.compare(left.report.Faults)
	c.noteUnkept()
	return nil
}

// compare marks what was repaired, and adds what only the second look saw.
func (c *checker) compare(left []checkFault) {
	for i := range c.report.Faults {
		f := &c.report.Faults[i]
		still := slices.ContainsFunc(left, func(o checkFault) bool { return o.File == f.File })
		hurt := slices.ContainsFunc(f.trees, func(k store.Key) bool { return c.hurt[k.String()] })
		f.Repaired = !still && !hurt && (f.Needs == "" || f.trees == nil && f.Kind != "profile" && f.Kind != "orphan")
		if f.Repaired {
			f.Needs = ""
		}
	}
	for _, f := range left {
		if !slices.ContainsFunc(c.report.Faults, func(o checkFault) bool { return o.File == f.File }) {
			c.report.Faults = append(c.report.Faults, f)
		}
	}
}
