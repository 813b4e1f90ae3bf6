package trust

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// version is the one version of every text here.
const version = 1

// lines reads a text of lines "WORD VALUE", each word where it has to stand.
type lines struct {
	what string
	rest []string
	at   int // number of the line that was read last
	err  error
}

// readLines takes the first line, KIND VERSION, which is judged before all else.
// The text ends in a line feed.
func readLines(what, kind, text string) *lines {
	l := &lines{what: what}
	body, ok := strings.CutSuffix(text, "\n")
	if !ok {
		l.err = &FormatError{What: what, Why: "its last line is cut short"}
		return l
	}
	l.rest = strings.Split(body, "\n")
	said := l.value(kind)
	n, err := strconv.Atoi(said)
	switch {
	case l.err != nil:
	case err == nil && n > version && said == strconv.Itoa(n):
		l.err = fmt.Errorf("read %s: version %d: %w", what, n, ErrNewer)
	case said != strconv.Itoa(version):
		l.fail("%q is no version", said)
	}
	return l
}

// fail remembers what is wrong with the last line; the first mistake counts.
func (l *lines) fail(format string, args ...any) {
	if l.err == nil {
		l.err = &FormatError{What: l.what, Line: l.at, Why: fmt.Sprintf(format, args...)}
	}
}

// next says whether the next line begins with word.
func (l *lines) next(word string) bool {
	return l.err == nil && len(l.rest) > 0 && strings.HasPrefix(l.rest[0], word+" ")
}

// value is what follows word on the next line.
func (l *lines) value(word string) string {
	if l.err != nil {
		return ""
	}
	l.at++
	if !l.next(word) {
		l.fail("want %q", word)
		return ""
	}
	value := l.rest[0][len(word)+1:]
	l.rest = l.rest[1:]
	return value
}

// end is the first mistake; a line that is left over is one.
func (l *lines) end() error {
	if l.err == nil && len(l.rest) > 0 {
		l.at++
		l.fail("%.200q has no place here", l.rest[0])
	}
	return l.err
}

// parsed reads the value behind word with parse.
func parsed[T any](l *lines, word string, parse func(string) (T, error)) (v T) {
	text := l.value(word)
	if l.err != nil {
		return v
	}
	v, err := parse(text)
	if err != nil {
		l.fail("%v", err)
	}
	return v
}

// number parses a number that is not negative, without leading zeros, of at
// most most.
func number(text string, most int64) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > most || strconv.FormatInt(n, 10) != text {
		return 0, fmt.Errorf("%.200q is no number from 0 to %d", text, most)
	}
	return n, nil
}

func canonicalBase64(text string) bool {
	data, err := base64.StdEncoding.DecodeString(text)
	return err == nil && base64.StdEncoding.EncodeToString(data) == text
}
