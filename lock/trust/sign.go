package trust

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ipp/lock/ref"

	"github.com/ipfs/go-cid"
	"golang.org/x/mod/sumdb/note"
)

// The words of a statement.
const (
	kindPackage  = "ipp-package"
	kindHandover = "ipp-key-handover"
)

// The most that a size may say: far beyond what anybody reads, and far from
// where sums overflow.
const (
	mostBytes  = 1 << 50
	mostFiles  = 1 << 30
	mostDepth  = 1 << 10
	mostParts  = 1 << 8
	mostBefore = 1 << 5 // keys before a key
)

// text is what is signed.
func (s *Signature) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d\nname %s\nversion %s\nmanifest %s\n", kindPackage, version, s.Name, s.Version, s.Manifest)
	for _, p := range s.order() {
		fmt.Fprintf(&b, "part %s %s\n", p, s.Parts[p])
	}
	fmt.Fprintf(&b, "total %s\nkey %s\n", s.Total(), s.Key)
	for _, h := range s.Handovers {
		fmt.Fprintf(&b, "before %s\n", h)
	}
	return b.String()
}

// Sign makes the file that holds a package's signature.
func (p *Private) Sign(s Statement) ([]byte, error) {
	sig := Signature{Statement: s, Key: p.Key, Handovers: p.Handovers}
	data, err := note.Sign(&note.Note{Text: sig.text()}, p.signer)
	if err != nil {
		return nil, fmt.Errorf("sign %s %s: %w", s.Name, s.Version, err)
	}
	if _, err := Open(data); err != nil { // what nobody could read is not handed out
		return nil, fmt.Errorf("sign %s %s: %w", s.Name, s.Version, err)
	}
	return data, nil
}

// ForgedError says that a text is signed by another key than it says, or was
// changed after it was signed.
type ForgedError struct {
	What string // "signature", "handover"
	Key  Key    // that should have signed it
}

func (e *ForgedError) Error() string {
	return fmt.Sprintf("check %s: it is not by the key that it names, %s (%s), or was changed since", e.What, e.Key.Name(), e.Key.Fingerprint())
}

// Open parses and verifies a signature.
func Open(data []byte) (*Signature, error) {
	if len(data) > MaxSignature {
		return nil, &FormatError{What: "signature", Why: fmt.Sprintf("it is larger than %d bytes", MaxSignature)}
	}
	text, _, ok := strings.Cut(string(data), "\n\n")
	if !ok {
		return nil, &FormatError{What: "signature", Why: "it is no signed note"}
	}
	text += "\n"
	s, err := parse(text)
	if err != nil {
		return nil, err
	}
	if err := verify("signature", data, text, s.Key); err != nil {
		return nil, err
	}
	return s, nil
}

// verify checks a signed note with one signature, which must be key's.
func verify(what string, data []byte, text string, key Key) error {
	n, err := note.Open(data, note.VerifierList(key.verifier))
	var unsigned *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case errors.As(err, &invalid), errors.As(err, &unsigned):
		return &ForgedError{what, key}
	case err != nil:
		return &FormatError{What: what, Why: "it is no signed note"}
	}
	if len(n.Sigs) != 1 || !canonicalBase64(n.Sigs[0].Base64) || len(n.UnverifiedSigs) != 0 || n.Text != text || string(data) != signed(text, n.Sigs[0].Name, n.Sigs[0].Base64) {
		return &FormatError{What: what, Why: "there is more in it than one signature"}
	}
	return nil
}

// signed is a note as it is spelled.
func signed(text, name, sig string) string { return text + "\n— " + name + " " + sig + "\n" }

func parse(text string) (*Signature, error) {
	l := readLines("signature", kindPackage, text)
	s := &Signature{}
	s.Name = parsed(l, "name", ref.ParseName)
	s.Version = parsed(l, "version", ref.ParseVersion)
	s.Manifest = parsed(l, "manifest", parseCID)
	s.Parts = map[ref.Platform]Size{}
	for l.next("part") && len(s.Parts) < mostParts {
		p := parsed(l, "part", parsePart)
		if _, twice := s.Parts[p.platform]; twice {
			l.fail("part %s is here twice", p.platform)
		}
		s.Parts[p.platform] = p.size
	}
	if _, ok := s.Parts[AnyPart]; !ok {
		l.fail("part %s is missing", AnyPart)
	}
	if total := parsed(l, "total", parseSize); l.err == nil && total != s.Total() {
		l.fail("the parts make %s", s.Total())
	}
	s.Key = parsed(l, "key", ParseKey)
	s.Handovers = l.handovers(s.Key)
	if err := l.end(); err != nil {
		return nil, err
	}
	if s.text() != text {
		return nil, &FormatError{What: "signature", Why: "its lines are not in order"}
	}
	return s, nil
}

// part is one line of a statement.
type part struct {
	platform ref.Platform
	size     Size
}

func parsePart(text string) (p part, err error) {
	word, rest, _ := strings.Cut(text, " ")
	if p.platform = AnyPart; word != string(AnyPart) {
		if p.platform, err = ref.ParsePlatform(word); err != nil {
			return p, err
		}
	}
	p.size, err = parseSize(rest)
	return p, err
}

func parseSize(text string) (s Size, err error) {
	var n [3]int64
	words := strings.Split(text, " ")
	keys, most := []string{"bytes=", "files=", "depth="}, []int64{mostBytes, mostFiles, mostDepth}
	if len(words) != len(keys) {
		return s, fmt.Errorf("%.200q is not bytes=N files=N depth=N", text)
	}
	for i, w := range words {
		digits, ok := strings.CutPrefix(w, keys[i])
		if !ok {
			return s, fmt.Errorf("%.200q is not bytes=N files=N depth=N", text)
		}
		if n[i], err = number(digits, most[i]); err != nil {
			return s, err
		}
	}
	return Size{n[0], int(n[1]), int(n[2])}, nil
}

// parseCID parses a CID in the one spelling that ipp writes.
func parseCID(text string) (cid.Cid, error) {
	c, err := cid.Decode(text)
	if err != nil || c.Version() != 1 || c.String() != text {
		return cid.Undef, fmt.Errorf("%.200q is no CID, version 1 in base32", text)
	}
	return c, nil
}

// MismatchError says that a signature is of something else than the package
// that it lies in.
type MismatchError struct {
	Signed, Is string // what was signed, and what is
	Key        Key
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("check signature of %s (%s): it signed %s, and this is %s", e.Key.Name(), e.Key.Fingerprint(), e.Signed, e.Is)
}

// Check holds the signature against what a package says of itself.
func (s *Signature) Check(name ref.Name, version ref.Version, manifest cid.Cid, platforms []ref.Platform) error {
	wrong := func(signed, is string) error { return &MismatchError{signed, is, s.Key} }
	switch signed, has := slices.Sorted(maps.Keys(s.Parts)), append(slices.Clone(platforms), AnyPart); {
	case s.Name != name || s.Version != version:
		return wrong(fmt.Sprintf("%s %s", s.Name, s.Version), fmt.Sprintf("%s %s", name, version))
	case !s.Manifest.Equals(cid.NewCidV1(manifest.Type(), manifest.Hash())):
		return wrong("the manifest "+s.Manifest.String(), "the manifest "+manifest.String())
	case !slices.Equal(signed, sorted(has)):
		return wrong("the parts "+join(signed), "the parts "+join(has))
	}
	return nil
}

func sorted(list []ref.Platform) []ref.Platform {
	slices.Sort(list)
	return list
}

func join(list []ref.Platform) string {
	words := make([]string, len(list))
	for i, p := range list {
		words[i] = string(p)
	}
	return strings.Join(words, ", ")
}
