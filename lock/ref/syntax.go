package ref

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// SyntaxError says which word is wrong, why, and what is allowed.
type SyntaxError struct {
	What, Text, Why, Allowed string
}

// Error quotes the text, so nothing in it reaches a terminal raw.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("parse %s %q: %s (allowed: %s)", e.What, shorten(e.Text), e.Why, e.Allowed)
}

// syntaxError makes a SyntaxError. why and allowed may repeat parts of the
// text; only Text itself stays as it was typed.
func syntaxError(what, text, why, allowed string) error {
	return &SyntaxError{What: what, Text: text, Why: printable(why), Allowed: printable(allowed)}
}

// shorten keeps messages on a screen.
func shorten(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// printable escapes what has no ink.
func printable(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }) < 0 {
		return s
	}
	quoted := fmt.Sprintf("%q", s)
	return quoted[1 : len(quoted)-1]
}

// badText says why no word can hold s, or "".
func badText(s string) string {
	switch {
	case s == "":
		return "it is empty"
	case !utf8.ValidString(s):
		return "it is not UTF-8"
	case strings.ContainsFunc(s, unicode.IsControl):
		return "it holds a control character"
	}
	return ""
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLower(c byte) bool  { return 'a' <= c && c <= 'z' }
func isUpper(c byte) bool  { return 'A' <= c && c <= 'Z' }
func isLetter(c byte) bool { return isLower(c) || isUpper(c) }

// badCharacter names the first character of s that has a byte which is not ok.
func badCharacter(s string, ok func(c byte) bool) string {
	for _, r := range s {
		if r >= utf8.RuneSelf || !ok(byte(r)) {
			return fmt.Sprintf("%q is not allowed", r)
		}
	}
	return ""
}

// only says whether every byte of s is ok.
func only(s string, ok func(c byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}
