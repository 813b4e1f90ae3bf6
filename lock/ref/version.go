package ref

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/semver"
)

// Version is a package's version: semver where it parses as such, otherwise
// an opaque word that only matches itself.
type Version string

const versionForm = "semver, as 1.2.3-rc.1+build, or [0-9A-Za-z][0-9A-Za-z.+~_:-]{0,63}"

// ParseVersion parses a version, semver or not.
func ParseVersion(s string) (Version, error) {
	if why := notAVersion(s); why != "" {
		return "", syntaxError("version", s, why, versionForm)
	}
	return Version(s), nil
}

// maxSemver is how long a version may be that is semver.
const maxSemver = 256

func notAVersion(s string) string {
	switch {
	case badText(s) != "":
		return badText(s)
	case !isLetter(s[0]) && !isDigit(s[0]):
		return "it must begin with a letter or digit"
	case !only(s, isVersionByte):
		return badCharacter(s, isVersionByte)
	case len(s) > 64 && !Version(s).IsSemver():
		return "it is longer than 64 characters and not semver"
	}
	return ""
}

func isVersionByte(c byte) bool {
	return isLetter(c) || isDigit(c) || strings.IndexByte(".+~_:-", c) >= 0
}

// semver is v as x/mod/semver spells it, with a "v" in front, if v is semver in
// the strict spelling of its specification: three numbers, no "v". They must fit
// into 64 bits, so that there is a next one.
func (v Version) semver() (string, bool) {
	s := "v" + string(v)
	if len(v) > maxSemver || !semver.IsValid(s) {
		return "", false
	}
	_, ok := numbersOf(s)
	return s, ok
}

// numbersOf are the three numbers of what semver spells.
func numbersOf(s string) (n [3]uint64, ok bool) {
	core := strings.TrimSuffix(strings.TrimSuffix(s[1:], semver.Build(s)), semver.Prerelease(s))
	for i := range n {
		word, rest, more := strings.Cut(core, ".")
		number, err := strconv.ParseUint(word, 10, 64)
		if err != nil || more != (i < len(n)-1) {
			return n, false
		}
		n[i], core = number, rest
	}
	return n, true
}

// spell is the version of these numbers as x/mod/semver spells it.
func spell(n [3]uint64, pre string) string {
	s := fmt.Sprintf("v%d.%d.%d", n[0], n[1], n[2])
	if pre != "" {
		s += "-" + pre
	}
	return s
}

// IsSemver says whether v can be chosen as newer than another version.
func (v Version) IsSemver() bool {
	_, ok := v.semver()
	return ok
}

// IsPrerelease says whether v is semver with a prerelease, as 1.0.0-rc.1.
func (v Version) IsPrerelease() bool {
	sv, ok := v.semver()
	return ok && semver.Prerelease(sv) != ""
}

// Compare orders versions: semver among themselves, then everything that is
// not semver before all that is. It is a total order: what semver calls equal
// (it ignores build metadata), and what is not semver, is ordered by bytes, so
// that a sorted list is the same everywhere.
func (v Version) Compare(o Version) int {
	a, aOK := v.semver()
	b, bOK := o.semver()
	switch {
	case aOK && bOK:
		return cmp.Or(semver.Compare(a, b), strings.Compare(string(v), string(o)))
	case aOK:
		return 1
	case bOK:
		return -1
	}
	return strings.Compare(string(v), string(o))
}
