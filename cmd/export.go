package cmd

import (
	"context"
	"fmt"
	"slices"

	"ipp/cmd/term"
	"ipp/lock/ref"
)

type exportCmd struct {
	Ref      string   `arg:"" name:"REF" help:"A path, CID or name."`
	Output   string   `short:"o" required:"" placeholder:"FILE" help:"The CAR file to write; - is standard output."`
	Platform []string `placeholder:"P" help:"Only this platform's part; may be repeated."`
	dryRunFlag
	jsonFlag
}

func (exportCmd) doc() doc {
	return doc{
		usage: "export REF -o FILE.car [--platform P]…",
		about: `Writes a package to a CAR file (version 1, one root), which ipp install and any IPFS
			tool read. All its platforms must be here, unless --platform says which to write.`,
		examples: []string{"ipp export esbuild -o esbuild.car", "ipp export esbuild --platform linux-amd64 -o linux.car"},
	}
}

// exported is the JSON of export.
type exported struct {
	Name      string   `json:"name,omitempty"`
	Version   string   `json:"version,omitempty"`
	CID       string   `json:"cid"`
	Platforms []string `json:"platforms"` // that were written; empty: not split
	Output    string   `json:"output"`
	DryRun    bool     `json:"dry_run"`
}

func (e *exportCmd) run(ctx context.Context, a *app) error {
	r, err := ref.Parse(e.Ref)
	if err != nil {
		return failed("export", e.Ref, err)
	}
	if err := a.checkOutput("export", e.Output); err != nil {
		return err
	}
	c, err := a.beginChange(ctx, "export", "", e.DryRun)
	if err != nil {
		return err
	}
	defer c.close()
	o, err := c.open(ctx, r, c.old.Lock, "")
	if err != nil {
		return err
	}
	platforms, err := e.choose(ctx, o)
	if err != nil {
		return failed("export", e.Ref, err)
	}
	if !e.DryRun {
		if err := c.writeCAR(ctx, e.Output, o, platforms); err != nil {
			return failed("export", e.Ref, err)
		}
	}
	return e.show(a, o, platforms)
}

// choose says which platforms to write: those asked for, or all. nil stands for
// a package that is not split.
func (e *exportCmd) choose(ctx context.Context, o *opened) ([]ref.Platform, error) {
	has, lacks, err := platformsIn(ctx, o.src, o.pkg)
	if err != nil {
		return nil, err
	}
	if len(e.Platform) == 0 {
		if len(lacks) > 0 {
			f := &failure{verb: "export", object: e.Ref, code: exitNotFound, err: fmt.Errorf("what is here lacks %s", join(lacks))}
			if len(has) > 0 {
				f.hints = []string{"write what is here: --platform " + string(has[0])}
			}
			return nil, f
		}
		return has, nil
	}
	var list []ref.Platform
	for _, text := range e.Platform {
		p, err := ref.ParsePlatform(text)
		switch {
		case err != nil:
			return nil, failed("export", "--platform "+text, err)
		case slices.Contains(lacks, p):
			return nil, &failure{verb: "export", object: e.Ref, code: exitNotFound, err: fmt.Errorf("%s is not here", p), hints: hereHint(has)}
		case !slices.Contains(has, p):
			return nil, &failure{verb: "export", object: e.Ref, code: exitNotFound, err: fmt.Errorf("the package has no platform %s", p), hints: hereHint(has)}
		}
		list = append(list, p)
	}
	return list, nil
}

func hereHint(has []ref.Platform) []string {
	if len(has) == 0 {
		return []string{"it is not split by platform: leave out --platform"}
	}
	return []string{"here: " + join(has)}
}

func (e *exportCmd) show(a *app, o *opened, platforms []ref.Platform) error {
	out := exported{CID: o.pkg.Root.String(), Platforms: []string{}, Output: e.Output, DryRun: e.DryRun}
	if o.pkg.Meta != nil {
		out.Name, out.Version = string(o.pkg.Meta.Name), string(o.pkg.Meta.Version)
	}
	for _, p := range platforms {
		out.Platforms = append(out.Platforms, string(p))
	}
	switch {
	case e.Output == "-":
		return nil
	case a.json:
		return a.printJSON(out)
	case e.DryRun:
		a.println(label(o.pkg) + " can be exported; dry run: nothing was written")
	default:
		a.println(label(o.pkg) + " is in " + term.Safe(e.Output))
	}
	return nil
}
