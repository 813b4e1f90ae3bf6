package cmd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"ipp/cmd/term"

	"github.com/alecthomas/kong"
)

type helpCmd struct {
	Command []string `arg:"" optional:"" name:"COMMAND" help:"The command, and which of its commands."`
	Man     bool     `help:"Print a page of the manual (roff), of this command or of all of ipp."`
}

func (helpCmd) doc() doc {
	return doc{
		usage: "help [COMMAND] [--man]",
		about: `Says more about a command, as its --help does; without one, lists all.

			With --man it prints the page of the manual that says the same, for man and mandoc.`,
		examples: []string{
			"ipp help install",
			"ipp help --man | man -l -",
			"ipp help --man > ~/.local/share/man/man1/ipp.1",
		},
	}
}

func (h *helpCmd) run(_ context.Context, a *app) error {
	parser, err := a.parser("")
	if err != nil {
		return err
	}
	node, err := a.nodeOf(parser.Model, h.Command)
	switch {
	case err != nil:
		return err
	case h.Man:
		a.printf("%s", man(parser.Model, node))
	default:
		a.help(parser.Model, node)
	}
	return nil
}

// nodeOf is the command that words name; nil for none.
func (a *app) nodeOf(model *kong.Application, words []string) (*kong.Node, error) {
	node := model.Node
	for _, word := range words {
		i := slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Name == word || slices.Contains(n.Aliases, word) })
		switch {
		case i < 0 && node == model.Node:
			return nil, a.unknownVerb(model, word)
		case i < 0:
			return nil, usageFailure(node, fmt.Errorf("unexpected argument %s", word))
		}
		node = node.Children[i]
	}
	if node == model.Node {
		return nil, nil
	}
	return node, nil
}

// wordsFor are the words that name a command, without its aliases.
func wordsFor(n *kong.Node) string {
	if n.Parent == nil || n.Parent.Type == kong.ApplicationNode {
		return n.Name
	}
	return wordsFor(n.Parent) + " " + n.Name
}

// overview is what `ipp` alone says.
func (a *app) overview(model *kong.Application) {
	style := a.term.OutStyle()
	a.wrap("", aboutIPP)
	a.println()
	for _, line := range []string{
		"ipp tour                             see it all, in a minute",
		"ipp pack ./dir -o tool.car           make a package",
		"ipp install ./tool.car               install it",
		"ipp rollback                         … and take that back",
	} {
		a.println("  " + line)
	}
	group := ""
	for _, n := range model.Children {
		if title := n.Group.Title; title != group {
			group = title
			a.println()
			a.println(style.Bold(title))
		}
		a.entry(n.Name, n.Help, 10)
	}
	a.println()
	a.println(style.Bold("Flags of every command"))
	a.flagList(model.Flags)
	a.println()
	a.wrap("", aboutREF+" ipp COMMAND --help says more.")
}

const aboutIPP = "ipp installs programs from IPFS packages, switches between their versions, and takes any change back."

const aboutREF = "REF is a path (./dir, /dir, FILE.car), a CID or 12 characters of one, or NAME[@VERSION]."

// help is what `ipp COMMAND --help` says; without a command, the overview.
func (a *app) help(model *kong.Application, node *kong.Node) {
	if node == nil {
		a.overview(model)
		return
	}
	d, style := docOf(node), a.term.OutStyle()
	a.println(a.term.HangOut("usage: "+style.Bold("ipp "+d.usage), "       "))
	if len(node.Aliases) > 0 {
		a.println("also:  ipp " + strings.Join(node.Aliases, ", ipp "))
	}
	for _, paragraph := range strings.Split(d.about, "\n\n") {
		a.println()
		a.wrap("", strings.Join(strings.Fields(paragraph), " "))
	}
	if strings.Contains(d.usage, "REF") {
		a.println()
		a.wrap("", aboutREF)
	}
	if len(node.Children) > 0 {
		a.println()
		a.println(style.Bold("Commands"))
	}
	for _, c := range node.Children {
		a.entry(node.Name+" "+c.Name, c.Help, 10)
	}
	if len(node.Flags) > 0 {
		a.println()
		a.println(style.Bold("Flags"))
		a.flagList(node.Flags)
	}
	a.println()
	a.println(style.Bold("Flags of every command"))
	a.flagList(model.Flags)
	if len(d.examples) > 0 {
		a.println()
		a.println(style.Bold("Examples"))
		for _, e := range d.examples {
			a.println("  " + e)
		}
	}
}

func (a *app) flagList(flags []*kong.Flag) {
	for _, f := range flags {
		a.entry(flagWord(f), f.Help, 24)
	}
}

// flagWord is a flag as it is typed.
func flagWord(f *kong.Flag) string {
	name := "    --" + f.Name
	if f.Short != 0 {
		name = fmt.Sprintf("-%c, --%s", f.Short, f.Name)
	}
	if !f.IsBool() {
		name += " " + f.FormatPlaceHolder()
	}
	return name
}

// entry is a word and its explanation, which wraps below itself; where there is
// no room for two columns it goes below the word.
func (a *app) entry(word, text string, column int) {
	width := a.term.Width()
	if width < column+24 {
		a.wrap("  ", word)
		a.wrap("      ", text)
		return
	}
	indent := strings.Repeat(" ", column+4)
	head := "  " + word + "  "
	if len(head) < len(indent) {
		head += indent[len(head):]
	}
	lines := term.Wrap(text, width-len(indent))
	a.println(head + lines[0])
	for _, line := range lines[1:] {
		a.println(indent + line)
	}
}

// wrap prints text in lines that fit the terminal.
func (a *app) wrap(indent, text string) {
	for _, line := range term.Wrap(text, a.term.Width()-len(indent)) {
		a.println(indent + line)
	}
}
