package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"ipp/cmd/term"
	"ipp/lock"
	"ipp/store/durable"
)

type initCmd struct {
	Dir string `arg:"" optional:"" name:"DIR" help:"Where to write profile.toml and profile.lock."`
	dryRunFlag
	jsonFlag
}

func (initCmd) doc() doc {
	return doc{
		usage: "init [DIR] [--dry-run]",
		about: `Makes a profile declarative: writes profile.toml, which says what is wished for, and
			profile.lock, which says what exactly that is, from what is installed, and has the
			profile follow them. Keep them in git; on another machine: ipp switch -f DIR.

			From then on install, remove, upgrade and hold edit these files, comments and order
			kept, and ipp switch makes the profile what they say. Without DIR they are in
			~/.config/ipp/profiles/NAME.`,
		examples: []string{"ipp init", "ipp init ~/dotfiles/ipp", "ipp init ./site --profile site"},
	}
}

// initialised is the JSON of init.
type initialised struct {
	Profile string `json:"profile"`
	DryRun  bool   `json:"dry_run"` // nothing was done
	File    string `json:"file"`    // profile.toml
	Lock    string `json:"lock"`    // profile.lock
}

func (i *initCmd) run(ctx context.Context, a *app) error {
	c, err := a.beginChange(ctx, "init", reason("init", i.Dir), i.DryRun)
	if err != nil {
		return err
	}
	defer c.close()
	dir, err := a.ownDir(c.prof.Name(), i.Dir)
	if err != nil {
		return failed("init", i.Dir, err)
	}
	out := initialised{string(c.prof.Name()), i.DryRun, filepath.Join(dir, lock.ProfileName), filepath.Join(dir, lock.LockName)}
	for _, path := range []string{out.File, out.Lock} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			if err == nil {
				err = fs.ErrExist
			}
			return &failure{verb: "init", object: path, err: err, code: exitConflict,
				hints: []string{"to have the profile follow it: " + a.own("switch -f %s", quote(dir)), "or write it elsewhere: " + a.own("init DIR")}}
		}
	}
	if !i.DryRun {
		if err := c.initialise(ctx, dir, out); err != nil {
			return failed("init", dir, err)
		}
	}
	if a.json {
		return a.printJSON(out)
	}
	if i.DryRun {
		a.println("would write ", term.Safe(out.File), " and ", lock.LockName)
		a.println("dry run: nothing was changed")
		return nil
	}
	a.println("wrote ", term.Safe(out.File), " and ", lock.LockName)
	a.say(fmt.Sprintf("profile %s follows them: edit profile.toml, then %s", out.Profile, a.own("switch")))
	return nil
}

// initialise writes the files, and has the profile follow them.
func (c *change) initialise(ctx context.Context, dir string, out initialised) error {
	if err := c.create(ctx); err != nil {
		return err
	}
	if err := c.prof.Create(ctx, c.st); err != nil {
		return err
	}
	text := append([]byte(fmt.Sprintf("# What profile %s is to have. After an edit: ipp switch\n", c.prof.Name())), c.old.Wishes.Encode()...)
	return c.prof.Hold(ctx, c.verb, func() error {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := durable.WriteFile(out.File, text, 0o644); err != nil {
			return err
		}
		if err := durable.WriteFile(out.Lock, c.old.Lock.Encode(), 0o644); err != nil {
			return err
		}
		return c.prof.Follow(dir)
	})
}
