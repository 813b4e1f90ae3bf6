package pack

import (
	"bytes"
	"iter"
	"slices"

	"github.com/ipfs/go-cid"
)

// lineLog collects paths and their CIDs in any order, packed, 8 bytes more than
// what they have: a package may have 250,000.
type lineLog struct {
	data  []byte
	lines []loggedLine
}

type loggedLine struct {
	start     uint32
	path, cid uint16 // their lengths; no path that was walked is longer
}

func (l *lineLog) add(path string, c cid.Cid) {
	start := len(l.data)
	l.data = append(append(l.data, path...), c.KeyString()...)
	l.lines = append(l.lines, loggedLine{uint32(start), uint16(len(path)), uint16(c.ByteLen())})
}

func (l *lineLog) path(x loggedLine) []byte { return l.data[x.start:][:x.path] }

// sorted are the lines by path, and after them last.
func (l *lineLog) sorted(last Line) iter.Seq2[Line, error] {
	slices.SortFunc(l.lines, func(a, b loggedLine) int { return bytes.Compare(l.path(a), l.path(b)) })
	return func(yield func(Line, error) bool) {
		for _, x := range l.lines {
			c, err := cid.Cast(l.data[x.start+uint32(x.path):][:x.cid])
			if !yield(Line{CID: c, Path: string(l.path(x))}, err) {
				return
			}
		}
		yield(last, nil)
	}
}
