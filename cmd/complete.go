package cmd

import (
	"slices"
	"strings"

	"ipp/cmd/shell"
	"ipp/cmd/term"

	"github.com/alecthomas/kong"
)

// completion is a command line that somebody is still typing: what of it is
// complete, and the word that is not. It is read with the grammar's flags and
// arguments, and more leniently than a command line that is run: what is wrong
// with it is not said while it is typed.
type completion struct {
	a      *app
	shell  string
	breaks string   // characters at which the shell splits words: bash's alone
	words  []string // all that come after ipp, the last to be completed

	node    *kong.Node
	flag    *kong.Flag // whose value the last word is
	flags   bool       // the last word may be a flag
	args    []string   // arguments before the last word
	through bool       // the rest belongs to a program
	front   string     // of the last word, before what is completed
}

// suggestion is a word, and what it means.
type suggestion struct{ word, about string }

// complete answers a shell. It never fails: a shell shows what it gets.
func (a *app) complete(args []string) {
	c := &completion{a: a, flags: true}
	if len(args) > 0 {
		c.shell, args = args[0], args[1:]
	}
	if c.shell == "bash" && len(args) > 0 {
		c.breaks, args = args[0], args[1:]
		args = joinBroken(args, c.breaks)
	}
	if c.words = args; len(args) == 0 {
		return
	}
	parser, err := a.parser(c.command())
	if err != nil {
		return
	}
	c.node = parser.Model.Node
	for i, word := range args[:len(args)-1] {
		c.pass(word, args[i+1:])
	}
	c.answer(parser.Model, args[len(args)-1])
}

// command is the command that stands on the line; "" where it is the word that is
// completed.
func (c *completion) command() string { return firstWord(c.words[:len(c.words)-1]) }

// joinBroken undoes bash's splitting: a word of nothing but such characters as it
// splits at belongs to its neighbours.
func joinBroken(words []string, breaks string) []string {
	var joined []string
	glue := false
	for _, w := range words {
		broken := w != "" && strings.Trim(w, strings.Trim(breaks, " \t\n\"'")) == ""
		if len(joined) > 0 && (glue || broken) {
			joined[len(joined)-1] += w
		} else {
			joined = append(joined, w)
		}
		glue = broken
	}
	return joined
}

// pass reads a word that is complete; rest are those after it.
func (c *completion) pass(word string, rest []string) {
	switch {
	case c.flag != nil:
		c.take(word)
	case c.through:
	case c.flags && word == "--":
		c.flags = false
	case c.flags && strings.HasPrefix(word, "--"):
		name, value, given := strings.Cut(word[2:], "=")
		if f := c.find(func(f *kong.Flag) bool { return f.Name == name }); f != nil && !f.IsBool() {
			if c.flag = f; given {
				c.take(value)
			}
		}
	case c.flags && len(word) > 1 && word[0] == '-':
		c.short(word[1:])
	case len(c.node.Children) > 0:
		if i := slices.IndexFunc(c.node.Children, func(n *kong.Node) bool { return n.Name == word || slices.Contains(n.Aliases, word) }); i >= 0 {
			c.node = c.node.Children[i]
		}
	default:
		c.through = c.node.Passthrough || len(c.node.Positional) > 0 && c.node.Positional[0].Passthrough
		c.args = append(c.args, word)
	}
}

// take reads the value of a flag.
func (c *completion) take(value string) {
	if c.flag.Name == "profile" {
		c.a.flags.Profile = value
	}
	c.flag = nil
}

// short reads letters after one dash; the last may want a value.
func (c *completion) short(letters string) {
	for i, r := range letters {
		f := c.find(func(f *kong.Flag) bool { return f.Short == r })
		if f != nil && !f.IsBool() {
			if c.flag = f; i+1 < len(letters) {
				c.flag = nil
			}
			return
		}
	}
}

// find looks for a flag of the command, or of every command.
func (c *completion) find(is func(*kong.Flag) bool) *kong.Flag {
	for n := c.node; n != nil; n = n.Parent {
		if i := slices.IndexFunc(n.Flags, is); i >= 0 {
			return n.Flags[i]
		}
	}
	return nil
}

// answer completes the last word.
func (c *completion) answer(model *kong.Application, word string) {
	name, value, given := strings.Cut(word, "=")
	switch {
	case c.flag != nil:
		c.values(kindOfFlag(c.node, c.flag), word)
	case c.through:
		c.paths(shell.AskFiles)
	case c.flags && strings.HasPrefix(word, "--") && given:
		if f := c.find(func(f *kong.Flag) bool { return "--"+f.Name == name }); f != nil && !f.IsBool() {
			c.front = name + "="
			c.values(kindOfFlag(c.node, f), value)
		}
	case c.flags && strings.HasPrefix(word, "-"):
		c.print(word, c.flagNames(model))
	case c.node == model.Node && c.command() != "": // there is no such command
	case len(c.node.Children) > 0:
		var all []suggestion
		for _, n := range c.node.Children {
			all = append(all, suggestion{n.Name, n.Help})
		}
		c.print(word, all)
	default:
		if arg := c.argument(); arg != nil {
			c.values(kindOfArg(c.node, arg), word)
		}
	}
}

// argument is the one that the last word is; nil where there are enough.
func (c *completion) argument() *kong.Positional {
	all := c.node.Positional
	switch n := len(c.args); {
	case n < len(all):
		return all[n]
	case len(all) > 0 && all[len(all)-1].IsCumulative():
		return all[len(all)-1]
	}
	return nil
}

func (c *completion) flagNames(model *kong.Application) (all []suggestion) {
	list := slices.Clone(c.node.Flags)
	if c.node != model.Node {
		list = append(list, model.Flags...)
	}
	for _, f := range list {
		all = append(all, suggestion{"--" + f.Name, f.Help})
	}
	return all
}

// print answers with those that begin like the word. fish, which finds more than
// beginnings, gets all. bash replaces only what follows the last break, and an @
// that is the break, which it reads as the beginning of a host's name.
func (c *completion) print(word string, all []suggestion) {
	whole := c.front + word
	cut := 0
	if i := strings.LastIndexAny(whole, c.breaks); i >= 0 {
		if cut = i + 1; whole[i] == '@' {
			cut = i
		}
	}
	for _, s := range all {
		if c.shell != "fish" && !strings.HasPrefix(s.word, word) || term.Safe(s.word) != s.word {
			continue
		}
		c.a.println((c.front + s.word)[cut:], "\t", term.Safe(s.about))
	}
}

// paths lets the shell complete a path.
func (c *completion) paths(kind string) { c.a.println(kind, "\t", c.front) }
