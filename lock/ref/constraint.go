package ref

import (
	"strconv"
	"strings"

	"golang.org/x/mod/semver"
)

// Constraint says which versions are wanted. The zero value is not valid;
// Any matches every release. Constraints can be compared with ==.
type Constraint struct {
	text  string // canonical
	exact bool   // only the version that is spelled text
}

const (
	constraintForm = "1.2.3, 1.2, 1, ^1.2, ~1.2, >=1.2, <2 or *"
	maxConstraint  = 256
)

// Any is the constraint "*". It matches what is not semver too, for lack of
// anything that it could be measured by.
func Any() Constraint { return Constraint{text: "*"} }

// Exact is the constraint that v alone matches. Only when v looks like part of
// a semver version, as "2024" does, is that lost in its text: read again, it
// prefers v, and matches 2024.x.y too.
func Exact(v Version) Constraint { return Constraint{text: string(v), exact: true} }

// ParseConstraint parses a constraint. Words that are whole versions, semver
// or not, match themselves alone.
func ParseConstraint(s string) (Constraint, error) {
	bad := func(why string) (Constraint, error) {
		return Constraint{}, syntaxError("constraint", s, why, constraintForm)
	}
	if why := badText(s); why != "" {
		return bad(why)
	}
	if len(s) > maxConstraint {
		return bad("it is too long")
	}
	if s == "*" {
		return Any(), nil
	}
	if _, ok := parsePartial(s); ok {
		return Constraint{text: s}, nil
	}
	if isOperator(s[0]) {
		text, why := canonicalTerms(s)
		if why != "" {
			return bad(why)
		}
		return Constraint{text: text}, nil
	}
	if why := notAConstraint(s); why != "" {
		return bad(why)
	}
	return Exact(Version(s)), nil
}

// notAConstraint says why s is no version either, and what of other tools'
// grammars was meant.
func notAConstraint(s string) string {
	switch {
	case strings.Contains(s, "||"):
		return "there is no ||"
	case strings.HasPrefix(s, "="):
		return "a version without = is exact"
	case isWildcard(s):
		return "there are no wildcards in versions: 1 means any 1.x, 1.2 any 1.2.x"
	case strings.Contains(s, " - "):
		return "there are no ranges with -: write >=1.2, <2"
	case strings.Contains(s, ","):
		return "a version stands alone: only terms with >=, >, <, <=, ^ or ~ can be joined"
	}
	return notAVersion(s)
}

// isWildcard says whether s is written as 1.x, 1.2.X, x or 1.*.
func isWildcard(s string) bool {
	dots := strings.Split(s, ".")
	if len(dots) > 3 {
		return false
	}
	wild := false
	for _, d := range dots {
		switch d {
		case "x", "X", "*":
			wild = true
		default:
			if d == "" || !only(d, isDigit) {
				return false
			}
		}
	}
	return wild
}

// String is the constraint as it is written in files.
func (c Constraint) String() string { return c.text }

// IsAny says whether c is "*".
func (c Constraint) IsAny() bool { return c == Any() }

// IsExact returns the one version that c matches, if it is only one.
func (c Constraint) IsExact() (Version, bool) {
	if !c.exact {
		return "", false
	}
	return Version(c.text), true
}

// Match says whether v satisfies c. The identical string always does. A
// prerelease satisfies only what names one, and what is not semver nothing
// but itself and "*".
func (c Constraint) Match(v Version) bool {
	if c.text == "" || c.exact || c.text == string(v) {
		return c.text != "" && c.text == string(v)
	}
	sv, ok := v.semver()
	if c.IsAny() {
		return !ok || semver.Prerelease(sv) == ""
	}
	if !ok {
		return false
	}
	terms, _ := parseTerms(c.text)
	return matchAll(terms, sv)
}

// partial is one to three numbers, with a prerelease if they are three.
type partial struct {
	numbers []uint64
	pre     string
}

// parsePartial parses one or two numbers, as in the constraints 1 and 1.2.
func parsePartial(s string) (partial, bool) {
	var p partial
	for word := range strings.SplitSeq(s, ".") {
		n, err := strconv.ParseUint(word, 10, 64)
		if err != nil || word != strconv.FormatUint(n, 10) || len(p.numbers) == 2 {
			return partial{}, false
		}
		p.numbers = append(p.numbers, n)
	}
	return p, true
}

// parseOperand parses what follows an operator.
func parseOperand(s string) (partial, bool) {
	if p, ok := parsePartial(s); ok {
		return p, true
	}
	sv, ok := Version(s).semver()
	if !ok || semver.Build(sv) != "" {
		return partial{}, false
	}
	n, _ := numbersOf(sv)
	return partial{n[:], strings.TrimPrefix(semver.Prerelease(sv), "-")}, true
}

// first is the lowest version that p stands for.
func (p partial) first() string { return spell(p.three(), p.pre) }

// three are p's numbers, with zeros for those that it leaves out.
func (p partial) three() (n [3]uint64) {
	copy(n[:], p.numbers)
	return n
}
