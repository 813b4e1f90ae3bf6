package gc

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"slices"

	"ipp/store"
)

// use is a process and the names that were found in it.
type use struct {
	pid   int
	comm  string
	names map[string]bool
}

// A name is what a path has in it that leads into a tree, however the path
// comes to the store: trees/KEY, or trash/NAME once gc renamed the tree away.
// A process keeps showing the present name of what it runs, maps or has open.
func treeName(k store.Key) string { return "trees/" + k.String() }

func trashName(dir string) string { return "trash/" + filepath.Base(dir) }

func treeNames(keys []store.Key) map[string]bool {
	names := make(map[string]bool, len(keys))
	for _, k := range keys {
		names[treeName(k)] = true
	}
	return names
}

// processesOf turns names into keys.
func processesOf(uses []use, keys map[string]store.Key) []Process {
	var processes []Process
	for _, u := range uses {
		p := Process{PID: u.pid, Name: u.comm}
		for _, name := range slices.Sorted(maps.Keys(u.names)) {
			if k, ok := keys[name]; ok && !slices.Contains(p.Trees, k) {
				p.Trees = append(p.Trees, k)
			}
		}
		processes = append(processes, p)
	}
	return processes
}

const (
	// chunk bounds the memory for one file of /proc, whose size is the
	// process's to choose.
	chunk = 64 << 10
	// longest is above the length of any name: that of a file is at most 255.
	longest = 512
)

// finder looks for names in text.
type finder struct {
	known map[string]bool
	found map[string]bool
	buf   []byte
}

func newFinder(known map[string]bool) *finder {
	return &finder{known: known, found: map[string]bool{}, buf: make([]byte, 0, chunk)}
}

// read looks through all that r gives, and returns its error but for the end.
func (f *finder) read(r io.Reader) error {
	buf := f.buf[:0]
	for {
		n, err := io.ReadFull(r, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		f.text(buf, err != nil)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
		// What may be cut off at the end is looked at again with what follows.
		buf = buf[:copy(buf, buf[len(buf)-longest:])]
	}
}

// text looks through one text. A name that ends with the text counts only if
// the text is known to end there.
func (f *finder) text(text []byte, ends bool) {
	for at := 0; ; {
		next := bytes.Index(text[at:], []byte("/tr"))
		if next < 0 {
			return
		}
		at += next + 1
		name := text[at : at+nameLen(text[at:])]
		if (ends || at+len(name) < len(text)) && f.known[string(name)] {
			f.found[string(name)] = true
		}
	}
}

// nameLen is the length of the name that text begins with: two elements of a
// path, the second of the characters that names of trees and trash have.
func nameLen(text []byte) int {
	const first = len("trees/") // also of trash/
	if len(text) < first || text[first-1] != '/' {
		return 0
	}
	for i, c := range text[first:] {
		if !isNameByte(c) {
			return first + i
		}
	}
	return len(text)
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '.' || c == '-' || c == '_' || c == '~'
}
