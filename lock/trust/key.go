package trust

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"

	"ipp/lock/ref"

	"golang.org/x/mod/sumdb/note"
)

// Key is a verifier key: who a signature is by. Its name is part of it.
type Key struct {
	text     string
	verifier note.Verifier
}

// ParseKey parses a signed-note verifier key, NAME+HASH+BASE64, in its one
// spelling.
func ParseKey(text string) (Key, error) {
	v, err := note.NewVerifier(text)
	if err != nil {
		return Key{}, &FormatError{What: "key", Why: fmt.Sprintf("%.200q is no key as ipp key export writes it", text)}
	}
	if _, err := ParseName(v.Name()); err != nil {
		return Key{}, err
	}
	k := Key{text, v}
	// Base64 has more than one spelling of some bytes, and a hash of its digits.
	name, rest, _ := strings.Cut(text, "+")
	hash, coded, _ := strings.Cut(rest, "+")
	if want := fmt.Sprintf("%08x", v.KeyHash()); name != v.Name() || hash != want || !canonicalBase64(coded) {
		return Key{}, &FormatError{What: "key", Why: fmt.Sprintf("%.200q is not as ipp key export writes it", text)}
	}
	return k, nil
}

func (k Key) String() string { return k.text }

// Name is the name in the key: what its owner called it.
func (k Key) Name() string { return k.verifier.Name() }

// Fingerprint is short enough to be compared and typed.
func (k Key) Fingerprint() Fingerprint { return fingerprint(k.text) }

// ParseName parses the name of a key: a package's name without "+", which
// separates the parts of a key.
func ParseName(text string) (ref.Name, error) {
	n, err := ref.ParseName(text)
	if err == nil && strings.Contains(text, "+") {
		err = &ref.SyntaxError{What: "name of a key", Text: text, Why: "'+' is not allowed", Allowed: "a package's name without +"}
	}
	return n, err
}

// Fingerprint is the beginning of a key's SHA-256, 100 bits of it: far too many
// to find another key for.
type Fingerprint string

const (
	fingerprintChars = 20
	fingerprintGroup = 5
)

func base32Lower() *base32.Encoding {
	return base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
}

func fingerprint(key string) Fingerprint {
	sum := sha256.Sum256([]byte(key))
	return grouped(base32Lower().EncodeToString(sum[:])[:fingerprintChars])
}

// grouped writes a hyphen after each five characters.
func grouped(chars string) Fingerprint {
	var groups []string
	for ; chars != ""; chars = chars[fingerprintGroup:] {
		groups = append(groups, chars[:fingerprintGroup])
	}
	return Fingerprint(strings.Join(groups, "-"))
}

// ErrFingerprint says that a word is no fingerprint.
var ErrFingerprint = errors.New("it is no fingerprint: a fingerprint has 20 letters and digits, in fives")

// ParseFingerprint reads a fingerprint as people type it: the case of letters
// and the hyphens do not matter.
func ParseFingerprint(text string) (Fingerprint, error) {
	chars := strings.ToLower(strings.ReplaceAll(text, "-", ""))
	if _, err := base32Lower().DecodeString(chars + strings.Repeat("a", 4)); err != nil || len(chars) != fingerprintChars {
		return "", ErrFingerprint
	}
	return grouped(chars), nil
}
