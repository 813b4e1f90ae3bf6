package cmd

import (
	"context"
	"fmt"
	"strings"

	"ipp/cmd/term"
)

type doctorCmd struct {
	Fix bool `help:"Mend your own files: put the lines of ipp env into the start-up file of your shell."`
	yesFlag
	dryRunFlag
	jsonFlag
}

func (doctorCmd) doc() doc {
	return doc{
		usage: "doctor [--fix [--yes]] [--dry-run]",
		about: `Looks for what keeps ipp, or what it installs, from working here, and says what to do:
			the profile's commands are not on PATH, or others stand before them; files of another
			user lie among ipp's; the home can't be written, is full, or has no hard links; the
			index is damaged. It shows each setting and where it comes from. What lies in the store
			ipp check looks at.

			With --fix it puts the lines of ipp env into the start-up file of your shell, shows the
			change first, and asks. It exits with 0 when nothing is wrong, and with 1 when something
			is.`,
		examples: []string{"ipp doctor", "ipp doctor --fix --dry-run", "ipp doctor --json"},
	}
}

// changes says whether it may have changed something.
func (d doctorCmd) changes() bool { return d.Fix && !d.DryRun }

// diagnosis is the JSON of doctor.
type diagnosis struct {
	OK       bool      `json:"ok"`              // nothing is wrong
	Findings []finding `json:"findings"`        // what is wrong
	Notes    []finding `json:"notes"`           // what may be worth a word
	Settings []setting `json:"settings"`        // all there are
	Fixed    *mended   `json:"fixed,omitempty"` // what --fix did
}

// finding is something wrong, and what to do about it.
type finding struct {
	Kind    string   `json:"kind"` // path, shadowed, hash, owner, sudo, home, room, links, store, profile, index, config
	Message string   `json:"message"`
	Hints   []string `json:"hints,omitempty"`
}

// setting is a value that decides what ipp does.
type setting struct {
	Name  string `json:"name"`
	Value string `json:"value"` // in words
	From  string `json:"from"`  // a flag, a variable of the environment, a file with the key, or default
}

// mended is a file of the person's, with what was put into it.
type mended struct {
	File   string `json:"file"`              // its path
	Line   int    `json:"line"`              // that the text begins at now
	Text   string `json:"text"`              // lines
	DryRun bool   `json:"dry_run,omitempty"` // it would be
}

func (d *doctorCmd) run(ctx context.Context, a *app) error {
	if !d.Fix && (d.DryRun || d.Yes) {
		return usageError(d, "--dry-run and --yes belong to --fix")
	}
	p := &patient{a: a}
	if err := p.examine(ctx); err != nil {
		return err
	}
	out := diagnosis{Findings: p.findings, Notes: p.notes, Settings: p.settings}
	if !a.json {
		p.show()
	}
	if d.Fix {
		fixed, err := d.fix(p)
		if err != nil {
			return err
		}
		if out.Fixed = fixed; fixed != nil && !d.DryRun {
			out.Findings = without(out.Findings, "path")
		}
	}
	out.OK = len(out.Findings) == 0
	if a.json {
		if err := a.printJSON(out); err != nil {
			return err
		}
	}
	if !out.OK {
		return exitStatus(exitFailed)
	}
	return nil
}

func without(list []finding, kind string) []finding {
	left := []finding{}
	for _, f := range list {
		if f.Kind != kind {
			left = append(left, f)
		}
	}
	return left
}

func (p *patient) show() {
	a, style := p.a, p.a.term.OutStyle()
	tell := func(what string, list []finding) {
		for _, f := range list {
			a.say(what + " " + term.Safe(f.Message))
			for _, h := range f.Hints {
				a.say("  " + style.Bold("hint:") + " " + term.Safe(h))
			}
		}
	}
	tell(style.Red("wrong:"), p.findings)
	tell(style.Yellow("note:"), p.notes)
	if len(p.findings) == 0 {
		a.println("nothing is wrong")
	}
	a.println()
	table := a.term.Table("SETTING", "VALUE", "FROM").Whole(0)
	for _, s := range p.settings {
		table.Row(term.Safe(s.Name), term.Safe(s.Value), term.Safe(s.From))
	}
	table.Flush()
}

// wrong notes what is wrong.
func (p *patient) wrong(kind string, hints []string, format string, args ...any) {
	p.findings = append(p.findings, finding{kind, fmt.Sprintf(format, args...), hints})
}

// failed notes an error as what is wrong, with the hints that it has elsewhere.
func (p *patient) failed(kind string, err error) {
	for _, e := range flatten(err) {
		told := p.a.explain(e)
		p.wrong(kind, told.Hints, "%s", strings.TrimPrefix(told.Message, "ipp: "))
	}
}
