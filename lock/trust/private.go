package trust

import (
	"bytes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"ipp/lock/ref"

	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/crypto/scrypt"
	"golang.org/x/mod/sumdb/note"
)

// A key file holds a private key:
//
//	ipp-private-key 1
//	key NAME+HASH+BASE64                   the verifier key
//	before KEY SIGNATURE                   of each key that it took over from
//	secret PRIVATE+KEY+NAME+HASH+BASE64    the signed-note signer key, or
//	sealed scrypt LOGN SALT BOX            the same under a passphrase
//
// SALT are 16 random bytes and BOX is the signer key under ChaCha20-Poly1305, in
// base64. Its key is scrypt(passphrase, SALT, N = 2^LOGN, r = 8, p = 1, 32 bytes),
// its nonce is zero, for that key seals nothing else, and the line "key …" is its
// additional data.
const kindPrivate = "ipp-private-key"

// MaxPrivate bounds a key file, in bytes.
const MaxPrivate = 64 << 10

const (
	saltSize = 16
	// usualCost takes 128 MiB and a third of a second on a machine of 2026.
	usualCost = 17
	mostCost  = 20 // 1 GiB: a key file is not to take all memory there is
)

// PrivateFile is a key file that was read; its secret may be under a passphrase.
type PrivateFile struct {
	Key       Key
	Handovers []Handover
	secret    string // the last line: "secret …" or "sealed …"
}

// Private is a key to sign with.
type Private struct {
	Key       Key
	Handovers []Handover
	signer    note.Signer
	secret    string // signer key
}

// ErrPassphrase says that a passphrase is not the one of a key.
var ErrPassphrase = errors.New("the passphrase is wrong")

// Generate makes a key.
func Generate(name ref.Name) (*Private, error) {
	if _, err := ParseName(string(name)); err != nil {
		return nil, err
	}
	secret, _, err := note.GenerateKey(rand.Reader, string(name))
	if err != nil {
		return nil, fmt.Errorf("make key %s: %w", name, err)
	}
	return newPrivate(secret)
}

// newPrivate takes a signer key.
func newPrivate(secret string) (*Private, error) {
	bad := &FormatError{What: "key", Why: "its secret is damaged"}
	signer, err := note.NewSigner(secret)
	if err != nil {
		return nil, bad
	}
	words := strings.SplitN(secret, "+", 5) // PRIVATE, KEY, name, hash; base64 has a + of its own
	coded := words[len(words)-1]
	seed, err := base64.StdEncoding.DecodeString(coded)
	if err != nil || !canonicalBase64(coded) {
		return nil, bad
	}
	public := ed25519.NewKeyFromSeed(seed[1:]).Public().(ed25519.PublicKey) // NewSigner checked its size
	text, err := note.NewEd25519VerifierKey(signer.Name(), public)
	if err != nil {
		return nil, bad
	}
	key, err := ParseKey(text)
	if err != nil {
		return nil, err
	}
	return &Private{Key: key, signer: signer, secret: secret}, nil
}

// Rotate makes the key that takes over from p: it has p's name.
func (p *Private) Rotate() (*Private, error) {
	if len(p.Handovers) >= mostBefore {
		return nil, fmt.Errorf("rotate key %s: it took over %d times already", p.Key.Name(), mostBefore)
	}
	next, err := Generate(ref.Name(p.Key.Name()))
	if err != nil {
		return nil, err
	}
	h, err := p.handOver(next.Key)
	if err != nil {
		return nil, err
	}
	next.Handovers = append([]Handover{h}, p.Handovers...)
	return next, nil
}

// Encode writes the key file, under a passphrase where there is one.
func (p *Private) Encode(passphrase []byte) ([]byte, error) { return p.encode(passphrase, usualCost) }

func (p *Private) encode(passphrase []byte, cost int) ([]byte, error) {
	f := PrivateFile{Key: p.Key, Handovers: p.Handovers, secret: "secret " + p.secret}
	if len(passphrase) > 0 {
		salt := make([]byte, saltSize)
		if _, err := rand.Read(salt); err != nil {
			return nil, fmt.Errorf("seal key %s: %w", p.Key.Name(), err)
		}
		box, err := sealer(passphrase, salt, cost)
		if err != nil {
			return nil, fmt.Errorf("seal key %s: %w", p.Key.Name(), err)
		}
		sealed := box.Seal(nil, make([]byte, box.NonceSize()), []byte(p.secret), f.bound())
		f.secret = fmt.Sprintf("sealed scrypt %d %s %s", cost, base64.StdEncoding.EncodeToString(salt), base64.StdEncoding.EncodeToString(sealed))
	}
	return f.Encode(), nil
}

func sealer(passphrase, salt []byte, cost int) (cipher.AEAD, error) {
	key, err := scrypt.Key(passphrase, salt, 1<<cost, 8, 1, chacha20poly1305.KeySize)
	if err != nil {
		return nil, err
	}
	return chacha20poly1305.New(key)
}

// bound is what a sealed secret belongs to.
func (f *PrivateFile) bound() []byte { return []byte("key " + f.Key.String()) }

// Encode writes the key file as it was read.
func (f *PrivateFile) Encode() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %d\nkey %s\n", kindPrivate, version, f.Key)
	for _, h := range f.Handovers {
		fmt.Fprintf(&b, "before %s\n", h)
	}
	fmt.Fprintf(&b, "%s\n", f.secret)
	return b.Bytes()
}

// Sealed says whether the secret is under a passphrase.
func (f *PrivateFile) Sealed() bool { return strings.HasPrefix(f.secret, "sealed ") }

// ParsePrivate reads a key file.
func ParsePrivate(data []byte) (*PrivateFile, error) {
	if len(data) > MaxPrivate {
		return nil, &FormatError{What: "key", Why: fmt.Sprintf("the file is larger than %d bytes", MaxPrivate)}
	}
	l := readLines("key", kindPrivate, string(data))
	f := &PrivateFile{}
	f.Key = parsed(l, "key", ParseKey)
	if l.err == nil {
		f.Handovers = l.handovers(f.Key)
	}
	if l.next("sealed") {
		f.secret = "sealed " + l.value("sealed")
		if _, err := parseSealed(f.secret); l.err == nil && err != nil {
			l.fail("%v", err)
		}
	} else {
		f.secret = "secret " + l.value("secret")
	}
	if err := l.end(); err != nil {
		return nil, err
	}
	if f.Sealed() {
		return f, nil
	}
	_, err := f.Open(nil) // a secret that is not the key's is no secret
	return f, err
}

// sealedSecret is a secret under a passphrase.
type sealedSecret struct {
	cost      int
	salt, box []byte
}

func parseSealed(line string) (s sealedSecret, err error) {
	bad := errors.New("want sealed scrypt LOGN SALT BOX")
	words := strings.Split(line, " ")
	if len(words) != 5 || words[1] != "scrypt" || !canonicalBase64(words[3]) || !canonicalBase64(words[4]) {
		return s, bad
	}
	cost, err := number(words[2], mostCost)
	if err != nil || cost == 0 {
		return s, bad
	}
	s.cost = int(cost)
	s.salt, _ = base64.StdEncoding.DecodeString(words[3])
	s.box, _ = base64.StdEncoding.DecodeString(words[4])
	if len(s.salt) != saltSize {
		return s, bad
	}
	return s, nil
}

// Open gives the key to sign with; passphrase is only looked at if Sealed.
func (f *PrivateFile) Open(passphrase []byte) (*Private, error) {
	secret := strings.TrimPrefix(f.secret, "secret ")
	if f.Sealed() {
		s, err := parseSealed(f.secret)
		if err != nil {
			return nil, err
		}
		box, err := sealer(passphrase, s.salt, s.cost)
		if err != nil {
			return nil, err
		}
		plain, err := box.Open(nil, make([]byte, box.NonceSize()), s.box, f.bound())
		if err != nil {
			return nil, ErrPassphrase
		}
		secret = string(plain)
	}
	p, err := newPrivate(secret)
	if err != nil {
		return nil, err
	}
	if p.Key.String() != f.Key.String() {
		return nil, &FormatError{What: "key", Why: "its secret is that of another key"}
	}
	p.Handovers = f.Handovers
	return p, nil
}
