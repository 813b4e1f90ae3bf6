package ref

import (
	"math"
	"strings"

	"golang.org/x/mod/semver"
)

// term is what a part of a constraint comes to: at least low, below high, both
// as x/mod/semver spells versions; "" is no bound. Prereleases count only if the
// constraint names one.
type term struct {
	low, high string
	pre       bool
}

func isOperator(c byte) bool { return strings.IndexByte("<>^~", c) >= 0 }

// canonicalTerms spells the terms of s, which are joined by commas, in the
// canonical way, or says why they are none.
func canonicalTerms(s string) (text, why string) {
	if strings.Contains(s, "||") {
		return "", "there is no ||"
	}
	words := strings.Split(s, ",")
	for i, word := range words {
		words[i] = strings.Trim(word, " ")
		if words[i] == "" {
			return "", "a term is missing beside a comma"
		}
	}
	text = strings.Join(words, ", ")
	_, why = parseTerms(text)
	return text, why
}

// parseTerms parses a constraint other than "*" and exact versions.
func parseTerms(text string) (terms []term, why string) {
	if p, ok := parsePartial(text); ok {
		return []term{{low: p.first(), high: p.after(len(p.numbers) - 1)}}, ""
	}
	for word := range strings.SplitSeq(text, ", ") {
		operand := strings.TrimLeft(word, "<>=^~")
		operator := word[:len(word)-len(operand)]
		p, ok := parseOperand(operand)
		if !ok || operator == "" {
			return nil, notAnOperand(operator, operand)
		}
		t, ok := newTerm(operator, p)
		if !ok {
			return nil, "there is no operator " + operator
		}
		terms = append(terms, t)
	}
	return terms, ""
}

func notAnOperand(operator, operand string) string {
	switch {
	case operator == "":
		return "a version stands alone: only terms with >=, >, <, <=, ^ or ~ can be joined"
	case operand == "":
		return "a version is missing after " + operator
	case strings.HasPrefix(operand, " "):
		return "no space may follow " + operator
	case strings.Contains(operand, " "):
		return "terms are joined by commas"
	case strings.Contains(operand, "+"):
		return "build metadata has no order: leave out what follows +"
	}
	return "not a semver version, nor the beginning of one: " + operand
}

func newTerm(operator string, p partial) (term, bool) {
	t := term{pre: p.pre != ""}
	whole := len(p.numbers) == 3
	switch operator {
	case ">=":
		t.low = p.first()
	case "<":
		t.high = p.first()
		if !whole {
			t.high = lowest(p.three())
		}
	case ">":
		t.low = p.next()
	case "<=":
		t.high = p.next()
	case "^":
		t.low, t.high = p.first(), p.after(p.significant())
	case "~":
		t.low, t.high = p.first(), p.after(min(len(p.numbers)-1, 1))
	default:
		return term{}, false
	}
	return t, true
}

// significant is the index of the number that may not change under ^: the
// first that is not zero, or the last that was given.
func (p partial) significant() int {
	for i, n := range p.numbers {
		if n != 0 {
			return i
		}
	}
	return len(p.numbers) - 1
}

// next is the lowest version above all that p stands for: for 1.2 that is
// 1.3.0-0, for a whole version the one that comes directly after it, because
// "0" is the lowest part of a prerelease.
func (p partial) next() string {
	switch {
	case len(p.numbers) < 3:
		return p.after(len(p.numbers) - 1)
	case p.pre != "":
		return spell(p.three(), p.pre+".0")
	}
	return p.after(2)
}

// after is the lowest version in which the number at index is one more, its
// prereleases included; "", no bound, where there is no greater number.
func (p partial) after(index int) string {
	var n [3]uint64
	copy(n[:], p.numbers[:index+1])
	for n[index] == math.MaxUint64 {
		if index == 0 {
			return ""
		}
		n[index] = 0
		index--
	}
	n[index]++
	return lowest(n)
}

// lowest is the first prerelease of n, so that a bound below n leaves out its
// prereleases as well.
func lowest(n [3]uint64) string { return spell(n, "0") }

func matchAll(terms []term, v string) bool {
	pre := false
	for _, t := range terms {
		pre = pre || t.pre
		if t.low != "" && semver.Compare(v, t.low) < 0 || t.high != "" && semver.Compare(v, t.high) >= 0 {
			return false
		}
	}
	return pre || semver.Prerelease(v) == ""
}
