package term

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Safe makes text from elsewhere fit to print: whatever could move the cursor,
// end the line, change the direction of writing or hide is escaped as \x1b,
// \u202e or \U000e0001, and so is what is no UTF-8. A backslash stays as it is:
// this is for eyes, not for parsers.
func Safe(s string) string {
	clean := strings.IndexFunc(s, func(r rune) bool { return r == utf8.RuneError || !visible(r) })
	if clean < 0 {
		return s
	}
	var b strings.Builder
	b.WriteString(s[:clean])
	for rest := s[clean:]; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		switch {
		case r == utf8.RuneError && size == 1, r < utf8.RuneSelf && !visible(r):
			fmt.Fprintf(&b, `\x%02x`, rest[0])
		case visible(r):
			b.WriteString(rest[:size])
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		rest = rest[size:]
	}
	return b.String()
}

// SafeJSON is JSON that says the same and is fit to print: what Safe escapes
// stands there as \u202e. The encoder took care of what is below a blank.
func SafeJSON(data []byte) string {
	var b strings.Builder
	for _, r := range string(data) {
		switch {
		case r < ' ' || visible(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// visible reports whether r shows as itself. Not so are controls, formats
// (bidi, joiners, tags), line separators, private and unassigned characters,
// and the letters and marks that Unicode lets a screen ignore (Unicode,
// section 5.21, Default_Ignorable_Code_Point).
func visible(r rune) bool {
	if r < utf8.RuneSelf {
		return isPlain(byte(r))
	}
	return unicode.IsGraphic(r) && !unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// isPlain reports whether c is a character of ASCII that shows. Most text is
// that alone, and needs no table of Unicode's.
func isPlain(c byte) bool { return ' ' <= c && c <= '~' }

// columns is the width of s on a terminal, without the style sequences in it.
func columns(s string) int {
	n := 0
	for s != "" {
		size, cols := step(s)
		s, n = s[size:], n+cols
	}
	return n
}

// cut shortens s to at most limit columns, its last one an ellipsis. All style
// sequences stay, so what was switched on is switched off.
func cut(s string, limit int) string {
	if columns(s) <= limit {
		return s
	}
	var b strings.Builder
	left, done := limit-1, false // one for the ellipsis
	for s != "" {
		size, cols := step(s)
		switch {
		case isStyle(s):
			b.WriteString(s[:size])
		case !done && cols <= left:
			b.WriteString(s[:size])
			left -= cols
		case !done:
			done = true
			if limit > 0 {
				b.WriteString("…")
			}
		}
		s = s[size:]
	}
	return b.String()
}

// Wrap breaks text between words into lines of at most width columns; a longer
// word stands alone. Blanks within a line stay as they are.
func Wrap(text string, width int) []string {
	if columns(text) <= width {
		return []string{text}
	}
	var lines []string
	line, used := "", 0
	for i, word := range strings.Split(text, " ") {
		n := columns(word)
		switch {
		case i == 0:
			line, used = word, n
		case used+1+n <= width:
			line, used = line+" "+word, used+1+n
		default:
			lines = append(lines, strings.TrimRight(line, " "))
			line, used = word, n
		}
	}
	return append(lines, line)
}

// hang wraps text, and indents all lines but the first. Where hardly a word
// would fit a line, the terminal may break it as it likes.
func hang(text string, width int, indent string) string {
	const narrowest = 20
	if width < narrowest {
		return text
	}
	first := Wrap(text, width)[0]
	rest := strings.TrimLeft(strings.TrimPrefix(text, first), " ")
	if rest == "" || !strings.HasPrefix(text, first) {
		return first
	}
	return first + "\n" + indent + strings.Join(Wrap(rest, width-len(indent)), "\n"+indent)
}

// HangErr wraps text for the terminal on standard error between words, all lines
// but the first indented; elsewhere it returns text as it is.
func (t *Terminal) HangErr(text, indent string) string { return t.hang(t.err, text, indent) }

// HangOut is HangErr for standard output.
func (t *Terminal) HangOut(text, indent string) string { return t.hang(t.out, text, indent) }

func (t *Terminal) hang(s stream, text, indent string) string {
	if !s.terminal {
		return text
	}
	return hang(text, t.width(s), indent)
}

// step measures what s begins with, a style sequence or a character.
func step(s string) (bytes, cols int) {
	if isPlain(s[0]) {
		return 1, 1
	}
	if isStyle(s) {
		return strings.IndexByte(s, 'm') + 1, 0
	}
	r, size := utf8.DecodeRuneInString(s)
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Cc) {
		return size, 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return size, 2
	}
	return size, 1
}

// isStyle reports whether s begins with a sequence of Style's.
func isStyle(s string) bool {
	rest, ok := strings.CutPrefix(s, "\x1b[")
	if !ok {
		return false
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	return end > 0 && rest[end] == 'm'
}
