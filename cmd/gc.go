package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"ipp/gc"
	"ipp/lock/ref"
	"ipp/profile"
	"ipp/store"
	"ipp/store/pack"
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
	a.pinsDue = true
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
			return p, usageError(g, "--keep: want a whole number from 1")
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
	return a.collectorOf(st), nil
}

func (a *app) collectorOf(st *store.Store) *gc.Collector {
	c := &gc.Collector{Store: st, Profile: a.profileIn, Now: a.now, Label: func(k store.Key) string { return treeLabel(st, k) }}
	if runtime.GOOS == "linux" { // elsewhere nobody says which programs run
		c.Proc = "/proc"
	}
	return c
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
