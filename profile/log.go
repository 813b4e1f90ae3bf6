package profile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"ipp/generation"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/store/durable"
)

// logFormat is the format of a line of the log.
const logFormat = 1

// mostLogged is how many changed packages a line names at most. What a larger
// change was is in the lockfiles.
const mostLogged = 32

var errNoEntry = errors.New("it is not as ipp writes it")

// maxLog is the largest log that is read: five million flips.
const maxLog = 1 << 30

// ErrNewerLog says that a newer ipp wrote a line of the log.
var ErrNewerLog = errors.New("needs a newer ipp")

// LogEntry is one line of the log. One that tells of a new generation also says
// what that changed, so that to tell a long history is to read one file.
type LogEntry struct {
	Format  int               `json:"format"`
	Time    time.Time         `json:"time"` // UTC, RFC 3339
	User    string            `json:"user"`
	Host    string            `json:"host"`
	Command string            `json:"command"`
	From    generation.Number `json:"from"`
	To      generation.Number `json:"to"`
	Bytes   int64             `json:"bytes,omitempty"`   // of the generation's three files, if the flip is a Making
	Changes []Logged          `json:"changes,omitempty"` // of the packages, as well
}

// BadLogError says that a line of the log is not as we write them.
type BadLogError struct {
	Path string
	Err  error
}

func (e *BadLogError) Error() string { return fmt.Sprintf("%s: %v", e.Path, e.Err) }

// Unwrap gives the cause.
func (e *BadLogError) Unwrap() error { return e.Err }

// Logged is a package that a new generation has and its parent has not, or the
// other way round, or both in two versions.
type Logged struct {
	Name ref.Name       `json:"name"`
	Old  *LoggedVersion `json:"old,omitempty"`
	New  *LoggedVersion `json:"new,omitempty"`
}

// nameless says that a word is missing which no package is without.
func (l Logged) nameless() bool {
	return l.Name == "" || l.Old != nil && l.Old.Version == "" || l.New != nil && l.New.Version == ""
}

// LoggedVersion is one side of a Logged.
type LoggedVersion struct {
	Version ref.Version `json:"version"`
	CID     string      `json:"cid"`
}

// Making says that the flip was to a new generation, made from that in From,
// and that Changes are all that it changed.
func (e *LogEntry) Making() bool { return e.Bytes > 0 }

// entry is the line for a flip.
func (p *Profile) entry(from, to generation.Number, why Reason) LogEntry {
	return LogEntry{
		Format:  logFormat,
		Time:    p.now(),
		User:    p.opt.User,
		Host:    p.opt.Host,
		Command: why.Command,
		From:    from,
		To:      to,
	}
}

// making adds what a new generation changed; bytes are those of its files.
func (e LogEntry) making(bytes int64, changes []lock.Change) LogEntry {
	if len(changes) > mostLogged {
		return e
	}
	e.Bytes = bytes
	for _, c := range changes {
		e.Changes = append(e.Changes, Logged{c.Name, loggedVersion(c.Old), loggedVersion(c.New)})
	}
	return e
}

func loggedVersion(p *lock.Package) *LoggedVersion {
	if p == nil {
		return nil
	}
	return &LoggedVersion{p.Version, p.CID.String()}
}

// log appends a line for a flip that was made: its failure is a *LogError.
func (p *Profile) log(e LogEntry) error {
	line, err := json.Marshal(e)
	if err == nil {
		err = p.do("append to log", func() error { return durable.AppendLine(p.path("log"), line, 0o644) })
	}
	if err != nil {
		return &LogError{Err: err}
	}
	return nil
}

// leastLine is less than any line of the log has.
const leastLine = 80

// Log reads the log. A line that a power cut tore is left out.
func (p *Profile) Log() ([]LogEntry, error) {
	data, err := durable.ReadText(p.path("log"), maxLog)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read log of profile %s: %w", p.name, err)
	}
	entries, err := parseLog(data)
	if err != nil {
		return nil, fmt.Errorf("read log of profile %s: %w", p.name, &BadLogError{p.path("log"), err})
	}
	return entries, nil
}

// parseLog parses the log. A torn line is no JSON, whether it is the last one
// or was ended by the next append; anything else that is odd is an error.
func parseLog(data string) ([]LogEntry, error) {
	entries := make([]LogEntry, 0, min(strings.Count(data, "\n"), len(data)/leastLine))
	for i := 1; len(data) > 0; i++ {
		line, rest, ended := strings.Cut(data, "\n")
		data = rest
		if !ended {
			continue
		}
		e, ok := canonicalEntry(line)
		if !ok && !json.Valid([]byte(line)) {
			continue
		}
		if !ok {
			var err error
			if e, err = parseLogLine([]byte(line)); err != nil {
				return nil, fmt.Errorf("line %d: %w", i, err)
			}
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func parseLogLine(line []byte) (LogEntry, error) {
	var e LogEntry
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	err := d.Decode(&e)
	if err == nil && e.Format == logFormat {
		if _, err := d.Token(); err != io.EOF {
			return LogEntry{}, errors.New("something follows the entry")
		}
		if e.Bytes < 0 || e.Changes != nil && !e.Making() {
			return LogEntry{}, errors.New("changes of no new generation")
		}
		if slices.ContainsFunc(e.Changes, Logged.nameless) {
			return LogEntry{}, errors.New("a change of no package or version")
		}
		return e, nil
	}
	// A newer line may look different in every other respect.
	var version struct{ Format int }
	if err := json.Unmarshal(line, &version); err != nil {
		return LogEntry{}, errNoEntry
	}
	if version.Format > logFormat {
		return LogEntry{}, fmt.Errorf("format %d: %w", version.Format, ErrNewerLog)
	}
	if version.Format < logFormat {
		return LogEntry{}, errors.New("it has no format")
	}
	return LogEntry{}, errNoEntry
}
