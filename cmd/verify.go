package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"ipp/cmd/term"
	"ipp/lock/ref"
	"ipp/store"
	"ipp/store/pack"
)

type verifyCmd struct {
	Ref string `arg:"" name:"REF" help:"A directory with PackManifest, a CAR file, a CID or a name."`
	Key string `placeholder:"KEY" help:"Who should have signed it: a fingerprint, a public key, or a file that holds one."`
	fetchFlags
	jsonFlag
}

func (verifyCmd) doc() doc {
	return doc{
		usage: "verify REF [--key KEY]",
		about: `Computes every CID of a package anew and compares it with PackManifest: missing,
			changed and extra files all fail (exit 4). Of a package in the store the files on the
			disk are checked too.

			It says who signed the package. With --key it fails (exit 4) unless that was this key,
			or one that this key handed over to; a package and a key are all that it needs.`,
		examples: []string{"ipp verify esbuild", "ipp verify ./esbuild.car --key alice.pub", "ipp verify ./dir --key tqwi2-mdwmx-4ckbb-l4sid"},
	}
}

// verified is the JSON of verify.
type verified struct {
	Name      string    `json:"name,omitempty"`
	Version   string    `json:"version,omitempty"`
	CID       string    `json:"cid"`
	Platforms []string  `json:"platforms"` // that were checked
	OK        bool      `json:"ok"`        // there are no faults
	Faults    []faulted `json:"faults"`
	Author    *author   `json:"author,omitempty"` // who signed it; absent: nobody
}

// faulted is one path that is not as it should be.
type faulted struct {
	Path string `json:"path"`
	Why  string `json:"why"` // what is wrong with it
}

func (v *verifyCmd) run(ctx context.Context, a *app) error {
	r, err := ref.Parse(v.Ref)
	if err != nil {
		return failed("verify", v.Ref, err)
	}
	var wanted *wantedKey
	if v.Key != "" {
		if wanted, err = parseWanted(v.Key); err != nil {
			return failed("verify", "--key "+v.Key, err)
		}
	}
	if fi, err := os.Stat(r.Path); r.Kind == ref.Path && err == nil && fi.IsDir() {
		return v.directory(ctx, a, r.Path, wanted)
	}
	c, err := a.beginChange(ctx, "verify", "", true)
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.fetchWith(v.fetchFlags); err != nil {
		return err
	}
	o, err := c.open(ctx, r, c.old.Lock, "")
	if err != nil {
		return err
	}
	if wanted != nil {
		if err := wanted.check(o.pkg.Signature); err != nil {
			return failed("verify", v.Ref, err)
		}
	}
	out := verified{CID: o.pkg.Root.String(), Platforms: []string{}, Faults: []faulted{}, Author: authorOf(o.pkg.Signature)}
	if err := c.verify(ctx, o, &out); err != nil {
		return failed("verify", v.Ref, err)
	}
	heal := "installing it again from its CAR file heals what the store has of it"
	if !o.stored {
		heal = madeWrongly
	}
	return v.show(a, o.pkg, out, heal)
}

// directory checks a directory on disk; it must say what it should be.
func (v *verifyCmd) directory(ctx context.Context, a *app, dir string, wanted *wantedKey) error {
	if _, err := os.Stat(filepath.Join(dir, pack.ManifestName)); err != nil {
		return &failure{verb: "verify", object: dir, err: errors.New("it has no PackManifest to compare it with"), code: exitNotFound,
			hints: []string{"ipp pack --dry-run " + quote(dir) + " prints the CID that it has"}}
	}
	total, err := pack.InputBytes(pack.Input{Path: dir})
	if err != nil {
		total = 0
	}
	report, done := a.meter("verifying", total)
	defer done()
	p, faults, err := pack.VerifyDir(ctx, dir, report)
	done()
	if err != nil {
		return failed("verify", dir, err)
	}
	out := verified{CID: p.Root.String(), Platforms: []string{}, Faults: []faulted{}, Author: authorOf(p.Signature)}
	if wanted != nil && len(faults) == 0 { // else the signature may be one of them
		if err := wanted.check(p.Signature); err != nil {
			return failed("verify", dir, err)
		}
	}
	for _, f := range faults {
		out.Faults = append(out.Faults, faulted(f))
	}
	return v.show(a, p, out, "get it again from where it came from; if it is your own: ipp pack makes a new PackManifest")
}

// verify checks the package against its manifest, and what lies in the store
// against what was put there.
func (c *change) verify(ctx context.Context, o *opened, out *verified) error {
	has, lacks, err := platformsIn(ctx, o.src, o.pkg)
	if err != nil {
		return err
	}
	if len(has) == 0 && len(lacks) > 0 {
		return &failure{err: errors.New("none of its platforms is here"), code: exitNotFound}
	}
	report, done := c.a.meter("verifying", int64(o.pkg.DagSize))
	defer done()
	for _, p := range has {
		out.Platforms = append(out.Platforms, string(p))
	}
	if o.stored {
		damaged, err := c.verifyTrees(ctx, o, out, report)
		if err != nil || damaged { // blocks rebuilt from damaged files say nothing more
			return err
		}
	}
	faults, err := pack.Verify(ctx, o.src, o.pkg, has, report)
	for _, f := range faults {
		out.Faults = append(out.Faults, faulted(f))
	}
	return err
}

func (c *change) verifyTrees(ctx context.Context, o *opened, out *verified, report func(int64)) (bool, error) {
	parts, err := c.st.Parts(o.pkg.Root)
	if err != nil {
		return false, err
	}
	for _, part := range parts {
		faults, err := c.st.Verify(ctx, store.Key{Root: o.pkg.Root, Part: part}, report)
		if err != nil {
			return false, err
		}
		for _, f := range faults {
			out.Faults = append(out.Faults, faulted{f.Path, f.Why + " (in the store, " + f.Key.Part + ")"})
		}
	}
	return len(out.Faults) > 0, nil
}

func (v *verifyCmd) show(a *app, p *pack.Package, out verified, heal string) error {
	out.OK = len(out.Faults) == 0
	if p.Meta != nil {
		out.Name, out.Version = string(p.Meta.Name), string(p.Meta.Version)
	}
	if a.json {
		if err := a.printJSON(out); err != nil {
			return err
		}
	} else {
		for _, f := range out.Faults {
			a.printf("%s: %s\n", term.Safe(f.Path), term.Safe(f.Why))
		}
		if out.OK {
			a.printf("%s is whole: every file is what its CID says\n", label(p))
			a.println(out.Author.String())
			if !p.Manifest.Defined() {
				a.note("%s it has no PackManifest, so only its CIDs were checked", a.term.ErrStyle().Yellow("note:"))
			}
		}
	}
	if out.OK {
		return nil
	}
	return &failure{verb: "verify", object: v.Ref, code: exitMalformed, err: fmt.Errorf("%s", plural(len(out.Faults), "fault")),
		hints: []string{heal}}
}
