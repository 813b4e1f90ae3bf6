package cmd

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
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
	Flips       []flip `json:"flips"`             // every change of the pointer, rollbacks too
	Follows     *drift `json:"follows,omitempty"` // the files that the profile follows
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
	out.Follows = a.driftNow(prof)
	if a.json {
		return a.printJSON(out)
	}
	defer a.sayDrift(out.Profile, out.Follows)
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
	numbers, err := prof.Numbers()
	if err != nil {
		return out, err
	}
	log, err := prof.Log()
	if err != nil {
		return out, err
	}
	made := make(makings, len(log))
	out.Flips = make([]flip, 0, len(log))
	for i, e := range log {
		if made[e.To] == nil {
			made[e.To] = &log[i]
		}
		out.Flips = append(out.Flips, flip{e.Time, e.User, e.Host, e.Command, int(e.From), int(e.To)})
	}
	told := toldByLog(prof, numbers, made)
	out.Generations = make([]past, 0, len(numbers))
	read := reader{prof: prof, made: made, gens: map[generation.Number]*generation.Generation{}}
	for i, n := range numbers {
		if told[i] {
			out.Generations = append(out.Generations, loggedPast(*made[n], numbers))
		} else if p, ok := read.past(n); ok {
			out.Generations = append(out.Generations, p)
		}
	}
	for n, e := range made {
		if _, found := slices.BinarySearch(numbers, n); !found {
			out.Generations = append(out.Generations, unread(*e))
			out.Generations[len(out.Generations)-1].Gone = true
		}
	}
	slices.SortFunc(out.Generations, func(a, b past) int { return a.Number - b.Number })
	for i := range out.Generations {
		p := &out.Generations[i]
		p.Current = !p.Gone && p.Number == int(current)
	}
	return out, nil
}

// makings are the first flips to each generation.
type makings map[generation.Number]*profile.LogEntry

// of is the making of a generation; of what is not logged all is zero.
func (m makings) of(n generation.Number) profile.LogEntry {
	if e := m[n]; e != nil {
		return *e
	}
	return profile.LogEntry{}
}

// toldByLog says of which generations the log tells all, so that nothing of them
// needs to be read: they were made by the flip that is logged, and nobody wrote
// to their files since. What damage hides behind that, check finds.
func toldByLog(prof *profile.Profile, numbers []generation.Number, made makings) []bool {
	told := make([]bool, len(numbers))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(numbers)) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(numbers); i = int(next.Add(1)) - 1 {
				e := made.of(numbers[i])
				told[i] = e.Making() && prof.Untouched(e)
			}
		})
	}
	workers.Wait()
	return told
}

// loggedPast is a generation as the log has it. What it changed is not told
// where its parent is gone, as where it is read.
func loggedPast(e profile.LogEntry, numbers []generation.Number) past {
	p := unread(e)
	p.Command = generation.OneLine(e.Command)
	if _, found := slices.BinarySearch(numbers, e.From); !found && e.From != 0 {
		return p
	}
	for _, c := range e.Changes {
		p.Changes = append(p.Changes, changeLine{Name: string(c.Name), Old: loggedVersion(c.Old), New: loggedVersion(c.New)})
	}
	p.text = changesText(p.Changes)
	return p
}

func loggedVersion(v *profile.LoggedVersion) *version {
	if v == nil {
		return nil
	}
	return &version{string(v.Version), v.CID}
}

// unread is what the log has of a generation that is gone or damaged.
func unread(e profile.LogEntry) past {
	return past{Number: int(e.To), Parent: int(e.From), Time: e.Time, User: e.User, Host: e.Host, Command: e.Command, Changes: []changeLine{}}
}

// reader reads those generations of which the log does not tell all.
type reader struct {
	prof *profile.Profile
	made makings
	gens map[generation.Number]*generation.Generation
}

func (r *reader) get(n generation.Number) (*generation.Generation, error) {
	if g := r.gens[n]; g != nil {
		return g, nil
	}
	g, err := r.prof.Get(n)
	if err == nil {
		r.gens[n] = g
	}
	return g, err
}

// past reads a generation; one that can't be read does not hide the others.
// false: it was pruned meanwhile, or is to be told as gone.
func (r *reader) past(n generation.Number) (past, bool) {
	g, err := r.get(n)
	var gone *profile.NoGenerationError
	e := r.made.of(n)
	switch {
	case errors.As(err, &gone):
		p := unread(e)
		p.Gone = true
		return p, e.To != 0
	case err != nil:
		p := unread(e)
		p.Number, p.Damaged = int(n), err.Error()
		return p, true
	}
	p := past{Number: int(n), Parent: int(g.Info.Parent), Time: g.Info.Time, User: e.User, Host: e.Host, Command: g.Info.Reason, Changes: []changeLine{}}
	before := &lock.Lockfile{}
	if g.Info.Parent != 0 {
		parent, err := r.get(g.Info.Parent)
		if err != nil { // what it held is not known any more
			return p, true
		}
		before = parent.Lock
	}
	changes := lock.Diff(before, g.Lock)
	p.Changes = make([]changeLine, 0, len(changes))
	for _, d := range changes {
		p.Changes = append(p.Changes, changeLine{Name: string(d.Name), Old: versionOf(d.Old), New: versionOf(d.New)})
	}
	p.text = changesText(p.Changes)
	return p, true
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
