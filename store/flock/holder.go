package flock

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"unicode"
)

// Holder is who last wrote its name into a mutex file; what a dead process
// left is reported too, for lack of better.
type Holder struct {
	PID     int // 0: unknown
	Purpose string
}

// String is "process PID (PURPOSE)", for messages. It holds nothing that a
// terminal would obey.
func (h Holder) String() string {
	who := "an unknown process"
	if h.PID != 0 {
		who = fmt.Sprintf("process %d", h.PID)
	}
	if h.Purpose == "" {
		return who
	}
	return fmt.Sprintf("%s (%s)", who, h.Purpose)
}

// maxLine bounds a holder's line, newline included.
const maxLine = 256

// writeHolder says in file who holds it now. Nothing depends on it, so errors
// are left alone: on a full disk gc must get its mutex all the same. The line
// is written over the old one before the rest is cut off, so that it needs no
// new block, and a reader always finds a whole first line.
func writeHolder(file *os.File, purpose string) {
	if purpose == "" {
		return
	}
	line := fmt.Sprintf("%d %s", os.Getpid(), printable(purpose))
	line = strings.ToValidUTF8(line[:min(len(line), maxLine-1)], "") + "\n"
	if _, err := file.WriteAt([]byte(line), 0); err == nil {
		_ = file.Truncate(int64(len(line)))
	}
}

// readHolder reads what writeHolder wrote; whatever else it finds is unknown.
func readHolder(file *os.File) Holder {
	buf := make([]byte, maxLine)
	n, _ := file.ReadAt(buf, 0)
	line, _, found := strings.Cut(string(buf[:n]), "\n")
	if !found {
		return Holder{}
	}
	first, purpose, _ := strings.Cut(line, " ")
	pid, err := strconv.Atoi(first)
	if err != nil || pid <= 0 {
		return Holder{}
	}
	return Holder{PID: pid, Purpose: printable(purpose)}
}

// printable puts a space for whatever has no ink: newlines, escapes, bidi marks.
func printable(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s))
}
