package cmd

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"ipp/cmd/term"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/profile"

	"github.com/ipfs/go-cid"
)

// changeResult is what a change did, or would do: the JSON of install, remove,
// upgrade, switch, hold, unhold and rollback.
type changeResult struct {
	Profile string       `json:"profile"`
	From    int          `json:"from"`               // the generation before; 0: none
	To      int          `json:"to,omitempty"`       // the generation now; absent in a dry run
	Nothing bool         `json:"nothing"`            // there was nothing to do
	DryRun  bool         `json:"dry_run"`            // nothing was done
	Changes []changeLine `json:"changes"`            // packages
	Wishes  []wishLine   `json:"wishes,omitempty"`   // wishes that changed
	Prefer  []preferLine `json:"prefer,omitempty"`   // who wins a path from now on
	Bytes   int64        `json:"bytes"`              // of all packages that change
	New     int64        `json:"new_bytes"`          // … that the store lacked
	Undo    string       `json:"undo,omitempty"`     // the command that takes it back
	File    string       `json:"file,omitempty"`     // the profile.toml that was edited, or whose profile.lock was
	Notes   []string     `json:"notes,omitempty"`    // why something stays as it is
	LeftOut int          `json:"left_out,omitempty"` // packages that are bad (--keep-going); the exit code is that of errors
	Errors  []problem    `json:"errors,omitempty"`   // what is wrong with them

	undo string // Undo as people read it
}

// mostNamed is how many packages a line for people names at most.
const mostNamed = 8

// changeLine is one package that changes, or was named.
type changeLine struct {
	Name     string   `json:"name"`
	Old      *version `json:"old,omitempty"`
	New      *version `json:"new,omitempty"`
	Platform string   `json:"platform,omitempty"`
	Files    int      `json:"files,omitempty"`
	Bytes    int64    `json:"bytes,omitempty"`
	NewBytes int64    `json:"new_bytes,omitempty"` // that the store lacks
	Damaged  bool     `json:"damaged,omitempty"`   // damaged or lost files are replaced
	Signed   bool     `json:"signed,omitempty"`    // it carries a signature, which is good
	Author   *author  `json:"author,omitempty"`    // who signed it
	Key      *keyNews `json:"key_news,omitempty"`  // absent: as before
	Notices  []string `json:"notices,omitempty"`   // what to know before having it
}

// version is one version of a package.
type version struct {
	Version string `json:"version"`
	CID     string `json:"cid"`
}

// wishLine is a wish that a change wrote or dropped.
type wishLine struct {
	Name string `json:"name"`
	Old  string `json:"old,omitempty"`  // a constraint or a CID; absent: there was none
	New  string `json:"new,omitempty"`  // absent: it is dropped
	Held *bool  `json:"held,omitempty"` // whether upgrade leaves it from now on; absent: as before
}

// preferLine is a path that several packages bring, and whose file is used.
type preferLine struct {
	Path string `json:"path"`
	Name string `json:"name"`
}

// same says that a package stays as it is.
func (l changeLine) same() bool { return l.Old != nil && l.New != nil && l.Old.CID == l.New.CID }

func versionOf(p *lock.Package) *version {
	if p == nil {
		return nil
	}
	return &version{string(p.Version), p.CID.String()}
}

// result is the plan as it is shown.
func (c *change) result(next profile.State, steps []step) changeResult {
	r := changeResult{Profile: string(c.prof.Name()), From: int(c.from), DryRun: c.dryRun, Changes: []changeLine{}}
	r.Wishes = wishChanges(c.old.Wishes, next.Wishes)
	for _, path := range slices.Sorted(maps.Keys(next.Wishes.Prefer)) {
		if n := next.Wishes.Prefer[path]; n != c.old.Wishes.Prefer[path] {
			r.Prefer = append(r.Prefer, preferLine{path, string(n)})
		}
	}
	r.Nothing = len(r.Wishes) == 0 && len(r.Prefer) == 0
	for _, st := range steps {
		l := changeLine{Name: string(st.Name), Old: versionOf(st.Old), New: versionOf(st.New)}
		if st.plan != nil {
			l.Platform, l.Files, l.Bytes = string(st.platform), st.plan.Files, st.plan.Bytes
			l.Damaged = st.plan.Damaged || l.same() && !st.plan.Present
			if !st.plan.Present || st.plan.Damaged {
				l.NewBytes = st.plan.NewBytes
			}
			l.Author = authorOf(st.opened.pkg.Signature)
			l.Key = c.keys[st.Name]
			l.Signed, l.Notices = l.Author != nil, notices(st.opened, st.platform)
		}
		r.Nothing = r.Nothing && l.same() && !l.Damaged
		r.Bytes += l.Bytes
		r.New += l.NewBytes
		r.Changes = append(r.Changes, l)
	}
	return r
}

// done is the result after the transaction.
func (r changeResult) done(c *change, ch profile.Change) changeResult {
	r.From, r.To = int(ch.From), int(ch.To)
	damaged := slices.ContainsFunc(r.Changes, func(l changeLine) bool { return l.Damaged })
	r.Nothing = ch.Nothing && !damaged
	if !ch.Nothing {
		r.Undo, r.undo = c.undo(ch, r.Changes)
	}
	return r
}

// undo is the command that takes a change back, in whole and as people read it.
// The first generation has none before it, so what it brought is removed.
func (c *change) undo(ch profile.Change, lines []changeLine) (whole, shown string) {
	if ch.From > 0 {
		whole = c.a.own("rollback %d", ch.From)
		return whole, whole
	}
	var names []string
	for _, l := range lines {
		if l.New != nil && ch.New.Find(ref.Name(l.Name)) != nil && ch.New.Find(ref.Name(l.Name)).Wanted != "" {
			names = append(names, l.Name)
		}
	}
	whole = c.a.own("remove %s", strings.Join(names, " "))
	if len(names) <= mostNamed {
		return whole, whole
	}
	return whole, c.a.own("remove NAME…") + fmt.Sprintf(" (the %d packages that were asked for)", len(names))
}

func wishChanges(old, next *lock.Profile) []wishLine {
	var lines []wishLine
	add := func(name ref.Name, had, wants lock.Wish) {
		l := wishLine{Name: string(name), Old: wishText(had), New: wishText(wants)}
		if wants.Name != "" && wants.Hold != had.Hold {
			l.Held = &wants.Hold
		}
		if l.Old != l.New || l.Held != nil {
			lines = append(lines, l)
		}
	}
	for _, w := range next.Packages {
		if had, _ := old.Wish(w.Name); had != w {
			add(w.Name, had, w)
		}
	}
	for _, w := range old.Packages {
		if wants, ok := next.Wish(w.Name); !ok {
			add(w.Name, w, wants)
		}
	}
	slices.SortFunc(lines, func(a, b wishLine) int { return strings.Compare(a.Name, b.Name) })
	return lines
}

// wishText is what is wished for: a constraint, a CID, "" for none.
func wishText(w lock.Wish) string {
	if w.CID.Defined() {
		return w.CID.String()
	}
	return w.Constraint.String()
}

// shownWish is a wish as people read it: the CID itself says nothing to them.
func shownWish(text string) string {
	if _, err := cid.Decode(text); err == nil {
		return "this CID"
	}
	return term.Safe(text)
}

// showPlan prints a line for each package, and below it what to know of it.
func (c *change) showPlan(r changeResult) {
	if r.Nothing {
		return
	}
	table := c.a.term.Table().Right(3, 4)
	for _, l := range r.Changes {
		if l.same() && !l.Damaged {
			continue
		}
		table.Row(l.cells(c.a.term.OutStyle())...)
	}
	table.Flush()
	for _, l := range r.Changes {
		for _, n := range l.Notices {
			c.a.note("%s %s: %s", c.a.term.ErrStyle().Yellow("note:"), term.Safe(l.Name), n)
		}
	}
	c.showKeys(r)
	for _, p := range r.Prefer {
		c.a.say(fmt.Sprintf("%s: that of %s is used", term.Safe(p.Path), term.Safe(p.Name)))
	}
	for _, w := range r.Wishes {
		if w.Held != nil {
			c.a.say(c.heldText(w))
		}
		if w.Old != "" && w.New != "" && shownWish(w.Old) != shownWish(w.New) { // the plan tells CIDs apart
			c.a.say(fmt.Sprintf("%s: the profile now asks for %s (before: %s)", term.Safe(w.Name), shownWish(w.New), shownWish(w.Old)))
		}
	}
}

// heldText says that a package is held from now on, or not any more.
func (c *change) heldText(w wishLine) string {
	name := term.Safe(w.Name)
	if !*w.Held {
		return name + " is no longer held: ipp upgrade may move it"
	}
	version := ""
	if p := c.planned.Lock.Find(ref.Name(w.Name)); p != nil {
		version = " at " + term.Safe(string(p.Version))
	}
	return name + " is held" + version + ": ipp upgrade leaves it"
}

// cells are mark and name, versions, platform, size, what is new of it.
func (l changeLine) cells(style term.Style) []string {
	name := term.Safe(l.Name)
	if l.New == nil {
		return []string{style.Red("- " + name), term.Safe(l.Old.Version)}
	}
	row := []string{style.Green("+ " + name), term.Safe(l.New.Version)}
	switch {
	case l.Damaged:
		row[0] = style.Yellow("! " + name)
		if l.Old != nil && !l.same() {
			row[1] = versionStep(l.Old, l.New)
		}
		row[1] += " (what was damaged or lost is replaced)"
	case l.Old != nil:
		row[0] = style.Yellow("~ " + name)
		row[1] = versionStep(l.Old, l.New)
	}
	platform := l.Platform
	if platform == "" {
		platform = "any"
	}
	row = append(row, platform, term.Bytes(l.Bytes), term.Bytes(l.NewBytes)+" new")
	return append(row, l.Author.String())
}

// versionStep is "0.24.2 -> 0.25.0"; two packages of one version are told apart
// by their CIDs.
func versionStep(old, next *version) string {
	if old.Version == next.Version {
		return fmt.Sprintf("%s (%s -> %s)", term.Safe(next.Version), tail(old.CID), tail(next.CID))
	}
	return term.Safe(old.Version) + " -> " + term.Safe(next.Version)
}

func tail(cid string) string { return "…" + cid[max(0, len(cid)-6):] }

// finish prints what was done and how to take it back. What was left out for
// being bad decides the exit code.
func (c *change) finish(r changeResult) error {
	if c.why != nil {
		r.Notes = c.why(r)
	}
	bad := c.tell()
	r.LeftOut, r.Errors = c.lost+len(c.left), c.a.problems(bad)
	if c.a.json {
		return errors.Join(c.a.printJSON(r), bad)
	}
	c.say(r)
	return bad
}

func (c *change) say(r changeResult) {
	without := ""
	if r.LeftOut > 0 {
		without = "; " + leftOut(r.LeftOut)
	}
	switch {
	case r.Nothing && len(r.Notes) > 0 && len(c.old.Lock.Packages) == 0: // which says it all
	case r.Nothing:
		c.a.say("nothing to do" + c.where(r) + without)
	case r.DryRun:
		c.a.println("dry run: nothing was changed" + without)
	case r.Undo != "":
		c.a.println(fmt.Sprintf("generation %d is current", r.To) + without)
		c.a.println("undo: " + r.undo)
		c.pathHint()
	default:
		c.a.println(fmt.Sprintf("healed; generation %d stays current", r.To) + without)
	}
	if r.File != "" {
		c.a.println("wrote ", term.Safe(r.File), " and ", lock.LockName)
	}
	for _, n := range r.Notes {
		c.a.say(n)
	}
}

func (c *change) where(r changeResult) string {
	var have []string
	for _, l := range r.Changes {
		if l.same() {
			have = append(have, term.Safe(l.Name+" "+l.New.Version))
		}
	}
	switch {
	case len(have) == 0:
		return ""
	case len(have) > mostNamed:
		return fmt.Sprintf(": the %d packages are installed", len(have))
	}
	return ": " + strings.Join(have, ", ") + " is installed"
}

// pathHint says, on a terminal, how the shell finds what was installed.
func (c *change) pathHint() {
	bin := filepath.Join(c.prof.Dir(), "current", "bin")
	if c.verb != "install" || !c.a.term.OutIsTerminal() || slices.Contains(filepath.SplitList(c.a.set.path), bin) {
		return
	}
	c.a.note("%s so that this shell finds it: eval \"$(%s)\"", c.a.term.ErrStyle().Bold("hint:"), c.a.own("env"))
}
