package cmd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"ipp/cmd/term"
	"ipp/lock/trust"
	"ipp/store/durable"
)

// author is who signed a package.
type author struct {
	Name        string   `json:"name"`
	Fingerprint string   `json:"fingerprint"`      // of the key, for people to compare
	Key         string   `json:"key"`              // the verifier key
	Before      []string `json:"before,omitempty"` // fingerprints of keys that it took over from, the latest first
}

// authorOf is who made a signature; nil for none.
func authorOf(s *trust.Signature) *author {
	if s == nil {
		return nil
	}
	a := &author{Name: s.Key.Name(), Fingerprint: string(s.Key.Fingerprint()), Key: s.Key.String()}
	for _, h := range s.Handovers {
		a.Before = append(a.Before, string(h.From.Fingerprint()))
	}
	return a
}

func (a *author) String() string {
	if a == nil {
		return "not signed"
	}
	return fmt.Sprintf("signed by %s (%s)", a.Name, a.Fingerprint)
}

// wantedKey is the key that somebody expects a package to be signed with.
type wantedKey struct {
	fingerprint trust.Fingerprint
	key         trust.Key // where it is known in whole
}

// parseWanted reads KEY of --key: a fingerprint, a verifier key, or a file that
// holds one.
func parseWanted(typed string) (*wantedKey, error) {
	if f, err := trust.ParseFingerprint(typed); err == nil {
		return &wantedKey{fingerprint: f}, nil
	}
	if k, err := trust.ParseKey(typed); err == nil {
		return &wantedKey{k.Fingerprint(), k}, nil
	}
	f, err := durable.OpenRegular(typed)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &failure{err: errors.New("it is neither a fingerprint, nor a public key, nor a file"), code: exitUsage,
			hints: []string{"allowed: a fingerprint (20 letters and digits, in fives), a key as ipp key export prints it, or a file that holds one"}}
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, trust.MaxPrivate))
	if err != nil {
		return nil, err
	}
	k, err := trust.ParseKey(strings.TrimSpace(string(data)))
	if err != nil {
		return nil, &failure{err: errors.New("the file holds no public key"), code: exitMalformed, hints: []string{"ipp key export NAME prints one"}}
	}
	return &wantedKey{k.Fingerprint(), k}, nil
}

func (w *wantedKey) String() string {
	if w.key == (trust.Key{}) {
		return string(w.fingerprint)
	}
	return fmt.Sprintf("%s (%s)", w.key.Name(), w.fingerprint)
}

// check says whether a signature is by the key, or by one that took over from it.
func (w *wantedKey) check(s *trust.Signature) error {
	if s == nil {
		return &failure{err: fmt.Errorf("wanted is a signature by %s, and it is not signed", w), code: exitMalformed}
	}
	keys := []trust.Key{s.Key}
	for _, h := range s.Handovers {
		keys = append(keys, h.From)
	}
	for _, k := range keys {
		if k.Fingerprint() == w.fingerprint {
			return nil
		}
	}
	return &failure{err: fmt.Errorf("wanted is a signature by %s, and it is %s", w, authorOf(s)), code: exitMalformed,
		hints: []string{"its author may have another key now: ask them; what they say, check with --key " + term.Safe(string(s.Key.Fingerprint()))}}
}
