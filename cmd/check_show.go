package cmd

import (
	"fmt"
	"slices"
	"strings"

	"ipp/cmd/term"
)

// show prints the report, and fails where something is wrong.
func (c *checker) show(k *checkCmd) error {
	r, a := &c.report, c.a
	slices.SortStableFunc(r.Faults, func(x, y checkFault) int { return strings.Compare(x.group(), y.group()) })
	left := 0
	for _, f := range r.Faults {
		if !f.Repaired {
			left++
		}
	}
	r.OK = left == 0 && len(r.Unread) == 0
	if a.json {
		if err := a.printJSON(r); err != nil {
			return err
		}
	} else {
		c.print(left)
	}
	switch {
	case left > 0:
		return c.failure(k, left)
	case len(r.Unread) > 0:
		return &failure{verb: "check", err: fmt.Errorf("%s could not be looked at", plural(len(r.Unread), "file")), code: exitFailed,
			hints: []string{"that says nothing of what is in them: look at the disk and at the rights, then: ipp check"}}
	}
	return nil
}

// group is the headline under which a fault is shown.
func (f *checkFault) group() string {
	var words []string
	for _, p := range f.Packages {
		name := strings.TrimSpace(p.Name + " " + p.Version)
		if name == "" {
			name = p.CID[:min(len(p.CID), 16)]
		}
		if p.Platform != "any" {
			name += " (" + p.Platform + ")"
		}
		words = append(words, name)
	}
	text := strings.Join(words, ", ")
	for i, p := range f.Profiles {
		switch {
		case i > 0:
			text += ", "
		case text != "":
			text += ", in "
		}
		text += "profile " + p.Profile
		if len(p.Generations) > 0 {
			text += fmt.Sprintf(" (%s)", generationsText(slices.Clone(p.Generations)))
		}
	}
	if text == "" {
		return "the store"
	}
	return text
}

func (c *checker) print(left int) {
	r, a, style := &c.report, c.a, c.a.term.OutStyle()
	last := ""
	for _, f := range r.Faults {
		if g := f.group(); g != last {
			a.println(style.Bold(term.Safe(g)))
			last = g
		}
		if f.Repaired {
			a.printf("  %s  %s (was: %s)\n", style.Green("repaired"), term.Safe(f.File), term.Safe(f.Why))
		} else {
			a.printf("  %s  %s: %s\n", style.Red("damaged"), term.Safe(f.File), term.Safe(f.Why))
		}
	}
	for _, u := range r.Unread {
		a.printf("%s  %s: %s\n", style.Yellow("unread"), term.Safe(u.File), term.Safe(u.What))
	}
	for _, n := range r.Notes {
		a.note("%s %s: %s", a.term.ErrStyle().Yellow("note:"), term.Safe(n.File), term.Safe(n.What))
	}
	looked := fmt.Sprintf("%s (%s), %s, %s", plural(r.Objects, "object"), term.Bytes(r.Bytes), plural(r.Trees, "package tree"), plural(r.Generations, "generation"))
	switch {
	case r.OK && len(r.Faults) == 0:
		a.println("all is well: " + looked)
	case left == 0 && len(r.Faults) > 0:
		a.printf("%s repaired; looked at %s\n", plural(len(r.Faults), "damaged file"), looked)
	default:
		a.println("looked at " + looked)
	}
}

// failure says what is damaged still, and the next command.
func (c *checker) failure(k *checkCmd, left int) error {
	f := &failure{verb: "check", code: exitMalformed, err: fmt.Errorf("%s", plural(left, "damaged file"))}
	for _, fault := range c.report.Faults {
		if !fault.Repaired && fault.Needs != "" && !slices.Contains(f.hints, fault.Needs) && len(f.hints) < 10 {
			f.hints = append(f.hints, fault.Needs)
		}
	}
	if !k.Repair {
		f.hints = append(f.hints, "put back what can be had: ipp check --repair")
	}
	return f
}
