package gc

import (
	"fmt"
	"strings"

	"ipp/generation"
	"ipp/lock/ref"
)

// Kind is what sort of thing keeps a tree.
type Kind string

// The kinds of Reasons.
const (
	ByGeneration Kind = "generation" // Profile, Generations
	ByRoot       Kind = "root"       // Why: "ipp import"
	ByLease      Kind = "lease"      // PIDs, Why: its purpose
	ByProgram    Kind = "program"    // PIDs, Why: its name
)

// Reason is one thing that keeps a tree.
type Reason struct {
	Kind        Kind
	Profile     ref.Name
	Generations []generation.Number // the newest first
	PIDs        []int
	Why         string
}

// String is the reason in a few words.
func (r Reason) String() string {
	switch r.Kind {
	case ByGeneration:
		return fmt.Sprintf("%s %d", r.Profile, r.Generations[0]) + more(len(r.Generations)-1)
	case ByLease:
		return fmt.Sprintf("lease of PID %d (%s)", r.PIDs[0], r.Why)
	case ByProgram:
		return fmt.Sprintf("in use by PID %d (%s)", r.PIDs[0], r.Why) + more(len(r.PIDs)-1)
	}
	return r.Why
}

func more(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}

// Why says in a few words what keeps the tree, or what held it last.
func (t TreeFate) Why() string {
	switch {
	case !t.Goes:
		var words []string
		for _, r := range t.Reasons {
			words = append(words, r.String())
		}
		return strings.Join(words, "; ")
	case t.Last != nil:
		return "last held by " + t.Last.String()
	}
	return "nothing refers to it"
}
