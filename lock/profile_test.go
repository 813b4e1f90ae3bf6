package lock

import (
	"errors"
	"maps"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"ipp/lock/ref"
	"ipp/lock/toml"
)

// profileText is a canonical profile.toml with everything in it; SPEC.md has
// it too.
const profileText = `format = 1

[channels.main]
at = "ipns://example.org"
root = "sha256:aa"

[packages]
biome = { version = "2.0.5", channel = "main", hold = true }
es = { version = "0.25", package = "esbuild" }
esbuild = "^0.25"
"node.js" = ">=20, <22"
tool = { cid = "bafybeiazj7crbhgqu4w53ljxv2jcwjbfgavkkwvv3g2tbk4fbnwjuwwmvi", hold = true }

[prefer]
"bin/x" = "esbuild"
"share/man" = "node.js"

[policy]
keep = 5
`

func parseProfileText(t testing.TB, text string) *Profile {
	t.Helper()
	p, err := ParseProfile(ProfileName, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProfileIsCanonical(t *testing.T) {
	for _, text := range []string{profileText, "format = 1\n", "format = 1\n\n[policy]\nkeep = 1\n"} {
		if got := string(parseProfileText(t, text).Encode()); got != text {
			t.Errorf("got\n%s\nwant\n%s", got, text)
		}
	}
	if got := string((&Profile{}).Encode()); got != "format = 1\n" {
		t.Errorf("the empty profile is %q", got)
	}
}

func TestProfileMeans(t *testing.T) {
	p := parseProfileText(t, profileText)
	biome, es, tool := p.find("biome"), p.find("es"), p.find("tool")
	switch {
	case biome.Constraint != ref.Exact("2.0.5") || biome.Channel != "main" || !biome.Hold || biome.CID.Defined():
		t.Errorf("biome is %+v", biome)
	case es.Package != "esbuild" || es.Constraint.String() != "0.25" || es.Hold:
		t.Errorf("es is %+v", es)
	case !tool.CID.Defined() || tool.Constraint != ref.Constraint{}:
		t.Errorf("tool is %+v", tool)
	case p.Keep != 5 || p.Prefer["bin/x"] != "esbuild" || p.Channels["main"].Root != "sha256:aa":
		t.Errorf("profile is %+v", p)
	}
}

// TestProfileSpelling lists spellings of one profile.
func TestProfileSpelling(t *testing.T) {
	want := parseProfileText(t, "format = 1\n[packages]\na = \"^1\"\n")
	for _, text := range []string{
		"# mine\nformat = 1\npackages.a = '^1' # yes\n",
		"format = 1\r\n[packages]\r\na = { version = \"^1\" }\r\n",
		"format = 1\n[packages.a]\nversion = \"^1\"\npackage = \"a\"\nhold = false\n",
		"format = 1\n[channels]\n[packages]\na = \"^1\"\n[x]\nother = { tools = 1 }\n",
	} {
		if p := parseProfileText(t, text); !p.Equal(want) || *p.find("a") != *want.find("a") {
			t.Errorf("%s\nis\n%s", text, p.Encode())
		}
	}
	for _, text := range []string{
		"format = 1\n[packages]\na = \"^1.0\"\n",
		"format = 1\n[packages]\nb = \"^1\"\n",
		"format = 1\n[packages]\na = { version = \"^1\", hold = true }\n",
		"format = 1\n",
	} {
		if p := parseProfileText(t, text); p.Equal(want) || want.Equal(p) {
			t.Errorf("%s\nis equal to\n%s", text, want.Encode())
		}
	}
	v0 := parseProfileText(t, "format = 1\n[packages]\na = { cid = \"QmbWqxBEKC3P8tqsKc98xmWNzrzDtRLMiMPL8wBuTGsMnR\" }\n")
	if got := v0.find("a").Wanted(); got != "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi" {
		t.Errorf("a CIDv0 is wanted as %s", got)
	}
}

// TestCanonicalProfileIsRead holds that the quick reader reads what it is for, and
// leaves all else to the strict one.
func TestCanonicalProfileIsRead(t *testing.T) {
	const text = "format = 1\n\n[packages]\na = \"^1.0\"\nb = { cid = \"bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi\" }\n"
	quick, ok := parseCanonicalProfile([]byte(text))
	strict, err := parseProfileTOML(ProfileName, []byte(text))
	if !ok || err != nil || !reflect.DeepEqual(quick, strict) {
		t.Errorf("%v: got\n%v\nwant\n%v, %v", ok, quick, strict, err)
	}
	for about, change := range map[string][2]string{
		"a comment":        {"\"^1.0\"", "\"^1.0\" # one"},
		"another order":    {"a = \"^1.0\"\n", "c = \"^1.0\"\n"},
		"a key twice":      {"b = ", "a = "},
		"an escape":        {"^1.0", "\\u005e1.0"},
		"a bad name":       {"a = ", "A = "},
		"a bad constraint": {"^1.0", "=="},
		"a bad CID":        {"bafy", "bbfy"},
		"a CIDv0":          {"bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi", "QmbWqxBEKC3P8tqsKc98xmWNzrzDtRLMiMPL8wBuTGsMnR"},
		"held":             {" }", ", hold = true }"},
		"another format":   {"format = 1", "format = 2"},
		"CRLF":             {"\n", "\r\n"},
		"a table":          {"[packages]", "[prefer]"},
		"no end":           {"\" }\n", "\" }"},
	} {
		other := strings.Replace(text, change[0], change[1], 1)
		if p, ok := parseCanonicalProfile([]byte(other)); ok || other == text {
			t.Errorf("%s: the quick reader took it for %v", about, p)
		}
	}
}

func TestCloneIsApart(t *testing.T) {
	p := parseProfileText(t, profileText)
	c := p.Clone()
	if !c.Equal(p) {
		t.Fatalf("the clone is\n%s", c.Encode())
	}
	c.Packages[0].Hold = false
	c.Drop("es")
	c.Put(Wish{Name: "tool", Constraint: ref.Any()})
	if len(c.Packages) != 4 || c.find("es") != nil || c.find("tool").CID.Defined() {
		t.Errorf("edited, the clone is\n%s", c.Encode())
	}
	maps.DeleteFunc(c.Prefer, func(string, ref.Name) bool { return true })
	maps.DeleteFunc(c.Channels, func(ref.Name, Channel) bool { return true })
	c.Keep = 0
	if string(p.Encode()) != profileText {
		t.Errorf("editing the clone changed the profile to\n%s", p.Encode())
	}
	empty := (&Profile{}).Clone()
	empty.Put(Wish{Name: "b", Constraint: ref.Any()}) // a clone can be edited
	empty.Put(Wish{Name: "a", Constraint: ref.Any()})
	if got := string(empty.Encode()); got != "format = 1\n\n[packages]\na = \"*\"\nb = \"*\"\n" {
		t.Errorf("two wishes are\n%s", got)
	}
}

func TestParseProfileRefuses(t *testing.T) {
	for about, tt := range map[string]struct{ text, want, hint string }{
		"no format":        {"[packages]\n", "format is missing", "format = 1"},
		"unknown table":    {"format = 1\n[package]\n", "profile.toml:2:", `"packages"`},
		"unknown wish key": {"format = 1\n[packages]\na = { vresion = \"1\" }\n", `profile.toml:3:7: unknown key "vresion"`, `"version"`},
		"a bad name":       {"format = 1\n[packages]\n\"A\" = \"1\"\n", `profile.toml:3:1: `, "a-z"},
		"a bad constraint": {"format = 1\n[packages]\na = \"==1\"\n", `profile.toml:3:5: `, "^1.2"},
		"a number":         {"format = 1\n[packages]\na = 1\n", `profile.toml:3:5: a package needs a constraint in quotes`, `write "^1.2"`},
		"neither":          {"format = 1\n[packages]\na = { hold = true }\n", `profile.toml:3:5: a package needs either version or cid`, `{ version = "*" }`},
		"both":             {"format = 1\n[packages]\na = { version = \"1\", cid = \"bafkqaaa\" }\n", `needs either version or cid`, ""},
		"no CID":           {"format = 1\n[packages]\na = { cid = \"bafy\" }\n", `profile.toml:3:13: "bafy" is no CID`, ""},
		"twice":            {"format = 1\n[packages]\na = \"1\"\na = \"2\"\n", "profile.toml:4:1: ", ""},
		"half a channel":   {"format = 1\n[channels.m]\nat = \"x\"\n", `"root" is missing`, ""},
		"an empty channel": {"format = 1\n[channels.m]\nat = \"x\"\nroot = \"\"\n", "needs both at and root", ""},
		"a bad channel":    {"format = 1\n[packages]\na = { version = \"1\", channel = \"-\" }\n", `profile.toml:3:32: `, "a-z"},
		"keep nothing":     {"format = 1\n[policy]\nkeep = 0\n", "profile.toml:3:8: keep is a number of generations", ""},
		"keep less":        {"format = 1\n[policy]\nkeep = -1\n", "profile.toml:3:8: keep is a number of generations", ""},
		"no forest path":   {"format = 1\n[prefer]\n\"opt/x\" = \"a\"\n", `profile.toml:3:1: "opt/x" is no path of a forest`, `"bin/x"`},
		"path not clean":   {"format = 1\n[prefer]\n\"bin/../x\" = \"a\"\n", `no path of a forest`, ""},
		"path from root":   {"format = 1\n[prefer]\n\"/bin/x\" = \"a\"\n", `no path of a forest`, ""},
		"path with slash":  {"format = 1\n[prefer]\n\"share/\" = \"a\"\n", `no path of a forest`, ""},
		"a merge":          {"format = 1\n[packages]\n<<<<<<< HEAD\na = \"1\"\n=======\na = \"2\"\n>>>>>>> theirs\n", "profile.toml:3:1: a merge in git", "delete the marks"},
		"half a merge":     {"format = 1\r\n[packages]\r\na = \"1\"\r\n=======\r\n", "profile.toml:4:1: a merge in git", ""},
	} {
		_, err := ParseProfile(ProfileName, []byte(tt.text))
		wantSyntaxError(t, about, err, tt.want, tt.hint)
	}
	_, err := ParseProfile(ProfileName, []byte("format = 2\n[new]\n"))
	if !errors.Is(err, toml.ErrNewer) {
		t.Errorf("format 2: got %v, want toml.ErrNewer", err)
	}
}

func wantSyntaxError(t *testing.T, about string, err error, want, hint string) {
	t.Helper()
	syntax, ok := errors.AsType[*toml.SyntaxError](err)
	switch {
	case !ok:
		t.Errorf("%s: got %v, want a syntax error", about, err)
	case !strings.Contains(err.Error(), want):
		t.Errorf("%s: got %v, want %q", about, err, want)
	case !strings.Contains(syntax.Hint, hint):
		t.Errorf("%s: got hint %q, want %q", about, syntax.Hint, hint)
	}
}

// wantPlaced: an error says where it is, on one line that no terminal obeys.
func wantPlaced(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*toml.SyntaxError](err); !ok || strings.ContainsFunc(err.Error(), unicode.IsControl) {
		t.Fatalf("%q (%T)", err, err)
	}
}

func FuzzParseProfile(f *testing.F) {
	f.Add([]byte(profileText))
	f.Add([]byte("format = 1\n[packages]\na = {cid='QmbWqxBEKC3P8tqsKc98xmWNzrzDtRLMiMPL8wBuTGsMnR'}\n[prefer]\n'bin/\"\\'='a'"))
	f.Add([]byte("format = 1\npackages.'c++'.version = '>=1.2,<2'\n[channels.\"a.b\"]\nat='\\'\nroot='x'"))
	f.Add([]byte("format = 1\n\n[packages]\na = \"^1.0\"\nb = { cid = \"bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi\" }\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if quick, ok := parseCanonicalProfile(data); ok {
			if strict, err := parseProfileTOML("f", data); err != nil || !reflect.DeepEqual(quick, strict) {
				t.Fatalf("the quick reader has\n%v\nTOML has\n%v, %v", quick, strict, err)
			}
		}
		p, err := ParseProfile("f", data)
		if err != nil {
			wantPlaced(t, err)
			return
		}
		text := p.Encode()
		again, err := ParseProfile("f", text)
		if err != nil {
			t.Fatalf("own encoding is refused: %v\n%s", err, text)
		}
		if string(again.Encode()) != string(text) {
			t.Fatalf("not a fixed point:\n%s\n%s", text, again.Encode())
		}
	})
}
