package cmd

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

type envCmd struct {
	Shell string `arg:"" optional:"" name:"SHELL" help:"bash, zsh or fish; that of $$SHELL where left out."`
	jsonFlag
}

func (envCmd) doc() doc {
	return doc{
		usage: "env [bash|zsh|fish|sh]",
		about: `Prints the lines that let a shell find installed programs, their manual pages and
			shared files (PATH, MANPATH, XDG_DATA_DIRS). The text never changes, so a shell's start
			need not run ipp: append it to the start-up file once. Sourcing it twice does no harm.`,
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
}

func (e *envCmd) run(_ context.Context, a *app) error {
	prof, err := a.openProfile()
	if err != nil {
		return err
	}
	current := filepath.Join(prof.Dir(), "current")
	vars := envVars{filepath.Join(current, "bin"), filepath.Join(current, "share", "man"), filepath.Join(current, "share")}
	if a.json {
		return a.printJSON(vars)
	}
	text, err := vars.script(e.shell(a))
	if err != nil {
		return err
	}
	a.printf("%s", text)
	return nil
}

func (e *envCmd) shell(a *app) string {
	if e.Shell != "" {
		return e.Shell
	}
	if a.set.shell != "" {
		return strings.TrimSuffix(filepath.Base(a.set.shell), ".exe")
	}
	return "sh"
}

// script spells the variables for a shell. An empty MANPATH entry stands for the
// system's own list, and an empty XDG_DATA_DIRS for the specification's default,
// so both are kept behind ours.
func (v envVars) script(shell string) (string, error) {
	switch shell {
	case "bash", "zsh", "sh", "dash", "ksh":
		return v.posix(), nil
	case "fish":
		return v.fish(), nil
	}
	return "", &failure{verb: "env", object: shell, code: exitUsage, err: fmt.Errorf("this shell is not known"),
		hints: []string{"there are bash, zsh, fish, and sh for all that are like it"}, usage: envCmd{}.doc().usage}
}

// envRemark tells the reader of a start-up file where the lines come from.
const envRemark = "# ipp: finds what it installs (from: ipp env)\n"

func (v envVars) posix() string {
	add := func(name, dir, after string) string {
		return fmt.Sprintf("case \":${%[1]s-}:\" in\n  *:%[2]s:*) ;;\n  *) export %[1]s=%[2]s%[3]s ;;\nesac\n", name, hardQuote(dir), after)
	}
	return envRemark +
		add("PATH", v.Path, `"${PATH:+:$PATH}"`) +
		add("MANPATH", v.ManPath, `:"${MANPATH-}"`) +
		add("XDG_DATA_DIRS", v.Data, `:"${XDG_DATA_DIRS:-/usr/local/share:/usr/share}"`)
}

func (v envVars) fish() string {
	quote := func(s string) string {
		return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
	}
	return envRemark + strings.NewReplacer("PATHDIR", quote(v.Path), "MANDIR", quote(v.ManPath), "DATADIR", quote(v.Data)).Replace(
		`contains -- PATHDIR $PATH; or set -gx PATH PATHDIR $PATH
set -q MANPATH; or set -gx --path MANPATH ''
contains -- MANDIR $MANPATH; or set -gx --path MANPATH MANDIR $MANPATH
set -q XDG_DATA_DIRS; or set -gx --path XDG_DATA_DIRS /usr/local/share /usr/share
contains -- DATADIR (string split : -- "$XDG_DATA_DIRS"); or set -gx --path XDG_DATA_DIRS DATADIR (string split : -- "$XDG_DATA_DIRS")
`)
}

// hardQuote quotes even what needs no quotes: a pattern of case is no word.
func hardQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
