package cmd

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"ipp/cmd/term"
	"ipp/generation"
	"ipp/lock"
	"ipp/profile"
	"ipp/store"
)

type rollbackCmd struct {
	N string `arg:"" optional:"" name:"N" help:"The generation to go to; the parent of the current one where left out."`
	dryRunFlag
	jsonFlag
}

func (rollbackCmd) doc() doc {
	return doc{
		usage: "rollback [N] [--dry-run]",
		about: `Makes the generation that the current one was made from current again, or
			generation N. Nothing is deleted: the way back is printed. ipp history shows all
			generations.`,
		examples: []string{"ipp rollback", "ipp rollback 3", "ipp rollback --dry-run"},
	}
}

func (r *rollbackCmd) run(ctx context.Context, a *app) error {
	return a.rollback(ctx, "rollback", r.N, r.DryRun)
}

// rollback goes to the generation that text names; it opens no store.
func (a *app) rollback(ctx context.Context, verb, text string, dryRun bool) error {
	var n generation.Number
	if text != "" {
		var err error
		if n, err = generation.ParseNumber(text); err != nil {
			return &failure{verb: verb, object: text, err: err, code: exitUsage, hints: []string{a.own("history") + " shows the numbers"}}
		}
	}
	object := text
	if verb == "switch" {
		object = "--generation " + text
	}
	prof, err := a.openProfile()
	if err != nil {
		return err
	}
	if err := a.checkFormat(); err != nil {
		return failed(verb, object, err)
	}
	var ch profile.Change
	if dryRun {
		ch, err = wouldRollback(prof, n)
	} else {
		ch, err = spend(a.profileReserve(filepath.Dir(filepath.Dir(prof.Dir()))), func() (profile.Change, error) {
			return prof.Rollback(ctx, n, profile.Reason{Command: reason("rollback", text)})
		})
	}
	if err = a.warning(err); err != nil {
		return failed(verb, object, lostTrees(prof, a.noParent(err)))
	}
	ch.Old, ch.New = &lock.Lockfile{}, &lock.Lockfile{}
	if ch.From != 0 { // else the pointer was lost
		ch.Old, ch.New = a.locks(prof, ch)
	}
	return a.showRollback(prof, ch, dryRun)
}

// lostTrees names the packages whose trees a generation lacks.
func lostTrees(prof *profile.Profile, err error) error {
	var lacks *profile.MissingTreesError
	if !errors.As(err, &lacks) {
		return err
	}
	g, bad := prof.Get(lacks.Number)
	if bad != nil {
		return err
	}
	var names []string
	for _, p := range g.Lock.Packages {
		if slices.ContainsFunc(lacks.Trees, func(k store.Key) bool { return store.SameRoot(k.Root, p.CID) }) {
			names = append(names, string(p.Name)+" "+string(p.Version))
		}
	}
	if len(names) == 0 {
		return err
	}
	return &failure{err: fmt.Errorf("generation %d needs %s, and the store lost that", lacks.Number, join(names)), code: exitMalformed,
		hints: []string{repairHere, "or get it as a CAR file, then: ipp check --repair --from FILE.car"}}
}

// noParent says in a person's words that there is nothing to go back to.
func (a *app) noParent(err error) error {
	var none *profile.NoParentError
	switch {
	case !errors.As(err, &none):
		return err
	case none.Current == 0:
		return &failure{err: errors.New("nothing was installed in this profile yet"), code: exitNotFound,
			hints: []string{"to begin: " + a.own("install REF")}}
	}
	return &failure{err: fmt.Errorf("generation %d is a first one: there is none to go back to", none.Current), code: exitNotFound,
		hints: []string{a.own("history") + " shows all generations; " + a.own("rollback N") + " goes to any of them"}}
}

// checkFormat refuses a store that needs a newer ipp.
func (a *app) checkFormat() error {
	d, err := a.set.dirs()
	if err != nil {
		return err
	}
	return store.CheckFormat(filepath.Join(d.state, storeLink))
}

// locks are the lockfiles on both sides of a flip. A generation that can't be
// read is no reason to hide that the flip was made; what changed is not known
// then.
func (a *app) locks(prof *profile.Profile, ch profile.Change) (old, next *lock.Lockfile) {
	from, err := prof.Get(ch.From)
	if err == nil {
		var to *generation.Generation
		if to, err = prof.Get(ch.To); err == nil {
			return from.Lock, to.Lock
		}
	}
	a.warn("what changes is not known: %s", term.Safe(err.Error()))
	return &lock.Lockfile{}, &lock.Lockfile{}
}

// wouldRollback is Rollback without the flip.
func wouldRollback(prof *profile.Profile, n generation.Number) (profile.Change, error) {
	from, err := prof.From(n)
	if err != nil {
		return profile.Change{}, err
	}
	ch := profile.Change{From: from, To: n}
	if n == 0 && from != 0 {
		info, err := generation.ReadInfo(filepath.Join(prof.Dir(), strconv.Itoa(int(from))))
		if err != nil {
			return ch, err
		}
		ch.To = info.Parent
	}
	if ch.To == 0 {
		if err := prof.Lost(); err != nil {
			return ch, err
		}
		return ch, &profile.NoParentError{Current: from}
	}
	_, err = prof.Get(ch.To)
	ch.Nothing = ch.To == ch.From
	return ch, err
}

func (a *app) showRollback(prof *profile.Profile, ch profile.Change, dryRun bool) error {
	r := changeResult{Profile: string(prof.Name()), From: int(ch.From), To: int(ch.To), Nothing: ch.Nothing, DryRun: dryRun, Changes: []changeLine{}}
	for _, d := range lock.Diff(ch.Old, ch.New) {
		r.Changes = append(r.Changes, changeLine{Name: string(d.Name), Old: versionOf(d.Old), New: versionOf(d.New)})
	}
	if !ch.Nothing && !dryRun && ch.From != 0 {
		r.Undo = a.own("rollback %d", ch.From)
	}
	if a.json {
		return a.printJSON(r)
	}
	if ch.Nothing {
		a.printf("nothing to do: generation %d is current\n", ch.To)
		return nil
	}
	if ch.From == 0 {
		a.printf("generation %d is current again\n", ch.To)
	} else {
		a.printf("generation %d -> %d\n", ch.From, ch.To)
	}
	table, style := a.term.Table(), a.term.OutStyle()
	for _, l := range r.Changes {
		table.Row(l.short(style)...)
	}
	table.Flush()
	if dryRun {
		a.println("dry run: nothing was changed")
		return nil
	}
	if r.Undo != "" {
		a.println("undo: " + r.Undo)
	}
	a.sayDrift(r.Profile, a.driftNow(prof))
	return nil
}

// short is mark and name, and versions.
func (l changeLine) short(style term.Style) []string {
	name := term.Safe(l.Name)
	switch {
	case l.New == nil:
		return []string{style.Red("- " + name), term.Safe(l.Old.Version)}
	case l.Old == nil:
		return []string{style.Green("+ " + name), term.Safe(l.New.Version)}
	}
	return []string{style.Yellow("~ " + name), versionStep(l.Old, l.New)}
}

// changesText is a line of changes for history: "+a 1.0, b 1.0 -> 1.1, -c 2.0".
func changesText(changes []changeLine) string {
	words := make([]string, 0, len(changes))
	for _, d := range changes {
		name := term.Safe(d.Name)
		switch {
		case d.New == nil:
			words = append(words, "-"+name+" "+term.Safe(d.Old.Version))
		case d.Old == nil:
			words = append(words, "+"+name+" "+term.Safe(d.New.Version))
		default:
			words = append(words, name+" "+versionStep(d.Old, d.New))
		}
	}
	return join(words)
}
