package generation

import (
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

// encodeExposed writes what trees expose. One of which that could not be read back
// is left out.
func encodeExposed(trees []*Exposed) []byte {
	const usual = 128 // bytes a tree
	b := make([]byte, 0, usual*(len(trees)+1))
	b = append(b, exposedHeader...)
	for _, t := range trees {
		b = t.append(b)
	}
	return withSum(b)
}

func withSum(lines []byte) []byte { return append(lines, sumOf(lines)...) }

// sumOf is the last line. It reads the lines piece by piece: those of a string,
// which would be copied whole.
func sumOf[T string | []byte](lines T) string {
	table, sum := crc32.MakeTable(crc32.Castagnoli), uint32(0)
	piece := make([]byte, 4<<10)
	for len(lines) > 0 {
		n := copy(piece, lines)
		sum, lines = crc32.Update(sum, table, piece[:n]), lines[n:]
	}
	return fmt.Sprintf(exposedSum, sum)
}

// append appends the lines of the tree.
func (x *Exposed) append(b []byte) []byte {
	before, whole := len(b), true
	line := func(word string, fields ...string) {
		b = append(b, word...)
		for _, f := range fields {
			whole = whole && !strings.ContainsFunc(f, unicode.IsControl)
			b = append(append(b, '\t'), f...)
		}
		b = append(b, '\n')
	}
	b = append(x.Key.AppendText(append(b, "tree\t"...)), '\n')
	for _, base := range x.Bases {
		line("base", base)
	}
	for _, c := range x.Commands {
		line("command", string(c.Name), c.Path)
	}
	for _, e := range x.Top {
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

// ReadExposed reads what the trees of the generation in dir expose, in the order of
// the packages' names. nil where that is not known.
func ReadExposed(dir string) []Exposed {
	text, err := durable.ReadText(filepath.Join(dir, ExposedName), maxExposed)
	if err != nil {
		return nil
	}
	return parseExposed(text)
}

func parseExposed(text string) []Exposed {
	end := strings.LastIndexByte(strings.TrimSuffix(text, "\n"), '\n') + 1
	lines, ok := strings.CutPrefix(text[:end], exposedHeader)
	if !ok || text[end:] != sumOf(text[:end]) {
		return nil
	}
	trees := make([]Exposed, 0, strings.Count(lines, "tree\t"))
	for line := range strings.Lines(lines) {
		word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if word == "tree" {
			key, err := store.ParseKey(rest)
			if err != nil {
				return nil
			}
			trees = append(trees, Exposed{Key: key, Top: []Entry{}})
		} else if len(trees) == 0 || !trees[len(trees)-1].add(word, rest) {
			return nil
		}
	}
	return trees
}

// add adds what a line of the tree says.
func (x *Exposed) add(word, rest string) bool {
	switch word {
	case "base":
		x.Bases = append(x.Bases, rest)
	case "command":
		name, target, _ := strings.Cut(rest, "\t")
		x.Commands = append(x.Commands, Command{ref.Command(name), target})
	case "dir", "link":
		x.Top = append(x.Top, Entry{rest, word == "dir"})
	default:
		return false
	}
	return true
}
