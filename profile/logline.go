package profile

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"ipp/generation"
	"ipp/lock/ref"
)

// canonicalEntry reads a line as log wrote it, in a tenth of the time that
// reading it as JSON takes: history reads all. It is false for anything else,
// right or wrong, which parseLogLine then judges: fields in another order, blanks,
// and strings with an escape in them.
func canonicalEntry(line string) (LogEntry, bool) {
	l := lineReader{rest: line, ok: true}
	e := LogEntry{Format: logFormat}
	l.skip(`{"format":` + strconv.Itoa(logFormat) + `,"time":`)
	e.Time = l.time()
	l.skip(`,"user":`)
	e.User = l.text()
	l.skip(`,"host":`)
	e.Host = l.text()
	l.skip(`,"command":`)
	e.Command = l.text()
	l.skip(`,"from":`)
	e.From = generation.Number(l.number())
	l.skip(`,"to":`)
	e.To = generation.Number(l.number())
	if l.has(`,"bytes":`) {
		e.Bytes = int64(l.number())
	}
	if e.Bytes > 0 && l.has(`,"changes":[`) {
		e.Changes = l.changes()
	}
	l.skip(`}`)
	return e, l.ok && l.rest == ""
}

// lineReader takes parts off the front of a line; it is not ok any more once one
// was not there.
type lineReader struct {
	rest string
	ok   bool
}

func (l *lineReader) has(part string) (had bool) {
	l.rest, had = strings.CutPrefix(l.rest, part)
	return had
}

func (l *lineReader) skip(part string) { l.ok = l.has(part) && l.ok }

// text takes a string in which nothing is escaped.
func (l *lineReader) text() string {
	l.skip(`"`)
	s, rest, ended := strings.Cut(l.rest, `"`)
	plain := strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == '\\' || r == utf8.RuneError }) < 0
	l.rest, l.ok = rest, l.ok && ended && plain
	return s
}

func (l *lineReader) number() int {
	end := strings.IndexFunc(l.rest, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(l.rest)
	}
	n, err := strconv.Atoi(l.rest[:end])
	l.ok = l.ok && err == nil && strconv.Itoa(n) == l.rest[:end]
	l.rest = l.rest[end:]
	return n
}

func (l *lineReader) time() time.Time {
	var t time.Time
	err := t.UnmarshalText([]byte(l.text()))
	l.ok = l.ok && err == nil
	return t
}

// changes takes the changes, of which there is one at least.
func (l *lineReader) changes() []Logged {
	changes := make([]Logged, 0, 1)
	for l.ok {
		var c Logged
		l.skip(`{"name":`)
		c.Name = word(l, ref.ParseName)
		if l.has(`,"old":`) {
			c.Old = l.version()
		}
		if l.has(`,"new":`) {
			c.New = l.version()
		}
		l.skip(`}`)
		changes = append(changes, c)
		if !l.has(`,`) {
			break
		}
	}
	l.skip(`]`)
	return changes
}

func (l *lineReader) version() *LoggedVersion {
	v := &LoggedVersion{}
	l.skip(`{"version":`)
	v.Version = word(l, ref.ParseVersion)
	l.skip(`,"cid":`)
	v.CID = l.text()
	l.skip(`}`)
	return v
}

// word takes a string that is parsed.
func word[T any](l *lineReader, parse func(string) (T, error)) T {
	w, err := parse(l.text())
	l.ok = l.ok && err == nil
	return w
}
