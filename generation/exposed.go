package generation

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"strings"
	"unicode"

	"ipp/lock/ref"
	"ipp/store"
	"ipp/store/durable"
)

// ExposedName is the file in which a generation notes what its trees expose, so
// that the next one need not read them all. It follows from the trees: where it
// is missing, or not as it was written, they are read.
//
//	exposed 1
//	tree	ROOT.any
//	base	any
//	command	esbuild	any/bin/esbuild
//	dir	any/share
//	link	any/etc
//	…
//	crc32c 1b2c3d4e
//
// A tree's lines follow its own; the sum is that of all lines before the last.
const ExposedName = "exposed"

const (
	exposedHeader = "exposed 1\n"
	exposedSum    = "crc32c %08x\n"
	maxExposed    = 64 << 20
)

// Entry stands at the top of a base of a tree, and may join a forest.
type Entry struct {
	Path string // tree-relative
	Dir  bool   // else a link
}

// encodeExposed writes what members expose, by tree. One of which that could not
// be read back is left out.
func encodeExposed(members []Member) []byte {
	const usual = 128 // bytes a tree
	b := make([]byte, 0, usual*(len(members)+1))
	b = append(b, exposedHeader...)
	seen := make(map[store.Key]bool, len(members))
	for _, m := range members {
		if tree := m.Key.V1(); !seen[tree] {
			seen[tree] = true
			b = m.appendExposed(b)
		}
	}
	return withSum(b)
}

func withSum(lines []byte) []byte { return append(lines, sumOf(lines)...) }

// sumOf is the last line.
func sumOf(lines []byte) string {
	return fmt.Sprintf(exposedSum, crc32.Checksum(lines, crc32.MakeTable(crc32.Castagnoli)))
}

// appendExposed appends the lines of the member's tree.
func (m *Member) appendExposed(b []byte) []byte {
	before, whole := len(b), true
	line := func(word string, fields ...string) {
		b = append(b, word...)
		for _, f := range fields {
			whole = whole && !strings.ContainsFunc(f, unicode.IsControl)
			b = append(append(b, '\t'), f...)
		}
		b = append(b, '\n')
	}
	b = append(m.Key.AppendText(append(b, "tree\t"...)), '\n')
	for _, base := range m.Bases {
		line("base", base)
	}
	for _, c := range sortedKeys(m.Commands) {
		line("command", string(c), m.Commands[c])
	}
	for _, e := range m.Top {
		if e.Dir {
			line("dir", e.Path)
		} else {
			line("link", e.Path)
		}
	}
	if !whole {
		return b[:before]
	}
	return b
}

// ReadExposed reads what the trees of the generation in dir expose: members
// without name and version, by tree. nil where that is not known.
func ReadExposed(dir string) map[store.Key]*Member {
	data, err := durable.ReadFile(filepath.Join(dir, ExposedName), maxExposed)
	if err != nil {
		return nil
	}
	return parseExposed(data)
}

func parseExposed(data []byte) map[store.Key]*Member {
	end := bytes.LastIndexByte(bytes.TrimSuffix(data, []byte("\n")), '\n') + 1
	lines, ok := strings.CutPrefix(string(data[:end]), exposedHeader)
	if !ok || string(data[end:]) != sumOf(data[:end]) {
		return nil
	}
	most := strings.Count(lines, "tree\t")
	members := make([]Member, 0, most)
	trees := make(map[store.Key]*Member, most)
	var m *Member // the one that is read
	for line := range strings.Lines(lines) {
		word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		switch {
		case word == "tree":
			key, err := store.ParseKey(rest)
			if err != nil {
				return nil
			}
			members = append(members, Member{Key: key, Commands: map[ref.Command]string{}, Top: []Entry{}})
			m = &members[len(members)-1]
			trees[key] = m
		case m == nil:
			return nil // no tree yet
		case word == "base":
			m.Bases = append(m.Bases, rest)
		case word == "command":
			name, target, _ := strings.Cut(rest, "\t")
			m.Commands[ref.Command(name)] = target
		case word == "dir" || word == "link":
			m.Top = append(m.Top, Entry{rest, word == "dir"})
		default:
			return nil
		}
	}
	return trees
}
