package pack

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"ipp/lock/toml"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-varint"
)

// Limits of a manifest that is read.
const (
	MaxManifest      = 64 << 20 // bytes
	MaxManifestLines = 250_001  // as many as a package has files, and "."
	maxManifestPath  = 4096     // bytes, unescaped
	maxManifestName  = 255      // bytes
)

// manifestTemp is where ipfs-pack writes a manifest before it renames it.
const manifestTemp = ManifestName + ".tmp"

// manifestVersion is the newest version that a format token may begin with.
// ipfs-pack writes 0, we write 1.
const manifestVersion = 1

// maxManifestLine is far above what a line may have: its parts have limits.
const maxManifestLine = 16 << 10

// ParseManifest parses PackManifest strictly: sorted, unique, "." last.
func ParseManifest(file string, data []byte) ([]Line, error) {
	if len(data) > MaxManifest {
		return nil, tooLarge(file, int64(len(data)))
	}
	var lines []Line
	for line, err := range readManifest(file, bytes.NewReader(data)) {
		if err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	return lines, nil
}

func tooLarge(file string, size int64) error {
	return &SyntaxError{File: file, Why: fmt.Sprintf("file is too large: %d bytes, at most %d are read", size, MaxManifest)}
}

// readManifest reads a manifest line by line, as ParseManifest. An error is the
// last that it yields.
func readManifest(file string, r io.Reader) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		m := manifestReader{r: bufio.NewReaderSize(r, maxManifestLine)}
		for {
			line, err := m.next()
			if err == io.EOF {
				return
			}
			if bad, ok := errors.AsType[*lineError](err); ok {
				e := toml.ErrorAt(file, bad.text, bad.at, bad.err)
				e.Line = m.count + 1
				err = e
			}
			if !yield(line, err) || err != nil {
				return
			}
		}
	}
}

type manifestReader struct {
	r     *bufio.Reader
	count int // of lines read
	last  string
}

// lineError is what is wrong with a line.
type lineError struct {
	text []byte
	at   int
	err  error
}

func (e *lineError) Error() string { return e.err.Error() }

func (m *manifestReader) next() (Line, error) {
	text, err := m.r.ReadSlice('\n')
	switch {
	case err == io.EOF && len(text) == 0 && m.last == ".":
		return Line{}, io.EOF
	case err == io.EOF && len(text) == 0:
		return Line{}, &lineError{err: errors.New(`"." is missing, the last line`)}
	case err == io.EOF:
		return Line{}, &lineError{text: text, at: len(text), err: errors.New("last line is cut short")}
	case err == bufio.ErrBufferFull:
		return Line{}, &lineError{text: text, err: errors.New("line is too long")}
	case err != nil:
		return Line{}, err
	}
	text = text[:len(text)-1]
	line, err := parseLine(string(text))
	if err == nil {
		err = m.checkOrder(line)
	}
	if err != nil {
		return Line{}, &lineError{text: text, err: err}
	}
	m.count, m.last = m.count+1, line.Path
	return line, nil
}

// parseLine parses one line, without its newline.
func parseLine(s string) (Line, error) {
	fields := strings.Split(s, "\t")
	if len(fields) != 3 {
		return Line{}, fmt.Errorf("line has %d fields, not CID, format and path", len(fields))
	}
	c, err := cid.Decode(fields[0])
	if err != nil {
		return Line{}, fmt.Errorf("not a CID: %w", err)
	}
	if c.String() != fields[0] {
		return Line{}, fmt.Errorf("CID is not in its usual form, %s", c)
	}
	if err := checkToken(fields[1]); err != nil {
		return Line{}, err
	}
	p, err := unescapePath(fields[2])
	if err == nil {
		err = checkManifestPath(p)
	}
	return Line{CID: c, Format: fields[1], Path: p}, err
}

// checkOrder says whether line may follow those before it.
func (m *manifestReader) checkOrder(line Line) error {
	switch {
	case m.count == 0:
		return nil
	case m.last == ".":
		return errors.New(`a line follows ".", which is the last one`)
	case line.Path == ".":
		return nil
	case line.Path == m.last:
		return errors.New("path stands there twice")
	case line.Path < m.last:
		return errors.New("lines are not sorted by path")
	case m.count >= MaxManifestLines:
		return fmt.Errorf("more than %d lines", MaxManifestLines)
	}
	return nil
}

// checkToken checks a format token: multibase f, then hexadecimal uvarints.
func checkToken(s string) error {
	digits, ok := strings.CutPrefix(s, "f")
	raw, err := hex.DecodeString(digits)
	if !ok || err != nil || len(raw) == 0 || len(raw) > 64 || strings.ToLower(digits) != digits {
		return fmt.Errorf("format is not f and hexadecimal numbers, such as %s", FormatToken)
	}
	for first := true; len(raw) > 0; first = false {
		n, size, err := varint.FromUvarint(raw)
		if err != nil {
			return fmt.Errorf("format is not f and numbers (uvarint), such as %s", FormatToken)
		}
		if first && n > manifestVersion {
			return fmt.Errorf("format %d %w", n, ErrNewer)
		}
		raw = raw[size:]
	}
	return nil
}

// checkManifestPath refuses what no manifest lists. Which names a package may
// have is for package dag to say; here a path only has to be one.
func checkManifestPath(p string) error {
	top, _, _ := strings.Cut(p, "/")
	switch {
	case p == ".":
		return nil
	case p == "":
		return errors.New("path is empty")
	case !utf8.ValidString(p):
		return errors.New("path is not UTF-8")
	case len(p) > maxManifestPath:
		return fmt.Errorf("path is longer than %d bytes", maxManifestPath)
	case strings.HasPrefix(p, "/"):
		return errors.New("path is absolute")
	case path.Clean(p) != p || top == ".." || strings.ContainsRune(p, 0):
		return errors.New("path is not clean: it has an empty, . or .. step, or NUL")
	case p == ManifestName || p == manifestTemp || strings.HasPrefix(top, "."):
		return errors.New("path is never in a manifest: PackManifest and names that begin with a dot at the top")
	}
	for name := range strings.SplitSeq(p, "/") {
		if len(name) > maxManifestName {
			return fmt.Errorf("name is longer than %d bytes", maxManifestName)
		}
	}
	return nil
}

// unescapePath undoes escapePath; nothing else is an escape.
func unescapePath(s string) (string, error) {
	if !strings.ContainsRune(s, '\\') && !strings.ContainsRune(s, '\r') {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\r' {
			return "", errors.New(`path has a carriage return that is not written \r`)
		}
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i++; i == len(s) {
			return "", errors.New(`path ends in a single \`)
		}
		j := strings.IndexByte(`\nrt`, s[i])
		if j < 0 {
			return "", errors.New(`path has an escape other than \\, \n, \r and \t`)
		}
		b.WriteByte("\\\n\r\t"[j])
	}
	return b.String(), nil
}

// EncodeManifest writes a manifest; it sorts.
func EncodeManifest(lines []Line) []byte {
	var b []byte
	for _, l := range sortLines(lines) {
		b = l.append(b)
	}
	return b
}

// sortLines sorts lines as a manifest has them.
func sortLines(lines []Line) []Line {
	return slices.SortedFunc(slices.Values(lines), func(a, b Line) int { return comparePaths(a.Path, b.Path) })
}

// comparePaths compares paths as bytes, but that "." comes last.
func comparePaths(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == ".":
		return 1
	case b == ".":
		return -1
	}
	return strings.Compare(a, b)
}
