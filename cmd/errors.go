package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"ipp/cmd/term"
	"ipp/gc"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/lock/toml"
	"ipp/lock/trust"
	"ipp/profile"
	"ipp/store"
	"ipp/store/dag"
	"ipp/store/durable"
	"ipp/store/flock"
	"ipp/store/pack"

	multierror "github.com/hashicorp/go-multierror"
)

// The exit codes (formats: "Exit codes").
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitMalformed   = 4 // malformed, not verified, not trusted
	exitBusy        = 5
	exitConflict    = 6
	exitNetwork     = 7
	exitRun         = 125 // run: ipp itself failed
	exitNoExec      = 126 // run: not executable
	exitNoCommand   = 127 // run: no such command
	exitHungUp      = 129
	exitInterrupted = 130
	exitQuit        = 131
	exitTerminated  = 143
)

// failure is an error in the words of the person who typed the command.
type failure struct {
	verb, object string
	err          error
	code         int      // 0: as the table says
	hints        []string // instead of the table's
	usage        string   // of the command that was used wrongly
}

func (f *failure) Error() string {
	text := f.err.Error()
	var damaged *store.DamagedError
	if changed := (*dag.HashError)(nil); errors.As(f.err, &damaged) && errors.As(damaged.Err, &changed) {
		text, _, _ = strings.Cut(text, "read block ")
		text += "its contents in the store are not those that were put there"
	}
	head := strings.TrimSpace(f.verb + " " + f.object)
	if head == "" || strings.HasPrefix(text, head+" ") || f.verb == "pack" && strings.HasPrefix(text, head+"/") {
		return text // "pack dir: pack dir/file: …" says it once
	}
	return head + ": " + f.once(text)
}

// once drops the object from the head of a cause: "show x: find x: …" says x
// once.
func (f *failure) once(text string) string {
	if rest, ok := strings.CutPrefix(text, "ensure tree "); ok { // names the package by its CID, whoever it is
		_, text, _ = strings.Cut(rest, ": ")
	}
	if f.object == "" {
		return text
	}
	for _, quoted := range []string{f.object, strconv.Quote(f.object), strings.Replace(f.object, "@", " ", 1)} {
		if words, rest, ok := strings.Cut(text, " "+quoted+": "); ok && strings.Count(words, " ") < 2 && !strings.ContainsAny(words, ":\"") {
			return rest
		}
	}
	return text
}

func (f *failure) Unwrap() error { return f.err }

// failed says what was being done when err came; nil stays nil, and what
// already is a failure keeps its own words.
func failed(verb, object string, err error) error {
	if all := flatten(err); len(all) > 1 || len(all) == 1 && all[0] != err {
		named := &multierror.Error{}
		for _, e := range all {
			named = multierror.Append(named, failed(verb, object, e))
		}
		return named
	}
	if own, ok := err.(*failure); ok && own.verb == "" {
		named := *own
		named.verb, named.object = verb, object
		return &named
	}
	var f *failure
	if err == nil || errors.As(err, &f) {
		return err
	}
	return &failure{verb: verb, object: object, err: err}
}

// rule is a line of the table: whether it knows err, its exit code and hint;
// several hints stand on lines of their own.
type rule func(err error) (code int, hint string, ok bool)

// on is the rule for errors of type T.
func on[T error](code int, hint func(T) string) rule {
	return func(err error) (int, string, bool) {
		var e T
		if !errors.As(err, &e) {
			return 0, "", false
		}
		return code, hint(e), true
	}
}

// is is the rule for one error value.
func is(value error, code int, hint string) rule {
	return func(err error) (int, string, bool) { return code, hint, errors.Is(err, value) }
}

// says is a hint that is always the same.
func says[T any](hint string) func(T) string { return func(T) string { return hint } }

// table maps errors of the rooms to exit codes and to what to do next; the first
// line that knows the error counts.
func (a *app) table() []rule {
	return []rule{
		on(exitInterrupted, says[terminatedError]("")),
		is(context.Canceled, exitInterrupted, ""),
		is(trust.ErrNewer, exitFailed, "use a newer ipp; nothing was changed"),
		is(trust.ErrPassphrase, exitMalformed, "try again; if it is lost, so is the key: those who know it have to accept another"),
		on(exitMalformed, signatureHint),
		on(exitMalformed, says[*pack.UnsignedFilesError](notAsSigned)),
		on(exitMalformed, says[*pack.TooLargeError](notAsSigned)),
		on(exitMalformed, says[*trust.ForgedError]("the key's file was changed: take it again from your copy (ipp key import)")),
		on(exitMalformed, says[*trust.FormatError]("ipp key export --private writes a key that can be read")),
		on(exitUsage, func(e *ref.SyntaxError) string { return allowed(e.Allowed) }),
		on(exitBusy, says[*flock.BusyError]("try again when it is done, or leave out --no-wait")),
		on(exitFailed, says[*profile.FlipError]("the disk reports errors: check it, then try again")),
		fetchFailed,
		cause,
		on(exitNotFound, a.notFoundHint),
		on(exitConflict, says[*lock.AmbiguousError]("name the one you mean by its CID")),
		on(exitConflict, says[*lock.UnsatisfiableError]("ask for other versions, or remove what needs these")),
		on(exitConflict, says[*lock.TooHardError]("ask for fewer packages at once, or for exact versions of some: NAME@VERSION")),
		on(exitConflict, conflictHint),
		on(exitNotFound, says[*pack.NoPlatformError]("ask its author for a build for this machine")),
		on(exitMalformed, dotNamesHint),
		on(exitUsage, func(e *pack.NoMetadataError) string {
			line := "say them: --name NAME --version VERSION"
			if fi, err := os.Stat(e.Path); err == nil && fi.IsDir() {
				line += "; or begin a package.toml: ipp pack --init " + quote(e.Path)
			}
			return line
		}),
		on(exitMalformed, programHint),
		on(exitNotFound, says[*pack.MissingLibraryError]("bring that library into the store first: ipp import FILE.car")),
		on(exitMalformed, says[*pack.NotDirError]("a package is a directory; pack the file: ipp pack FILE --name NAME --version VERSION")),
		on(exitMalformed, func(e *pack.LayoutError) string { return e.Hint }),
		on(exitMalformed, func(e *pack.InputError) string { return e.Hint }),
		on(exitMalformed, says[*pack.MissingCommandError]("its package.toml names a file that it does not have: tell its author")),
		on(exitMalformed, says[*pack.FormatError]("ipp pack makes a PackManifest that can be checked")),
		on(exitNotFound, a.noGenerationHint),
		on(exitMalformed, says[*profile.MissingTreesError]("the store lost them: install these packages again from their CAR files, then try again")),
		on(exitFailed, says[*profile.StoreLinkError]("change that link, or unset IPP_STORE")),
		on(exitNotFound, absentHint),
		is(toml.ErrNewer, exitFailed, "use a newer ipp; nothing was changed"),
		is(store.ErrNewer, exitFailed, "use the newer ipp that wrote it; nothing was changed"),
		on(exitMalformed, pointerHint),
		on(exitMalformed, damagedHint),
		on(exitMalformed, syntaxHint),
		on(exitFailed, says[*gc.NoProcError]("mount it (mount -t proc proc /proc): a program that runs would lose its files")),
		on(exitFailed, func(e *gc.MissingProfileError) string {
			return "if that profile is gone for good: ipp forget --profile-root " + quote(e.Dir)
		}),
		on(exitMalformed, says[*durable.ForeignError](notOurs)),
		is(syscall.ELOOP, exitFailed, notOurs),
		is(profile.ErrNewerLog, exitFailed, "use a newer ipp; nothing was changed"),
		on(exitMalformed, func(e *profile.BadLogError) string {
			return "ipp check --repair puts right what it can of " + quote(e.Path) + ", and keeps the rest beside it"
		}),
		is(store.ErrBadFormat, exitMalformed, "ipp check --repair writes that file again"),
		is(store.ErrNoFormat, exitMalformed, "if it is a store that lost this file alone: ipp check --repair writes it again"),
		on(exitMalformed, says[*store.DamagedError](repairHere+"\n"+installAgain)),
		on(exitMalformed, rootHint),
		is(store.ErrNoRoots, exitMalformed, "its roots/ were lost: ipp check --repair brings those of the profiles back, and names the packages that nothing keeps then"),
		on(exitMalformed, says[*dag.MissingBlockError]("get the package again, whole: its blocks may be lost on the way, or its CAR file cut short")),
		on(exitMalformed, says[*dag.HashError](madeWrongly)),
		on(exitMalformed, says[*dag.LimitError]("the package is larger than what ipp accepts")),
		on(exitMalformed, says[*dag.NameError](madeWrongly)),
		on(exitMalformed, says[*dag.FormatError](madeWrongly)),
		a.lost,
	}
}

// problem is one error, ready to be shown.
type problem struct {
	Message string   `json:"message"`
	Hints   []string `json:"hints,omitempty"`
	Code    int      `json:"code"`
	usage   string
}

// explain looks err up in the table.
func (a *app) explain(err error) problem {
	p := problem{Message: err.Error(), Code: exitFailed}
	var syntax *ref.SyntaxError
	if errors.As(err, &syntax) { // what is allowed is the hint
		p.Message = strings.Replace(p.Message, " (allowed: "+syntax.Allowed+")", "", 1)
	}
	for _, r := range a.table() {
		if code, hint, ok := r(err); ok {
			p.Code = code
			if hint != "" {
				p.Hints = strings.Split(hint, "\n")
			}
			break
		}
	}
	var f *failure
	if errors.As(err, &f) {
		if f.code != 0 {
			p.Code = f.code
		}
		if len(f.hints) > 0 {
			p.Hints = f.hints
		}
		p.usage = f.usage
	}
	return p
}

// flatten lists the errors that err is made of.
func flatten(err error) []error {
	var several *multierror.Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &several):
		return []error{err}
	}
	var all []error
	for _, e := range several.Errors {
		all = append(all, flatten(e)...)
	}
	return all
}

// report shows err and returns the exit code: that of all its parts, or 1 where
// they differ.
func (a *app) report(ctx context.Context, err error) int {
	if err == nil {
		return exitDone
	}
	var cause terminatedError
	if errors.As(context.Cause(ctx), &cause) && (errors.Is(err, context.Canceled) || errors.As(err, &cause)) {
		a.note("ipp: %s", cause)
		if a.changing {
			a.note("hint: nothing is half done: ipp list shows what is installed; the same command again goes on")
		}
		return cause.code()
	}
	var status exitStatus
	if errors.As(err, &status) {
		return int(status)
	}
	problems := a.problems(err)
	code := problems[0].Code
	for _, p := range problems[1:] {
		if p.Code != code {
			code = exitFailed
		}
	}
	a.show(problems)
	if a.json && !a.answered {
		a.showJSON(problems, code)
	}
	return code
}

// problems are the errors that err is made of, each once.
func (a *app) problems(err error) []problem {
	var list []problem
	for _, e := range flatten(err) {
		p := a.explain(e)
		same := func(o problem) bool { return o.Message == p.Message && o.Code == p.Code }
		if !slices.ContainsFunc(list, same) {
			list = append(list, p)
		}
	}
	return list
}

func (a *app) show(problems []problem) {
	style := a.term.ErrStyle()
	for i, p := range problems {
		a.note("%s %s", style.Red("ipp:"), term.Safe(p.Message))
		if p.usage != "" {
			a.note("usage: ipp %s", p.usage)
		}
		if i+1 < len(problems) && p.usage == "" && slices.Equal(p.Hints, problems[i+1].Hints) {
			continue // what holds for several in a row is said once, after the last
		}
		for _, h := range p.Hints {
			a.note("%s %s", style.Bold("hint:"), term.Safe(h))
		}
	}
	if a.advice != "" {
		a.note("%s %s", style.Bold("hint:"), a.advice)
	}
}

// report is the JSON of what went wrong.
type report struct {
	Message string    `json:"message"`
	Hints   []string  `json:"hints,omitempty"`
	Code    int       `json:"code"`
	Errors  []problem `json:"errors,omitempty"` // each of them, where there are several
}

// showJSON writes {"error": report}.
func (a *app) showJSON(problems []problem, code int) {
	e := report{Message: problems[0].Message, Hints: problems[0].Hints}
	if len(problems) > 1 {
		e.Message, e.Hints, e.Errors = fmt.Sprintf("%d errors", len(problems)), nil, problems
	}
	if a.advice != "" {
		e.Hints = append(slices.Clone(e.Hints), a.advice)
	}
	e.Code = code
	data, err := json.Marshal(map[string]report{"error": e})
	if err == nil {
		a.println(term.SafeJSON(data))
	}
}

// exitStatus is a program's own exit code, passed through without a word.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }
