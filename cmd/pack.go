package cmd

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"ipp/cmd/term"
	"ipp/lock/ref"
	"ipp/store"
	"ipp/store/durable"
	"ipp/store/pack"
)

type packCmd struct {
	Path     string   `arg:"" optional:"" name:"PATH" help:"A directory, or one program."`
	Output   string   `short:"o" placeholder:"FILE" help:"Write a CAR file; - is standard output. Without it the package goes into the store."`
	Name     string   `placeholder:"NAME" help:"The package's name, where there is no package.toml."`
	Version  string   `placeholder:"VERSION" help:"Its version, where there is no package.toml."`
	Platform []string `sep:"none" placeholder:"P=PATH" help:"One platform's program or directory; may be repeated."`
	Exclude  []string `sep:"none" placeholder:"NAME" help:"Leave out a file or directory of PATH; may be repeated."`
	Sign     string   `placeholder:"KEY" help:"Sign it with one of your keys (ipp key new), or with that of a file: ./FILE."`
	Init     bool     `help:"Write a package.toml with comments into the directory PATH, and pack nothing."`
	dryRunFlag
	jsonFlag
}

func (packCmd) doc() doc {
	return doc{
		usage: "pack [PATH] [-o FILE.car] [--name NAME --version VERSION] [--platform P=PATH]… [--sign KEY]",
		about: `Makes a package: from a directory with package.toml, from one without and a name and
			version, or from one program, whose platform is read from the file. With --platform one
			package holds several platforms, and the directory PATH gives package.toml and any/.

			With --sign the package carries your word for its name, version, files and size.

			The same input gives the same CID on every machine. It is all that is printed on standard
			output.`,
		examples: []string{
			"ipp pack ./esbuild --name esbuild --version 0.25.0 -o esbuild.car",
			"ipp pack . --platform linux-amd64=build/linux --platform darwin-arm64=build/mac",
			"ipp pack --init .            # begin a package.toml",
			"ipp pack . --dry-run         # only the CID",
		},
	}
}

// packed is the JSON of pack and import.
type packed struct {
	Name      string   `json:"name,omitempty"`
	Version   string   `json:"version,omitempty"`
	CID       string   `json:"cid"`
	Platforms []string `json:"platforms"`          // of the package; empty: not split
	Lacks     []string `json:"lacks,omitempty"`    // platforms that were not in the CAR
	Files     int      `json:"files,omitempty"`    // pack only
	Bytes     int64    `json:"bytes"`              // of all files
	NewBytes  int64    `json:"new_bytes"`          // that the store lacked
	Output    string   `json:"output,omitempty"`   // the CAR file
	Author    *author  `json:"author,omitempty"`   // who signed it; absent: nobody
	DryRun    bool     `json:"dry_run"`            // nothing was written
	Warnings  []string `json:"warnings,omitempty"` // pack only
}

func (p *packCmd) run(ctx context.Context, a *app) error {
	in, err := p.input()
	if err != nil {
		return err
	}
	if p.Init {
		return p.writeTemplate(a, in)
	}
	if err := a.checkOutput("pack", p.Output); err != nil {
		return err
	}
	if p.Sign != "" {
		key, err := a.signer(ctx, p.Sign)
		if err != nil {
			return failed("pack", "--sign "+p.Sign, err)
		}
		in.Sign = key.Sign
	}
	s, err := a.begin(ctx, "pack")
	if _, homeless := a.set.dirs(); homeless != nil && (p.DryRun || p.Output != "") {
		s, err = &session{a: a, verb: "pack"}, nil // no store is needed for that
	}
	if err != nil {
		return err
	}
	defer s.close()
	built, err := s.build(ctx, in)
	if err != nil {
		return failed("pack", p.Path, err)
	}
	out := packed{CID: built.Root.String(), Platforms: []string{}, Files: built.Files, Bytes: built.Bytes, Output: p.Output, DryRun: p.DryRun}
	out.of(built.Package)
	for _, w := range built.Warnings {
		out.Warnings = append(out.Warnings, w.Path+": "+w.What)
	}
	switch {
	case p.DryRun:
	case p.Output != "":
		err = s.writeCAR(ctx, p.Output, &opened{pkg: built.Package, src: built}, nil)
	default:
		out.NewBytes, err = s.keep(ctx, &opened{pkg: built.Package, src: built}, out.platforms(), "ipp pack")
	}
	if err != nil {
		return failed("pack", p.Path, err)
	}
	return p.show(a, built, out)
}

// of fills in what a package says of itself.
func (p *packed) of(pkg *pack.Package) {
	p.Author = authorOf(pkg.Signature)
	if pkg.Meta == nil {
		return
	}
	p.Name, p.Version = string(pkg.Meta.Name), string(pkg.Meta.Version)
	for _, platform := range pkg.Meta.Platforms {
		p.Platforms = append(p.Platforms, string(platform))
	}
}

// platforms are the parts to keep: "" for a package that is not split.
func (p *packed) platforms() []ref.Platform {
	if len(p.Platforms) == 0 {
		return []ref.Platform{""}
	}
	var list []ref.Platform
	for _, s := range p.Platforms {
		list = append(list, ref.Platform(s))
	}
	return list
}

// show prints the CID alone on standard output, all else on standard error; a
// CAR on standard output has it for itself.
func (p *packCmd) show(a *app, built *pack.Built, out packed) error {
	if a.json && p.Output != "-" {
		return a.printJSON(out)
	}
	where := "in the store"
	switch {
	case p.DryRun:
		where = "dry run: nothing was written"
	case p.Output == "-":
		where = out.CID
	case p.Output != "":
		where = "in " + term.Safe(p.Output)
	}
	platforms := strings.Join(out.Platforms, ", ")
	if platforms != "" {
		platforms = " for " + platforms
	}
	a.note("%s%s: %s, %s; %s", label(built.Package), term.Safe(platforms), plural(built.Files, "file"), term.Bytes(built.Bytes), where)
	if out.Author != nil {
		a.note("%s", out.Author)
	}
	for _, what := range built.Meta.Inert() {
		a.note("%s this release of ipp does not act on its %s", a.term.ErrStyle().Yellow("note:"), term.Safe(what))
	}
	if p.Output != "-" {
		a.println(out.CID)
	}
	return nil
}

// input checks the command line and turns it into what pack.Build takes.
func (p *packCmd) input() (pack.Input, error) {
	in := pack.Input{Path: p.Path, Exclude: p.Exclude}
	if p.Path == "" && len(p.Platform) == 0 {
		return in, usageError(p, "say what to pack: a PATH, or --platform")
	}
	_, err := os.Stat(p.Path)
	if p.Path != "" && !p.Init && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)) {
		return in, noFile("pack", p.Path)
	}
	if p.Name != "" {
		if in.Name, err = ref.ParseName(p.Name); err != nil {
			return in, failed("pack", "--name "+p.Name, err)
		}
	}
	if p.Version != "" {
		if in.Version, err = ref.ParseVersion(p.Version); err != nil {
			return in, failed("pack", "--version "+p.Version, err)
		}
	}
	for _, text := range p.Platform {
		name, path, ok := strings.Cut(text, "=")
		if !ok || path == "" {
			return in, usageError(p, "--platform %s is not PLATFORM=PATH", text)
		}
		platform, err := ref.ParsePlatform(name)
		if err != nil {
			return in, failed("pack", "--platform "+text, err)
		}
		if in.Platforms == nil {
			in.Platforms = map[ref.Platform]string{}
		}
		if _, twice := in.Platforms[platform]; twice {
			return in, usageError(p, "--platform %s is given twice", name)
		}
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			f := noFile("pack", path)
			f.object = "--platform " + text
			return in, f
		}
		in.Platforms[platform] = path
	}
	return in, nil
}

// writeTemplate begins a package.toml, never over one that is there.
func (p *packCmd) writeTemplate(a *app, in pack.Input) error {
	fi, err := os.Stat(p.Path)
	if err != nil || !fi.IsDir() {
		return usageError(p, "--init needs a directory, %q is none", p.Path)
	}
	if in.Name == "" {
		if abs, err := filepath.Abs(p.Path); err == nil {
			in.Name, _ = ref.ParseName(strings.ToLower(filepath.Base(abs)))
		}
	}
	if in.Name == "" {
		in.Name = "my-program"
	}
	if in.Version == "" {
		in.Version = "0.1.0"
	}
	file := filepath.Join(p.Path, pack.MetadataName)
	if !p.DryRun {
		err = durable.CreateFile(file, pack.Template(in.Name, in.Version), 0o644)
		if errors.Is(err, fs.ErrExist) {
			return &failure{verb: "pack", object: file, code: exitFailed, err: errors.New("it is there already and was left as it is"),
				hints: []string{"pack with it: ipp pack " + quote(p.Path)}}
		}
		if err != nil {
			return failed("pack", file, err)
		}
	}
	if a.json {
		return a.printJSON(map[string]any{"output": file, "dry_run": p.DryRun})
	}
	if p.DryRun {
		a.printf("%s", pack.Template(in.Name, in.Version))
		return nil
	}
	a.println("wrote " + term.Safe(file) + ": edit it, then: ipp pack " + quote(p.Path))
	return nil
}

// planParts plans parts of one package: bytes to handle, and those that are new.
func (s *session) planParts(ctx context.Context, o *opened, platforms []ref.Platform) (plans []*store.Plan, total, fresh int64, err error) {
	for _, platform := range platforms {
		p, err := s.planPart(ctx, o, platform)
		if err != nil {
			return nil, 0, 0, err
		}
		if !p.Present || p.Damaged {
			total, fresh = total+p.Bytes, fresh+p.NewBytes
		}
		plans = append(plans, p)
	}
	return plans, total, fresh, nil
}

// keep brings parts of a package into the store and makes it a root, so that it
// stays until it is forgotten. It returns the bytes that were new.
func (s *session) keep(ctx context.Context, o *opened, platforms []ref.Platform, why string) (int64, error) {
	fresh, err := s.bringParts(ctx, o, platforms)
	if err != nil {
		return 0, err
	}
	return fresh, s.keepRoots(ctx, why, o)
}

// keepRoots makes packages roots, with one step for them all.
func (s *session) keepRoots(ctx context.Context, why string, packages ...*opened) error {
	var roots []store.Root
	for _, o := range packages {
		roots = append(roots, store.Root{Kind: store.KeptRoot, CID: o.pkg.Root, Why: why, Since: s.a.now()})
	}
	return s.st.AddRoot(ctx, roots...)
}

// bringParts brings parts of a package into the store, which is made where there
// is none.
func (s *session) bringParts(ctx context.Context, o *opened, platforms []ref.Platform) (fresh int64, err error) {
	plans, total, fresh, err := s.planParts(ctx, o, platforms)
	if err != nil {
		return 0, err
	}
	var need store.Need
	for _, p := range plans {
		need = need.Plus(p.Need)
	}
	if err := s.checkSpace(need); err != nil {
		return 0, err
	}
	if s.st == nil {
		if err := s.create(ctx); err != nil {
			return 0, err
		}
		if plans, total, fresh, err = s.planParts(ctx, o, platforms); err != nil {
			return 0, err
		}
	}
	report, done := s.a.meter("storing", total)
	defer done()
	for _, p := range plans {
		if err := s.protect(ctx, p.Root); err != nil {
			return 0, err
		}
		if err := s.st.Ensure(ctx, s.lease, p, o.src, report); err != nil {
			return 0, err
		}
	}
	return fresh, nil
}
