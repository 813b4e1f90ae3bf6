package profile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"ipp/generation"
	"ipp/store/durable"
)

// readLog reads the log; opening a FIFO would wait.
func readLog(path string) ([]byte, error) {
	fi, err := os.Lstat(path)
	if err == nil && !fi.Mode().IsRegular() {
		err = errNotLog
	}
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

var errNotLog = errors.New("not a file any more")

// logLine is a line of the log, looked at.
type logLine struct {
	text  []byte
	entry LogEntry
	torn  bool  // by a power cut: it does not end as a line of ours does
	err   error // why it can't be read
}

func splitLog(data []byte) []logLine {
	var lines []logLine
	for len(data) > 0 {
		text, rest, ended := bytes.Cut(data, []byte("\n"))
		data = rest
		l := logLine{text: text}
		l.entry, l.err = parseLogLine(text)
		l.torn = !ended || l.err != nil && !bytes.HasSuffix(text, []byte("}"))
		lines = append(lines, l)
	}
	return lines
}

// good says that a line can be read whole.
func (l *logLine) good() bool { return l.err == nil && !l.torn }

// damaged says that it can't, and no power cut explains it.
func (l *logLine) damaged() bool {
	return l.err != nil && !l.torn && !errors.Is(l.err, ErrNewerLog)
}

// RepairLog puts damaged lines right where that is certain: where one bit was
// flipped, and one line alone comes out of it that is spelled as ours are and
// fits its neighbours. The others it keeps in log.damaged, and leaves out. A log
// that is gone is told from the generations, without who flipped, and without
// rollbacks. What a power cut tore stays: it is passed over.
func (p *Profile) RepairLog(ctx context.Context) error {
	err := p.locked(ctx, "check", func() error {
		data, err := readLog(p.path("log"))
		var text []byte
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, errNotLog):
			if text, err = p.retellLog(); err == nil {
				err = p.clear("log")
			}
		case err == nil:
			text, err = p.mendLog(splitLog(data))
		}
		if err != nil {
			return err
		}
		return p.do("replace log", func() error { return durable.WriteFile(p.path("log"), text, 0o644) })
	})
	if err != nil {
		return fmt.Errorf("repair log of profile %s: %w", p.name, err)
	}
	return nil
}

// mendLog puts the lines together again.
func (p *Profile) mendLog(lines []logLine) (text []byte, err error) {
	for i := range lines {
		l := &lines[i]
		if l.damaged() {
			mended := mendLine(l.text, neighbours(lines, i))
			if mended == nil {
				if err := durable.AppendLine(p.path(damagedLog), l.text, 0o644); err != nil {
					return nil, err
				}
				continue
			}
			l.text = mended
		}
		text = append(append(text, l.text...), '\n')
	}
	return text, nil
}

// neighbours is a line that fits between those beside line i: from where the one
// before leads, to where the one after comes from; 0: nobody says.
func neighbours(lines []logLine, i int) (fits LogEntry) {
	if i > 0 && lines[i-1].good() {
		fits.From = lines[i-1].entry.To
	}
	if i+1 < len(lines) && lines[i+1].good() {
		fits.To = lines[i+1].entry.From
	}
	return fits
}

// longestMended is the longest line that is mended, in bytes: the time that takes
// grows with the square, and is seconds here.
const longestMended = 8 << 10

// mendLine finds the one line of ours that is a bit away; nil where there is
// none, or several, or looking would take too long.
func mendLine(text []byte, fits LogEntry) (mended []byte) {
	if len(text) > longestMended {
		return nil
	}
	try := bytes.Clone(text)
	for i := range try {
		for bit := range 8 {
			try[i] ^= 1 << bit
			if isOurLine(try, fits) {
				if mended != nil {
					return nil
				}
				mended = bytes.Clone(try)
			}
			try[i] ^= 1 << bit
		}
	}
	return mended
}

func isOurLine(text []byte, fits LogEntry) bool {
	if !json.Valid(text) {
		return false
	}
	e, err := parseLogLine(text)
	if err != nil || fits.From != 0 && e.From != fits.From || fits.To != 0 && e.To != fits.To {
		return false
	}
	again, err := json.Marshal(e)
	return err == nil && bytes.Equal(again, text)
}

// retellLog makes a log of what the generations say of themselves.
func (p *Profile) retellLog() (text []byte, err error) {
	l, err := p.names()
	if err != nil {
		return nil, err
	}
	var last generation.Number
	add := func(e LogEntry) error {
		line, err := json.Marshal(e)
		text, last = append(append(text, line...), '\n'), e.To
		return err
	}
	for _, n := range l.numbers {
		info, err := p.info(n)
		if err != nil {
			continue // its own fault
		}
		if err := add(LogEntry{Format: logFormat, Time: info.Time, Command: info.Reason, From: info.Parent, To: n}); err != nil {
			return nil, err
		}
	}
	if now, err := p.CurrentNumber(); err == nil && now != 0 && now != last {
		return text, add(LogEntry{Format: logFormat, Time: p.now(), Command: "check --repair", From: last, To: now})
	}
	return text, nil
}
