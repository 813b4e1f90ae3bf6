package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"ipp/cmd/term"
	"ipp/gc"
	"ipp/lock/ref"
	"ipp/profile"
	"ipp/store"
	"ipp/store/pack"

	"github.com/ipfs/go-cid"
)

type gcCmd struct {
	Keep      *int   `placeholder:"N" help:"Drop generations but the newest N of each profile."`
	OlderThan string `placeholder:"D" help:"Drop generations older than this: 12h, 30d, 8w."`
	dryRunFlag
	jsonFlag
}

func (gcCmd) doc() doc {
	return doc{
		usage: "gc [--dry-run] [--keep N] [--older-than D]",
		about: `Deletes packages that nothing refers to: no generation, no packed or imported package
			that is kept, no running program, no ipp at work. Without flags it removes no
			generation. The current generation and its parent always stay. A running program is
			never waited for; what it uses is kept.

			With --dry-run it shows for each generation the bytes that only it holds, and for each
			package what keeps it.`,
		examples: []string{"ipp gc --dry-run", "ipp gc --keep 5", "ipp gc --older-than 30d"},
	}
}

func (g *gcCmd) run(ctx context.Context, a *app) error {
	if a.flags.Profile != "" {
		return usageError(g, "it works on every profile of the store: leave out --profile")
	}
	policy, err := g.policy()
	if err != nil {
		return err
	}
	c, err := a.collector()
	if err != nil {
		return failed("gc", "", err)
	}
	if c == nil {
		if a.json {
			return a.printJSON(gcResult{DryRun: g.DryRun, Pruned: map[string][]int{}})
		}
		a.println("nothing to do: there is no store yet")
		return nil
	}
	if g.DryRun {
		return a.planCollection(c, policy)
	}
	done, err := c.Apply(ctx, policy)
	if err == nil || !a.json && (len(done.Pruned) > 0 || done.Swept.Trees > 0 || done.Swept.Objects > 0 || done.Swept.Staged > 0) {
		if shown := a.showCollected(done); shown != nil { // what was freed before it failed is told too
			return shown
		}
	}
	return failed("gc", "", err)
}

func (g *gcCmd) policy() (gc.Policy, error) {
	var p gc.Policy
	if g.Keep != nil {
		if p.Keep = *g.Keep; p.Keep < 1 {
			return p, usageError(g, "--keep %d: keep at least 1", p.Keep)
		}
	}
	if g.OlderThan == "" {
		return p, nil
	}
	d, err := parseAge(g.OlderThan)
	if err != nil {
		return p, usageError(g, "--older-than %s: %w", g.OlderThan, err)
	}
	p.OlderThan = d
	return p, nil
}

// parseAge parses a number and h, d or w.
func parseAge(s string) (time.Duration, error) {
	units := map[byte]time.Duration{'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	wrong := errors.New("want a number and h, d or w, as in 30d")
	if len(s) < 2 {
		return 0, wrong
	}
	unit, ok := units[s[len(s)-1]]
	n, err := strconv.Atoi(s[:len(s)-1])
	if !ok || err != nil || n <= 0 || n > 100_000 {
		return 0, wrong
	}
	return time.Duration(n) * unit, nil
}

// collector is gc over this user's store; nil where there is no store.
func (a *app) collector() (*gc.Collector, error) {
	st, err := a.openStore(false)
	if st == nil || err != nil {
		return nil, err
	}
	c := &gc.Collector{Store: st, Profile: a.profileIn, Now: a.now, Label: func(k store.Key) string { return treeLabel(st, k) }}
	if runtime.GOOS == "linux" { // elsewhere nobody says which programs run
		c.Proc = "/proc"
	}
	return c, nil
}

// profileIn opens the profile of a root: STATE/profiles/NAME.
func (a *app) profileIn(dir string) (*profile.Profile, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	name, err := ref.ParseName(filepath.Base(dir))
	if err != nil {
		return nil, err
	}
	if filepath.Base(filepath.Dir(dir)) != "profiles" {
		return nil, fmt.Errorf("%s is not a profile's directory", dir)
	}
	return a.profileAt(name, filepath.Dir(filepath.Dir(dir))), nil
}

func treeLabel(st *store.Store, k store.Key) string {
	t, err := pack.OpenTree(st, k)
	if err != nil || t.Meta == nil {
		return ""
	}
	return string(t.Meta.Name) + " " + string(t.Meta.Version)
}

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
	Kind        string `json:"kind"`                  // generation, root (packed or imported), lease (ipp at work) or program (that runs)
	Profile     string `json:"profile,omitempty"`     // of generations
	Generations []int  `json:"generations,omitempty"` // the newest first
	PIDs        []int  `json:"pids,omitempty"`        // of a lease or a program
	Why         string `json:"why,omitempty"`         // what made the root, what the lease is for, the program's name
}

func keepers(reasons ...gc.Reason) []keeper {
	list := []keeper{}
	for _, r := range reasons {
		k := keeper{Kind: string(r.Kind), Profile: string(r.Profile), PIDs: r.PIDs, Why: r.Why}
		for _, n := range r.Generations {
			k.Generations = append(k.Generations, int(n))
		}
		list = append(list, k)
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

// gcResult is the JSON of gc.
type gcResult struct {
	DryRun  bool             `json:"dry_run"`
	Pruned  map[string][]int `json:"pruned"`           // generations by profile
	Trees   int              `json:"packages"`         // platforms' parts of packages removed
	Objects int              `json:"objects"`          // files removed
	Bytes   int64            `json:"bytes"`            // freed
	Staged  int64            `json:"staged_bytes"`     // of unfinished work, freed too
	InUse   []gcProcess      `json:"in_use,omitempty"` // running programs, whose files stay
	Busy    []gcLease        `json:"busy,omitempty"`   // other ipp at work, whose packages stay
}

type gcProcess struct {
	PID  int    `json:"pid"`
	Name string `json:"name"`
}

type gcLease struct {
	PID     int    `json:"pid"`
	Purpose string `json:"purpose"`
}

func (a *app) showCollected(done gc.Result) error {
	out := gcResult{Pruned: map[string][]int{}, Trees: done.Swept.Trees, Objects: done.Swept.Objects, Bytes: done.Swept.Bytes, Staged: done.Swept.Staged}
	for name, numbers := range done.Pruned {
		for _, n := range numbers {
			out.Pruned[string(name)] = append(out.Pruned[string(name)], int(n))
		}
	}
	for _, p := range done.InUse {
		if program := (gcProcess{p.PID, p.Name}); !slices.Contains(out.InUse, program) {
			out.InUse = append(out.InUse, program)
		}
	}
	for _, l := range done.Leases {
		if slices.ContainsFunc(out.InUse, func(p gcProcess) bool { return p.PID == l.PID }) {
			continue // the lease of ipp run is the program's
		}
		out.Busy = append(out.Busy, gcLease{l.PID, l.Purpose})
	}
	if a.json {
		return a.printJSON(out)
	}
	for _, name := range slices.Sorted(mapKeys(out.Pruned)) {
		a.printf("profile %s: %s pruned\n", name, generationsText(out.Pruned[name]))
	}
	for _, p := range byName(out.InUse) {
		a.printf("%s is running: what it uses stays\n", term.Safe(p))
	}
	for _, l := range out.Busy {
		a.printf("%s (PID %d) is at work: what it needs stays\n", term.Safe(l.Purpose), l.PID)
	}
	if out.Staged > 0 {
		a.printf("freed %s that commands which were cut off had staged\n", term.Bytes(out.Staged))
	}
	if out.Trees == 0 && out.Objects == 0 && len(out.Pruned) == 0 {
		if out.Staged > 0 {
			return nil
		}
		a.println("nothing to do: all that is in the store is needed")
		return nil
	}
	a.printf("freed %s: %s, %s\n", term.Bytes(out.Bytes), plural(out.Trees, "package part"), plural(out.Objects, "file"))
	return nil
}

// byName names running programs, each with its processes: forks are told as one.
func byName(list []gcProcess) []string {
	var names []string
	first, more := map[string]int{}, map[string]int{}
	for _, p := range list {
		if _, ok := first[p.Name]; ok {
			more[p.Name]++
			continue
		}
		first[p.Name] = p.PID
		names = append(names, p.Name)
	}
	for i, n := range names {
		names[i] = fmt.Sprintf("%s (PID %d)", n, first[n])
		if more[n] > 0 {
			names[i] = fmt.Sprintf("%s (PID %d and %d more)", n, first[n], more[n])
		}
	}
	return names
}

// generationsText spells numbers with the runs among them: "generations 1-3, 7".
func generationsText(numbers []int) string {
	slices.Sort(numbers)
	var words []string
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		word := strconv.Itoa(numbers[i])
		if j > i {
			word += "-" + strconv.Itoa(numbers[j])
		}
		words, i = append(words, word), j+1
	}
	if len(numbers) == 1 {
		return "generation " + words[0]
	}
	return "generations " + strings.Join(words, ", ")
}

// storeLines gathers what is in the store by package, with what keeps it.
func storeLines(facts gc.Facts) []storeLine {
	plan := gc.MakePlan(facts, gc.Policy{})
	lines := []storeLine{}
	seen := map[string]map[string]bool{} // CID to objects counted
	for i, t := range plan.Trees {
		id := t.Key.Root.String()
		if n := len(lines); n == 0 || lines[n-1].CID != id {
			name, version, _ := strings.Cut(t.Label, " ")
			lines = append(lines, storeLine{Name: name, Version: version, CID: id, KeptBy: []keeper{}})
			seen[id] = map[string]bool{}
		}
		l := &lines[len(lines)-1]
		l.Parts = append(l.Parts, t.Key.Part)
		for _, r := range t.Reasons {
			if !slices.Contains(l.words, r.String()) {
				l.words = append(l.words, r.String())
				l.KeptBy = append(l.KeptBy, keepers(r)...)
			}
		}
		for _, f := range treeFiles(facts, i, t.Key) {
			if !seen[id][f.Object] {
				seen[id][f.Object] = true
				l.Bytes += f.Size
			}
		}
	}
	slices.SortStableFunc(lines, func(a, b storeLine) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), ref.Version(a.Version).Compare(ref.Version(b.Version)))
	})
	return lines
}

// treeFiles finds a tree's files; plan and facts usually have one order.
func treeFiles(facts gc.Facts, i int, k store.Key) []store.FileInfo {
	same := func(t gc.Tree) bool { return t.Key.Part == k.Part && t.Key.Root.Equals(k.Root) }
	if i < len(facts.Trees) && same(facts.Trees[i]) {
		return facts.Trees[i].Files
	}
	if j := slices.IndexFunc(facts.Trees, same); j >= 0 {
		return facts.Trees[j].Files
	}
	return nil
}

// lastCopy lists the parts of a package that the next gc would delete if its
// root k-CID kept them no more, and whether that is all of them.
func lastCopy(facts gc.Facts, root cid.Cid) (parts []string, all bool) {
	all = true
	facts.Roots = slices.DeleteFunc(slices.Clone(facts.Roots), func(r store.Root) bool {
		return r.Kind == store.KeptRoot && r.CID.Equals(root)
	})
	// Leases and running programs end; they keep nothing.
	facts.Leases, facts.Processes = nil, nil
	for _, t := range gc.MakePlan(facts, gc.Policy{}).Trees {
		switch {
		case !t.Key.Root.Equals(root):
		case t.Goes:
			parts = append(parts, t.Key.Part)
		default:
			all = false
		}
	}
	return parts, all
}
