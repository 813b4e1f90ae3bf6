package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"ipp/lock/ref"
	"ipp/lock/toml"
	"ipp/lock/trust"
	"ipp/store/durable"

	xterm "golang.org/x/term"
)

// keyring is the directory of a person's private keys, one file each.
type keyring struct{ dir string }

// A private key is its owner's alone.
const (
	keyMode    = 0o600
	keyDirMode = 0o700
)

func (a *app) keyring() (keyring, error) {
	data, err := a.set.ownData()
	return keyring{filepath.Join(data, "keys")}, err
}

// keyOf is the keyring, and a name in it as it was typed.
func (a *app) keyOf(verb, typed string) (keyring, ref.Name, error) {
	name, err := trust.ParseName(typed)
	if err != nil {
		return keyring{}, "", failed(verb, typed, err)
	}
	ring, err := a.keyring()
	return ring, name, err
}

func (k keyring) file(name ref.Name) string { return filepath.Join(k.dir, string(name)) }

// names lists what is there; what can't be a key's name is none of ours.
func (k keyring) names() (names []ref.Name, err error) {
	entries, err := os.ReadDir(k.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if name, err := trust.ParseName(e.Name()); err == nil {
			names = append(names, name)
		}
	}
	return names, err
}

// read reads a key.
func (k keyring) read(name ref.Name) (*trust.PrivateFile, error) {
	f, err := readKeyFile(k.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, k.missing(name)
	}
	return f, err
}

func (k keyring) missing(name ref.Name) error {
	f := &failure{err: errors.New("there is no such key"), code: exitNotFound}
	names, err := k.names()
	if err != nil {
		return err
	}
	near := toml.Nearest(string(name), wordsOf(names))
	switch {
	case near != "":
		f.hints = []string{"did you mean " + near + "?"}
	case len(names) > 0:
		f.hints = []string{"your keys: " + join(names)}
	default:
		f.hints = []string{"there are no keys yet; to begin: ipp key new " + string(name)}
	}
	return f
}

func wordsOf(names []ref.Name) []string {
	words := make([]string, len(names))
	for i, n := range names {
		words[i] = string(n)
	}
	return words
}

func (k keyring) taken(name ref.Name) error {
	return &failure{err: fmt.Errorf("there is another key %s already, and it was left as it is", name), code: exitConflict,
		hints: []string{"choose another name", "to put a new key in its place: ipp key rotate " + string(name)}}
}

// create writes a key that must not be there yet.
func (k keyring) create(name ref.Name, data []byte) error {
	if err := durable.MkdirAll(filepath.Dir(k.dir), 0o755); err != nil {
		return err
	}
	if err := durable.MkdirAll(k.dir, keyDirMode); err != nil {
		return err
	}
	err := durable.CreateFile(k.file(name), data, keyMode)
	if errors.Is(err, fs.ErrExist) {
		return k.taken(name)
	}
	return err
}

// readSecret reads a file that is to be its owner's alone, a byte more than most
// of one that is larger; open: its mode lets others at it.
func readSecret(path string, most int64) (data []byte, mode fs.FileMode, open bool, err error) {
	f, err := durable.OpenRegular(path)
	if err != nil {
		return nil, 0, false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, false, err
	}
	mode = info.Mode().Perm()
	data, err = io.ReadAll(io.LimitReader(f, most+1))
	return data, mode, mode&0o077 != 0 && runtime.GOOS != "windows", err
}

// readKeyFile reads a private key that nobody else can read.
func readKeyFile(path string) (*trust.PrivateFile, error) {
	data, mode, open, err := readSecret(path, trust.MaxPrivate)
	if err != nil {
		return nil, err
	}
	if k, err := trust.ParseKey(strings.TrimSuffix(string(data), "\n")); err == nil {
		return nil, &failure{err: fmt.Errorf("it is the public key of %s, and can't sign", k.Name()), code: exitMalformed,
			hints: []string{"a public key checks packages: ipp verify REF --key " + quote(path)}}
	}
	if open {
		return nil, &failure{err: fmt.Errorf("others can read or change %s: its mode is %04o", path, mode), code: exitMalformed,
			hints: []string{"make it yours alone: chmod 600 " + quote(path), "if somebody may have read it, make a new key: ipp key rotate NAME"}}
	}
	return trust.ParsePrivate(data)
}

// signer reads and opens the key that KEY of --sign names: one of the keyring,
// or, with a slash in it, a file.
func (a *app) signer(ctx context.Context, typed string) (*trust.Private, error) {
	var f *trust.PrivateFile
	var err error
	if strings.ContainsRune(filepath.ToSlash(typed), '/') {
		if f, err = readKeyFile(typed); errors.Is(err, fs.ErrNotExist) {
			err = noFile("pack", typed)
		}
	} else if ring, name, bad := a.keyOf("pack", typed); bad != nil {
		err = bad
	} else {
		f, err = ring.read(name)
	}
	if err != nil {
		return nil, err
	}
	p, _, err := a.openKey(ctx, ref.Name(f.Key.Name()), f)
	return p, err
}

// openKey opens a key, and gives the passphrase that it took, if any.
func (a *app) openKey(ctx context.Context, name ref.Name, f *trust.PrivateFile) (*trust.Private, []byte, error) {
	if !f.Sealed() {
		p, err := f.Open(nil)
		return p, nil, err
	}
	passphrase, err := a.passphraseFile()
	if err == nil && passphrase == nil {
		passphrase, err = a.askSecret(ctx, fmt.Sprintf("passphrase of key %s: ", name))
		if errors.Is(err, errNoTerminal) {
			err = &failure{err: fmt.Errorf("key %s is under a passphrase, and there is no terminal to ask for it", name), code: exitMalformed,
				hints: []string{"name the file that holds it: IPP_KEY_PASSPHRASE_FILE=FILE"}}
		}
	}
	if err != nil {
		return nil, nil, err
	}
	p, err := f.Open(passphrase)
	return p, passphrase, err
}

// newPassphrase is what a new key is kept under; nil: nothing.
func (a *app) newPassphrase(ctx context.Context, name ref.Name) ([]byte, error) {
	passphrase, err := a.passphraseFile()
	if err != nil || passphrase != nil {
		return passphrase, err
	}
	first, err := a.askSecret(ctx, fmt.Sprintf("passphrase for key %s (empty: none): ", name))
	if errors.Is(err, errNoTerminal) {
		return nil, nil
	}
	if err != nil || len(first) == 0 {
		return nil, err
	}
	again, err := a.askSecret(ctx, "the same again: ")
	if err == nil && !bytes.Equal(first, again) {
		err = &failure{err: errors.New("the two passphrases differ"), code: exitUsage, hints: []string{"nothing was written: try again"}}
	}
	return first, err
}

// passphraseFile reads the file that IPP_KEY_PASSPHRASE_FILE names, without the
// line end; nil where it names none. It may be a pipe of the shell's.
func (a *app) passphraseFile() ([]byte, error) {
	const most = 4096
	const variable = "IPP_KEY_PASSPHRASE_FILE"
	path := a.set.getenv(variable)
	if path == "" {
		return nil, nil
	}
	wrong := func(err error) error { return &failure{verb: "read", object: variable, err: err, code: exitFailed} }
	f, err := os.Open(path)
	if err != nil {
		return nil, wrong(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, wrong(err)
	}
	data = bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
	switch {
	case len(data) == 0:
		return nil, wrong(fmt.Errorf("%s is empty", path))
	case len(data) > most:
		return nil, wrong(fmt.Errorf("%s has more than %d bytes", path, most))
	}
	return data, nil
}

var errNoTerminal = errors.New("there is no terminal")

// askSecret asks for what is not to be seen. An interrupt ends it, and leaves
// the terminal as it was.
func (a *app) askSecret(ctx context.Context, prompt string) ([]byte, error) {
	in, ok := a.stdin.(*os.File)
	if !ok || !xterm.IsTerminal(int(in.Fd())) || !a.term.ErrIsTerminal() {
		return nil, errNoTerminal
	}
	before, err := xterm.GetState(int(in.Fd()))
	if err != nil {
		return nil, err
	}
	type answer struct {
		secret []byte
		err    error
	}
	answers := make(chan answer, 1)
	fmt.Fprint(a.term.Err(), prompt)
	go func() {
		secret, err := xterm.ReadPassword(int(in.Fd()))
		answers <- answer{secret, err}
	}()
	defer fmt.Fprintln(a.term.Err())
	select {
	case got := <-answers:
		return got.secret, got.err
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), xterm.Restore(int(in.Fd()), before))
	}
}
