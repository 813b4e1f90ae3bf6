package cmd

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"ipp/cmd/term"
	"ipp/generation"
	"ipp/lock"
	"ipp/profile"
)

type historyCmd struct {
	jsonFlag
}

func (historyCmd) doc() doc {
	return doc{
		usage: "history",
		about: `Shows the generations of the profile, the oldest first: when and by which command
			each was made, and what it changed against the one it was made from. * marks the
			current one. Those that ipp gc deleted are shown as gone.`,
		examples: []string{"ipp history", "ipp history --json"},
	}
}

// past is one generation.
type past struct {
	Number  int          `json:"number"`
	Current bool         `json:"current"`
	Gone    bool         `json:"gone,omitempty"`    // deleted by gc
	Damaged string       `json:"damaged,omitempty"` // why it can't be read
	Parent  int          `json:"parent"`            // 0: none
	Time    time.Time    `json:"time"`
	User    string       `json:"user,omitempty"`
	Host    string       `json:"host,omitempty"`
	Command string       `json:"command"`
	Changes []changeLine `json:"changes"` // against the parent

	text string
}

// flip is one line of the log.
type flip struct {
	Time    time.Time `json:"time"`
	User    string    `json:"user"`
	Host    string    `json:"host"`
	Command string    `json:"command"`
	From    int       `json:"from"`
	To      int       `json:"to"`
}

// chronicle is the JSON of history.
type chronicle struct {
	Profile     string `json:"profile"`
	Generations []past `json:"generations"`
	Flips       []flip `json:"flips"` // every change of the pointer, rollbacks too
}

func (historyCmd) run(ctx context.Context, a *app) error {
	prof, err := a.openProfile()
	if err != nil {
		return err
	}
	out, err := readHistory(prof)
	if err != nil {
		return failed("history", "", err)
	}
	if a.json {
		return a.printJSON(out)
	}
	if len(out.Generations) == 0 {
		a.note("profile %s has no generations yet; the first change makes one", out.Profile)
		return nil
	}
	a.showHistory(out)
	if n, err := prof.CurrentNumber(); err == nil && n == 0 {
		a.pointerLost(prof)
	}
	return nil
}

func readHistory(prof *profile.Profile) (chronicle, error) {
	out := chronicle{Profile: string(prof.Name()), Generations: []past{}, Flips: []flip{}}
	if exists, err := prof.Exists(); err != nil || !exists {
		return out, err
	}
	current, err := prof.CurrentNumber()
	if err != nil {
		return out, err
	}
	gens, damaged, err := readGenerations(prof)
	if err != nil {
		return out, err
	}
	log, err := prof.Log()
	if err != nil {
		return out, err
	}
	made := map[generation.Number]profile.LogEntry{} // the first flip to a generation is its making
	for _, e := range log {
		if _, ok := made[e.To]; !ok {
			made[e.To] = e
		}
		out.Flips = append(out.Flips, flip{e.Time, e.User, e.Host, e.Command, int(e.From), int(e.To)})
	}
	for _, g := range gens {
		out.Generations = append(out.Generations, pastOf(g, gens, made[g.Number], g.Number == current))
		delete(made, g.Number)
	}
	for n, why := range damaged {
		e := made[n]
		out.Generations = append(out.Generations, past{Number: int(n), Current: n == current, Damaged: why.Error(), Parent: int(e.From), Time: e.Time, User: e.User, Host: e.Host, Command: e.Command, Changes: []changeLine{}})
		delete(made, n)
	}
	for n, e := range made {
		out.Generations = append(out.Generations, past{Number: int(n), Gone: true, Parent: int(e.From), Time: e.Time, User: e.User, Host: e.Host, Command: e.Command, Changes: []changeLine{}})
	}
	slices.SortFunc(out.Generations, func(a, b past) int { return a.Number - b.Number })
	return out, nil
}

// readGenerations reads all generations; one that can't be read does not hide
// the others.
func readGenerations(prof *profile.Profile) (gens []*generation.Generation, damaged map[generation.Number]error, err error) {
	numbers, err := prof.Numbers()
	damaged = map[generation.Number]error{}
	for _, n := range numbers {
		g, err := prof.Get(n)
		var gone *profile.NoGenerationError
		switch {
		case err == nil:
			gens = append(gens, g)
		case !errors.As(err, &gone): // pruned meanwhile
			damaged[n] = err
		}
	}
	return gens, damaged, err
}

func pastOf(g *generation.Generation, gens []*generation.Generation, e profile.LogEntry, current bool) past {
	p := past{Number: int(g.Number), Current: current, Parent: int(g.Info.Parent), Time: g.Info.Time, User: e.User, Host: e.Host, Command: g.Info.Reason, Changes: []changeLine{}}
	before := &lock.Lockfile{}
	switch i := slices.IndexFunc(gens, func(o *generation.Generation) bool { return o.Number == g.Info.Parent }); {
	case i >= 0:
		before = gens[i].Lock
	case g.Info.Parent != 0: // gone: what it held is not known any more
		return p
	}
	changes := lock.Diff(before, g.Lock)
	for _, d := range changes {
		p.Changes = append(p.Changes, changeLine{Name: string(d.Name), Old: versionOf(d.Old), New: versionOf(d.New)})
	}
	p.text = changesText(changes)
	return p
}

func (a *app) showHistory(out chronicle) {
	table, style := a.term.Table("", "GEN", "FROM", "WHEN", "BY", "COMMAND", "CHANGES").Right(1, 2).Whole(1, 2, 3), a.term.OutStyle()
	for _, p := range out.Generations {
		mark, changes, parent, when := "", p.text, "", ""
		if p.Current {
			mark = style.Green("*")
		}
		if p.Gone {
			changes = style.Dim("gone (ipp gc)")
		}
		if p.Damaged != "" {
			changes = style.Red("damaged: ") + term.Safe(p.Damaged)
		}
		if !p.Time.IsZero() {
			when = p.Time.Local().Format("2006-01-02 15:04")
		}
		if p.Parent != 0 {
			parent = strconv.Itoa(p.Parent)
		}
		table.Row(mark, strconv.Itoa(p.Number), parent, when, term.Safe(p.User), term.Safe(p.Command), changes)
	}
	table.Flush()
	if n := len(out.Flips); n > 0 && len(out.Generations) > 0 {
		last := out.Flips[n-1]
		if i := slices.IndexFunc(out.Generations, func(p past) bool { return p.Number == last.To }); i >= 0 && !out.Generations[i].Time.Equal(last.Time) && last.From > last.To {
			a.note("generation %d is current by %s, from %d, %s", last.To, term.Safe(last.Command), last.From, term.Ago(a.now().Sub(last.Time)))
		}
	}
}
