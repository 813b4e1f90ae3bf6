// Package term is what the commands know of the terminal: escaping, styles,
// one line of progress, tables, and words for sizes and times.
//
// Invariants. Text that Safe returns is one line and moves no cursor. No escape
// sequence is written to what is not a terminal. A progress line never wraps,
// whatever the width, and never shares a line with other output: whoever writes
// to Out or Err first erases it. Off a terminal nothing is cut and nothing is
// drawn.
//
// Concurrency. A Terminal, its writers and its Meters may be used by several
// goroutines; a Table belongs to one.
package term

import (
	"io"
	"os"
	"strconv"
	"sync"

	xterm "golang.org/x/term"
)

// assumedWidth stands for a width that nobody knows.
const assumedWidth = 80

// Terminal is the pair of outputs of one command.
type Terminal struct {
	out, err stream
	columns  int // what COLUMNS says, 0 if nothing

	mu      sync.Mutex // guards what follows, and each write
	outErr  error
	midline bool   // the last write ended without a newline
	drawn   *Meter // whose line is on the screen
}

// stream is one output and what is known of it.
type stream struct {
	w        io.Writer
	terminal bool
	escapes  bool       // it obeys escape sequences
	colour   bool       // it obeys them, and its user wants styles
	size     func() int // columns, 0 if unknown; nil off a terminal
}

// probe tells whether w is a terminal, and how to ask for its columns.
type probe func(w io.Writer) (size func() int, terminal bool)

// New looks at both outputs and at NO_COLOR, TERM and COLUMNS.
func New(stdout, stderr io.Writer, getenv func(string) string) *Terminal {
	return newTerminal(stdout, stderr, getenv, probeFile)
}

func newTerminal(stdout, stderr io.Writer, getenv func(string) string, look probe) *Terminal {
	open := func(w io.Writer) stream {
		size, terminal := look(w)
		escapes := terminal && getenv("TERM") != "dumb"
		return stream{w, terminal, escapes, escapes && getenv("NO_COLOR") == "", size}
	}
	columns, err := strconv.Atoi(getenv("COLUMNS"))
	if err != nil || columns < 0 {
		columns = 0
	}
	return &Terminal{out: open(stdout), err: open(stderr), columns: columns}
}

func probeFile(w io.Writer) (func() int, bool) {
	f, ok := w.(*os.File)
	if !ok || !xterm.IsTerminal(int(f.Fd())) {
		return nil, false
	}
	return func() int {
		columns, _, err := xterm.GetSize(int(f.Fd()))
		if err != nil {
			return 0
		}
		return columns
	}, true
}

// OutIsTerminal reports whether standard output is a terminal.
func (t *Terminal) OutIsTerminal() bool { return t.out.terminal }

// ErrIsTerminal reports whether standard error is a terminal.
func (t *Terminal) ErrIsTerminal() bool { return t.err.terminal }

// Width is the columns of the terminal on standard error, else on standard
// output, now: a window may have been resized since the last call. It is never
// 0: a terminal that does not know its size counts as COLUMNS wide, else 80.
func (t *Terminal) Width() int {
	if t.err.terminal {
		return t.width(t.err)
	}
	return t.width(t.out)
}

func (t *Terminal) width(s stream) int {
	if s.size != nil {
		// The environment is from the start of the shell, the size is from now.
		if columns := s.size(); columns > 0 {
			return columns
		}
	}
	if t.columns > 0 {
		return t.columns
	}
	return assumedWidth
}

// Out is standard output. It keeps its first error for OutErr, and drops what
// is written after it without a word: a reader that went away (EPIPE) ends no
// change half way.
func (t *Terminal) Out() io.Writer { return writer{t, &t.out, &t.outErr} }

// Err is standard error. Of its errors nobody could be told.
func (t *Terminal) Err() io.Writer { return writer{t, &t.err, nil} }

// OutErr is the first error of a write to Out.
func (t *Terminal) OutErr() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.outErr
}

type writer struct {
	t     *Terminal
	s     *stream
	first *error // nil: errors are not kept
}

func (w writer) Write(p []byte) (int, error) {
	w.t.mu.Lock()
	defer w.t.mu.Unlock()
	if len(p) == 0 || w.first != nil && *w.first != nil {
		return len(p), nil
	}
	if w.s.terminal {
		w.t.erase()
		w.t.midline = p[len(p)-1] != '\n'
	}
	n, err := w.s.w.Write(p)
	if err != nil && w.first != nil {
		*w.first = err
	}
	return n, err
}

// Style is how one output shows emphasis. Where it shows none, each method
// returns its argument. Styles nest, and an empty string stays empty.
type Style struct{ on bool }

// OutStyle is the style of standard output.
func (t *Terminal) OutStyle() Style { return Style{t.out.colour} }

// ErrStyle is the style of standard error.
func (t *Terminal) ErrStyle() Style { return Style{t.err.colour} }

// Bold, Dim, Red, Green and Yellow return s in that style.
func (s Style) Bold(text string) string   { return s.wrap("1", "22", text) }
func (s Style) Dim(text string) string    { return s.wrap("2", "22", text) }  // see Bold
func (s Style) Red(text string) string    { return s.wrap("31", "39", text) } // see Bold
func (s Style) Green(text string) string  { return s.wrap("32", "39", text) } // see Bold
func (s Style) Yellow(text string) string { return s.wrap("33", "39", text) } // see Bold

func (s Style) wrap(on, off, text string) string {
	if !s.on || text == "" {
		return text
	}
	return "\x1b[" + on + "m" + text + "\x1b[" + off + "m"
}
