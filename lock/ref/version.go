package ref

import (
	"cmp"
	"strings"

	"github.com/Masterminds/semver/v3"
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

func notAVersion(s string) string {
	switch {
	case Version(s).IsSemver():
		return ""
	case badText(s) != "":
		return badText(s)
	case !isLetter(s[0]) && !isDigit(s[0]):
		return "it must begin with a letter or digit"
	case !only(s, isVersionByte):
		return badCharacter(s, isVersionByte)
	case len(s) > 64:
		return "it is longer than 64 characters and not semver"
	}
	return ""
}

func isVersionByte(c byte) bool {
	return isLetter(c) || isDigit(c) || strings.IndexByte(".+~_:-", c) >= 0
}

// semver is v as semver in the strict spelling of its specification: three
// numbers, no "v".
func (v Version) semver() (*semver.Version, bool) {
	sv, err := semver.StrictNewVersion(string(v))
	return sv, err == nil
}

// IsSemver says whether v can be chosen as newer than another version.
func (v Version) IsSemver() bool {
	_, ok := v.semver()
	return ok
}

// IsPrerelease says whether v is semver with a prerelease, as 1.0.0-rc.1.
func (v Version) IsPrerelease() bool {
	sv, ok := v.semver()
	return ok && sv.Prerelease() != ""
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
		return cmp.Or(a.Compare(b), strings.Compare(string(v), string(o)))
	case aOK:
		return 1
	case bOK:
		return -1
	}
	return strings.Compare(string(v), string(o))
}
