package lock

import (
	"strconv"
	"strings"

	"ipp/lock/ref"
)

// packageHead begins what Encode writes of a package.
const packageHead = "\n[[package]]\n"

// parseCanonical reads what Encode wrote, in a third of the time that reading
// it as TOML takes: almost every command reads a lock, and history reads all.
// It is false for anything else, right or wrong, which ParseLock then judges.
//
// That it may be simple rests on one check: every package must encode to the
// bytes that it was read from, so whatever is overlooked ends there. Encode does
// not judge words, so each is parsed here.
func parseCanonical(data string) (*Lockfile, bool) {
	head, rest, ok := strings.Cut(data, "\n")
	if !ok || head != "format = "+strconv.Itoa(format) {
		return nil, false
	}
	l := &Lockfile{}
	if rest == "" {
		return l, true
	}
	rest, ok = strings.CutPrefix(rest, packageHead)
	if !ok {
		return nil, false
	}
	l.Packages = make([]Package, 0, 1+strings.Count(rest, packageHead))
	var same []byte
	for block := range strings.SplitSeq(rest, packageHead) {
		p, ok := canonicalPackage(block)
		if n := len(l.Packages); !ok || n > 0 && l.Packages[n-1].Name >= p.Name {
			return nil, false
		}
		same = p.encode(same[:0])
		if string(same[len(packageHead):]) != block {
			return nil, false
		}
		l.Packages = append(l.Packages, p)
	}
	return l, true
}

// canonicalPackage reads the lines of a package.
func canonicalPackage(block string) (Package, bool) {
	var p Package
	for line := range strings.Lines(block) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " = ")
		if !ok || !p.setCanonical(key, value) {
			return p, false
		}
	}
	return p, p.Name != "" && p.Version != ""
}

func (p *Package) setCanonical(key, value string) bool {
	switch key {
	case "name":
		return canonicalWord(value, ref.ParseName, &p.Name)
	case "package":
		return canonicalWord(value, ref.ParseName, &p.Package)
	case "version":
		return canonicalWord(value, ref.ParseVersion, &p.Version)
	case "cid":
		return canonicalWord(value, parseCID, &p.CID)
	case "manifest":
		return canonicalWord(value, parseCID, &p.Manifest)
	case "key":
		return canonicalWord(value, anyText, &p.Key)
	case "channel":
		return canonicalWord(value, ref.ParseName, &p.Channel)
	case "channel-version":
		return canonicalNumber(value, &p.ChannelVersion)
	case "dag-size":
		var size int64
		ok := canonicalNumber(value, &size)
		p.DagSize = uint64(size)
		return ok
	case "wanted":
		return canonicalWord(value, anyText, &p.Wanted)
	case "needed-by":
		return canonicalWords(value, ref.ParseName, &p.NeededBy)
	case "platforms":
		return p.canonicalPlatforms(value)
	case "commands":
		return canonicalWords(value, ref.ParseCommand, &p.Commands)
	}
	return false
}

func anyText(s string) (string, error) { return s, nil }

// canonicalWord reads a quoted string without escapes.
func canonicalWord[T any](value string, parse func(string) (T, error), out *T) bool {
	if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' || strings.ContainsRune(value, '\\') {
		return false
	}
	word, err := parse(value[1 : len(value)-1])
	*out = word
	return err == nil
}

func canonicalWords[T any](value string, parse func(string) (T, error), out *[]T) bool {
	value, opened := strings.CutPrefix(value, "[")
	value, closed := strings.CutSuffix(value, "]")
	if !opened || !closed {
		return false
	}
	for quoted := range strings.SplitSeq(value, ", ") {
		var word T
		if !canonicalWord(quoted, parse, &word) {
			return false
		}
		*out = append(*out, word)
	}
	return true
}

// canonicalNumber reads a number that is not negative.
func canonicalNumber(value string, out *int64) bool {
	n, err := strconv.ParseInt(value, 10, 64)
	*out = n
	return err == nil && n >= 0
}

// canonicalPlatforms reads { NAME = { bytes = N, files = N }, … }.
func (p *Package) canonicalPlatforms(value string) bool {
	value, opened := strings.CutPrefix(value, "{ ")
	value, closed := strings.CutSuffix(value, " } }")
	if !opened || !closed {
		return false
	}
	p.Platforms = map[ref.Platform]Size{}
	for entry := range strings.SplitSeq(value, " }, ") {
		name, sizes, ok := strings.Cut(entry, " = { bytes = ")
		size, files, two := strings.Cut(sizes, ", files = ")
		platform, err := parsePlatform(name)
		if !ok || !two || err != nil {
			return false
		}
		var bytes, count int64
		if !canonicalNumber(size, &bytes) || !canonicalNumber(files, &count) || count != int64(int(count)) {
			return false
		}
		p.Platforms[platform] = Size{Bytes: bytes, Files: int(count)}
	}
	return true
}

// parseCanonicalProfile is parseCanonical for profile.toml: that of a generation
// is as Encode wrote it. It knows packages that are wished for in the two
// shortest forms, and nothing else.
func parseCanonicalProfile(data []byte) (*Profile, bool) {
	head := "format = " + strconv.Itoa(format) + "\n\n[packages]\n"
	rest, ok := strings.CutPrefix(string(data), head)
	if !ok || len(data) > MaxFile {
		return nil, false
	}
	p := NewProfile()
	p.Packages = make([]Wish, 0, strings.Count(rest, "\n"))
	last := ref.Name("")
	var same []byte
	for line := range strings.Lines(rest) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " = ")
		name, err := ref.ParseName(key)
		if !ok || err != nil || name <= last {
			return nil, false
		}
		last = name
		w := Wish{Name: name}
		if value, exact := strings.CutPrefix(value, "{ cid = "); exact {
			ok = canonicalWord(strings.TrimSuffix(value, " }"), parseCID, &w.CID)
		} else {
			ok = canonicalWord(value, ref.ParseConstraint, &w.Constraint)
		}
		if same = w.encode(same[:0]); !ok || string(same) != line {
			return nil, false
		}
		p.Packages = append(p.Packages, w)
	}
	return p, len(p.Packages) > 0
}
