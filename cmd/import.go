package cmd

import (
	"context"
	"errors"
	"os"
	"strings"

	"ipp/cmd/term"
	"ipp/store"
	"ipp/store/dag"

	multierror "github.com/hashicorp/go-multierror"
)

type importCmd struct {
	Files []string `arg:"" name:"FILE" help:"CAR files."`
	dryRunFlag
	jsonFlag
}

func (importCmd) doc() doc {
	return doc{
		usage: "import FILE.car… [--dry-run]",
		about: `Takes packages with all the platforms that their CAR files have into the store,
			where they can be installed by name or CID, and keeps them until ipp forget.`,
		examples: []string{"ipp import esbuild.car biome.car", "ipp install esbuild"},
	}
}

func (i *importCmd) run(ctx context.Context, a *app) error {
	s, err := a.begin(ctx, "import")
	if err != nil {
		return err
	}
	defer s.close()
	var bad *multierror.Error
	var list []*opened
	for _, file := range i.Files {
		o, err := s.openImport(ctx, file)
		if err != nil {
			bad = multierror.Append(bad, failed("import", file, err))
			continue
		}
		list = append(list, o)
	}
	if err := bad.ErrorOrNil(); err != nil { // all are looked at before any is taken
		return err
	}
	results := []packed{}
	for n, o := range list {
		out, err := s.take(ctx, o, i.DryRun)
		if err != nil {
			return failed("import", i.Files[n], err)
		}
		results = append(results, out)
		if !a.json {
			a.showImport(out)
		}
	}
	if a.json {
		return a.printJSON(results)
	}
	return nil
}

// openImport opens a file as a CAR whatever it is called.
func (s *session) openImport(ctx context.Context, file string) (*opened, error) {
	if fi, err := os.Stat(file); err == nil && fi.IsDir() {
		return nil, &failure{verb: "import", object: file, code: exitUsage, err: errors.New("it is a directory, not a CAR file"),
			hints: []string{"pack it into the store: ipp pack " + quote(file)}}
	}
	return s.openPath(ctx, file, "")
}

// take brings a CAR's platforms into the store.
func (s *session) take(ctx context.Context, o *opened, dryRun bool) (packed, error) {
	out := packed{CID: o.pkg.Root.String(), Platforms: []string{}, DryRun: dryRun}
	out.of(o.pkg)
	has, lacks, err := platformsIn(ctx, o.src, o.pkg)
	if err != nil {
		return out, err
	}
	if len(lacks) > 0 && len(has) == 0 {
		return out, &failure{err: errors.New("the CAR has none of the package's platforms"), code: exitMalformed}
	}
	out.Platforms = out.Platforms[:0]
	for _, p := range has {
		out.Platforms = append(out.Platforms, string(p))
	}
	for _, p := range lacks {
		out.Lacks = append(out.Lacks, string(p))
	}
	for _, platform := range out.platforms() {
		p, err := store.Measure(ctx, o.pkg.Want(platform, dag.DefaultLimits()), o.src)
		if isAbsent(err) {
			err = &failure{err: errors.New("the CAR lacks blocks: " + err.Error()), code: exitMalformed}
		}
		if err != nil {
			return out, err
		}
		out.Bytes += p.Bytes
	}
	if !dryRun {
		out.NewBytes, err = s.keep(ctx, o, out.platforms(), "ipp import")
	}
	return out, err
}

func (a *app) showImport(out packed) {
	name := strings.TrimSpace(out.Name + " " + out.Version)
	if name == "" {
		name = "a directory without package.toml"
	}
	line := term.Safe(name)
	if len(out.Platforms) > 0 {
		line += " for " + strings.Join(out.Platforms, ", ")
	}
	line += ": " + term.Bytes(out.Bytes)
	if !out.DryRun {
		line += ", " + term.Bytes(out.NewBytes) + " new"
	}
	a.println(line + "  " + out.CID)
	if len(out.Lacks) > 0 {
		a.note("%s %s: not in this CAR: %s", a.term.ErrStyle().Yellow("note:"), term.Safe(name), strings.Join(out.Lacks, ", "))
	}
	if out.DryRun {
		a.println("dry run: nothing was written")
	}
}
