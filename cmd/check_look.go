package cmd

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"ipp/cmd/term"
	"ipp/generation"
	"ipp/profile"
	"ipp/store"
	"ipp/store/flock"
	"ipp/store/index"
	"ipp/store/pack"
)

// look looks at the store, then at the profiles that live off it.
func (c *checker) look(ctx context.Context) error {
	var err error
	done := func() {}
	c.found, err = c.st.Check(ctx, store.CheckOptions{Begin: func(total int64) (report func(int64)) {
		report, done = c.a.meter("checking", total)
		return report
	}, Held: c.holds(ctx)})
	done()
	if err != nil {
		return err
	}
	c.hurt = map[string]bool{}
	for _, d := range c.found.Damage {
		for _, k := range d.Trees {
			c.hurt[k.String()] = true
		}
	}
	c.report = checkReport{Objects: c.found.Objects, Trees: c.found.Trees, Bytes: c.found.Bytes,
		Faults: []checkFault{}, Unread: []checkWord{}, Notes: []checkWord{}}
	if c.link != nil {
		c.report.Faults = append(c.report.Faults, *c.link)
	}
	if err := c.lookAtProfiles(ctx); err != nil {
		return err
	}
	return c.reportAll(ctx)
}

// reportAll puts into the report what the looks at store, index and profiles
// found.
func (c *checker) reportAll(ctx context.Context) error {
	c.addStore()
	c.addProfiles()
	if err := c.addRoots(); err != nil {
		return err
	}
	return c.addIndex(ctx)
}

// addIndex reports what is wrong with the index. That somebody did not come to
// its end with it is no damage: whoever needs it makes it anew.
func (c *checker) addIndex(ctx context.Context) error {
	dir := c.path("index")
	faults, err := index.Check(ctx, c.st)
	var busy *flock.BusyError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &busy):
		c.report.Notes = append(c.report.Notes, checkWord{dir, "somebody brings it up to date right now, so it was not looked at"})
	case err != nil:
		c.report.Unread = append(c.report.Unread, checkWord{dir, err.Error()})
	case isGone(filepath.Join(dir, "seal")) && len(faults) > 0:
		c.report.Notes = append(c.report.Notes, checkWord{dir, "unfinished: whoever needs it makes it anew"})
	default:
		for _, f := range faults {
			c.add(checkFault{File: c.path(f.Path), Kind: "index", Why: f.Why})
		}
	}
	return nil
}

// isUnread says that a look at path fails, and reports that: it is neither there
// nor missing.
func (c *checker) isUnread(path string) bool {
	_, err := os.Lstat(path)
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return false
	}
	if !slices.ContainsFunc(c.report.Unread, func(w checkWord) bool { return w.File == path }) {
		c.report.Unread = append(c.report.Unread, checkWord{path, err.Error()})
	}
	return true
}

func isGone(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// lookAtProfiles looks at every profile that is here or has a root.
func (c *checker) lookAtProfiles(ctx context.Context) error {
	c.prof = map[string]*profile.Checked{}
	dirs, err := c.profileDirs(c.found.Roots)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		p, err := c.a.profileIn(dir)
		if err != nil {
			continue // its root is told
		}
		if c.prof[dir], err = p.Examine(ctx, c.st, c.members); err != nil {
			return err
		}
	}
	others, err := profile.Strangers(c.state)
	for _, path := range others {
		c.report.Notes = append(c.report.Notes, checkWord{path, "not ipp's: no profile has such a name; remove it by hand"})
	}
	return err
}

// holds finds out which trees generations hold. Of a profile that can't be read
// nobody knows, so all are.
func (c *checker) holds(ctx context.Context) func([]store.Root) (func(store.Key) bool, error) {
	unasked := func(context.Context, *generation.Examined) ([]generation.Member, error) { return nil, errHurt }
	return func(roots []store.Root) (func(store.Key) bool, error) {
		dirs, err := c.profileDirs(roots)
		if err != nil {
			return nil, err
		}
		var all []*profile.Checked
		unknown := false
		for _, dir := range dirs {
			p, err := c.a.profileIn(dir)
			if err != nil {
				unknown = true
				continue
			}
			checked, err := p.Examine(ctx, c.st, unasked)
			if err != nil {
				return nil, err
			}
			all = append(all, checked)
			unknown = unknown || slices.ContainsFunc(checked.Faults, func(f profile.Fault) bool { return f.Err != nil || f.Kind == profile.FileFault })
		}
		return func(k store.Key) bool {
			return unknown || slices.ContainsFunc(all, func(p *profile.Checked) bool { return len(p.Holders(k)) > 0 })
		}, nil
	}
}

// profileDirs are the directories of all profiles, sorted.
func (c *checker) profileDirs(roots []store.Root) ([]string, error) {
	names, err := profile.List(c.state)
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, n := range names {
		dirs = append(dirs, c.a.profileAt(n, c.state).Dir())
	}
	for _, r := range roots {
		if r.Kind == store.ProfileRoot {
			dirs = append(dirs, r.Path)
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs), nil
}

// path is where a file of the store is.
func (c *checker) path(file string) string {
	return filepath.Join(c.st.Dir(), filepath.FromSlash(file))
}

// addStore reports what the store's check found.
func (c *checker) addStore() {
	for _, d := range c.found.Damage {
		f := checkFault{File: c.path(d.File), Kind: string(d.Kind), Why: d.Why, trees: d.Trees}
		if d.Kind == store.OtherDamage {
			f.Needs = "get that package as a CAR file, then: ipp import FILE.car"
		}
		c.add(f)
	}
	for _, u := range c.found.Unread {
		c.report.Unread = append(c.report.Unread, checkWord{c.path(u.File), unreadWhy(u.Err, c.path(u.File))})
	}
	for _, n := range c.found.Notes {
		what := n.What
		if n.Bytes > 0 {
			what += " (" + term.Bytes(n.Bytes) + ")"
		}
		c.report.Notes = append(c.report.Notes, checkWord{c.path(n.File), what})
	}
}

// unreadWhy is an error without the path, where that is the file's own.
func unreadWhy(err error, path string) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok && e.Path == path {
		return e.Err.Error()
	}
	return err.Error()
}

// add reports a fault once, with whom it hurts.
func (c *checker) add(f checkFault) {
	for i, old := range c.report.Faults {
		if old.File == f.File {
			for _, p := range f.Profiles {
				c.report.Faults[i].Profiles = addGenerations(old.Profiles, p)
			}
			return
		}
	}
	f.Packages = []checkPackage{}
	for _, k := range f.trees {
		f.Packages = append(f.Packages, c.packageOf(k))
		for _, p := range c.usersOf(k) {
			f.Profiles = addGenerations(f.Profiles, p)
		}
	}
	if f.Profiles == nil {
		f.Profiles = []checkProfile{}
	}
	c.report.Faults = append(c.report.Faults, f)
}

func addGenerations(list []checkProfile, p checkProfile) []checkProfile {
	i := slices.IndexFunc(list, func(o checkProfile) bool { return o.Profile == p.Profile })
	if i < 0 {
		return append(list, p)
	}
	list = slices.Clone(list)
	list[i].Generations = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(list[i].Generations), p.Generations...))))
	return list
}

// usersOf lists the generations that hold a tree.
func (c *checker) usersOf(k store.Key) []checkProfile {
	var list []checkProfile
	for _, dir := range slices.Sorted(mapKeys(c.prof)) {
		p := checkProfile{Profile: filepath.Base(dir)}
		for _, n := range c.prof[dir].Holders(k) {
			p.Generations = append(p.Generations, int(n))
		}
		if p.Generations != nil {
			list = append(list, p)
		}
	}
	return list
}

// packageOf names a package: a lockfile does it better than a damaged tree.
func (c *checker) packageOf(k store.Key) checkPackage {
	p := checkPackage{CID: k.Root.String(), Platform: k.Part}
	for _, checked := range c.prof {
		if name, version, ok := checked.Package(k.Root); ok {
			p.Name, p.Version = string(name), string(version)
			return p
		}
	}
	if t, err := pack.OpenTree(c.st, k); err == nil && t.Meta != nil {
		p.Name, p.Version = string(t.Meta.Name), string(t.Meta.Version)
	}
	return p
}

// addProfiles reports what is wrong with profiles.
func (c *checker) addProfiles() {
	for _, dir := range slices.Sorted(mapKeys(c.prof)) {
		checked := c.prof[dir]
		c.report.Generations += len(checked.Generations)
		for _, f := range checked.Faults {
			c.addProfileFault(f)
		}
		for _, n := range checked.Notes {
			c.report.Notes = append(c.report.Notes, checkWord(n))
		}
	}
}

func (c *checker) addProfileFault(f profile.Fault) {
	if f.Err != nil {
		c.report.Unread = append(c.report.Unread, checkWord{f.File, f.Err.Error()})
		return
	}
	if f.Kind == profile.TreeFault && c.isUnread(f.File) {
		return // it is not known to be missing; what keeps it from being read is told
	}
	p := checkProfile{Profile: string(f.Profile), Generations: []int{}}
	if f.Number != 0 {
		p.Generations = append(p.Generations, int(f.Number))
	}
	fault := checkFault{File: f.File, Kind: string(f.Kind), Why: f.Why, Profiles: []checkProfile{p}}
	if f.Kind == profile.TreeFault {
		fault.trees = []store.Key{f.Tree}
		c.hurt[f.Tree.String()] = true
	}
	c.add(fault)
}

// addRoots reports profiles without a root, and roots without a profile.
func (c *checker) addRoots() error {
	for dir, checked := range c.prof {
		root := store.Root{Kind: store.ProfileRoot, Path: dir}
		if len(checked.Generations) == 0 || slices.ContainsFunc(c.found.Roots, func(r store.Root) bool { return r.Path == dir }) {
			continue
		}
		if c.isUnread(c.path("roots/" + root.File())) {
			continue
		}
		c.add(checkFault{File: c.path("roots/" + root.File()), Kind: string(store.RootDamage),
			Why:      "missing: ipp gc would not know of profile " + filepath.Base(dir),
			Profiles: []checkProfile{{Profile: filepath.Base(dir), Generations: []int{}}}})
	}
	for _, r := range c.found.Roots {
		if r.Kind != store.ProfileRoot {
			continue
		}
		_, err := os.Stat(r.Path)
		switch {
		case err == nil:
		case errors.Is(err, fs.ErrNotExist):
			c.add(checkFault{File: r.Path, Kind: "profile", Why: "missing: a root keeps it, and ipp gc does nothing without it",
				Profiles: []checkProfile{{Profile: filepath.Base(r.Path), Generations: []int{}}},
				Needs:    "bring it back; or, if it is gone for good: ipp forget --profile-root " + quote(r.Path)})
		default:
			c.report.Unread = append(c.report.Unread, checkWord{r.Path, err.Error()})
		}
	}
	return nil
}
