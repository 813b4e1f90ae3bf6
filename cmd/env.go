package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"ipp/cmd/shell"
	"ipp/profile"
)

type envCmd struct {
	Shell string `arg:"" optional:"" name:"SHELL" help:"bash, zsh or fish; that of $$SHELL where left out."`
	jsonFlag
}

func (envCmd) doc() doc {
	return doc{
		usage: "env [bash|zsh|fish|sh]",
		about: `Prints the lines that let a shell find installed programs, their manual pages, shared
			files and completions (PATH, MANPATH, XDG_DATA_DIRS; fpath in zsh, fish_complete_path in
			fish). The text never changes, so a shell's start need not run ipp: append it to the
			start-up file once. Sourcing it twice does no harm.

			In ~/.zshrc the lines belong before the one that calls compinit, which looks for
			completions.`,
		examples: []string{
			`eval "$(ipp env)"              # this shell`,
			"ipp env bash >> ~/.bashrc      # every shell from now on",
			"ipp env fish >> ~/.config/fish/config.fish",
		},
	}
}

// envVars is the JSON of env: what is put in front of each variable.
type envVars struct {
	Path    string `json:"PATH"`
	ManPath string `json:"MANPATH"`
	Data    string `json:"XDG_DATA_DIRS"`
	Zsh     string `json:"fpath"`              // zsh's
	Fish    string `json:"fish_complete_path"` // fish's
}

func (e *envCmd) run(_ context.Context, a *app) error {
	prof, err := a.openProfile()
	if err != nil {
		return err
	}
	dirs := shellDirs(prof)
	if strings.ContainsRune(dirs.Path, os.PathListSeparator) {
		return &failure{verb: "env", object: dirs.Path, err: fmt.Errorf("its path has %q in it, which PATH can't hold", os.PathListSeparator), code: exitFailed,
			hints: []string{"let XDG_STATE_HOME name another directory, and move ipp's there"}}
	}
	if a.json {
		return a.printJSON(envVars{dirs.Path, dirs.Man, dirs.Data, dirs.ZshFuncs, dirs.FishDirs})
	}
	name := e.Shell
	if name == "" {
		name = a.set.shellName()
	}
	text, ok := dirs.Env(name)
	if !ok {
		return unknownShell("env", name, append(shell.Names(), "sh for all that are like it"), e.doc().usage)
	}
	a.printf("%s", text)
	return nil
}

// shellDirs are what shells get of a profile, whatever is current in it.
func shellDirs(prof *profile.Profile) shell.Dirs {
	return shell.In(filepath.Join(prof.Dir(), "current"))
}

// shellName is the shell that SHELL names, or sh.
func (s settings) shellName() string {
	if s.shell == "" {
		return "sh"
	}
	return strings.TrimSuffix(filepath.Base(s.shell), ".exe")
}

func unknownShell(verb, name string, known []string, usage string) error {
	return &failure{verb: verb, object: name, code: exitUsage, err: errors.New("this shell is not known"),
		hints: []string{"there are " + strings.Join(known, ", ")}, usage: usage}
}
