package cmd

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"ipp/cmd/term"
	"ipp/lock/ref"
	"ipp/lock/trust"
	"ipp/store/durable"
)

// keyCmd holds the commands about a person's own keys.
type keyCmd struct {
	New    keyNewCmd    `cmd:"" help:"Make a key to sign packages with."`
	List   keyListCmd   `cmd:"" help:"List the keys that are here."`
	Show   keyShowCmd   `cmd:"" help:"Show what there is to know of a key."`
	Export keyExportCmd `cmd:"" help:"Print the public key, or take the private one elsewhere."`
	Import keyImportCmd `cmd:"" help:"Take a private key from a file."`
	Rotate keyRotateCmd `cmd:"" help:"Make a new key that takes over from an old one."`
}

const aboutPassphrase = `The private key is kept under a passphrase if one is given: in the file that
	IPP_KEY_PASSPHRASE_FILE names, else on the terminal.`

func (keyCmd) doc() doc {
	return doc{
		usage: "key new|list|show|export|import|rotate",
		about: `Keys say who made a package. ipp pack --sign KEY signs with one of them; whoever
			installs the package is shown the key, and from then on gets this program by no other
			one, unless this key hands over to another (ipp key rotate) or they say so themselves.

			A private key lies in its own file, which nobody else may read.`,
		examples: []string{"ipp key new alice", "ipp pack ./tool --sign alice -o tool.car", "ipp key export alice      # for others to check with"},
	}
}

// run is never reached: the grammar wants one of the commands.
func (k keyCmd) run(context.Context, *app) error {
	return usageError(k, "say what to do with keys")
}

// keyInfo is the JSON of key list, show and import.
type keyInfo struct {
	Name        string   `json:"name"`                  // that --sign takes
	Key         string   `json:"key,omitempty"`         // the verifier key, which is public; absent: a dry run made none
	Fingerprint string   `json:"fingerprint,omitempty"` // of the verifier key, for people to compare
	Sealed      bool     `json:"sealed"`                // the private key is under a passphrase
	File        string   `json:"file"`                  // that holds the private key
	Before      []string `json:"before,omitempty"`      // fingerprints of keys that it took over from, the latest first
}

// keyDone is the JSON of key new, import and rotate.
type keyDone struct {
	keyInfo
	Nothing bool   `json:"nothing"`        // there was nothing to do
	DryRun  bool   `json:"dry_run"`        // nothing was done
	Kept    string `json:"kept,omitempty"` // rotate: the file of the old key
	Undo    string `json:"undo,omitempty"` // the command that takes it back
}

func infoOf(name ref.Name, file string, f *trust.PrivateFile) keyInfo {
	k := keyInfo{Name: string(name), Key: f.Key.String(), Fingerprint: string(f.Key.Fingerprint()), Sealed: f.Sealed(), File: file}
	for _, h := range f.Handovers {
		k.Before = append(k.Before, string(h.From.Fingerprint()))
	}
	return k
}

type keyNewCmd struct {
	Name string `arg:"" name:"NAME" help:"What to call it: your name, or your project's. It is part of the key."`
	dryRunFlag
	jsonFlag
}

func (keyNewCmd) doc() doc {
	return doc{
		usage: "key new NAME [--dry-run]",
		about: "Makes an Ed25519 key to sign packages with. " + aboutPassphrase + `

			Keep a copy elsewhere (ipp key export --private): what was signed with a key that is
			lost can be upgraded only by those who accept another.`,
		examples: []string{"ipp key new alice", "IPP_KEY_PASSPHRASE_FILE=secret.txt ipp key new alice"},
	}
}

func (k *keyNewCmd) run(ctx context.Context, a *app) error {
	ring, name, err := a.keyOf("key new", k.Name)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(ring.file(name)); err == nil {
		return failed("key new", k.Name, ring.taken(name))
	}
	if k.DryRun {
		return a.saidKey(keyDone{keyInfo: keyInfo{Name: string(name), File: ring.file(name)}, DryRun: true}, "")
	}
	passphrase, err := a.newPassphrase(ctx, name)
	if err != nil {
		return failed("key new", k.Name, err)
	}
	p, err := trust.Generate(name)
	if err != nil {
		return failed("key new", k.Name, err)
	}
	data, err := p.Encode(passphrase)
	if err != nil {
		return failed("key new", k.Name, err)
	}
	f, err := trust.ParsePrivate(data)
	if err != nil {
		return failed("key new", k.Name, err)
	}
	return failed("key new", k.Name, a.putKey(ring, name, f, "is made"))
}

// putKey writes a key that is not there yet, and says so.
func (a *app) putKey(ring keyring, name ref.Name, f *trust.PrivateFile, what string) error {
	if err := ring.create(name, f.Encode()); err != nil {
		return err
	}
	out := keyDone{keyInfo: infoOf(name, ring.file(name), f)}
	out.Undo = "rm " + quote(out.File)
	return a.saidKey(out, what)
}

// saidKey says that a key is there now, or would be.
func (a *app) saidKey(out keyDone, what string) error {
	if a.json {
		return a.printJSON(out)
	}
	if out.DryRun {
		a.println("dry run: nothing was written; it would be in ", term.Safe(out.File))
		return nil
	}
	a.println("key ", out.Name, " ", what, ": ", out.Fingerprint)
	if !out.Sealed {
		a.note("%s it is not under a passphrase: whoever gets %s can sign with it", a.term.ErrStyle().Yellow("note:"), term.Safe(out.File))
	}
	a.println("undo: ", term.Safe(out.Undo))
	return nil
}

type keyListCmd struct{ jsonFlag }

func (keyListCmd) doc() doc {
	return doc{
		usage:    "key list",
		about:    "Lists your own keys: those that ipp pack --sign can sign with.",
		examples: []string{"ipp key list", "ipp key list --json"},
	}
}

func (keyListCmd) run(_ context.Context, a *app) error {
	ring, err := a.keyring()
	if err != nil {
		return err
	}
	names, err := ring.names()
	if err != nil {
		return failed("key list", "", err)
	}
	list := []keyInfo{}
	for _, name := range names {
		f, err := ring.read(name)
		if err != nil {
			a.warn("key %s can't be used: %s", name, term.Safe(err.Error()))
			continue
		}
		list = append(list, infoOf(name, ring.file(name), f))
	}
	if a.json {
		return a.printJSON(list)
	}
	if len(names) == 0 {
		a.note("there are no keys yet; to begin: ipp key new NAME")
		return nil
	}
	table := a.term.Table("NAME", "FINGERPRINT", "PASSPHRASE", "TOOK OVER FROM").Whole(0, 1)
	for _, k := range list {
		table.Row(k.Name, k.Fingerprint, yesNo(k.Sealed), strings.Join(k.Before, ", "))
	}
	table.Flush()
	return nil
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

type keyShowCmd struct {
	Name string `arg:"" name:"NAME" help:"One of your keys."`
	jsonFlag
}

func (keyShowCmd) doc() doc {
	return doc{
		usage:    "key show NAME",
		about:    "Shows a key's fingerprint, its public part, where it lies, and which keys it took over from.",
		examples: []string{"ipp key show alice"},
	}
}

func (k *keyShowCmd) run(_ context.Context, a *app) error {
	ring, name, err := a.keyOf("key show", k.Name)
	if err != nil {
		return err
	}
	f, err := ring.read(name)
	if err != nil {
		return failed("key show", k.Name, err)
	}
	info := infoOf(name, ring.file(name), f)
	if a.json {
		return a.printJSON(info)
	}
	a.println(a.term.OutStyle().Bold(info.Name))
	a.entry("fingerprint", info.Fingerprint, 14)
	a.entry("key", info.Key, 14)
	a.entry("passphrase", yesNo(info.Sealed), 14)
	a.entry("file", term.Safe(info.File), 14)
	for _, before := range info.Before {
		a.entry("took over from", before, 14)
	}
	return nil
}

type keyRotateCmd struct {
	Name string `arg:"" name:"NAME" help:"One of your keys."`
	dryRunFlag
	jsonFlag
}

func (keyRotateCmd) doc() doc {
	return doc{
		usage: "key rotate NAME [--dry-run]",
		about: `Makes a new key in the place of an old one. The old key signs that the new one takes
			over, and every package that is signed from now on carries that word: who accepted the
			old key accepts the new one unasked. The old key is kept beside it.

			` + aboutPassphrase + ` A key that has one keeps it.`,
		examples: []string{"ipp key rotate alice"},
	}
}

func (k *keyRotateCmd) run(ctx context.Context, a *app) error {
	ring, name, err := a.keyOf("key rotate", k.Name)
	if err != nil {
		return err
	}
	out, err := k.rotate(ctx, a, ring, name)
	if err != nil {
		return failed("key rotate", k.Name, err)
	}
	if a.json {
		return a.printJSON(out)
	}
	if k.DryRun {
		a.println("dry run: nothing was written; the old key would be kept in ", term.Safe(out.Kept))
		return nil
	}
	a.println("key ", out.Name, " is new: ", out.Fingerprint, " takes over from ", out.Before[0])
	a.println("undo: ", term.Safe(out.Undo))
	return nil
}

func (k *keyRotateCmd) rotate(ctx context.Context, a *app, ring keyring, name ref.Name) (out keyDone, err error) {
	old, err := ring.read(name)
	if err != nil {
		return out, err
	}
	kept := ref.Name(string(name) + "." + strings.Split(old.Key.String(), "+")[1])
	if _, err := trust.ParseName(string(kept)); err != nil {
		return out, err
	}
	private, passphrase, err := a.openKey(ctx, name, old)
	if err != nil {
		return out, err
	}
	if !old.Sealed() && !k.DryRun {
		if passphrase, err = a.newPassphrase(ctx, name); err != nil {
			return out, err
		}
	}
	next, err := private.Rotate()
	if err != nil {
		return out, err
	}
	data, err := next.Encode(passphrase)
	if err != nil {
		return out, err
	}
	f, err := trust.ParsePrivate(data)
	if err != nil {
		return out, err
	}
	out = keyDone{keyInfo: infoOf(name, ring.file(name), f), DryRun: k.DryRun, Kept: ring.file(kept)}
	if k.DryRun {
		out.Key, out.Fingerprint = "", ""
		return out, nil
	}
	out.Undo = "mv " + quote(out.Kept) + " " + quote(out.File)
	// Where an earlier rotation was cut short the old key is there already.
	if was, err := ring.read(kept); err != nil || was.Key.String() != old.Key.String() {
		if err := ring.create(kept, old.Encode()); err != nil {
			return out, err
		}
	}
	return out, durable.WriteFile(filepath.Clean(out.File), data, keyMode)
}
