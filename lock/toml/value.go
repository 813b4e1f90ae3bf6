package toml

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind is the type of a value.
type Kind uint8

// The kinds of values.
const (
	String Kind = iota + 1
	Integer
	Float
	Bool
	Time // a date, a time, or both
	Array
	Table
)

func (k Kind) String() string {
	switch k {
	case String:
		return "string"
	case Integer:
		return "whole number"
	case Float:
		return "fraction"
	case Bool:
		return "true or false"
	case Time:
		return "date or time"
	case Array:
		return "array"
	case Table:
		return "table"
	}
	return "nothing"
}

// a is the kind with its article, for sentences.
func (k Kind) a() string {
	switch k {
	case Integer, Float, String, Time, Table:
		return "a " + k.String()
	case Array:
		return "an array"
	}
	return k.String()
}

// Value is a value with its place in the file. A file may hold very many, so it is
// kept small.
type Value struct {
	Kind   Kind
	how    definition
	depth  uint8    // of tables above it
	offset int32    // -1: the root
	end    int32    // one past the value, where Range says so
	Text   string   // String: its contents; other scalars: as written
	Items  []*Value // Array
	Fields []Field  // Table, in the order of the file
	doc    *document
	index  map[string]int // Fields by key, where they are many
}

// Field is a key of a table.
type Field struct {
	Key   string
	Value *Value
	at    int // offset of the key
}

// Get is the value of a key of a table, or nil.
func (v *Value) Get(key string) *Value {
	if v == nil {
		return nil
	}
	i := v.find(key)
	if i < 0 {
		return nil
	}
	return v.Fields[i].Value
}

// fewFields is how many a table may have before it gets an index: most have one
// or two, and an index is as large as all else of them.
const fewFields = 8

// find is which of the fields has that key, or -1.
func (v *Value) find(key string) int {
	if len(v.Fields) <= fewFields {
		return slices.IndexFunc(v.Fields, func(f Field) bool { return f.Key == key })
	}
	if i, ok := v.index[key]; ok {
		return i
	}
	return -1
}

// add adds a field of a new key.
func (v *Value) add(f Field) {
	v.Fields = append(v.Fields, f)
	switch n := len(v.Fields); {
	case n == fewFields+1:
		v.index = map[string]int{}
		for i, f := range v.Fields {
			v.index[f.Key] = i
		}
	case n > fewFields:
		v.index[f.Key] = n - 1
	}
}

// All are the fields of a table; none of one that is not there.
func (v *Value) All() []Field {
	if v == nil {
		return nil
	}
	return v.Fields
}

// At is the value at a path of keys; where there is none, the last table on
// the way, so that an error about a missing key has a place. A key may also
// be an index into an array, as strconv.Itoa writes it.
func (v *Value) At(path ...string) *Value {
	for _, key := range path {
		next := v.Get(key)
		if v.Kind == Array {
			if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(v.Items) {
				next = v.Items[i]
			}
		}
		if next == nil {
			return v
		}
		v = next
	}
	return v
}

// KeyError is Errorf with the place of a key of the table v.
func (v *Value) KeyError(key, format string, args ...any) *SyntaxError {
	i := v.find(key)
	if i < 0 {
		return v.Errorf(format, args...)
	}
	return v.doc.errorAt(v.Fields[i].at, fmt.Sprintf(format, args...))
}

// Int is the value of a whole number.
func (v *Value) Int() (int64, bool) {
	if v.Kind != Integer {
		return 0, false
	}
	text := strings.TrimPrefix(strings.ReplaceAll(v.Text, "_", ""), "+")
	base := 10
	if digits, ok := strings.CutPrefix(text, "0x"); ok {
		text, base = digits, 16
	} else if digits, ok := strings.CutPrefix(text, "0o"); ok {
		text, base = digits, 8
	} else if digits, ok := strings.CutPrefix(text, "0b"); ok {
		text, base = digits, 2
	}
	n, err := strconv.ParseInt(text, base, 64)
	return n, err == nil
}

// Range is where the value stands in the file, as byte offsets. A table that
// has a header is where its name is in that; an array or inline table within an
// array is where the outermost array is.
func (v *Value) Range() (start, end int) { return int(v.offset), int(v.end) }

// Inline says whether v is written in one piece: a scalar, an array or an inline
// table.
func (v *Value) Inline() bool { return v.how == closed }

// Errorf is an error at the place of v. The root has no place.
func (v *Value) Errorf(format string, args ...any) *SyntaxError {
	why := fmt.Sprintf(format, args...)
	if v.offset < 0 {
		return &SyntaxError{File: v.doc.file, Why: why}
	}
	return v.doc.errorAt(int(v.offset), why)
}

// Wrap is err with the place of v; err stays in the chain.
func (v *Value) Wrap(err error) *SyntaxError {
	e := v.Errorf("%v", err)
	e.err = err
	return e
}

// checkText refuses control characters everywhere but below ForeignTable.
func (v *Value) checkText() error {
	if v.Kind == String {
		if i := strings.IndexFunc(v.Text, unicode.IsControl); i >= 0 {
			r, _ := utf8.DecodeRuneInString(v.Text[i:])
			return v.Errorf("string has a control character, %U", r)
		}
	}
	for _, item := range v.Items {
		if err := item.checkText(); err != nil {
			return err
		}
	}
	for _, f := range v.Fields {
		if v.offset < 0 && f.Key == ForeignTable {
			continue
		}
		if i := strings.IndexFunc(f.Key, unicode.IsControl); i >= 0 {
			return v.KeyError(f.Key, "key has a control character")
		}
		if err := f.Value.checkText(); err != nil {
			return err
		}
	}
	return nil
}

// document gives offsets their lines.
type document struct {
	file string
	data []byte
}

// maxText is how many characters of a line an error shows.
const maxText = 120

// errorAt is an error at a byte offset.
func (d *document) errorAt(offset int, why string) *SyntaxError {
	offset = min(max(offset, 0), len(d.data))
	before := string(d.data[:offset])
	start := strings.LastIndexByte(before, '\n') + 1
	line, _, _ := strings.Cut(string(d.data[start:]), "\n")
	return &SyntaxError{
		File:   d.file,
		Line:   strings.Count(before, "\n") + 1,
		Column: utf8.RuneCountInString(before[start:]) + 1,
		Text:   printable(strings.TrimSuffix(line, "\r")),
		Why:    why,
	}
}

// line is the line of a byte offset.
func (d *document) line(offset int) int {
	return strings.Count(string(d.data[:offset]), "\n") + 1
}

// printable is a line as it may be shown: nothing in it moves the cursor,
// reorders text, or floods the screen. What is no text is not shown at all.
func printable(line string) string {
	const fewEscapes = 4
	var b strings.Builder
	n, escapes := 0, 0
	for _, r := range line {
		if n++; n > maxText {
			b.WriteString("…")
			break
		}
		switch {
		case r == '\t':
			b.WriteByte(' ')
		case r == utf8.RuneError || !unicode.IsPrint(r):
			if escapes++; escapes > fewEscapes {
				return ""
			}
			fmt.Fprintf(&b, "\\u%04X", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
