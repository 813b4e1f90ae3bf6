package cmd

import (
	"fmt"
	"slices"
	"strings"

	"ipp/cmd/term"
)

// This file is how diff is shown to people.

func (a *app) showDiff(out compared, all bool) {
	from := fmt.Sprintf("generation %d", out.From)
	if out.From == 0 {
		from = "nothing"
	}
	a.println(fmt.Sprintf("%s -> %d", from, out.To))
	if len(out.Packages) == 0 && len(out.Wishes) == 0 && len(out.Files) == 0 {
		a.println("nothing differs")
		return
	}
	style := a.term.OutStyle()
	table := a.term.Table().Right(2)
	for _, p := range out.Packages {
		table.Row(append(changeLine{Name: p.Name, Old: p.Old, New: p.New}.short(style), p.size())...)
	}
	table.Flush()
	for _, w := range out.Wishes {
		if text := w.String(); text != "" {
			a.say(text)
		}
	}
	a.showFiles(out.Files, all, style)
	a.println(out.summary())
}

// size is what the package has, or had and has.
func (p packageDiff) size() string {
	switch {
	case p.New == nil:
		return term.Bytes(p.OldBytes)
	case p.Old == nil || p.OldBytes == p.NewBytes:
		return term.Bytes(p.NewBytes)
	}
	return term.Bytes(p.OldBytes) + " -> " + term.Bytes(p.NewBytes)
}

// String says what changed of a wish for a package that stays.
func (w wishLine) String() string {
	var words []string
	if w.Old != "" && w.New != "" && shownWish(w.Old) != shownWish(w.New) {
		words = append(words, fmt.Sprintf("the profile asks for %s (before: %s)", shownWish(w.New), shownWish(w.Old)))
	}
	if w.Held != nil && *w.Held {
		words = append(words, "held")
	} else if w.Held != nil {
		words = append(words, "no longer held")
	}
	if len(words) == 0 {
		return ""
	}
	return term.Safe(w.Name) + ": " + strings.Join(words, ", ")
}

func (a *app) showFiles(files []fileDiff, all bool, style term.Style) {
	if len(files) == 0 {
		return
	}
	a.println()
	shown := files
	if !all && len(files) > mostFiles {
		shown = files[:mostFiles]
	}
	table := a.term.Table().Right(2)
	for _, f := range shown {
		table.Row(f.cells(style)...)
	}
	table.Flush()
	if more := len(files) - len(shown); more > 0 {
		a.println(fmt.Sprintf("… and %s (--all names them)", plural(more, "more file")))
	}
	a.println()
}

// cells are mark and path, package, size.
func (f fileDiff) cells(style term.Style) []string {
	path := term.Safe(f.Path)
	switch {
	case f.Old == nil:
		return []string{style.Green("+ " + path), term.Safe(f.New.Package), term.Bytes(f.New.Size)}
	case f.New == nil:
		return []string{style.Red("- " + path), term.Safe(f.Old.Package), term.Bytes(f.Old.Size)}
	case f.Old.Package != f.New.Package:
		return []string{style.Yellow("~ " + path), term.Safe(f.Old.Package + " -> " + f.New.Package), term.Bytes(f.New.Size)}
	}
	return []string{style.Yellow("~ " + path), term.Safe(f.New.Package), term.Bytes(f.New.Size)}
}

// summary counts: "packages: 1 added, 2 changed; files: 3 removed; 4 MB new, 1 MB gone".
func (out compared) summary() string {
	var parts []string
	count := func(what string, marks []byte) {
		var words []string
		for _, kind := range []struct {
			mark byte
			word string
		}{{'+', "added"}, {'~', "changed"}, {'-', "removed"}} {
			if n := len(slices.DeleteFunc(slices.Clone(marks), func(m byte) bool { return m != kind.mark })); n > 0 {
				words = append(words, fmt.Sprintf("%d %s", n, kind.word))
			}
		}
		if len(words) > 0 {
			parts = append(parts, what+": "+strings.Join(words, ", "))
		}
	}
	packages, files := make([]byte, len(out.Packages)), make([]byte, len(out.Files))
	for i, p := range out.Packages {
		packages[i] = markOf(p.Old == nil, p.New == nil)
	}
	for i, f := range out.Files {
		files[i] = markOf(f.Old == nil, f.New == nil)
	}
	count("packages", packages)
	count("files", files)
	parts = append(parts, term.Bytes(out.NewBytes)+" new, "+term.Bytes(out.GoneBytes)+" gone")
	return strings.Join(parts, "; ")
}

func markOf(added, removed bool) byte {
	switch {
	case added:
		return '+'
	case removed:
		return '-'
	}
	return '~'
}
