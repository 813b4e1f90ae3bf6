package cmd

import (
	"fmt"
	"strings"

	"ipp/cmd/term"

	"github.com/alecthomas/kong"
)

// overview is what `ipp` alone says.
func (a *app) overview(model *kong.Application) {
	style := a.term.OutStyle()
	a.wrap("", "ipp installs programs from IPFS packages, switches between their versions, and takes any change back.")
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
		name := "    --" + f.Name
		if f.Short != 0 {
			name = fmt.Sprintf("-%c, --%s", f.Short, f.Name)
		}
		if !f.IsBool() {
			name += " " + f.FormatPlaceHolder()
		}
		a.entry(name, f.Help, 24)
	}
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
