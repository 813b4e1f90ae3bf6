// Package toml reads TOML strictly: every key is known, given once and of the
// right type, or the error says where it stands, shows the line and suggests
// what was meant. The grammar is go-toml's (TOML 1.0 with 1.1's inline
// tables); the rules on top are the common ones of all files that ipp reads:
//
//   - `format = N` stands at the top level. A newer N is refused with an error
//     that Is ErrNewer, before anything else of the file is judged.
//   - An unknown key is refused. Only what stands below the top-level table
//     `[x]` is kept for other tools and ignored; it still has to be TOML.
//   - A key, a table or an inline table is defined once.
//   - Strings and keys hold no control characters, also not as escapes.
//   - Values nest MaxDepth deep at most, a file has at most Options.Max bytes.
//
// Decode fills structs whose fields carry a `toml:"key"` tag, in which
// ",required" makes a key obligatory. Known types are strings, bools, whole
// numbers, slices, maps with string keys, structs, pointers to these,
// encoding.TextUnmarshaler (from a string), and *Value, which takes any value
// as it stands. What a struct can't say is checked afterwards, with positions:
//
//	root, err := toml.Decode("package.toml", data, &raw, toml.Options{Format: 1})
//	...
//	if raw.Summary == "" {
//		return root.At("summary").Errorf("summary is empty")
//	}
//
// Concurrency: everything is pure; a Value is immutable.
package toml

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// ErrNewer is in the chain of an error about a file of a newer format.
var ErrNewer = errors.New("needs a newer ipp")

// ForeignTable is the top-level table whose contents belong to other tools.
const ForeignTable = "x"

// FormatKey is the top-level key that every file carries.
const FormatKey = "format"

// MaxDepth is how deep tables and arrays may nest.
const MaxDepth = 16

// DefaultMax is the largest file that is read where Options say nothing.
const DefaultMax = 1 << 20

// Options say what Decode and Parse accept.
type Options struct {
	Format int // the newest format that is known; 0: the file has no such key
	Max    int // bytes; 0: DefaultMax
}

// SyntaxError is what is wrong with a file, and where.
type SyntaxError struct {
	File   string
	Line   int    // 1 is the first; 0: the error has no place, as for a missing key
	Column int    // in characters, 1 is the first
	Text   string // the line, control characters escaped, long ones cut
	Why    string
	Hint   string // what to write instead, or ""
	err    error
}

// Error is one line: FILE:LINE:COLUMN: why: the line.
func (e *SyntaxError) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
	}
	b.WriteString(": " + e.Why)
	if text := strings.TrimSpace(e.Text); text != "" {
		b.WriteString(": " + text)
	}
	return b.String()
}

// Unwrap gives the cause, ErrNewer among others.
func (e *SyntaxError) Unwrap() error { return e.err }

// Decode parses data and fills the struct that into points to. file is only
// for errors. The root that it returns gives later checks their positions.
func Decode(file string, data []byte, into any, opt Options) (*Value, error) {
	root, err := Parse(file, data, opt)
	if err != nil {
		return nil, err
	}
	return root, root.Decode(into)
}

// Parse parses data into a tree, with all rules but that of known keys.
func Parse(file string, data []byte, opt Options) (*Value, error) {
	d := &document{file: file, data: data}
	limit := opt.Max
	if limit == 0 {
		limit = DefaultMax
	}
	if len(data) > limit {
		return nil, &SyntaxError{File: file, Why: fmt.Sprintf("file is too large: %d bytes, at most %d are read", len(data), limit)}
	}
	if i := invalidUTF8(data); i >= 0 {
		e := d.errorAt(i, "not UTF-8")
		e.Hint = "save it as UTF-8 text"
		return nil, e
	}
	root, err := build(d)
	if err != nil {
		return nil, err
	}
	if opt.Format > 0 {
		if err := root.checkFormat(opt.Format); err != nil {
			return nil, err
		}
	}
	if err := root.checkForeign(); err != nil {
		return nil, err
	}
	return root, root.checkText()
}

// invalidUTF8 is the offset of the first byte that is not UTF-8, or -1.
func invalidUTF8(data []byte) int {
	if utf8.Valid(data) {
		return -1
	}
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// checkFormat reads `format` before anything else is judged: a newer file may
// look different in every other respect.
func (v *Value) checkFormat(newest int) error {
	f := v.Get(FormatKey)
	allowed := fmt.Sprintf("%s = %d", FormatKey, newest)
	if f == nil {
		return &SyntaxError{File: v.doc.file, Why: FormatKey + " is missing", Hint: "begin the file with " + allowed}
	}
	n, ok := f.Int()
	switch {
	case !ok || n < 1:
		e := f.Errorf("%s must be a whole number from 1", FormatKey)
		e.Hint = "write " + allowed
		return e
	case n > int64(newest):
		e := f.Wrap(ErrNewer)
		e.Why = fmt.Sprintf("format %d %v, this one knows %d", n, ErrNewer, newest)
		return e
	}
	return nil
}

// checkForeign refuses an `x` that is no table, which would hide a mistake.
func (v *Value) checkForeign() error {
	if x := v.Get(ForeignTable); x != nil && x.Kind != Table {
		return x.Errorf("%s is kept for other tools and must be a table, not %s", ForeignTable, x.Kind.a())
	}
	return nil
}

// ErrorAt is an error at a byte offset of a file that is not TOML; err stays
// in the chain.
func ErrorAt(file string, data []byte, offset int, err error) *SyntaxError {
	e := (&document{file: file, data: data}).errorAt(offset, err.Error())
	e.err = err
	return e
}
