package cmd

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// variables are those of the environment that ipp reads, and what they do.
func variables() [][2]string {
	return [][2]string{
		{"IPP_PROFILE", "the profile, where --profile does not say"},
		{"IPP_STORE", "where a new store is made"},
		{"IPP_CONFIG", "the configuration, instead of ~/.config/ipp/config.toml"},
		{"XDG_DATA_HOME, XDG_STATE_HOME, XDG_CONFIG_HOME", "as everywhere"},
		{"IPP_KEY_PASSPHRASE_FILE", "the file with the passphrase of your keys, instead of asking"},
		{"NO_COLOR", "no colour"},
	}
}

// exitMeanings are the exit codes.
func exitMeanings() [][2]string {
	return [][2]string{
		{"0", "done"}, {"1", "failed"}, {"2", "usage"}, {"3", "not found"},
		{"4", "malformed, damaged, not verified or not trusted"}, {"5", "busy"},
		{"6", "conflict or unsatisfiable"}, {"7", "network"}, {"130, 143", "interrupted, terminated"},
		{"125, 126, 127", "of ipp run, whose other codes are the program's: failed, not executable, no such command"},
	}
}

// manPage is a page of the manual, in roff, as man and mandoc read it. It has no
// date: the same ipp prints the same page.
type manPage struct{ strings.Builder }

// roff spells text so that roff shows it as it is.
func roff(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\\':
			b.WriteString(`\e`)
		case r == '-':
			b.WriteString(`\-`)
		case r == '\'':
			b.WriteString(`\(aq`)
		case r == '"':
			b.WriteString(`\(dq`)
		case r == '^' || r == '~' || r == '`':
			fmt.Fprintf(&b, `\[u%04X]`, r)
		case r > '~':
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// macro writes a line with a request of roff.
func (p *manPage) macro(name string, args ...string) {
	p.WriteString("." + name)
	for _, a := range args {
		p.WriteString(` "` + roff(a) + `"`)
	}
	p.WriteString("\n")
}

// text writes a line that is never taken for a request.
func (p *manPage) text(line string) { p.WriteString(`\&` + roff(line) + "\n") }

// item is a word and what it means, below it.
func (p *manPage) item(word, meaning string) {
	p.macro("TP")
	p.macro("B", word)
	p.text(meaning)
}

func (p *manPage) paragraphs(about string) {
	for i, paragraph := range strings.Split(about, "\n\n") {
		if i > 0 {
			p.macro("PP")
		}
		p.text(strings.Join(strings.Fields(paragraph), " "))
	}
}

func (p *manPage) flags(list []*kong.Flag) {
	for _, f := range list {
		p.item(strings.TrimSpace(flagWord(f)), f.Help)
	}
}

func (p *manPage) examples(d doc) {
	for _, e := range d.examples {
		p.macro("PP")
		p.macro("EX")
		p.text(e)
		p.macro("EE")
	}
}

// man is the manual's page about one command, or about all of ipp.
func man(model *kong.Application, node *kong.Node) string {
	p := &manPage{}
	if node == nil {
		p.whole(model)
	} else {
		p.one(node)
	}
	p.macro("SH", "FLAGS OF EVERY COMMAND")
	p.flags(model.Flags)
	p.macro("SH", "EXIT STATUS")
	for _, e := range exitMeanings() {
		p.item(e[0], e[1])
	}
	p.macro("SH", "ENVIRONMENT")
	for _, v := range variables() {
		p.item(v[0], v[1])
	}
	return p.String()
}

func (p *manPage) head(name, about string) {
	p.macro("TH", strings.ToUpper(name), "1", "", "ipp", "ipp")
	p.macro("SH", "NAME")
	p.WriteString(roff(name) + ` \- ` + roff(about) + "\n")
	p.macro("SH", "SYNOPSIS")
}

func (p *manPage) whole(model *kong.Application) {
	p.head("ipp", "install and run programs from IPFS")
	p.macro("B", "ipp COMMAND [ARGUMENTS]")
	p.macro("SH", "DESCRIPTION")
	p.text(aboutIPP)
	p.macro("PP")
	p.text(aboutREF)
	p.macro("SH", "COMMANDS")
	for _, n := range model.Children {
		p.command(n)
	}
}

// command is all about a command and those that it has.
func (p *manPage) command(n *kong.Node) {
	p.macro("SS", "ipp "+docOf(n).usage)
	p.body(n)
	for _, c := range n.Children {
		p.command(c)
	}
}

func (p *manPage) body(n *kong.Node) {
	d := docOf(n)
	p.paragraphs(d.about)
	p.flags(n.Flags)
	p.examples(d)
}

func (p *manPage) one(n *kong.Node) {
	help := strings.TrimSuffix(n.Help, ".")
	p.head("ipp-"+strings.ReplaceAll(wordsFor(n), " ", "-"), strings.ToLower(help[:1])+help[1:])
	p.macro("B", "ipp "+docOf(n).usage)
	p.macro("SH", "DESCRIPTION")
	p.body(n)
	if strings.Contains(docOf(n).usage, "REF") {
		p.macro("PP")
		p.text(aboutREF)
	}
	if len(n.Children) > 0 {
		p.macro("SH", "COMMANDS")
	}
	for _, c := range n.Children {
		p.command(c)
	}
}
