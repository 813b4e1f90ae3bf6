package generation

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"ipp/lock/toml"
	"ipp/store"
	"ipp/store/durable"
)

// format is that of generation.toml; maxInfo is the largest one that is read:
// enough for 200,000 trees. A larger lock than maxLock, or more wishes, package
// lock refuses too.
const (
	format  = 1
	maxInfo = 16 << 20
	maxLock = 64<<20 + 1
)

// encode writes generation.toml: fixed order, one tree a line, sorted.
func (i Info) encode() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "format = %d\n", format)
	if i.Parent > 0 {
		fmt.Fprintf(&b, "parent = %d\n", i.Parent)
	}
	fmt.Fprintf(&b, "time = %q\n", i.Time.UTC().Format(time.RFC3339))
	fmt.Fprintf(&b, "reason = %s\n", toml.Quote(OneLine(i.Reason)))
	b.WriteString(treesHead)
	lines := make([]string, len(i.Trees))
	var line []byte
	for n, k := range i.Trees {
		line = appendTree(line[:0], k)
		lines[n] = string(line)
	}
	slices.Sort(lines)
	b.Grow(len(lines) * (len(line) + 1)) // they are of one length, or nearly
	for _, line := range slices.Compact(lines) {
		b.WriteString(line)
	}
	b.WriteString(treesEnd)
	return b.Bytes()
}

// The list of trees: how it begins and ends, and a line of it.
const treesHead, treesEnd = "trees = [\n", "]\n"

func appendTree(b []byte, k store.Key) []byte {
	return append(k.AppendText(append(b, "  \""...)), "\",\n"...)
}

// OneLine makes text fit for a file that refuses control characters: arguments
// of a command may hold anything.
func OneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// parseInfo parses generation.toml.
func parseInfo(file, data string) (Info, error) {
	if i, ok := parseCanonical(data); ok {
		return i, nil
	}
	return parseTOML(file, []byte(data))
}

// parseCanonical reads what encode wrote, without the cost of reading it as TOML;
// it is false for anything else, which parseTOML then judges. As it is true only
// if all of the result encodes to the same bytes, it may be simple.
func parseCanonical(data string) (Info, bool) {
	if len(data) > maxInfo {
		return Info{}, false
	}
	head, list, begun := strings.Cut(data, treesHead)
	list, ended := strings.CutSuffix(list, treesEnd)
	if !begun || !ended {
		return Info{}, false
	}
	var i Info
	for line := range strings.Lines(head) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " = ")
		text := strings.Trim(value, `"`)
		var err error
		switch key {
		case "parent":
			var n int
			n, err = strconv.Atoi(value)
			i.Parent = Number(n)
		case "time":
			i.Time, err = time.Parse(time.RFC3339, text)
		case "reason":
			i.Reason = text
			if !utf8.ValidString(text) || strings.ContainsRune(text, '\\') {
				return i, false
			}
		}
		if err != nil {
			return i, false
		}
	}
	i.Time = i.Time.UTC()
	valid := i.Parent >= 0 && i.Time.Year() >= 1 && i.Time.Year() <= 9999
	if !valid || string(i.encode()) != head+treesHead+treesEnd {
		return i, false
	}
	trees, ok := canonicalTrees(list)
	i.Trees = trees
	return i, ok
}

// canonicalTrees reads the lines of trees, sorted and each once.
func canonicalTrees(list string) ([]store.Key, bool) {
	trees := make([]store.Key, 0, strings.Count(list, "\n"))
	var same []byte
	last := ""
	for line := range strings.Lines(list) {
		k, err := store.ParseKey(strings.TrimSuffix(strings.TrimPrefix(line, `  "`), "\",\n"))
		if same = appendTree(same[:0], k); err != nil || string(same) != line || line <= last {
			return nil, false
		}
		last = line
		trees = append(trees, k)
	}
	return trees, true
}

func parseTOML(file string, data []byte) (Info, error) {
	var raw struct {
		Parent Number   `toml:"parent"`
		Time   string   `toml:"time,required"`
		Reason string   `toml:"reason,required"`
		Trees  []string `toml:"trees,required"`
	}
	root, err := toml.Decode(file, data, &raw, toml.Options{Format: format, Max: maxInfo})
	if err != nil {
		return Info{}, err
	}
	if raw.Parent < 0 {
		return Info{}, root.At("parent").Errorf("parent is the number of a generation, from 1")
	}
	info := Info{Parent: raw.Parent, Reason: raw.Reason}
	when, err := time.Parse(time.RFC3339, raw.Time)
	if info.Time = when.UTC(); err != nil || info.Time.Year() < 1 || info.Time.Year() > 9999 {
		return Info{}, root.At("time").Errorf("time must look like 2006-01-02T15:04:05Z")
	}
	for i, said := range raw.Trees {
		k, err := store.ParseKey(said)
		if err != nil {
			return Info{}, root.At("trees").Items[i].Wrap(err)
		}
		info.Trees = append(info.Trees, k)
	}
	return info, nil
}

// ReadInfo reads generation.toml alone.
func ReadInfo(dir string) (Info, error) {
	info, err := readInfo(dir)
	if err != nil {
		return Info{}, fmt.Errorf("read generation: %w", err)
	}
	return info, nil
}

func readInfo(dir string) (Info, error) {
	file := filepath.Join(dir, InfoName)
	text, err := durable.ReadText(file, maxInfo)
	if err != nil {
		return Info{}, err
	}
	return parseInfo(file, text)
}
