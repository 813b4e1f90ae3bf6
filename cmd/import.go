package cmd

import (
	"cmp"
	"context"
	"errors"
	"os"
	"strings"

	"ipp/cmd/term"
	"ipp/store"
	"ipp/store/dag"
)

type importCmd struct {
	Files []string `arg:"" name:"FILE" help:"CAR files."`
	keepGoingFlag
	dryRunFlag
	jsonFlag
}

func (importCmd) doc() doc {
	return doc{
		usage: "import FILE.car… [--keep-going] [--dry-run]",
		about: `Takes packages with all the platforms that their CAR files have into the store,
			where they can be installed by name or CID, and keeps them until ipp forget. If one is
			bad none is kept, unless --keep-going says to keep the others.`,
		examples: []string{"ipp import esbuild.car biome.car", "ipp install esbuild"},
	}
}

// imports is the JSON of import.
type imports struct {
	Imported []packed  `json:"imported"`
	LeftOut  int       `json:"left_out,omitempty"` // files that are bad (--keep-going); the exit code is that of errors
	Errors   []problem `json:"errors,omitempty"`   // what is wrong with them
}

// intake is one CAR file on its way into the store.
type intake struct {
	file string
	*opened
	packed
}

func (i *importCmd) run(ctx context.Context, a *app) error {
	s, err := a.begin(ctx, "import")
	if err != nil {
		return err
	}
	defer s.close()
	t := &tally{keepGoing: i.KeepGoing}
	list, err := each(ctx, t, i.intakes(), func(in *intake) error { return s.look(ctx, in, i.DryRun) })
	if err == nil && t.stops() {
		list, err = each(ctx, t, list, func(in *intake) error { return s.readParts(ctx, in.opened, in.platforms()) })
	}
	if err == nil && !t.stops() && !i.DryRun {
		list, err = s.takeAll(ctx, t, list)
	}
	if err != nil {
		return failed("import", "", err)
	}
	if t.stops() || len(list) == 0 {
		return t.tell(a, len(list) > 0)
	}
	return i.show(a, t, list)
}

func (i *importCmd) intakes() []*intake {
	var list []*intake
	for _, file := range i.Files {
		list = append(list, &intake{file: file})
	}
	return list
}

// each does work for every file; those that are bad are told and left out. It
// ends early only by an error that is of no single file.
func each(ctx context.Context, t *tally, list []*intake, work func(*intake) error) ([]*intake, error) {
	var good []*intake
	for _, in := range list {
		err := work(in)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			t.told, t.lost = append(t.told, failed("import", in.file, err)), t.lost+1
			continue
		}
		good = append(good, in)
	}
	return good, nil
}

// takeAll brings the files' packages into the store, and keeps them when all are
// there.
func (s *session) takeAll(ctx context.Context, t *tally, list []*intake) ([]*intake, error) {
	var whole error
	good, err := each(ctx, t, list, func(in *intake) (err error) {
		switch {
		case whole != nil:
			return nil
		case t.stops(): // all that is bad is found at once
			return s.readParts(ctx, in.opened, in.platforms())
		}
		in.NewBytes, err = s.bringParts(ctx, in.opened, in.platforms())
		if err != nil && !s.a.ofPackage(err) {
			whole, err = failed("import", in.file, err), nil
		}
		return err
	})
	if err = cmp.Or(err, whole); err != nil || t.stops() || len(good) == 0 {
		return good, err
	}
	kept := make([]*opened, len(good))
	for i, in := range good {
		kept[i] = in.opened
	}
	return good, s.keepRoots(ctx, "ipp import", kept...)
}

func (i *importCmd) show(a *app, t *tally, list []*intake) error {
	bad := t.tell(a, true)
	out := imports{Imported: []packed{}, LeftOut: t.lost, Errors: a.problems(bad)}
	for _, in := range list {
		out.Imported = append(out.Imported, in.packed)
		if !a.json {
			a.showImport(in.packed)
		}
	}
	if a.json {
		return errors.Join(a.printJSON(out), bad)
	}
	if i.DryRun {
		a.println("dry run: nothing was written")
	}
	if t.lost > 0 {
		a.println(leftOut(t.lost))
	}
	return bad
}

// openImport opens a file as a CAR whatever it is called.
func (s *session) openImport(ctx context.Context, file string) (*opened, error) {
	if fi, err := os.Stat(file); err == nil && fi.IsDir() {
		return nil, &failure{verb: "import", object: file, code: exitUsage, err: errors.New("it is a directory, not a CAR file"),
			hints: []string{"pack it into the store: ipp pack " + quote(file)}}
	}
	return s.openPath(ctx, file, "")
}

// look opens a CAR file, and checks all that can be checked without reading
// what its files hold.
func (s *session) look(ctx context.Context, in *intake, dryRun bool) (err error) {
	if in.opened, err = s.openImport(ctx, in.file); err != nil {
		return err
	}
	in.packed = packed{CID: in.pkg.Root.String(), Platforms: []string{}, DryRun: dryRun}
	in.of(in.pkg)
	has, lacks, err := platformsIn(ctx, in.src, in.pkg)
	if err != nil {
		return err
	}
	if len(lacks) > 0 && len(has) == 0 {
		return &failure{err: errors.New("the CAR has none of the package's platforms"), code: exitMalformed}
	}
	in.Platforms = in.Platforms[:0]
	for _, p := range has {
		in.Platforms = append(in.Platforms, string(p))
	}
	for _, p := range lacks {
		in.Lacks = append(in.Lacks, string(p))
	}
	for _, platform := range in.platforms() {
		p, err := store.Measure(ctx, in.pkg.Want(platform, dag.DefaultLimits()), in.src)
		if isAbsent(err) {
			err = &failure{err: errors.New("the CAR lacks blocks: " + err.Error()), code: exitMalformed}
		}
		if err != nil {
			return in.pkg.Blame(platform, err)
		}
		in.Bytes += p.Bytes
	}
	return nil
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
	a.println(line + ", " + out.Author.String() + "  " + out.CID)
	if len(out.Lacks) > 0 {
		a.note("%s %s: not in this CAR: %s", a.term.ErrStyle().Yellow("note:"), term.Safe(name), strings.Join(out.Lacks, ", "))
	}
}
