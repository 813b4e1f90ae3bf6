package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"ipp/lock"
	"ipp/lock/ref"
)

type switchCmd struct {
	Ref        string `arg:"" optional:"" name:"NAME@VERSION" help:"An installed package and the version, or constraint, to switch to."`
	Generation string `placeholder:"N" help:"Make generation N current, as ipp rollback N does."`
	Locked     bool   `help:"Fail (exit 6) where profile.lock is not what profile.toml asks for."`
	fileFlag
	preferFlag
	acceptFlag
	fetchFlags
	dryRunFlag
	jsonFlag
}

func (switchCmd) doc() doc {
	return doc{
		usage: "switch NAME@VERSION [--prefer NAME] [--accept-key KEY] | [-f DIR] [--locked] | --generation N [--dry-run]",
		about: `Makes a declarative profile (see ipp init) what its profile.toml and profile.lock say.
			With -f it follows the files in DIR from then on. What profile.lock lacks is added to
			it, unless --locked says that it has to be whole.

			With NAME@VERSION it switches one program to another version that the store knows,
			and writes that constraint as the wish that ipp upgrade follows from then on.

			With --generation the whole profile goes to that generation.`,
		examples: []string{
			"ipp switch esbuild@0.24.2",
			"ipp switch 'esbuild@^0.25'    # and follow 0.25.x from now on",
			"ipp switch --generation 3",
			"ipp switch -f ~/dotfiles/ipp --locked",
		},
	}
}

func (s *switchCmd) run(ctx context.Context, a *app) error {
	switch {
	case s.Ref != "" && s.Generation != "":
		return usageError(s, "say NAME@VERSION or --generation, not both")
	case s.Generation != "" && (s.File != "" || s.Locked):
		return usageError(s, "a generation is as it was: leave out -f and --locked")
	case s.Generation != "" && len(s.Prefer) > 0:
		return usageError(s, "a generation is as it was: leave out --prefer")
	case s.Generation != "" && (len(s.AcceptKey) > 0 || s.Yes):
		return usageError(s, "a generation is as it was, keys too: leave out --accept-key and --yes")
	case s.Generation != "":
		return a.rollback(ctx, "switch", s.Generation, s.DryRun)
	case s.Ref != "" && (s.File != "" || s.Locked):
		return usageError(s, "say NAME@VERSION or -f and --locked, not both")
	case s.Ref == "":
		return s.declared(ctx, a)
	}
	r, err := ref.Parse(s.Ref)
	if err != nil {
		return failed("switch", s.Ref, err)
	}
	if err := s.check(a, r); err != nil {
		return err
	}
	prefer, err := s.names("switch")
	if err != nil {
		return err
	}
	accept, err := s.accepted("switch")
	if err != nil {
		return err
	}
	c, err := a.beginChange(ctx, "switch", reason("switch", s.Ref), s.DryRun)
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.fetchWith(s.fetchFlags); err != nil {
		return err
	}
	if c.base(c.old).Lock.Find(r.Name) == nil {
		f := c.notInstalled(c.base(c.old).Lock)
		f.verb, f.object = "switch", s.Ref
		f.hints = append([]string{a.own("install %s", quote(s.Ref))}, f.hints...)
		return f
	}
	c.targets, c.prefer, c.accept = []ref.Name{r.Name}, prefer, accept
	c.units, c.typed = c.targets, map[ref.Name]string{r.Name: s.Ref}
	c.edit = func(wishes *lock.Profile, _ *lock.Lockfile, _ func(ref.Name) bool) error {
		w, _ := wishes.Wish(r.Name)
		wishes.Put(lock.Wish{Name: r.Name, Constraint: r.Constraint, Package: w.Package, Channel: w.Channel, Hold: w.Hold})
		return nil
	}
	return c.carry(ctx)
}

// declared makes the profile what its own files say.
func (s *switchCmd) declared(ctx context.Context, a *app) error {
	prefer, err := s.names("switch")
	if err != nil {
		return err
	}
	accept, err := s.accepted("switch")
	if err != nil {
		return err
	}
	c, err := a.beginOwn(ctx, "switch", s.File, s.DryRun)
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.fetchWith(s.fetchFlags); err != nil {
		return err
	}
	c.prefer, c.accept, c.strict = prefer, accept, s.Locked
	return c.carry(ctx)
}

// check refuses what is no NAME@VERSION, with the words for what was meant.
func (s *switchCmd) check(a *app, r ref.Ref) error {
	f := usageError(s, "%s is not NAME@VERSION", r.Text)
	switch {
	case r.Kind != ref.Named:
		f.hints = []string{"to have exactly this package: " + a.own("install %s", quote(r.Text))}
		return f
	case r.Channel != "":
		return failed("switch", r.Text, unresolved("channels"))
	case strings.Trim(r.Text, "0123456789") == "":
		f.hints = []string{a.own("switch --generation %s", r.Text)}
		return f
	case !r.Explicit:
		f.err = errors.New("to which version?")
		f.hints = []string{fmt.Sprintf("ipp show %s lists the versions that are known", r.Name), "to go to the newest: " + a.own("upgrade %s", r.Name)}
		return f
	}
	return nil
}
