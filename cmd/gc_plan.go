package cmd

import (
	"slices"
	"strconv"
	"strings"

	"ipp/cmd/term"
	"ipp/gc"
	"ipp/generation"
)

// gcPlan is the JSON of gc --dry-run.
type gcPlan struct {
	DryRun      bool     `json:"dry_run"`
	Generations []gcGen  `json:"generations"`
	Packages    []gcTree `json:"packages"`
	Bytes       int64    `json:"bytes"`        // that would be freed
	Staged      int64    `json:"staged_bytes"` // of unfinished work, that would be freed too
}

// gcGen is one generation; unique are the bytes that only it keeps.
type gcGen struct {
	Profile string `json:"profile"`
	Number  int    `json:"number"`
	Current bool   `json:"current"`
	Unique  int64  `json:"unique_bytes"` // that only it keeps
	Goes    bool   `json:"goes"`
	Reason  string `json:"reason"` // why it goes or stays
}

// gcTree is one platform's part of a package.
type gcTree struct {
	Label    string   `json:"label,omitempty"` // name and version
	CID      string   `json:"cid"`
	Platform string   `json:"platform"`
	Goes     bool     `json:"goes"`
	KeptBy   []keeper `json:"kept_by,omitempty"`   // absent where it goes
	LastHeld *keeper  `json:"last_held,omitempty"` // the generation that held what goes
	Bytes    int64    `json:"bytes"`               // that go with it

	words string // of both
}

// keeper is one thing that keeps a package.
type keeper struct {
	Kind        string              `json:"kind"`                  // generation, root (packed or imported), lease (ipp at work) or program (that runs)
	Profile     string              `json:"profile,omitempty"`     // of generations
	Generations []generation.Number `json:"generations,omitempty"` // the newest first
	PIDs        []int               `json:"pids,omitempty"`        // of a lease or a program
	Why         string              `json:"why,omitempty"`         // what made the root, what the lease is for, the program's name
}

func keepers(reasons ...gc.Reason) []keeper {
	list := []keeper{}
	for _, r := range reasons {
		list = append(list, keeper{string(r.Kind), string(r.Profile), r.Generations, r.PIDs, r.Why})
	}
	return list
}

func (a *app) planCollection(c *gc.Collector, policy gc.Policy) error {
	facts, err := c.Facts()
	if err != nil {
		return failed("gc", "", err)
	}
	plan := gc.MakePlan(facts, policy)
	out := gcPlan{DryRun: true, Generations: []gcGen{}, Packages: []gcTree{}, Bytes: plan.Bytes, Staged: plan.Staged}
	for _, g := range plan.Gens {
		out.Generations = append(out.Generations, gcGen{string(g.Profile), int(g.Number), g.Current, g.Unique, g.Goes, g.Reason})
	}
	for _, t := range plan.Trees {
		line := gcTree{Label: t.Label, CID: t.Key.Root.String(), Platform: t.Key.Part, Goes: t.Goes, KeptBy: keepers(t.Reasons...), Bytes: t.Bytes, words: t.Why()}
		if t.Last != nil {
			line.LastHeld = &keepers(*t.Last)[0]
		}
		out.Packages = append(out.Packages, line)
	}
	slices.SortStableFunc(out.Packages, func(a, b gcTree) int { return strings.Compare(a.Label, b.Label) })
	if a.json {
		return a.printJSON(out)
	}
	a.showCollectionPlan(out)
	return nil
}

func (a *app) showCollectionPlan(out gcPlan) {
	style := a.term.OutStyle()
	if len(out.Generations) > 0 {
		table := a.term.Table("", "PROFILE", "GEN", "ONLY HERE", "WHY").Right(2, 3)
		for _, g := range out.Generations {
			table.Row(fate(style, g.Goes), term.Safe(g.Profile), strconv.Itoa(g.Number), term.Bytes(g.Unique), term.Safe(g.Reason))
		}
		table.Flush()
		a.println()
	}
	if len(out.Packages) > 0 {
		table := a.term.Table("", "PACKAGE", "PLATFORM", "CID", "FREES", "KEPT BY").Right(4).Whole(1, 2, 3)
		for _, t := range out.Packages {
			why, frees := t.words, ""
			switch {
			case t.Goes && t.LastHeld == nil:
				why, frees = "nothing", term.Bytes(t.Bytes)
			case t.Goes:
				frees = term.Bytes(t.Bytes)
			}
			table.Row(fate(style, t.Goes), term.Safe(t.Label), t.Platform, t.CID[:min(16, len(t.CID))], frees, term.Safe(why))
		}
		table.Flush()
		a.println()
	}
	if out.Staged > 0 {
		a.printf("%s staged by commands that were cut off would go\n", term.Bytes(out.Staged))
	}
	a.printf("would free %s; dry run: nothing was changed\n", term.Bytes(out.Bytes+out.Staged))
}

func fate(style term.Style, goes bool) string {
	if goes {
		return style.Red("goes")
	}
	return style.Green("stays")
}
