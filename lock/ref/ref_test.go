package ref

import (
	"errors"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
)

const (
	cidV0  = "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG"
	cidV1  = "bafybeie5nqv6kd3qnfjupgvz34woh3oksc3iau6abmyajn7qvtf6d2ho34"
	rawCID = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
	keyB36 = "k51qzi5uqu5dlvj2baxnqndepeb86cbk3ng7n3i46uzyxzyqj2xjonzllnv0v8"
	keyB58 = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"
)

func TestParse(t *testing.T) {
	v1 := cid.MustParse(cidV1)
	raw := cid.MustParse(rawCID)
	b58, err := v1.StringOfBase('z')
	if err != nil {
		t.Fatal(err)
	}
	path := func(s string) Ref { return Ref{Kind: Path, Path: s} }
	content := func(sub string) Ref { return Ref{Kind: CID, CID: v1, Sub: sub} }
	name := func(s string) Ref { return Ref{Kind: Named, Name: Name(s), Constraint: Any()} }

	for text, want := range map[string]Ref{
		".":              path("."),
		"..":             path(".."),
		"./dir":          path("./dir"),
		"../x":           path("../x"),
		"/":              path("/"),
		"/abs/dir":       path("/abs/dir"),
		"/ipfs":          path("/ipfs"),
		"/ipfsx/y":       path("/ipfsx/y"),
		"x.car":          path("x.car"),
		"a/b/x.car":      path("a/b/x.car"),
		".car":           path(".car"),
		"./a\nb":         path("./a\nb"), // an odd name, but a name
		"./\xff":         path("./\xff"),
		"esbuild@1.car":  path("esbuild@1.car"),
		cidV1 + "/x.car": path(cidV1 + "/x.car"),

		cidV1:                                content(""),
		b58:                                  content(""),
		strings.ToUpper(cidV1):               content(""),
		rawCID:                               {Kind: CID, CID: raw},
		cidV1 + "/":                          content(""),
		cidV1 + "/bin/x":                     content("bin/x"),
		cidV1 + "//bin/./x/":                 content("bin/x"),
		"ipfs://" + cidV1:                    content(""),
		"IPFS://" + cidV1 + "/":              content(""),
		"ipfs://" + cidV1 + "/a%20b/%25":     content("a b/%"),
		"/ipfs/" + cidV1:                     content(""),
		"/ipfs/" + cidV1 + "/a%20b":          content("a%20b"),
		"/ipfs/" + cidV1 + "/x.car":          content("x.car"),
		"/ipfs/" + cidV1 + "/what?#":         content("what?#"),
		"ipfs://" + b58 + "/linux-amd64/bin": content("linux-amd64/bin"),

		"bafybeie5nqv":  {Kind: Prefix, Prefix: "bafybeie5nqv"},
		cidV1[:40]:      {Kind: Prefix, Prefix: cidV1[:40]},
		"bafkreigh2aki": {Kind: Prefix, Prefix: "bafkreigh2aki"},

		"ipns://" + keyB36:         {Kind: IPNS, IPNS: keyB36},
		"/ipns/" + keyB36:          {Kind: IPNS, IPNS: keyB36},
		"IPNS://docs.Example.org/": {Kind: IPNS, IPNS: "docs.example.org"},
		"/ipns/_dnslink.x-y.org":   {Kind: IPNS, IPNS: "_dnslink.x-y.org"},

		"esbuild":      name("esbuild"),
		"dist":         name("dist"), // also the name of a directory, but never one here
		"7zip":         name("7zip"),
		"c++":          name("c++"),
		"browserslist": name("browserslist"), // base32 and 12 letters
		"esbuild@*":    {Kind: Named, Name: "esbuild", Constraint: Any(), Explicit: true},
		"esbuild@^0.25": {Kind: Named, Name: "esbuild", Explicit: true,
			Constraint: Constraint{text: "^0.25"}},
		"main/esbuild": {Kind: Named, Channel: "main", Name: "esbuild", Constraint: Any()},
		"main/esbuild@0.25.0": {Kind: Named, Channel: "main", Name: "esbuild", Explicit: true,
			Constraint: Exact("0.25.0")},
		"node@>=18,<20": {Kind: Named, Name: "node", Explicit: true,
			Constraint: Constraint{text: ">=18, <20"}},
	} {
		got, err := parse(text, false)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		want.Text = text
		if got != want {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
		again, err := parse(got.String(), false)
		if again.Text = text; err != nil || again != want {
			t.Errorf("%q is spelled %q, which gives %+v, %v", text, got, again, err)
		}
	}
}

func TestParseOldBases(t *testing.T) {
	r, err := Parse(cidV0)
	if err != nil {
		t.Fatal(err)
	}
	if r.CID.Version() != 1 || r.CID.Type() != cid.DagProtobuf || r.CID.String() != cidV1 {
		t.Errorf("%s became %s", cidV0, r.CID)
	}
	for _, text := range []string{"ipns://" + keyB58, "/ipns/" + keyB58 + "/"} {
		r, err := Parse(text)
		if err != nil || !strings.HasPrefix(r.IPNS, "k51") {
			t.Errorf("%s became %q (%v)", text, r.IPNS, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, why := range map[string]string{
		"":                                "it is empty",
		"\xff":                            "not UTF-8",
		"a\x1b[31m":                       "control character",
		"./a\x00b":                        "NUL",
		"foo/bar/baz":                     "write ./foo/bar/baz for a path",
		"foo/":                            "write ./foo/ for a path",
		`foo\bar`:                         "write ./foo/bar for a path",
		`C:\dir`:                          "for a path",
		"Dir":                             "write ./Dir for a path",
		"Dir/sub":                         "write ./Dir/sub for a path",
		"a b":                             "' ' is not allowed",
		"ä":                               "begin with a letter",
		"aä":                              "'ä' is not allowed",
		"~/x":                             "in full",
		"/ipfs/":                          "the CID is missing",
		"ipfs://":                         "the CID is missing",
		"/ipfs/nonsense":                  "not a CID: nonsense",
		"ipfs://" + keyB36:                "ipns://" + keyB36,
		keyB36:                            "ipns://" + keyB36,
		keyB58:                            "ipns://" + keyB58,
		"ipfs://" + cidV1 + "?x":          "no ? or #",
		"ipfs://" + cidV1 + "/%zz":        "% escape",
		"ipfs://" + cidV1 + "/a%2Fb":      "% escape",
		"ipfs://" + cidV1 + "/%2e%2e/x":   "takes no ..",
		"ipfs://" + cidV1 + "/%00":        "control character",
		cidV1 + "/../x":                   "takes no ..",
		"/ipfs/" + cidV1 + "/a\nb":        "control character",
		cidV1 + "/" + longName:            "255 bytes",
		"ipns://":                         "neither an IPNS key",
		"/ipns/localhost":                 "neither an IPNS key",
		"/ipns/a..b":                      "neither an IPNS key",
		"ipns://-a.org":                   "neither an IPNS key",
		"ipns://ex.org/path":              "takes no path",
		"ipns://" + cidV1:                 "neither an IPNS key",
		"bafybei":                         "12 characters",
		"bafy":                            "12 characters",
		"bafybeie5nq!":                    "a-z and 2-7",
		"bafybeie5nqv/bin":                "a prefix takes neither",
		"bafybeie5nqv@1":                  "a prefix takes neither",
		"bafk" + strings.Repeat("a", 900): "too long",
		"https://ipfs.io/ipfs/" + cidV1:   "ipfs://CID",
		"esbuild@":                        "it is empty",
		"esbuild@1.x":                     "wildcards",
		"esbuild@1/2":                     "'/' is not allowed",
		"@1":                              "the name is missing",
		"main/":                           "for a path",
		"main/con":                        "Windows reserves it",
		strings.Repeat("n", 5000):         "longer than 64",
		"a/b@c@d":                         "'@' is not allowed",
	} {
		r, err := parse(text, false)
		wantSyntaxError(t, text, err, why)
		if r != (Ref{}) {
			t.Errorf("%q: refused, but %+v came back", text, r)
		}
	}
}

var longName = strings.Repeat("n", 256)

func TestParseOnWindows(t *testing.T) {
	for _, text := range []string{`C:\dir`, "c:/dir", "C:dir", `.\dir`, `..\dir`, `\dir`, `a\b.car`, "/x", "."} {
		r, err := parse(text, true)
		if err != nil || r.Kind != Path || r.Path != text {
			t.Errorf("%q on Windows: %+v, %v", text, r, err)
		}
	}
	for _, text := range []string{`C:\dir`, "c:/dir", `.\dir`, `\dir`} {
		if r, err := parse(text, false); err == nil {
			t.Errorf("%q elsewhere: %+v", text, r)
		}
	}
	if r, err := parse("/ipfs/"+cidV1, true); err != nil || r.Kind != CID {
		t.Errorf("/ipfs/CID on Windows: %+v, %v", r, err)
	}
	if r, err := parse("node", true); err != nil || r.Kind != Named {
		t.Errorf("a name on Windows: %+v, %v", r, err)
	}
}

func TestAccepts(t *testing.T) {
	for text, want := range map[string]struct{ yes, no string }{
		"x":      {"1.0.0 1.0.0-rc latest", ""},
		"x@*":    {"1.0.0 latest", "1.0.0-rc"},
		"x@^1.2": {"1.2.0", "2.0.0 1.3.0-rc"},
	} {
		r, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range strings.Fields(want.yes) {
			if !r.Accepts(Version(v)) {
				t.Errorf("%s does not accept %s", text, v)
			}
		}
		for _, v := range strings.Fields(want.no) {
			if r.Accepts(Version(v)) {
				t.Errorf("%s accepts %s", text, v)
			}
		}
	}
}

func TestKindsHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for k := Kind(0); k <= Named+1; k++ {
		seen[k.String()] = true
	}
	if len(seen) != int(Named)+1 || (Ref{}).String() != "" {
		t.Errorf("names of kinds: %v", seen)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"./dir", "x.car", cidV0, cidV1, keyB36, keyB58, cidV1 + "/a/../b", "ipfs://" + cidV1 + "/a%20b",
		"/ipns/example.org", "ipns://" + keyB58, "bafybeie5nqv", "main/esbuild@>=1.2, <2", "a@1.2.3+b",
		"esbuild@2024", "Dir", "\x00", "🚀x", "ipfs://" + cidV1 + "/%2525",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, windows := range []bool{false, true} {
			r, err := parse(s, windows)
			if err != nil {
				wantSyntaxError(t, s, err, "")
				continue
			}
			again, err := parse(r.String(), windows)
			again.Text = r.Text
			if err != nil || again != r {
				t.Fatalf("%q: %+v is spelled %q, which gives %+v, %v", s, r, r.String(), again, err)
			}
			if r.Kind != Path && r.Text != s {
				t.Fatalf("%q: Text is %q", s, r.Text)
			}
		}
	})
}

// wantSyntaxError fails unless err is a whole SyntaxError that says why, with
// nothing in it that a terminal would obey.
func wantSyntaxError(t *testing.T, text string, err error, why string) {
	t.Helper()
	var e *SyntaxError
	if !errors.As(err, &e) {
		t.Errorf("%q: got %v, want a SyntaxError", text, err)
		return
	}
	if e.What == "" || e.Why == "" || e.Allowed == "" {
		t.Errorf("%q: incomplete error %+v", text, *e)
	}
	if !strings.Contains(err.Error(), why) {
		t.Errorf("%q: error %q does not say %q", text, err, why)
	}
	if printable(err.Error()) != err.Error() || len(err.Error()) > 2000 {
		t.Errorf("%q: error is not fit for a terminal: %q", text, err)
	}
}
