package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"ipp/cmd/term"
	"ipp/store/durable"
)

type keyExportCmd struct {
	Name    string `arg:"" name:"NAME" help:"One of your keys."`
	Output  string `short:"o" placeholder:"FILE" help:"Write it to a new file instead of standard output."`
	Private bool   `help:"The private key, as it lies here: to move it, or to keep a copy."`
	dryRunFlag
	jsonFlag
}

func (keyExportCmd) doc() doc {
	return doc{
		usage: "key export NAME [--private] [-o FILE] [--dry-run]",
		about: `Prints a public key, one line that others check packages with: ipp verify REF --key FILE.
			With --private it is the private key, under its passphrase if it has one; who has that
			file, and the passphrase, signs in your name.`,
		examples: []string{"ipp key export alice", "ipp key export alice --private -o /media/stick/alice.key"},
	}
}

// keyExported is the JSON of key export.
type keyExported struct {
	Name        string `json:"name"`
	Key         string `json:"key"`              // the verifier key
	Fingerprint string `json:"fingerprint"`      // of the verifier key
	Private     bool   `json:"private"`          // the file holds the private key
	Output      string `json:"output,omitempty"` // the file that was written
	DryRun      bool   `json:"dry_run"`
}

func (k *keyExportCmd) run(_ context.Context, a *app) error {
	ring, name, err := a.keyOf("key export", k.Name)
	if err != nil {
		return err
	}
	f, err := ring.read(name)
	if err != nil {
		return failed("key export", k.Name, err)
	}
	if k.Private && a.json && k.Output == "" {
		return usageError(k, "--private prints the key's file, not JSON: say -o FILE, or leave out --json")
	}
	data, mode := []byte(f.Key.String()+"\n"), fs.FileMode(0o644)
	if k.Private {
		data, mode = f.Encode(), 0o600
	}
	if k.Output != "" && !k.DryRun {
		if err := createNew(k.Output, data, mode); err != nil {
			return failed("key export", k.Name, err)
		}
	}
	switch {
	case a.json:
		return a.printJSON(keyExported{string(name), f.Key.String(), string(f.Key.Fingerprint()), k.Private, k.Output, k.DryRun})
	case k.DryRun:
		a.println("key ", string(name), " can be exported; dry run: nothing was written")
	case k.Output != "":
		a.println("wrote ", term.Safe(k.Output))
	default:
		a.printf("%s", data)
	}
	return nil
}

// createNew writes a file that must not be there yet.
func createNew(path string, data []byte, mode fs.FileMode) error {
	err := durable.CreateFile(path, data, mode)
	if errors.Is(err, fs.ErrExist) {
		return &failure{err: fmt.Errorf("%s is there already and was left as it is", path), code: exitConflict, hints: []string{"name another file"}}
	}
	return err
}

type keyImportCmd struct {
	File string `arg:"" name:"FILE" help:"As ipp key export --private wrote it."`
	As   string `placeholder:"NAME" help:"Call it otherwise here; the name in the key stays."`
	dryRunFlag
	jsonFlag
}

func (keyImportCmd) doc() doc {
	return doc{
		usage:    "key import FILE [--as NAME] [--dry-run]",
		about:    "Takes a private key that ipp key export --private wrote. A passphrase stays what it was.",
		examples: []string{"ipp key import /media/stick/alice.key"},
	}
}

func (k *keyImportCmd) run(_ context.Context, a *app) error {
	f, err := readKeyFile(k.File)
	if errors.Is(err, fs.ErrNotExist) {
		return noFile("key import", k.File)
	}
	if err != nil {
		return failed("key import", k.File, err)
	}
	if k.As == "" {
		k.As = f.Key.Name()
	}
	ring, name, err := a.keyOf("key import", k.As)
	if err != nil {
		return err
	}
	if old, err := ring.read(name); err == nil && slices.Equal(old.Encode(), f.Encode()) {
		if a.json {
			return a.printJSON(keyDone{keyInfo: infoOf(name, ring.file(name), f), Nothing: true, DryRun: k.DryRun})
		}
		a.println("nothing to do: key ", string(name), " is here")
		return nil
	}
	if _, err := os.Lstat(ring.file(name)); err == nil {
		return failed("key import", k.File, ring.taken(name))
	}
	if k.DryRun {
		return a.saidKey(keyDone{keyInfo: infoOf(name, ring.file(name), f), DryRun: true}, "")
	}
	return failed("key import", k.File, a.putKey(ring, name, f, "is here"))
}
