package profile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ipp/generation"
	"ipp/store/durable"
)

const (
	goneSuffix = ".gone"
	tempPrefix = "tmp."
)

// names is what a profile's directory holds.
type names struct {
	numbers []generation.Number // N, sorted
	gone    []generation.Number // N.gone, sorted
	temps   []string            // tmp.LEASE
	others  []string
}

// names lists the profile's directory.
func (p *Profile) names() (names, error) {
	d, err := durable.OpenDir(p.dir)
	if err != nil {
		return names{}, fmt.Errorf("list profile %s: %w", p.name, err)
	}
	defer d.Close() // only read
	all, err := d.Readdirnames(-1)
	if err != nil {
		return names{}, fmt.Errorf("list profile %s: %w", p.name, err)
	}
	return sortNames(all), nil
}

func sortNames(all []string) (l names) {
	for _, name := range all {
		base, gone := strings.CutSuffix(name, goneSuffix)
		n, ok := parseNumber(base)
		switch {
		case ok && gone:
			l.gone = append(l.gone, n)
		case ok:
			l.numbers = append(l.numbers, n)
		case strings.HasPrefix(name, tempPrefix):
			l.temps = append(l.temps, name)
		default:
			l.others = append(l.others, name)
		}
	}
	slices.Sort(l.numbers)
	slices.Sort(l.gone)
	return l
}

// highest is the highest number in any name; 0 where there is none.
func (l names) highest() generation.Number {
	var n generation.Number
	for _, s := range [][]generation.Number{l.numbers, l.gone} {
		if len(s) > 0 {
			n = max(n, s[len(s)-1])
		}
	}
	return n
}

// parseNumber parses N as we spell it, and no other way.
func parseNumber(s string) (generation.Number, bool) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || strconv.Itoa(n) != s {
		return 0, false
	}
	return generation.Number(n), true
}
