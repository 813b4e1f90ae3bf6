// Package ref holds the words that people type: package names, commands,
// versions, constraints, platforms, and REF, the one grammar by which every
// verb names a package.
//
// Each word is parsed once, at the edge, into a type of its own; a value of
// such a type is valid wherever it is met. Parsing is pure: it asks neither
// the disk nor the network, so the meaning of a REF never depends on what
// happens to lie in the working directory. The spelling is that of the
// formats page in the README ("Names, versions, platforms" and "REF").
//
// What a word's String gives parses to the same value again. All types read
// and write themselves as text, so JSON, TOML and command lines need no code.
//
// All types are values and safe for concurrent use.
package ref

import (
	"errors"
	"runtime"
	"strings"

	"github.com/ipfs/go-cid"
)

// Kind says which form of REF was typed.
type Kind int

// The forms of a REF.
const (
	Path   Kind = iota + 1 // ./dir, /abs, x.car
	CID                    // any base or version, with an optional path below it
	Prefix                 // 12 characters or more of a CID
	IPNS                   // ipns://NAME
	Named                  // [CHANNEL/]NAME[@CONSTRAINT]
)

// String is the form's name in messages.
func (k Kind) String() string {
	switch k {
	case Path:
		return "path"
	case CID:
		return "CID"
	case Prefix:
		return "CID prefix"
	case IPNS:
		return "IPNS name"
	case Named:
		return "name"
	}
	return "no form of REF"
}

// Ref is a parsed REF. It can be compared with ==.
type Ref struct {
	Kind       Kind
	Text       string     // as typed
	Path       string     // Path
	CID        cid.Cid    // CID, as CIDv1
	Sub        string     // CID: slash-separated path below it, or ""
	Prefix     string     // Prefix
	IPNS       string     // IPNS: a key as CIDv1 in base36, or a DNSLink name in lower case
	Channel    Name       // Named, or ""
	Name       Name       // Named
	Constraint Constraint // Named; Any where none was typed
	Explicit   bool       // Named: a constraint was typed
}

// Accepts says whether a package that is there already, at version v, is meant
// by a REF of the form Named: any version is where no constraint was typed,
// prereleases too, which Any would not choose.
func (r Ref) Accepts(v Version) bool { return !r.Explicit || r.Constraint.Match(v) }

// String is the canonical spelling: it parses to r again, but for Text.
func (r Ref) String() string {
	switch r.Kind {
	case Path:
		return r.Path
	case CID:
		if r.Sub == "" {
			return r.CID.String()
		}
		return "/ipfs/" + r.CID.String() + "/" + r.Sub
	case Prefix:
		return r.Prefix
	case IPNS:
		return "ipns://" + r.IPNS
	case Named:
		return r.named()
	}
	return ""
}

func (r Ref) named() string {
	s := string(r.Name)
	if r.Channel != "" {
		s = string(r.Channel) + "/" + s
	}
	if r.Explicit {
		s += "@" + r.Constraint.String()
	}
	return s
}

// refForms is what a SyntaxError of Parse allows.
const refForms = "./path, X.car, CID, ipfs://CID, ipns://NAME, or [CHANNEL/]NAME[@CONSTRAINT]"

// Parse parses a REF.
func Parse(s string) (Ref, error) { return parse(s, runtime.GOOS == "windows") }

func parse(s string, windows bool) (Ref, error) {
	r, err := parseForm(s, windows)
	if err != nil {
		return Ref{}, err
	}
	r.Text = s
	return r, nil
}

// parseForm tries the forms in the order in which they win.
func parseForm(s string, windows bool) (Ref, error) {
	if rest, uri, ok := cutNamespace(s, "ipfs"); ok {
		return parseIPFS(s, rest, uri)
	}
	if rest, _, ok := cutNamespace(s, "ipns"); ok {
		return parseIPNS(s, rest)
	}
	if isPath(s, windows) {
		if strings.ContainsRune(s, 0) {
			return Ref{}, badRef(s, "a path can't hold a NUL byte")
		}
		return Ref{Kind: Path, Path: s}, nil
	}
	if why := badText(s); why != "" {
		return Ref{}, badRef(s, why)
	}
	head, sub, _ := strings.Cut(s, "/")
	if c, ok := decodeCID(head); ok {
		return contentRef(s, c, sub)
	}
	if isIPNSKey(head) {
		return Ref{}, badRef(s, "this is an IPNS key: write ipns://"+head)
	}
	if looksLikeCID(s) {
		return parsePrefix(s)
	}
	return parseNamed(s)
}

// cutNamespace cuts "/ipfs/" or "ipfs://" off s; uri says that it was the
// latter, whose scheme ignores case as all URI schemes do.
func cutNamespace(s, namespace string) (rest string, uri, ok bool) {
	if rest, ok := strings.CutPrefix(s, "/"+namespace+"/"); ok {
		return rest, false, true
	}
	n := len(namespace) + len("://")
	if len(s) >= n && strings.EqualFold(s[:n], namespace+"://") {
		return s[n:], true, true
	}
	return "", false, false
}

// isPath says whether s is written as a path. Nothing else ever is one.
func isPath(s string, windows bool) bool {
	if windows && len(s) >= 2 && s[1] == ':' && isLetter(s[0]) {
		return true // C:\dir, C:dir
	}
	if windows {
		s = strings.ReplaceAll(s, `\`, "/")
	}
	return s == "." || s == ".." || strings.HasSuffix(s, ".car") ||
		strings.HasPrefix(s, "/") || strings.HasPrefix(s, "./") || strings.HasPrefix(s, "../")
}

func parseNamed(s string) (Ref, error) {
	word, constraint, explicit := strings.Cut(s, "@")
	if why := notANamedRef(word); why != "" {
		return Ref{}, badRef(s, why)
	}
	r := Ref{Kind: Named, Constraint: Any(), Explicit: explicit}
	channel, name, found := strings.Cut(word, "/")
	if !found {
		channel, name = "", word
	}
	var err error
	if found {
		if r.Channel, err = ParseName(channel); err != nil {
			return Ref{}, withPathHint(err, s)
		}
	}
	if r.Name, err = ParseName(name); err != nil {
		return Ref{}, withPathHint(err, s)
	}
	if explicit {
		if r.Constraint, err = ParseConstraint(constraint); err != nil {
			return Ref{}, err
		}
	}
	return r, nil
}

// notANamedRef says why a word is none, where that is worth more than what
// ParseName would say.
func notANamedRef(word string) string {
	lower := strings.ToLower(word)
	switch {
	case word == "":
		return "the name is missing"
	case strings.HasPrefix(lower, "http://"), strings.HasPrefix(lower, "https://"):
		return "web addresses are not followed: give the CID in it, as ipfs://CID"
	case strings.HasPrefix(word, "~/"):
		return "the shell has not replaced ~: write the path in full"
	case strings.Contains(word, `\`), strings.Count(word, "/") > 1, strings.HasSuffix(word, "/"):
		return "not a name: write ./" + strings.ReplaceAll(word, `\`, "/") + " for a path"
	}
	return ""
}

// withPathHint adds to an error of ParseName what was perhaps meant.
func withPathHint(err error, s string) error {
	var e *SyntaxError
	if !errors.As(err, &e) {
		return err
	}
	return syntaxError(e.What, e.Text, e.Why, e.Allowed+"; write ./"+shorten(s)+" for a path")
}

func badRef(s, why string) error {
	return syntaxError("REF", s, why, refForms)
}
