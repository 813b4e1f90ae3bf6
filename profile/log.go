package profile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"ipp/generation"
	"ipp/store/durable"
)

// logFormat is the version of a line of the log.
const logFormat = 1

// ErrNewerLog says that a newer ipp wrote a line of the log.
var ErrNewerLog = errors.New("needs a newer ipp")

// LogEntry is one line of the log.
type LogEntry struct {
	Format  int               `json:"format"`
	Time    time.Time         `json:"time"` // UTC, RFC 3339
	User    string            `json:"user"`
	Host    string            `json:"host"`
	Command string            `json:"command"`
	From    generation.Number `json:"from"`
	To      generation.Number `json:"to"`
}

// log appends a line for a flip that was made: its failure is a *LogError.
func (p *Profile) log(from, to generation.Number, why Reason) error {
	line, err := json.Marshal(LogEntry{
		Format:  logFormat,
		Time:    p.now(),
		User:    p.opt.User,
		Host:    p.opt.Host,
		Command: why.Command,
		From:    from,
		To:      to,
	})
	if err == nil {
		err = p.do("append to log", func() error { return durable.AppendLine(p.path("log"), line, 0o644) })
	}
	if err != nil {
		return &LogError{Err: err}
	}
	return nil
}

// Log reads the log. A line that a power cut tore is left out.
func (p *Profile) Log() ([]LogEntry, error) {
	data, err := os.ReadFile(p.path("log"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read log of profile %s: %w", p.name, err)
	}
	entries, err := parseLog(data)
	if err != nil {
		return nil, fmt.Errorf("read log of profile %s: %s: %w", p.name, p.path("log"), err)
	}
	return entries, nil
}

// parseLog parses the log. A torn line is no JSON, whether it is the last one
// or was ended by the next append; anything else that is odd is an error.
func parseLog(data []byte) ([]LogEntry, error) {
	var entries []LogEntry
	for i := 1; len(data) > 0; i++ {
		line, rest, ended := bytes.Cut(data, []byte("\n"))
		data = rest
		if !ended || !json.Valid(line) {
			continue
		}
		e, err := parseLogLine(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i, err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func parseLogLine(line []byte) (LogEntry, error) {
	var version struct{ Format int }
	if err := json.Unmarshal(line, &version); err != nil {
		return LogEntry{}, err
	}
	if version.Format > logFormat {
		return LogEntry{}, fmt.Errorf("format %d: %w", version.Format, ErrNewerLog)
	}
	if version.Format < 1 {
		return LogEntry{}, errors.New("it has no format")
	}
	var e LogEntry
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return LogEntry{}, err
	}
	if _, err := d.Token(); err != io.EOF {
		return LogEntry{}, errors.New("something follows the entry")
	}
	return e, nil
}
