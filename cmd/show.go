package cmd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"ipp/cmd/term"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/profile"
	"ipp/store"
	"ipp/store/dag"
	"ipp/store/pack"

	"github.com/ipfs/go-cid"
)

type showCmd struct {
	Ref string `arg:"" name:"REF" help:"A path, CID or name."`
	fetchFlags
	jsonFlag
}

func (showCmd) doc() doc {
	return doc{
		usage: "show REF",
		about: `Shows what a package says of itself, what of it is here, and where it is installed.
			Of a name it shows the installed version, else the newest that the store knows.`,
		examples: []string{"ipp show esbuild", "ipp show ./esbuild.car", "ipp show bafybeib2w7m4"},
	}
}

// shown is the JSON of show.
type shown struct {
	Name         string            `json:"name,omitempty"`
	Version      string            `json:"version,omitempty"`
	Summary      string            `json:"summary,omitempty"`
	License      string            `json:"license,omitempty"`
	Homepage     string            `json:"homepage,omitempty"`
	Source       string            `json:"source,omitempty"`
	Changelog    string            `json:"changelog,omitempty"`
	CID          string            `json:"cid"`
	Manifest     string            `json:"manifest,omitempty"`
	Signed       bool              `json:"signed"`           // it carries a signature, which is good
	Author       *author           `json:"author,omitempty"` // who signed it
	DagSize      uint64            `json:"dag_size"`         // of the whole package with its IPFS blocks
	Platforms    []shownPlatform   `json:"platforms"`
	Commands     map[string]string `json:"commands,omitempty"`
	Environment  map[string]string `json:"environment,omitempty"`
	Dependencies map[string]string `json:"dependencies,omitempty"`
	Libraries    map[string]string `json:"libraries,omitempty"`
	Inert        []string          `json:"inert,omitempty"`     // read, but not acted on
	Installed    []place           `json:"installed,omitempty"` // in current generations
	Known        []version         `json:"known,omitempty"`     // of this name in the store
}

// place is where a package is installed.
type place struct {
	Profile    string `json:"profile"`
	Generation int    `json:"generation"`
	Name       string `json:"name"` // that it has there
}

// shownPlatform is one platform's part; "any": the package is not split.
type shownPlatform struct {
	Platform string `json:"platform"`
	Here     bool   `json:"here"` // all of it is in the source
	Files    int    `json:"files,omitempty"`
	Bytes    int64  `json:"bytes,omitempty"`
}

func (s *showCmd) run(ctx context.Context, a *app) error {
	r, err := ref.Parse(s.Ref)
	if err != nil {
		return failed("show", s.Ref, err)
	}
	c, err := a.beginChange(ctx, "show", "", true)
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.fetchWith(s.fetchFlags); err != nil {
		return err
	}
	o, err := c.open(ctx, r, c.old.Lock, asPath(r))
	if _, absent := errors.AsType[*absentError](err); absent && r.Kind == ref.CID {
		return c.showBlock(ctx, r, err)
	}
	if err != nil {
		return err
	}
	out := describe(o)
	if err := c.size(ctx, o, &out); err != nil {
		return failed("show", s.Ref, err)
	}
	if err := c.whereInstalled(o.pkg.Root, &out); err != nil {
		return failed("show", s.Ref, err)
	}
	if err := c.knownVersions(ctx, o, &out); err != nil {
		return failed("show", s.Ref, err)
	}
	if a.json {
		return a.printJSON(out)
	}
	a.showPackage(out)
	return nil
}

// whereInstalled looks into the current generation of every profile.
func (c *change) whereInstalled(root cid.Cid, out *shown) error {
	d, err := c.a.set.dirs()
	if err != nil {
		return err
	}
	names, err := profile.List(d.state)
	if err != nil {
		return err
	}
	for _, name := range names {
		g, err := c.a.profileAt(name, d.state).Current()
		if err != nil || g == nil { // another profile's damage is not this command's matter
			continue
		}
		for _, p := range g.Lock.Packages {
			if p.CID.Equals(root) {
				out.Installed = append(out.Installed, place{string(name), int(g.Number), string(p.Name)})
			}
		}
	}
	return nil
}

// asPath lets a directory without package.toml be looked at: it needs a name
// only to be packed.
func asPath(r ref.Ref) ref.Name {
	if r.Kind == ref.Path {
		return "unnamed"
	}
	return ""
}

// describe is what a package says of itself.
func describe(o *opened) shown {
	p := o.pkg
	out := shown{CID: p.Root.String(), Signed: p.Signature != nil, Author: authorOf(p.Signature), DagSize: p.DagSize, Platforms: []shownPlatform{}}
	if p.Manifest.Defined() {
		out.Manifest = p.Manifest.String()
	}
	m := p.Meta
	if m == nil {
		return out
	}
	out.Name, out.Version, out.Summary, out.License = string(m.Name), string(m.Version), m.Summary, m.License
	out.Homepage, out.Source, out.Changelog = m.Homepage, m.Source, m.Changelog
	out.Environment, out.Inert = m.Environment, m.Inert()
	out.Commands, out.Dependencies, out.Libraries = map[string]string{}, map[string]string{}, map[string]string{}
	for c, path := range m.Commands {
		out.Commands[string(c)] = path
	}
	for n, c := range m.Dependencies {
		out.Dependencies[string(n)] = c.String()
	}
	for n, c := range m.Libraries {
		out.Libraries[string(n)] = c.String()
	}
	return out
}

// size finds out how much of each platform is there.
func (s *session) size(ctx context.Context, o *opened, out *shown) error {
	platforms := []ref.Platform{""}
	if o.pkg.Meta != nil && len(o.pkg.Meta.Platforms) > 0 {
		platforms = o.pkg.Meta.Platforms
	}
	for _, platform := range platforms {
		want := o.pkg.Want(platform, dag.DefaultLimits())
		want.Check = func() (func(*dag.Entry), func(context.Context) error) { // also what can't be installed can be looked at
			return func(e *dag.Entry) { out.addCommand(o.pkg, platform, e) }, func(context.Context) error { return nil }
		}
		p, err := store.Measure(ctx, want, o.src)
		here := shownPlatform{Platform: partOf(platform)}
		switch {
		case isAbsent(err):
		case err != nil:
			return o.pkg.Blame(platform, err)
		default:
			here.Here, here.Files, here.Bytes = true, p.Files, p.Bytes
		}
		out.Platforms = append(out.Platforms, here)
	}
	return nil
}

// addCommand notes an executable in bin, which is a command where package.toml
// names none.
func (out *shown) addCommand(p *pack.Package, platform ref.Platform, e *dag.Entry) {
	if p.Meta != nil && p.Meta.Commands != nil || e.Kind != dag.File || !e.Exec {
		return
	}
	if _, err := ref.ParseCommand(path.Base(e.Path)); err != nil {
		return
	}
	for _, base := range []string{string(platform), pack.AnyDir, "."} {
		if dir, name := path.Split(e.Path); path.Join(base, "bin") == path.Clean(dir) {
			if out.Commands == nil {
				out.Commands = map[string]string{}
			}
			out.Commands[name] = path.Join("bin", name)
		}
	}
}

// knownVersions lists what else the store has of this name, the newest first.
func (c *change) knownVersions(ctx context.Context, o *opened, out *shown) error {
	if o.pkg.Meta == nil {
		return nil
	}
	list, err := c.candidates(ctx, o.pkg.Meta.Name)
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b lock.Candidate) int { return b.Version.Compare(a.Version) })
	for _, k := range list {
		parts := []string{}
		if c.st != nil {
			if parts, err = c.st.Parts(k.CID); err != nil {
				return err
			}
		}
		if len(parts) > 0 {
			out.Known = append(out.Known, version{string(k.Version), k.CID.String()})
		}
	}
	return nil
}

func (a *app) showPackage(out shown) {
	style := a.term.OutStyle()
	title := strings.TrimSpace(out.Name + " " + out.Version)
	if title == "" {
		title = "a directory without package.toml"
	}
	a.println(style.Bold(term.Safe(title)))
	if out.Summary != "" {
		a.wrap("", term.Safe(out.Summary))
	}
	a.println()
	row := func(key, value string) {
		if value != "" {
			a.entry(key, value, 14)
		}
	}
	row("cid", out.CID)
	row("manifest", out.Manifest)
	row("license", term.Safe(out.License))
	row("homepage", term.Safe(out.Homepage))
	row("source", term.Safe(out.Source))
	row("changelog", term.Safe(out.Changelog))
	signed := "no"
	if out.Signed {
		signed = fmt.Sprintf("by %s (%s)", out.Author.Name, out.Author.Fingerprint)
	}
	row("signed", signed)
	for _, p := range out.Platforms {
		text := "not here"
		if p.Here {
			text = fmt.Sprintf("%s in %s", term.Bytes(p.Bytes), plural(p.Files, "file"))
		}
		row(term.Safe(p.Platform), text)
	}
	row("commands", pairs(out.Commands, " = "))
	row("environment", pairs(out.Environment, "="))
	row("needs", pairs(out.Dependencies, " "))
	row("libraries", pairs(out.Libraries, " "))
	for _, what := range out.Inert {
		row("ignored", term.Safe(what)+" (this release does not act on it)")
	}
	for _, where := range out.Installed {
		row("installed", fmt.Sprintf("profile %s, generation %d, as %s", where.Profile, where.Generation, where.Name))
	}
	for _, k := range out.Known {
		row("known", term.Safe(k.Version)+"  "+k.CID[:min(16, len(k.CID))])
	}
}

func pairs(m map[string]string, between string) string {
	var words []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		words = append(words, term.Safe(k+between+m[k]))
	}
	return strings.Join(words, ", ")
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// heldBlock is the JSON of show for a CID that is no package, but a part of
// some.
type heldBlock struct {
	CID  string   `json:"cid"`
	Size int64    `json:"size"` // of the block
	In   []within `json:"in"`   // packages in the store
}

// within is a package that holds a block.
type within struct {
	Name     string `json:"name,omitempty"`
	Version  string `json:"version,omitempty"`
	CID      string `json:"cid"`
	Platform string `json:"platform"`       // the part of the package that holds it; any: not split
	Path     string `json:"path,omitempty"` // of the file that it is of, or of what it is the root of
}

// maxWithin is how many places of a block are listed.
const maxWithin = 20

// showBlock says which packages hold what is no package itself; absent where
// none does.
func (c *change) showBlock(ctx context.Context, r ref.Ref, absent error) error {
	if c.st == nil {
		return absent
	}
	x, err := c.a.openIndex(ctx, c.st)
	if err != nil {
		return failed("show", r.Text, err)
	}
	defer x.Close()
	spots, err := x.Spots(r.CID, maxWithin)
	if err != nil {
		return failed("show", r.Text, err)
	}
	size, err := x.Size(ctx, r.CID)
	if err != nil || len(spots) == 0 {
		return absent
	}
	out := heldBlock{CID: r.CID.String(), Size: size}
	for _, s := range spots {
		w := within{CID: s.Key.Root.String(), Platform: s.Key.Part, Path: s.Path}
		data, err := x.Data(s.Key)
		if err != nil {
			return failed("show", r.Text, err)
		}
		if f, err := lock.DecodeFacts(data); err == nil {
			w.Name, w.Version = string(f.Name), string(f.Version)
		}
		out.In = append(out.In, w)
	}
	if c.a.json {
		return c.a.printJSON(out)
	}
	c.a.println(term.Safe(fmt.Sprintf("no package, but a block of %s in packages of the store:", term.Bytes(size))))
	table := c.a.term.Table("NAME", "VERSION", "PLATFORM", "CID", "PATH").Whole(0, 1, 3)
	for _, w := range out.In {
		table.Row(term.Safe(w.Name), term.Safe(w.Version), term.Safe(w.Platform), w.CID[:min(16, len(w.CID))], term.Safe(w.Path))
	}
	table.Flush()
	return nil
}
