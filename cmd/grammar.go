package cmd

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"ipp/lock/toml"

	"github.com/alecthomas/kong"
)

// command is what every command of the grammar is.
type command interface {
	run(ctx context.Context, a *app) error
	doc() doc
}

// doc is what `ipp COMMAND --help` says beyond the list of flags.
type doc struct {
	usage    string   // after "ipp "
	about    string   // paragraphs, separated by empty lines
	examples []string // command lines, each with an optional "  # remark"
}

// grammar is the whole command line. Flags that are not here are refused, never
// ignored: a command takes --json, --dry-run or --yes only where it means
// something.
type grammar struct {
	globals
	commands commands
}

// globals are the flags of every command.
type globals struct {
	Profile string   `placeholder:"NAME" help:"Profile to use (IPP_PROFILE), else default."`
	NoWait  bool     `help:"Fail (exit 5) instead of waiting for another ipp."`
	Help    helpFlag `short:"h" help:"Say more about a command."`
}

// commands are all commands, in the order of the overview.
type commands struct {
	Install    installCmd    `group:"Programs" help:"Install packages."`
	Remove     removeCmd     `group:"Programs" aliases:"uninstall" help:"Remove programs from the profile."`
	Upgrade    upgradeCmd    `group:"Programs" help:"Move to the newest known versions."`
	Switch     switchCmd     `group:"Programs" help:"Switch a program to another version, or the profile to its profile.toml."`
	Hold       holdCmd       `group:"Programs" help:"Keep a program at its version when others are upgraded."`
	Unhold     unholdCmd     `group:"Programs" help:"Let ipp upgrade move a program again."`
	List       listCmd       `group:"Programs" aliases:"ls" help:"List what is installed."`
	Run        runCmd        `group:"Programs" help:"Run a program without installing it."`
	Init       initCmd       `group:"Profiles as files" help:"Keep what is wished for in a profile.toml."`
	Lock       lockCmd       `group:"Profiles as files" help:"Bring profile.lock up to date."`
	Rollback   rollbackCmd   `group:"History" help:"Go back to the generation before."`
	History    historyCmd    `group:"History" help:"Show all generations."`
	Diff       diffCmd       `group:"History" help:"Show what differs between two generations."`
	Pack       packCmd       `group:"Packages" help:"Make a package from a directory or a program."`
	Search     searchCmd     `group:"Packages" help:"Find packages in the store by words."`
	Show       showCmd       `group:"Packages" aliases:"info" help:"Show what a package is."`
	Verify     verifyCmd     `group:"Packages" help:"Check every byte of a package."`
	Export     exportCmd     `group:"Packages" help:"Write a package to a CAR file."`
	Import     importCmd     `group:"Packages" help:"Take packages from CAR files into the store."`
	Forget     forgetCmd     `group:"Packages" help:"Stop keeping a packed or imported package."`
	Key        keyCmd        `group:"Packages" help:"Make and keep the keys that packages are signed with."`
	Publish    publishCmd    `group:"Packages" help:"Have packages kept on IPFS nodes elsewhere."`
	Serve      serveCmd      `group:"Packages" help:"Serve the store's packages to others."`
	GC         gcCmd         `group:"Housekeeping" help:"Delete what nothing needs any more."`
	Check      checkCmd      `group:"Housekeeping" help:"Look for damage, and repair it."`
	Doctor     doctorCmd     `group:"Housekeeping" help:"Look for what keeps ipp from working here, and say what to do."`
	Env        envCmd        `group:"Housekeeping" help:"Print the lines that set up a shell."`
	Completion completionCmd `group:"Housekeeping" help:"Print what completes command lines in a shell."`
	Tour       tourCmd       `group:"Housekeeping" help:"See it all on real programs, in a minute."`
	Schema     schemaCmd     `group:"Housekeeping" help:"Print the JSON Schema of a file or of what --json prints."`
	Help       helpCmd       `group:"Housekeeping" help:"Say more about a command."`
	Version    versionCmd    `group:"Housekeeping" help:"Print the version of ipp."`
}

// The flags that several commands share.
type (
	jsonFlag struct {
		JSON bool `name:"json" help:"Print JSON."`
	}
	dryRunFlag struct {
		DryRun bool `short:"n" help:"Show what would happen, and change nothing."`
	}
	yesFlag struct {
		Yes bool `short:"y" help:"Answer yes to what is asked."`
	}
)

func (f jsonFlag) wantsJSON() bool { return f.JSON }

// changes says whether a command that succeeded may have changed something.
func (f dryRunFlag) changes() bool { return !f.DryRun }

// errHelp stops parsing before arguments that are still missing are missed.
var errHelp = errors.New("help wanted")

type helpFlag bool

// BeforeReset is called by kong where the flag stands on the command line.
func (helpFlag) BeforeReset() error { return errHelp }

// options are what kong has to know: the command that word names, or all of them
// where it names none. A model of all takes kong longer to build than most
// commands take to run.
func (c *commands) options(word string) []kong.Option {
	var all []kong.Option
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, aliases := strings.ToLower(f.Name), f.Tag.Get("aliases")
		one := kong.DynamicCommand(name, f.Tag.Get("help"), f.Tag.Get("group"), v.Field(i).Addr().Interface(), `aliases:"`+aliases+`"`)
		if word == name || word != "" && slices.Contains(strings.Split(aliases, ","), word) {
			return []kong.Option{one}
		}
		all = append(all, one)
	}
	return all
}

// parser is kong, told of the command that word names, or of all.
func (a *app) parser(word string) (*kong.Kong, error) {
	return kong.New(&a.flags.globals, append(a.flags.commands.options(word), kong.Name("ipp"), kong.NoDefaultHelp())...)
}

// parse reads the command line; a nil command means that help was printed.
func (a *app) parse() (command, error) {
	args := a.rewrite()
	word := firstWord(args)
	parser, err := a.parser(word)
	if err != nil {
		return nil, err
	}
	if len(args) == 0 {
		a.overview(parser.Model)
		return nil, nil
	}
	if flag := strayFlag(args, word); flag != "" {
		return nil, a.unknownFlag(parser.Model, flag, word)
	}
	// Bare words of an unknown verb must not be read as anything else.
	if word != "" && !isVerb(parser.Model, word) {
		return nil, a.unknownVerb(parser.Model, word)
	}
	kctx, err := parser.Parse(args)
	if err == nil {
		return kctx.Selected().Target.Addr().Interface().(command), nil
	}
	var parseErr *kong.ParseError
	if !errors.As(err, &parseErr) || parseErr.Context == nil {
		return nil, err
	}
	node := parseErr.Context.Selected()
	if errors.Is(err, errHelp) {
		if node == nil && word != "" { // --help before the command
			node = parser.Model.Children[0]
		}
		a.help(parser.Model, node)
		return nil, nil
	}
	a.json = slices.Contains(args, "--json")
	return nil, usageFailure(node, err)
}

// rewrite maps the few spellings that everybody tries to ours.
func (a *app) rewrite() []string {
	switch args := a.args; {
	case len(args) == 1 && slices.Contains([]string{"--version", "-V", "-v"}, args[0]):
		return []string{"version"}
	default:
		return args
	}
}

// firstWord is the first argument that is neither a global flag nor its value.
func firstWord(args []string) string {
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "--profile":
			i++
		case !strings.HasPrefix(args[i], "-"):
			return args[i]
		}
	}
	return ""
}

// strayFlag is a flag before the command that is none of every command's.
func strayFlag(args []string, word string) string {
	for i := 0; i < len(args) && args[i] != word; i++ {
		name, _, _ := strings.Cut(args[i], "=")
		switch name {
		case "--profile":
			i++
		case "--no-wait", "--help", "-h":
		default:
			if strings.HasPrefix(name, "-") {
				return name
			}
		}
	}
	return ""
}

// unknownFlag says what a flag before the command may have meant.
func (a *app) unknownFlag(app *kong.Application, flag, word string) error {
	a.json = slices.Contains(a.args, "--json")
	f := &failure{err: fmt.Errorf("unknown flag %s", flag), code: exitUsage}
	var names []string
	for _, known := range app.Flags {
		names = append(names, "--"+known.Name)
	}
	switch near := toml.Nearest(flag, names); {
	case near != "":
		f.hints = []string{"did you mean " + near + "?"}
	case word != "" && isVerb(app, word):
		f.hints = []string{"the flags of a command stand after it: ipp " + word + " " + flag}
	default:
		f.hints = []string{"ipp --help lists all commands"}
	}
	return f
}

func isVerb(app *kong.Application, word string) bool {
	return slices.ContainsFunc(app.Children, func(n *kong.Node) bool {
		return n.Name == word || slices.Contains(n.Aliases, word)
	})
}

// habits are other tools' words, and ours for them.
func habits() map[string]string {
	const (
		install  = "ipp install REF…"
		remove   = "ipp remove NAME…"
		upgrade  = "ipp upgrade [NAME…]"
		history  = "ipp history"
		rollback = "ipp rollback [N]"
		gc       = "ipp gc"
	)
	return map[string]string{
		"add": install, "get": install, "i": install,
		"rm": remove, "delete": remove, "purge": remove, "erase": remove,
		"update": upgrade, "up": upgrade, "outdated": "ipp upgrade --dry-run",
		"use": "ipp switch NAME@VERSION", "set": "ipp switch NAME@VERSION",
		"switch-generation": "ipp switch --generation N",
		"list-generations":  history, "generations": history, "log": history,
		"undo": rollback, "downgrade": rollback, "revert": rollback,
		"exec": "ipp run REF [ARGS…]", "x": "ipp run REF [ARGS…]", "shell": "ipp run REF [ARGS…]",
		"build": "ipp pack PATH", "make": "ipp pack PATH",
		"inspect": "ipp show REF",
		"push":    "ipp publish REF --pin TARGET", "upload": "ipp publish REF --pin TARGET",
		"save": "ipp export REF -o FILE", "load": "ipp import FILE…",
		"clean": gc, "cleanup": gc, "prune": gc, "autoremove": gc, "collect-garbage": gc, "garbage-collect": gc,
		"unpin": "ipp forget REF", "compare": "ipp diff [A] [B]", "changes": "ipp diff", "why": "ipp list", "owns": "ipp show REF", "which": "ipp list",
		"pin": "ipp hold NAME…", "freeze": "ipp hold NAME…", "unfreeze": "ipp unhold NAME…", "fsck": "ipp check",
		"keys": "ipp key list", "keygen": "ipp key new NAME", "sign": "ipp pack PATH --sign KEY",
		"find": "ipp search WORD…", "start": "ipp run REF [ARGS…]", "installed": "ipp list", "status": "ipp list", "shellenv": "ipp env [SHELL]", "completions": "ipp completion SHELL",
	}
}

// unknownVerb says which of our words was meant.
func (a *app) unknownVerb(app *kong.Application, word string) error {
	a.json = slices.Contains(a.args, "--json")
	f := &failure{err: fmt.Errorf("there is no command %q", word), code: exitUsage}
	if ours, ok := habits()[word]; ok {
		f.hints = []string{ours}
		return f
	}
	var names []string
	for _, n := range app.Children {
		names = append(names, n.Name)
	}
	if near := toml.Nearest(word, names); near != "" {
		f.hints = append(f.hints, "did you mean ipp "+near+"?")
	}
	f.hints = append(f.hints, "ipp --help lists all commands")
	return f
}

// usageFailure is a wrong flag or argument: what is wrong, and the usage of
// that command.
func usageFailure(node *kong.Node, err error) error {
	f := &failure{err: errors.New(plainWords(err.Error())), code: exitUsage, usage: "COMMAND [ARGUMENTS]", hints: []string{"ipp --help lists all commands"}}
	if node != nil && len(node.Children) > 0 {
		f.err = unknownPart(node, err)
	}
	if node != nil {
		f.usage = docOf(node).usage
		f.verb = verbOf(f.usage)
		f.hints = []string{"ipp " + f.verb + " --help says more"}
		if node.Name == "run" { // its other codes are the program's
			f.code = exitRun
		}
	}
	return f
}

// unknownPart says what is wrong with the word after a command that has commands
// of its own.
func unknownPart(node *kong.Node, err error) error {
	rest, ok := strings.CutPrefix(err.Error(), "unexpected argument ")
	if !ok {
		return errors.New("which of its commands?")
	}
	word, guess, _ := strings.Cut(rest, ", ")
	if guess != "" {
		return fmt.Errorf("it has no command %s; %s", word, strings.ReplaceAll(guess, `"`, ""))
	}
	return fmt.Errorf("it has no command %s", word)
}

// plainWords says what kong says in our words: `missing NAME…` for `expected
// "<NAME> ..."`.
func plainWords(text string) string {
	if flag, rest, ok := strings.Cut(text, ": "); ok && (strings.HasPrefix(rest, "missing value") || strings.HasPrefix(rest, "expected ") && strings.Contains(rest, "EOL")) {
		return flag + ": a value is missing"
	}
	if flag, _, ok := strings.Cut(text, ": expected int value but got "); ok {
		return flag + ": want a whole number from 1"
	}
	if flag, _, ok := strings.Cut(text, ": bool value must be "); ok {
		return flag + ": it takes no value"
	}
	if flag, near, ok := strings.Cut(text, ", did you mean "); ok && !strings.Contains(near, `"--`) {
		text = flag // some other letter is no guess
	}
	text = strings.NewReplacer(
		"expected a valid 64 bit int but got", "want a whole number, not",
		"missing positional arguments", "missing",
		"missing flags: --output=FILE", "say where to: -o FILE",
		"<", "", ">", "", " ...", "…").Replace(text)
	if text == "unexpected argument " {
		return `unexpected argument ""`
	}
	if what, ok := strings.CutPrefix(text, `expected "`); ok {
		return "missing " + strings.TrimSuffix(what, `"`)
	}
	return text
}

// usageError is a wrong use that the grammar alone can't see.
func usageError(c command, format string, args ...any) *failure {
	usage := c.doc().usage
	verb := verbOf(usage)
	return &failure{verb: verb, err: fmt.Errorf(format, args...), code: exitUsage, usage: usage, hints: []string{"ipp " + verb + " --help says more"}}
}

// verbOf is the words of a usage that stand as they are: "key new" of "key new
// NAME".
func verbOf(usage string) string {
	words := strings.Split(usage, " ")
	n := 1
	for n < len(words) && strings.Trim(words[n], "abcdefghijklmnopqrstuvwxyz") == "" {
		n++
	}
	return strings.Join(words[:n], " ")
}

func docOf(n *kong.Node) doc { return n.Target.Addr().Interface().(command).doc() }
