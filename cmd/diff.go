package cmd

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"ipp/generation"
	"ipp/lock"
	"ipp/profile"
	"ipp/store"
)

type diffCmd struct {
	A   string `arg:"" optional:"" name:"A" help:"A generation; the parent of the current one where left out."`
	B   string `arg:"" optional:"" name:"B" help:"Another one; the current one where left out."`
	All bool   `short:"a" help:"Name every file."`
	jsonFlag
}

func (diffCmd) doc() doc {
	return doc{
		usage: "diff [A] [B] [--all]",
		about: `Shows what differs between two generations: packages, wishes, the files that a shell or
			a program finds in them, and bytes. Without numbers that is what the current generation
			changed against the one it was made from; with one, what changed since that one.

			Bytes are of the files of all packages that differ: what only the later generation has is
			new, what only the earlier one has is gone.`,
		examples: []string{"ipp diff", "ipp diff 3", "ipp diff 3 5 --all", "ipp diff --json"},
	}
}

// compared is the JSON of diff.
type compared struct {
	Profile   string        `json:"profile"`
	From      int           `json:"from"`     // 0: nothing, before the first generation
	To        int           `json:"to"`       // what From became
	Packages  []packageDiff `json:"packages"` // added, removed, or of other contents
	Wishes    []wishLine    `json:"wishes,omitempty"`
	Files     []fileDiff    `json:"files"`      // of the forests: bin, share and the like
	NewBytes  int64         `json:"new_bytes"`  // in files of those packages that From did not have
	GoneBytes int64         `json:"gone_bytes"` // … that To does not have
}

// packageDiff is a package that differs.
type packageDiff struct {
	Name     string   `json:"name"`
	Old      *version `json:"old,omitempty"`
	New      *version `json:"new,omitempty"`
	OldBytes int64    `json:"old_bytes,omitempty"` // of this machine's part, equal files counted once
	NewBytes int64    `json:"new_bytes,omitempty"` // …
}

// fileDiff is a file that differs.
type fileDiff struct {
	Path string    `json:"path"`          // in the forest
	Old  *fileSide `json:"old,omitempty"` // absent: it is added
	New  *fileSide `json:"new,omitempty"` // absent: it is removed
}

// fileSide is a file in one of the two generations.
type fileSide struct {
	Package string `json:"package,omitempty"` // that it comes from, by its name there
	Size    int64  `json:"size"`              // of a link: of what it leads to
	Target  string `json:"target,omitempty"`  // of a link that is a package's own
}

// mostFiles is how many files diff names for people who did not ask for all.
const mostFiles = 40

func (d *diffCmd) run(_ context.Context, a *app) error {
	prof, err := a.openProfile()
	if err != nil {
		return err
	}
	c := comparison{a: a, listed: map[store.Key][]store.FileInfo{}}
	object := strings.TrimSpace(d.A + " " + d.B)
	if err := c.choose(prof, d.A, d.B); err != nil {
		return failed("diff", object, err)
	}
	if c.st, err = a.openStore(false); err == nil && c.st == nil {
		err = errors.New("the store is not there")
	}
	if err != nil {
		return failed("diff", object, err)
	}
	out, err := c.compare()
	if err != nil {
		return failed("diff", object, err)
	}
	out.Profile = string(prof.Name())
	if a.json {
		return a.printJSON(out)
	}
	a.showDiff(out, d.All)
	return nil
}

// comparison is one run of diff.
type comparison struct {
	a      *app
	st     *store.Store
	listed map[store.Key][]store.FileInfo
	from   *generation.Generation // without a number: nothing
	to     *generation.Generation
}

// choose reads the two generations.
func (c *comparison) choose(prof *profile.Profile, a, b string) (err error) {
	if c.to, err = c.chosen(prof, b); err != nil {
		return err
	}
	switch {
	case a != "":
		c.from, err = c.chosen(prof, a)
	case c.to.Info.Parent != 0:
		c.from, err = prof.Get(c.to.Info.Parent)
	default:
		c.from = &generation.Generation{Lock: &lock.Lockfile{}, Wishes: lock.NewProfile().Encode()}
	}
	return err
}

// chosen reads the generation that was typed, or else the current one.
func (c *comparison) chosen(prof *profile.Profile, text string) (*generation.Generation, error) {
	if text != "" {
		n, err := generation.ParseNumber(text)
		if err != nil {
			return nil, &failure{err: err, code: exitUsage, hints: []string{c.a.own("history") + " shows the numbers"}}
		}
		return prof.Get(n)
	}
	g, err := prof.Current()
	if err == nil && g == nil {
		err = &failure{err: errors.New("nothing was installed in this profile yet"), code: exitNotFound,
			hints: []string{"to begin: " + c.a.own("install REF")}}
	}
	return g, err
}

func (c *comparison) compare() (compared, error) {
	out := compared{From: int(c.from.Number), To: int(c.to.Number), Packages: []packageDiff{}, Files: []fileDiff{}}
	old, new := keysByRoot(c.from), keysByRoot(c.to)
	for _, ch := range lock.Diff(c.from.Lock, c.to.Lock) {
		p := packageDiff{Name: string(ch.Name), Old: versionOf(ch.Old), New: versionOf(ch.New)}
		var err error
		if p.OldBytes, err = c.bytes(old, ch.Old); err != nil {
			return out, err
		}
		if p.NewBytes, err = c.bytes(new, ch.New); err != nil {
			return out, err
		}
		out.Packages = append(out.Packages, p)
	}
	var err error
	if out.Wishes, err = c.wishes(); err != nil {
		return out, err
	}
	if out.NewBytes, out.GoneBytes, err = c.moved(); err != nil {
		return out, err
	}
	out.Files, err = c.files()
	return out, err
}

// list reads the listing of a tree, once.
func (c *comparison) list(k store.Key) ([]store.FileInfo, error) {
	if files, ok := c.listed[k]; ok {
		return files, nil
	}
	files, err := c.st.Files(k)
	c.listed[k] = files
	return files, err
}

// bytes is how much a package has in the generation with these trees.
func (c *comparison) bytes(keys map[string]store.Key, p *lock.Package) (int64, error) {
	if p == nil {
		return 0, nil
	}
	k, ok := keys[rootText(p)]
	if !ok {
		return 0, nil
	}
	objects := map[string]int64{}
	err := c.objects(k, objects)
	return sum(objects), err
}

// objects adds the objects of a tree.
func (c *comparison) objects(k store.Key, to map[string]int64) error {
	files, err := c.list(k)
	for _, f := range files {
		to[f.Object] = f.Size
	}
	return err
}

// moved weighs what only one of the generations has, of trees that are not in
// both.
func (c *comparison) moved() (added, gone int64, err error) {
	before, after := map[string]int64{}, map[string]int64{}
	for _, k := range c.only(c.from, c.to) {
		err = errors.Join(err, c.objects(k, before))
	}
	for _, k := range c.only(c.to, c.from) {
		err = errors.Join(err, c.objects(k, after))
	}
	for o, size := range before {
		if _, stays := after[o]; stays {
			delete(after, o)
			continue
		}
		gone += size
	}
	return sum(after), gone, err
}

// only lists the trees of one generation that another lacks.
func (c *comparison) only(g, other *generation.Generation) (keys []store.Key) {
	has := make(map[store.Key]bool, len(other.Info.Trees))
	for _, k := range other.Info.Trees {
		has[k.V1()] = true
	}
	for _, k := range g.Info.Trees {
		if !has[k.V1()] {
			keys = append(keys, k)
		}
	}
	return keys
}

// wishes compares what was wished for.
func (c *comparison) wishes() ([]wishLine, error) {
	if string(c.from.Wishes) == string(c.to.Wishes) {
		return nil, nil
	}
	old, err := lock.ParseProfile(filepath.Join(c.from.Dir, lock.ProfileName), c.from.Wishes)
	if err != nil {
		return nil, err
	}
	new, err := lock.ParseProfile(filepath.Join(c.to.Dir, lock.ProfileName), c.to.Wishes)
	if err != nil {
		return nil, err
	}
	return wishChanges(old, new), nil
}

// files compares the forests.
func (c *comparison) files() ([]fileDiff, error) {
	changes, err := generation.Diff(c.from.Dir, c.to.Dir, generation.Trees{FS: c.st.TreesFS(), Files: c.list})
	if err != nil || len(changes) == 0 {
		return []fileDiff{}, err
	}
	old, new := namesByRoot(c.from), namesByRoot(c.to)
	list := make([]fileDiff, len(changes))
	for i, ch := range changes {
		list[i] = fileDiff{ch.Path, sideOf(ch.Old, old), sideOf(ch.New, new)}
	}
	return list, nil
}

func sideOf(f *generation.File, names map[string]string) *fileSide {
	if f == nil {
		return nil
	}
	return &fileSide{names[f.Key.V1().Root.KeyString()], f.Size, f.Target}
}

// rootText names a package whatever version its CID is of.
func rootText(p *lock.Package) string { return store.Key{Root: p.CID}.V1().Root.KeyString() }

// keysByRoot are the trees of a generation.
func keysByRoot(g *generation.Generation) map[string]store.Key {
	keys := make(map[string]store.Key, len(g.Info.Trees))
	for _, k := range g.Info.Trees {
		keys[k.V1().Root.KeyString()] = k
	}
	return keys
}

// namesByRoot are the names of a generation's packages.
func namesByRoot(g *generation.Generation) map[string]string {
	names := make(map[string]string, len(g.Lock.Packages))
	for i := range g.Lock.Packages {
		names[rootText(&g.Lock.Packages[i])] = string(g.Lock.Packages[i].Name)
	}
	return names
}

func sum(sizes map[string]int64) (total int64) {
	for _, n := range sizes {
		total += n
	}
	return total
}
