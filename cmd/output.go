package cmd

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"

	"ipp/cmd/term"
	"ipp/store/flock"

	xterm "golang.org/x/term"
)

// println writes a line to standard output.
func (a *app) println(parts ...string) {
	fmt.Fprintln(a.term.Out(), strings.Join(parts, ""))
}

func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.term.Out(), format, args...) }

// say writes words to standard output; a terminal gets them wrapped.
func (a *app) say(text string) { a.println(wrapped(text, a.term.HangOut)) }

// note writes a line to standard error; a terminal gets it wrapped.
func (a *app) note(format string, args ...any) {
	fmt.Fprintln(a.term.Err(), wrapped(fmt.Sprintf(format, args...), a.term.HangErr))
}

// wrapped is text as hang wraps it, but for a command at its end, which stays
// one line to copy.
func wrapped(text string, hang func(text, indent string) string) string {
	const indent = "  "
	whole := hang(text, indent)
	if whole == text {
		return text
	}
	for _, command := range []string{"ipp ", "eval ", "ln ", "mv ", "rm ", "mkdir ", "ls "} {
		if i := strings.LastIndex(text, ": "+command); i >= 0 {
			return hang(text[:i+1], indent) + "\n" + indent + text[i+2:]
		}
	}
	return whole
}

// warn writes a warning to standard error.
func (a *app) warn(format string, args ...any) {
	a.note("%s "+format, slices.Insert(args, 0, any(a.term.ErrStyle().Yellow("warning:")))...)
}

// printJSON writes the one JSON value of a run.
func (a *app) printJSON(v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	a.println(term.SafeJSON(data))
	a.answered = true
	return nil
}

// cantTake is what to do about standard output that fails.
const cantTake = "let it go elsewhere: what it went to can't take it"

// outputError is an error of standard output that matters: a full disk does, a
// reader that has seen enough does not. What a command changed stands.
func (a *app) outputError(c command) error {
	err := a.term.OutErr()
	if err == nil || errors.Is(err, syscall.EPIPE) {
		return nil
	}
	f := &failure{verb: "write", object: "standard output", err: err, code: exitFailed,
		hints: []string{cantTake}}
	if w, ok := c.(interface{ changes() bool }); ok && w.changes() {
		f.verb, f.object = "", ""
		f.err = fmt.Errorf("what was asked for is done, but could not be shown: %w", err)
		f.hints = []string{"do not repeat it: ipp list and ipp history show what is there now"}
	}
	return f
}

// meter shows the progress of work of total bytes until the function it
// returns is called.
func (a *app) meter(verb string, total int64) (report func(int64), done func()) {
	m := a.term.Meter(verb, total)
	return m.Add, m.Done
}

// ask puts a question; without a terminal the answer is no, and says so.
func (a *app) ask(yes bool, question string) error {
	if yes {
		return nil
	}
	refused := &failure{err: errors.New("not confirmed"), code: exitMalformed}
	in, ok := a.stdin.(*os.File)
	if !ok || !xterm.IsTerminal(int(in.Fd())) || !a.term.ErrIsTerminal() {
		refused.err = errors.New(question)
		refused.hints = []string{"--yes answers yes; without a terminal the answer is no"}
		return refused
	}
	fmt.Fprintf(a.term.Err(), "%s [y/N] ", question)
	answer, err := bufio.NewReader(a.stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if s := strings.ToLower(strings.TrimSpace(answer)); s == "y" || s == "yes" {
		return nil
	}
	return refused
}

// wait is how this run waits for other processes.
func (a *app) wait() flock.Policy {
	return flock.Policy{
		NoWait: a.flags.NoWait,
		Announce: func(path string, h flock.Holder) {
			a.note("waiting for %s", holderText(path, h))
		},
	}
}

func holderText(path string, h flock.Holder) string {
	if h.PID == 0 {
		return "another ipp (" + term.Safe(path) + ")"
	}
	return fmt.Sprintf("process %d (%s)", h.PID, term.Safe(h.Purpose))
}

// own is a command line of ours to type next, with the profile that this run
// was told to use.
func (a *app) own(format string, args ...any) string {
	line := "ipp " + fmt.Sprintf(format, args...)
	if a.flags.Profile != "" {
		line += " --profile " + quote(a.flags.Profile)
	}
	return line
}

// quote makes s one word of a POSIX shell, as it is where nothing needs quoting.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._+-/@%:,^~=", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 && s[0] != '~' {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// mapKeys are the keys of m, in no order.
func mapKeys[K comparable, V any](m map[K]V) func(yield func(K) bool) { return maps.Keys(m) }
