package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"ipp/profile"
	"ipp/store"
	"ipp/store/dag"
)

type checkCmd struct {
	Repair bool     `help:"Put back what can be had from anywhere."`
	From   []string `sep:"none" placeholder:"REF" help:"Where else to look for what is damaged: a CAR file, a directory, a package in the store; may be repeated."`
	jsonFlag
}

func (checkCmd) doc() doc {
	return doc{
		usage: "check [--repair [--from REF]…]",
		about: `Reads everything that ipp keeps: every object, every package, every generation of
			every profile, what keeps them, and the index. It names each damaged file, and the
			packages and profiles that it hurts (exit 4). What can't be read, because of the disk or
			for lack of a right, is told apart from damage (exit 1). Others may work meanwhile.

			With --repair it puts back what is to be had: from another copy on this disk, from
			--from, or out of what it follows from. Everything is verified before it takes a
			place, and what was put back is checked again. What is lacking it names.`,
		examples: []string{"ipp check", "ipp check --repair", "ipp check --repair --from esbuild.car"},
	}
}

func (k *checkCmd) changes() bool { return k.Repair }

// checkReport is the JSON of check.
type checkReport struct {
	OK          bool         `json:"ok"`          // nothing is damaged, or all of it was repaired
	Objects     int          `json:"objects"`     // that were hashed
	Trees       int          `json:"trees"`       // parts of packages that were looked at
	Generations int          `json:"generations"` // of all profiles
	Bytes       int64        `json:"bytes"`       // of objects
	Faults      []checkFault `json:"faults"`      // what was damaged when check began
	Unread      []checkWord  `json:"unread"`      // what could not be looked at
	Notes       []checkWord  `json:"notes"`       // what is no damage, but worth a word
}

// checkFault is one damaged file.
type checkFault struct {
	File     string         `json:"file"`            // its path, or that of what is missing
	Kind     string         `json:"kind"`            // tree, orphan, format, root, link, index, pointer, log, generation, forest, other
	Why      string         `json:"why"`             // what is wrong with it
	Packages []checkPackage `json:"packages"`        // that it hurts
	Profiles []checkProfile `json:"profiles"`        // that it hurts
	Repaired bool           `json:"repaired"`        // it is right now
	Needs    string         `json:"needs,omitempty"` // what repairing it takes

	trees []store.Key
}

// checkPackage is one part of a package.
type checkPackage struct {
	Name     string `json:"name,omitempty"`
	Version  string `json:"version,omitempty"`
	CID      string `json:"cid"`
	Platform string `json:"platform"` // any: not split
}

// checkProfile is a profile and those of its generations that are hurt.
type checkProfile struct {
	Profile     string `json:"profile"`
	Generations []int  `json:"generations"` // empty: the profile as a whole
}

// checkWord is a file and what there is to say of it.
type checkWord struct {
	File string `json:"file"` // its path
	What string `json:"what"` // in words
}

func (k *checkCmd) run(ctx context.Context, a *app) error {
	if a.flags.Profile != "" {
		return usageError(k, "it looks at the whole store: leave out --profile")
	}
	if len(k.From) > 0 && !k.Repair {
		return usageError(k, "--from says where to repair from: add --repair")
	}
	c, err := a.openCheck(ctx, k)
	if err != nil || c == nil {
		return err
	}
	defer c.close()
	if err := c.look(ctx); err != nil {
		return failed("check", "", err)
	}
	if k.Repair {
		if err := c.repair(ctx); err != nil {
			return failed("check", "", err)
		}
	}
	return c.show(k)
}

// checker is one check: what it looks at, and what it has found.
type checker struct {
	*session
	state   string
	trees   *treeFacts
	link    *checkFault // the store link, if it is damaged
	found   *store.Checked
	prof    map[string]*profile.Checked // by the profile's directory
	hurt    map[string]bool             // trees that are damaged, by name
	report  checkReport
	sources []dag.Blocks
}

// openCheck opens the store as it is; nil where there is none.
func (a *app) openCheck(ctx context.Context, k *checkCmd) (*checker, error) {
	d, err := a.set.dirs()
	if err != nil {
		return nil, err
	}
	c := &checker{session: &session{a: a, verb: "check"}, state: d.state}
	dir, err := c.storeDir(d)
	if err != nil {
		return nil, failed("check", "", err)
	}
	if dir == "" {
		if a.json {
			return nil, a.printJSON(checkReport{OK: true, Faults: []checkFault{}, Unread: []checkWord{}, Notes: []checkWord{}})
		}
		a.println("nothing to check: there is no store yet")
		return nil, nil
	}
	st, err := store.OpenToCheck(dir, store.Options{Wait: a.wait(), Now: a.now})
	if err != nil {
		return nil, failed("check", "", err)
	}
	c.trees = newTreeFacts(st)
	if !k.Repair {
		c.st = st
		return c, nil
	}
	if err := st.RepairDirs(); err != nil {
		return nil, failed("check", "", err)
	}
	if err := errors.Join(c.use(ctx, st), c.writes()); err != nil {
		return nil, err
	}
	for _, text := range k.From {
		if err := c.openFrom(ctx, text); err != nil {
			return nil, errors.Join(err, c.close())
		}
	}
	return c, nil
}

// storeDir finds the store, if need be past a link that is damaged. "": there is
// none.
func (c *checker) storeDir(d dirs) (string, error) {
	link := filepath.Join(d.state, storeLink)
	dir, err := c.a.storeDir(link, d)
	there := func(dir string) bool {
		names, err := os.ReadDir(filepath.Join(dir, "trees"))
		return err == nil && len(names) > 0
	}
	damaged := func(why string) (string, error) {
		c.link = &checkFault{File: link, Kind: "link", Why: why}
		return d.store, nil
	}
	var said *failure
	switch {
	case errors.As(err, &said):
		return "", err
	case errors.Is(err, fs.ErrNotExist) && there(d.store):
		return damaged("missing: nothing that is installed can be found without it")
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil && there(d.store):
		return damaged("it is no link")
	case err != nil:
		return "", err
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if there(d.store) {
			return damaged(fmt.Sprintf("it leads to %s, and there is none; the store is %s", dir, d.store))
		}
		return "", lostStore(link, dir)
	}
	return dir, nil
}
