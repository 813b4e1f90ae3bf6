package dag

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

const maxName = 255 // of every file system we know

// CheckName refuses what can't be one entry of a directory anywhere: "", ".",
// "..", "/", NUL, control characters, invalid UTF-8, more than 255 bytes.
func CheckName(name string) error {
	if why := badName(name); why != "" {
		return &NameError{Name: name, Why: why}
	}
	return nil
}

func badName(name string) string {
	switch {
	case name == "":
		return "is empty"
	case name == "." || name == "..":
		return "means a directory, not an entry"
	case len(name) > maxName:
		return "is longer than 255 bytes"
	case strings.Contains(name, "/"):
		return "has a slash in it"
	}
	return badText(name)
}

// badText is what is wrong with a name or a target as text.
func badText(s string) string {
	if !utf8.ValidString(s) {
		return "is not UTF-8"
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		return "has a control character in it"
	}
	return ""
}

// CheckTarget refuses a symlink at path whose target is absolute or leaves the
// root of the tree.
//
// ".." may only stand in front. After a name, which may be a symlink itself,
// ".." leads to wherever that symlink's target is, so where it ends can't be
// told from the target alone; two links that are each harmless to the eye would
// leave the tree together. With ".." in front only, every link resolves below
// the root, whatever the others are.
func CheckTarget(path, target string) error {
	if why := badTarget(path, target); why != "" {
		return &FormatError{Path: path, Why: "symlink target " + strconv.Quote(cut(target)) + " " + why}
	}
	return nil
}

func badTarget(path, target string) string {
	switch {
	case target == "":
		return "is empty"
	case len(target) > maxTarget:
		return "is too long"
	case strings.HasPrefix(target, "/"):
		return "is absolute"
	}
	if why := badText(target); why != "" {
		return why
	}
	up, named := strings.Count(path, "/"), false
	for name := range strings.SplitSeq(target, "/") {
		switch name {
		case "", ".":
		case "..":
			if named {
				return "has .. after a name"
			}
			if up--; up < 0 {
				return "leaves the package"
			}
		default:
			named = true
		}
	}
	return ""
}

// Collisions reports two names that some file system takes for one (NFC and
// case folding), or "", "".
func Collisions(names []string) (a, b string) {
	t := newTwins()
	for _, name := range names {
		t.add(name)
	}
	return t.find(slices.Values(names))
}

// folder maps names to what a file system that ignores case and composition
// compares. ext4 and HFS+ also drop what is not shown at all.
type folder struct {
	caser *cases.Caser
}

func (f *folder) fold(name string) string {
	if isASCII(name) {
		return strings.ToLower(name)
	}
	if f.caser == nil {
		c := cases.Fold()
		f.caser = &c
	}
	name = strings.Map(dropIgnorable, name)
	// Unicode, 3.13, D146: canonical caseless matching.
	return norm.NFC.String(f.caser.String(norm.NFD.String(name)))
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func dropIgnorable(r rune) rune {
	if unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, unicode.Cf) {
		return -1
	}
	return r
}

// collision is what is wrong with name next to other.
func collision(dir, name, other string) error {
	why := "stands twice in one directory"
	if name != other {
		why = "is the same as " + strconv.Quote(other) + " to some file systems"
	}
	return &NameError{Dir: dir, Name: name, Why: why}
}
