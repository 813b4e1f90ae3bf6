package lock

import (
	"bytes"
	"errors"
	"fmt"

	"ipp/lock/ref"
	"ipp/lock/toml"
	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// parseWord parses the string v into out; a missing one leaves out alone. The
// error stands at v and says what is allowed.
func parseWord[T any](v *toml.Value, parse func(string) (T, error), out *T) error {
	if v == nil {
		return nil
	}
	word, err := parse(v.Text)
	if err != nil {
		return allowing(v.Wrap(err), err)
	}
	*out = word
	return nil
}

// parseKey parses a key of a table.
func parseKey[T any](table *toml.Value, key string, parse func(string) (T, error)) (T, error) {
	word, err := parse(key)
	if err != nil {
		return word, allowing(table.KeyError(key, "%v", err), err)
	}
	return word, nil
}

// parseWords parses the strings of an array.
func parseWords[T any](v *toml.Value, parse func(string) (T, error), out *[]T) error {
	if v == nil {
		return nil
	}
	for _, item := range v.Items {
		var word T
		if err := parseWord(item, parse, &word); err != nil {
			return err
		}
		*out = append(*out, word)
	}
	return nil
}

// allowing hands on what a word's own error says is allowed.
func allowing(e *toml.SyntaxError, err error) error {
	if syntax, ok := errors.AsType[*ref.SyntaxError](err); ok {
		e.Hint = syntax.Allowed
	}
	return e
}

// parseCID parses a CID of any base and version, as version 1.
func parseCID(s string) (cid.Cid, error) {
	if c, ok := dag.ParseCIDText(s); ok {
		return c, nil
	}
	c, err := cid.Decode(s)
	if err != nil {
		return cid.Undef, fmt.Errorf("%q is no CID", s)
	}
	return dag.V1(c), nil
}

func keysOf(table *toml.Value) []string {
	if table == nil {
		return nil
	}
	keys := make([]string, len(table.Fields))
	for i, f := range table.Fields {
		keys[i] = f.Key
	}
	return keys
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// conflictMark says where git left both sides of a merge in a file: as TOML
// that would only be a puzzling syntax error.
func conflictMark(file string, data []byte, hint string) error {
	for i, line := range bytes.Split(data, []byte("\n")) {
		line = bytes.TrimSuffix(line, []byte("\r"))
		if !isConflictMark(line) {
			continue
		}
		return &toml.SyntaxError{
			File: file, Line: i + 1, Column: 1, Text: string(line[:7]),
			Why: "a merge in git left its conflict marks", Hint: hint,
		}
	}
	return nil
}

func isConflictMark(line []byte) bool {
	for _, mark := range []string{"<<<<<<< ", "||||||| ", ">>>>>>> "} {
		if bytes.HasPrefix(line, []byte(mark)) {
			return true
		}
	}
	return string(line) == "======="
}
