package cmd

import (
	"context"
	"path/filepath"
	"strings"

	"ipp/cmd/term"
	"ipp/lock"
	"ipp/profile"
	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

type listCmd struct {
	Store bool `help:"List every package in the store, with what keeps it."`
	jsonFlag
}

func (listCmd) doc() doc {
	return doc{
		usage: "list [--store]",
		about: `Lists the programs of the current generation: version, platform, what was wished
			for, and the beginning of the CID, which names the package in every command.

			With --store it lists every package in the store with its size and what keeps it from
			ipp gc.`,
		examples: []string{"ipp list", "ipp list --store", "ipp list --json"},
	}
}

// listed is one installed package.
type listed struct {
	Name     string   `json:"name"`
	Package  string   `json:"package,omitempty"` // its own name, where that is another
	Version  string   `json:"version"`
	Platform string   `json:"platform,omitempty"`
	CID      string   `json:"cid"`
	Wanted   string   `json:"wanted,omitempty"`    // the constraint that is wished for; absent: exact, or only here because needed
	Exact    bool     `json:"exact,omitempty"`     // it is wished for by its CID, so upgrade leaves it
	NeededBy []string `json:"needed_by,omitempty"` // packages
	Held     bool     `json:"held,omitempty"`      // upgrade leaves it
	Commands []string `json:"commands,omitempty"`  // those that [commands] names
	Author   *author  `json:"author,omitempty"`    // who signed it; absent: nobody
}

// listing is the JSON of list.
type listing struct {
	Profile    string   `json:"profile"`
	Generation int      `json:"generation"` // 0: none yet
	Packages   []listed `json:"packages"`
	Follows    *drift   `json:"follows,omitempty"` // the files that the profile follows
}

func (l *listCmd) run(ctx context.Context, a *app) error {
	if l.Store {
		return a.listStore(ctx)
	}
	prof, err := a.openProfile()
	if err != nil {
		return err
	}
	g, err := prof.Current()
	if err != nil {
		return failed("list", "", err)
	}
	out := listing{Profile: string(prof.Name()), Packages: []listed{}}
	if g == nil && a.pointerLost(prof) {
		if a.json {
			return a.printJSON(out)
		}
		return nil
	}
	wishes := lock.NewProfile()
	if g != nil {
		wishes, err = lock.ParseProfile(filepath.Join(g.Dir, lock.ProfileName), g.Wishes)
		if err != nil {
			return failed("list", "", err)
		}
		out.Generation = int(g.Number)
		out.Packages = make([]listed, 0, len(g.Lock.Packages))
		platforms := make(map[cid.Cid]string, len(g.Info.Trees))
		for _, k := range g.Info.Trees {
			platforms[k.Root] = k.Part
		}
		for _, p := range g.Lock.Packages {
			l := listedPackage(wishes, p)
			l.Platform = platforms[p.CID]
			out.Packages = append(out.Packages, l)
		}
	}
	out.Follows = a.drift(prof, wishes, g)
	if a.json {
		return a.printJSON(out)
	}
	a.showList(out)
	a.sayDrift(out.Profile, out.Follows)
	return nil
}

// pointerLost says so where there are generations, and none is current: they are
// not lost with the pointer.
func (a *app) pointerLost(prof *profile.Profile) bool {
	numbers, err := prof.Numbers()
	if err != nil || len(numbers) == 0 {
		return false
	}
	list := make([]int, len(numbers))
	for i, n := range numbers {
		list[i] = int(n)
	}
	a.warn("profile %s has %s, and none is current: its pointer is lost; ipp check --repair puts it back where the log says, ipp rollback N chooses", prof.Name(), generationsText(list))
	return true
}

func listedPackage(wishes *lock.Profile, p lock.Package) listed {
	w, wished := wishes.Wish(p.Name)
	l := listed{Name: string(p.Name), Package: string(p.Package), Version: string(p.Version), CID: dag.CIDText(p.CID),
		Exact: w.CID.Defined(), Held: w.Hold, Author: authorOfKey(p.Key)}
	if wished && !l.Exact {
		l.Wanted = w.Constraint.String()
	}
	for _, n := range p.NeededBy {
		l.NeededBy = append(l.NeededBy, string(n))
	}
	for _, c := range p.Commands {
		l.Commands = append(l.Commands, string(c))
	}
	return l
}

func (a *app) showList(out listing) {
	if len(out.Packages) == 0 {
		a.note("nothing is installed in profile %s; to begin: %s", out.Profile, a.own("install REF"))
		return
	}
	table := a.term.Table("NAME", "VERSION", "PLATFORM", "WISHED", "CID").Whole(0, 1, 4)
	for _, p := range out.Packages {
		wanted := term.Safe(p.Wanted)
		switch {
		case p.Exact:
			wanted = "this CID"
		case wanted == "":
			wanted = "needed by " + term.Safe(strings.Join(p.NeededBy, ", "))
		}
		if p.Held {
			wanted += ", held"
		}
		name := p.Name
		if p.Package != "" {
			name += " (" + p.Package + ")"
		}
		table.Row(term.Safe(name), term.Safe(p.Version), p.Platform, wanted, p.CID[:min(16, len(p.CID))])
	}
	table.Flush()
}

// storeLine is one package in the store.
type storeLine struct {
	Name    string   `json:"name,omitempty"`
	Version string   `json:"version,omitempty"`
	CID     string   `json:"cid"`
	Parts   []string `json:"platforms"` // those parts that are in the store; any: not split
	Bytes   int64    `json:"bytes"`     // of all parts, shared files counted once
	KeptBy  []keeper `json:"kept_by"`   // empty: the next ipp gc deletes it

	words []string // of KeptBy
}

// listStore lists the store's packages with what gc says of them.
func (a *app) listStore(ctx context.Context) error {
	c, err := a.collector()
	if err != nil {
		return failed("list", "--store", err)
	}
	lines := []storeLine{}
	if c != nil {
		facts, err := c.Facts()
		if err != nil {
			return failed("list", "--store", err)
		}
		lines = storeLines(facts)
	}
	if a.json {
		return a.printJSON(lines)
	}
	if len(lines) == 0 {
		a.note("the store is empty; to begin: %s", a.own("install REF"))
		return nil
	}
	a.showStore(lines)
	return nil
}

func (a *app) showStore(lines []storeLine) {
	table := a.term.Table("NAME", "VERSION", "PLATFORMS", "SIZE", "CID", "KEPT BY").Right(3).Whole(0, 1, 4)
	var unkept int
	for _, l := range lines {
		kept := strings.Join(l.words, "; ")
		if len(l.KeptBy) == 0 {
			kept = "nothing"
			unkept++
		}
		table.Row(term.Safe(l.Name), term.Safe(l.Version), strings.Join(l.Parts, ", "), term.Bytes(l.Bytes), l.CID[:min(16, len(l.CID))], term.Safe(kept))
	}
	table.Flush()
	if unkept > 0 {
		a.note("%d of %d packages are kept by nothing: ipp gc deletes them", unkept, len(lines))
	}
}
