package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ipp/cmd/term"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/store"

	"github.com/ipfs/go-cid"
)

type forgetCmd struct {
	Ref         string `arg:"" optional:"" name:"REF" help:"A packed or imported package: path, CID or name."`
	ProfileRoot string `placeholder:"PATH" help:"Forget a profile's directory that is gone for good."`
	dryRunFlag
	yesFlag
	jsonFlag
}

func (forgetCmd) doc() doc {
	return doc{
		usage: "forget REF | --profile-root PATH [--yes]",
		about: `Stops keeping a package that was packed or imported: it stays in the store only while
			a generation needs it. Where nothing else keeps it, ipp asks first, because the next
			ipp gc deletes this copy.

			With --profile-root it forgets a profile whose directory was deleted or lost, which
			otherwise stops every ipp gc.`,
		examples: []string{"ipp forget esbuild@0.24.2", "ipp forget esbuild --yes", "ipp list --store      # what is kept, and why"},
	}
}

// forgotten is the JSON of forget.
type forgotten struct {
	CID         string   `json:"cid,omitempty"`
	ProfileRoot string   `json:"profile_root,omitempty"` // the profile directory that was forgotten
	LastCopy    []string `json:"last_copy"`              // platforms that nothing else keeps
	DryRun      bool     `json:"dry_run"`

	all bool // nothing else keeps any of it
}

func (f *forgetCmd) run(ctx context.Context, a *app) error {
	switch {
	case (f.Ref == "") == (f.ProfileRoot == ""):
		return usageError(f, "say a REF, or --profile-root PATH")
	case f.ProfileRoot != "":
		return f.profile(a)
	}
	r, err := ref.Parse(f.Ref)
	if err != nil {
		return failed("forget", f.Ref, err)
	}
	c, err := a.beginChange(ctx, "forget", "", f.DryRun)
	if err != nil {
		return err
	}
	defer c.close()
	root, name, err := f.find(ctx, c, r)
	if err != nil {
		return failed("forget", f.Ref, err)
	}
	return f.forget(a, c, root, name)
}

// find looks among the kept packages, so that a name means the one that is kept
// and not the one that is installed.
func (f *forgetCmd) find(ctx context.Context, c *change, r ref.Ref) (cid.Cid, string, error) {
	o, err := c.open(ctx, r, nil, "")
	if missing := (*lock.NotFoundError)(nil); errors.As(err, &missing) {
		return cid.Undef, "", &failure{err: missing, code: exitNotFound, hints: []string{"ipp list --store shows what keeps each package"}}
	}
	if err != nil {
		return cid.Undef, "", err
	}
	return o.pkg.Root, label(o.pkg), nil
}

func (f *forgetCmd) forget(a *app, c *change, root cid.Cid, name string) error {
	if c.st == nil {
		return &failure{verb: "forget", object: f.Ref, err: errors.New("there is no store yet"), code: exitNotFound}
	}
	col, err := a.collector()
	if err != nil {
		return failed("forget", f.Ref, err)
	}
	facts, err := col.Facts()
	if err != nil {
		return failed("forget", f.Ref, err)
	}
	kept := slices.ContainsFunc(facts.Roots, func(r store.Root) bool { return r.Kind == store.KeptRoot && r.CID.Equals(root) })
	if !kept {
		return &failure{verb: "forget", object: f.Ref, code: exitNotFound, err: fmt.Errorf("%s (%s) is not kept as a packed or imported package", name, shortCID(root)),
			hints: []string{"ipp list --store shows what keeps each package", "what is installed goes with: " + a.own("remove NAME")}}
	}
	out := forgotten{CID: root.String(), LastCopy: []string{}, DryRun: f.DryRun}
	parts, all := lastCopy(facts, root)
	out.LastCopy, out.all = append(out.LastCopy, parts...), all
	if len(parts) > 0 && !f.DryRun {
		if err := a.ask(f.Yes, fmt.Sprintf("nothing else keeps %s: the next ipp gc deletes this copy. Forget it?", out.what(name))); err != nil {
			return failed("forget", f.Ref, err)
		}
	}
	if !f.DryRun {
		if _, err := c.st.DropRoot(store.Root{Kind: store.KeptRoot, CID: root}); err != nil {
			return failed("forget", f.Ref, err)
		}
	}
	if a.json {
		return a.printJSON(out)
	}
	f.say(a, c, out, name)
	return nil
}

// what is the package, or those parts of it that would be lost.
func (out forgotten) what(name string) string {
	if out.all {
		return name
	}
	return strings.Join(out.LastCopy, ", ") + " of " + name
}

func (f *forgetCmd) say(a *app, c *change, out forgotten, name string) {
	what := "a generation still needs it"
	if len(out.LastCopy) > 0 {
		what = "nothing keeps " + out.what("it") + " any more: the next ipp gc deletes that"
	}
	if f.DryRun {
		a.printf("%s would be forgotten; %s\ndry run: nothing was changed\n", name, what)
		return
	}
	a.printf("%s is forgotten; %s\n", name, what)
	a.printf("undo: ipp export %s -o FILE.car && ipp import FILE.car\n", out.CID[:min(16, len(out.CID))])
}

// profile forgets a profile's directory.
func (f *forgetCmd) profile(a *app) error {
	path, err := filepath.Abs(f.ProfileRoot)
	if err != nil {
		return failed("forget", f.ProfileRoot, err)
	}
	st, err := a.openStore(false)
	if err != nil {
		return err
	}
	var roots []store.Root
	if st != nil {
		if roots, err = st.Roots(); err != nil {
			return failed("forget", f.ProfileRoot, err)
		}
	}
	var known []string
	for _, r := range roots {
		if r.Kind == store.ProfileRoot {
			known = append(known, term.Safe(r.Path))
		}
	}
	if !slices.Contains(known, path) {
		return &failure{verb: "forget", object: "--profile-root " + f.ProfileRoot, code: exitNotFound,
			err: errors.New("the store does not know this profile's directory"), hints: []string{"it knows " + join(known)}}
	}
	if err := f.mayForget(a, path); err != nil {
		return err
	}
	if !f.DryRun {
		if _, err := st.DropRoot(store.Root{Kind: store.ProfileRoot, Path: path}); err != nil {
			return failed("forget", f.ProfileRoot, err)
		}
	}
	if a.json {
		return a.printJSON(forgotten{ProfileRoot: path, DryRun: f.DryRun})
	}
	if f.DryRun {
		a.println(term.Safe(path) + " would be forgotten; dry run: nothing was changed")
		return nil
	}
	a.println(term.Safe(path) + " is forgotten; what only its generations needed goes with the next ipp gc")
	return nil
}

// mayForget asks before the packages of a profile that is still there lose
// their protection.
func (f *forgetCmd) mayForget(a *app, path string) error {
	if _, err := os.Stat(path); err != nil || f.DryRun {
		return nil
	}
	return failed("forget", "--profile-root "+f.ProfileRoot,
		a.ask(f.Yes, "that profile is still there: the next ipp gc may delete what its generations need. Forget it?"))
}
