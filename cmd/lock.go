package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ipp/cmd/term"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/profile"
)

type lockCmd struct {
	Names   []string `arg:"" optional:"" name:"NAME" help:"With --upgrade: packages that may move; all of them where none is named."`
	Upgrade bool     `help:"Move to the newest versions that are known and match."`
	Check   bool     `help:"Write nothing; fail (exit 6) where profile.lock is not what profile.toml asks for."`
	fileFlag
	fetchFlags
	acceptFlag
	dryRunFlag
	jsonFlag
}

// fileFlag names a declarative profile's own files.
type fileFlag struct {
	File string `short:"f" name:"file" placeholder:"DIR" help:"The directory of profile.toml and profile.lock, if not the one that the profile follows."`
}

func (lockCmd) doc() doc {
	return doc{
		usage: "lock [--upgrade [NAME…]] [--check] [-f DIR] [--dry-run]",
		about: `Brings profile.lock up to date with profile.toml: keeps what is locked and still
			matches, and adds what is missing. It installs nothing; ipp switch does.`,
		examples: []string{"ipp lock", "ipp lock --upgrade esbuild", "ipp lock --check -f ./site   # in CI"},
	}
}

// lockedResult is the JSON of lock.
type lockedResult struct {
	File    string       `json:"file"`    // profile.lock
	Nothing bool         `json:"nothing"` // it is up to date
	DryRun  bool         `json:"dry_run"` // nothing was done
	Changes []changeLine `json:"changes"`
}

func (l *lockCmd) run(ctx context.Context, a *app) error {
	if len(l.Names) > 0 && !l.Upgrade {
		return usageError(l, "names say what --upgrade may move")
	}
	if l.Check && l.Upgrade {
		return usageError(l, "--check changes nothing: leave out --upgrade")
	}
	accept, err := l.accepted("lock")
	if err != nil {
		return err
	}
	c, err := a.beginOwn(ctx, "lock", l.File, l.DryRun || l.Check)
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.fetchWith(l.fetchFlags); err != nil {
		return err
	}
	c.accept, c.strict = accept, l.Check
	names, err := c.installedNames(ctx, l.Names)
	if err != nil {
		return err
	}
	c.moves = func(n ref.Name) bool { return l.Upgrade && (len(names) == 0 || slices.Contains(names, n)) }
	for {
		err := c.lock(ctx)
		if !errors.Is(err, profile.ErrMoved) {
			return failed("lock", "", err)
		}
		if c.own, err = a.readOwn(c.own.Dir); err != nil {
			return failed("lock", "", err)
		}
	}
}

// lock resolves, and writes what comes out.
func (c *change) lock(ctx context.Context) error {
	next, err := c.resolve(ctx, c.old, func(ref.Name) bool { return true })
	if err != nil {
		return err
	}
	out := lockedResult{File: c.own.LockPath(), DryRun: c.dryRun, Nothing: c.own.Says(next.Wishes, next.Lock), Changes: []changeLine{}}
	for _, ch := range lock.Diff(c.own.Lock, next.Lock) {
		if ch.New != nil {
			if err := c.checkKey(ctx, c.keysOf(c.old.Lock, ch), ch); err != nil {
				return err
			}
		}
		out.Changes = append(out.Changes, changeLine{Name: string(ch.Name), Old: versionOf(ch.Old), New: versionOf(ch.New)})
	}
	if !c.dryRun && !out.Nothing {
		if err := c.hold(ctx, func() error { return c.own.Save(next.Wishes, next.Lock) }); err != nil {
			return err
		}
	}
	return c.a.showLocked(out)
}

// hold runs f under the profile's mutex, where there is such a profile.
func (c *change) hold(ctx context.Context, f func() error) error {
	if there, err := c.prof.Exists(); err != nil || !there {
		return errors.Join(err, f())
	}
	return c.prof.Hold(ctx, c.verb, f)
}

func (a *app) showLocked(out lockedResult) error {
	if a.json {
		return a.printJSON(out)
	}
	table, style := a.term.Table(), a.term.OutStyle()
	for _, l := range out.Changes {
		table.Row(l.short(style)...)
	}
	table.Flush()
	switch {
	case out.Nothing:
		a.println("nothing to do: ", term.Safe(out.File), " is up to date")
	case out.DryRun:
		a.println("dry run: nothing was changed")
	default:
		a.println("wrote ", term.Safe(out.File))
		a.say("to install it: " + a.own("switch"))
	}
	return nil
}

// beginOwn begins a change of what a profile.toml says: that in dir, or the one that
// the profile follows, or where init would have put it.
func (a *app) beginOwn(ctx context.Context, verb, dir string, dryRun bool) (*change, error) {
	c, err := a.beginChange(ctx, verb, reason(verb, dir), dryRun)
	if err != nil {
		return nil, err
	}
	if err := c.ownIn(dir); err != nil {
		return nil, errors.Join(failed(verb, "", err), c.close())
	}
	c.edit = func(*lock.Profile, *lock.Lockfile, func(ref.Name) bool) error { return nil }
	return c, nil
}

func (c *change) ownIn(dir string) error {
	if dir == "" && (c.own != nil || c.unown != nil) {
		return c.unown
	}
	path, err := c.a.ownDir(c.prof.Name(), dir)
	if err != nil {
		return err
	}
	c.unown = nil
	c.own, err = c.a.readOwn(path)
	if f, ok := errors.AsType[*failure](err); ok && dir == "" {
		f.err = fmt.Errorf("profile %s follows no profile.toml, and there is none in %s", c.prof.Name(), path)
		f.hints = []string{"write one from what is installed: " + c.a.own("init"), "take one that there is: " + c.a.own("%s -f DIR", c.verb)}
		if c.verb == "switch" {
			f.code = exitUsage
			f.hints = append(f.hints, "switch a program to another version: "+c.a.own("switch NAME@VERSION"))
		}
	}
	return err
}

// strictly says that profile.lock is not what profile.toml asks for, with what would
// change.
func (c *change) strictly(next *lock.Lockfile, err error) error {
	f := &failure{code: exitConflict, hints: []string{"bring it up to date: " + c.a.own("lock")}}
	path := c.own.LockPath()
	switch {
	case !c.own.Locked:
		f.err = fmt.Errorf("there is no %s", path)
	case err != nil:
		f.err = fmt.Errorf("%s is not what profile.toml asks for: %w", path, err)
	case bytes.Equal(next.Encode(), c.own.Lock.Encode()):
		return nil
	default:
		var words []string
		for _, ch := range lock.Diff(c.own.Lock, next) {
			words = append(words, changeWord(ch))
		}
		f.err = fmt.Errorf("%s is not what profile.toml asks for: %s", path, strings.Join(words[:min(len(words), mostNamed)], ", "))
		if len(words) == 0 {
			f.err = fmt.Errorf("%s is of other wishes than profile.toml has", path)
		}
	}
	return f
}
