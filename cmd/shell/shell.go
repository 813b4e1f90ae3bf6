// Package shell has the texts that ipp gives to shells: the lines of a start-up
// file, and the functions that ask ipp how a command line goes on.
//
// Invariants. A text is static: sourcing the lines of a start-up file starts no
// process, and sourcing them twice does no more than once. Every path is quoted
// for its shell, whatever is in it. What a command line means, the shells don't
// know: their functions pass the words on and show what comes back.
//
// Concurrency: pure functions.
package shell

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Names are the shells that have texts of their own; the others are like sh.
func Names() []string { return []string{"bash", "zsh", "fish"} }

// Dirs are what a shell's variables get in front.
type Dirs struct {
	Path     string // PATH
	Man      string // MANPATH
	Data     string // XDG_DATA_DIRS; bash-completion looks below it by itself
	ZshFuncs string // fpath, of zsh
	FishDirs string // fish_complete_path, of fish, which reads XDG_DATA_DIRS before its start-up file
}

// In are the directories of a forest.
func In(forest string) Dirs {
	share := filepath.Join(forest, "share")
	return Dirs{
		Path:     filepath.Join(forest, "bin"),
		Man:      filepath.Join(share, "man"),
		Data:     share,
		ZshFuncs: filepath.Join(share, "zsh", "site-functions"),
		FishDirs: filepath.Join(share, "fish", "vendor_completions.d"),
	}
}

// Env is the text for a shell's start-up file; false if the shell is not known.
// An empty MANPATH entry stands for the system's own list, and an empty
// XDG_DATA_DIRS for the specification's default, so both are kept behind ours.
func (d Dirs) Env(shell string) (string, bool) {
	switch {
	case shell == "fish":
		return remark + d.fish(), true
	case shell == "zsh":
		return remark + d.posix() + d.zsh(), true
	case slices.Contains([]string{"bash", "sh", "dash", "ksh"}, shell):
		return remark + d.posix(), true
	}
	return "", false
}

// remark tells the reader of a start-up file where the lines come from.
const remark = "# ipp: finds what it installs (from: ipp env)\n"

func (d Dirs) posix() string {
	return front("export ", "PATH", d.Path, `"${PATH:+:$PATH}"`) +
		front("export ", "MANPATH", d.Man, `:"${MANPATH-}"`) +
		front("export ", "XDG_DATA_DIRS", d.Data, `:"${XDG_DATA_DIRS:-/usr/local/share:/usr/share}"`)
}

// zsh adds where completions lie, to the list that is tied to fpath; compinit,
// which comes later, reads it.
func (d Dirs) zsh() string { return front("", "FPATH", d.ZshFuncs, `"${FPATH:+:$FPATH}"`) }

// front puts a directory in front of a list that lacks it.
func front(export, name, dir, after string) string {
	return fmt.Sprintf("case \":${%[1]s-}:\" in\n  *:%[2]s:*) ;;\n  *) %[4]s%[1]s=%[2]s%[3]s ;;\nesac\n", name, quote(dir), after, export)
}

// fish keeps a person's own completions in front.
func (d Dirs) fish() string {
	return strings.NewReplacer("PATHDIR", fishQuote(d.Path), "MANDIR", fishQuote(d.Man), "DATADIR", fishQuote(d.Data), "FISHDIR", fishQuote(d.FishDirs)).Replace(
		`contains -- PATHDIR $PATH; or set -gx PATH PATHDIR $PATH
set -q MANPATH; or set -gx --path MANPATH ''
contains -- MANDIR $MANPATH; or set -gx --path MANPATH MANDIR $MANPATH
set -q XDG_DATA_DIRS; or set -gx --path XDG_DATA_DIRS /usr/local/share /usr/share
contains -- DATADIR (string split : -- "$XDG_DATA_DIRS"); or set -gx --path XDG_DATA_DIRS DATADIR (string split : -- "$XDG_DATA_DIRS")
contains -- FISHDIR $fish_complete_path; or set -g fish_complete_path $fish_complete_path[1] FISHDIR $fish_complete_path[2..-1]
`)
}

// quote quotes even what needs no quotes: a pattern of case is no word.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}
