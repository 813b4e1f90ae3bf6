package pack

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"

	"ipp/lock/ref"

	"github.com/ipfs/go-cid"
)

const libraryCID = "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354" // an empty directory's kind of CID

func everyKey(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "every-key.toml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func constraint(t testing.TB, s string) ref.Constraint {
	t.Helper()
	c, err := ref.ParseConstraint(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestParseMetadata(t *testing.T) {
	m, err := ParseMetadata("package.toml", []byte(everyKey(t)))
	if err != nil {
		t.Fatal(err)
	}
	want := &Metadata{
		Name: "esbuild", Version: "0.25.0", Summary: "JavaScript bundler", License: "MIT",
		Homepage: "https://esbuild.github.io", Source: "https://example.org/source", Changelog: "http://example.org/changes",
		Platforms:    []ref.Platform{"linux-amd64", "darwin-arm64"},
		Commands:     map[ref.Command]string{"esbuild": "bin/esbuild", "es_2": "libexec/deep/es"},
		Environment:  map[string]string{"ES_HOME": "a \"b\" \\c", "_x1": ""},
		Dependencies: map[ref.Name]ref.Constraint{"node": constraint(t, "^20"), "deno.land": constraint(t, "*")},
		Libraries:    map[ref.Name]cid.Cid{"zlib": cid.MustParse(libraryCID)},
		Legacy:       map[string][]string{"apt": {"ca-certificates", "libc6:i386"}, "brew": {"user/tap/x@1"}},
		Services:     map[ref.Name][]string{"watch": {"esbuild", "--serve", ""}},
		Callbacks:    map[string][]string{"install": {"libexec/setup"}, "switch": {"libexec/setup", "again"}},
	}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("got  %+v\nwant %+v", m, want)
	}
	inert := []string{"callback install", "callback switch", "legacy apt", "legacy brew", "service watch"}
	if got := m.Inert(); !reflect.DeepEqual(got, inert) {
		t.Errorf("inert = %q", got)
	}
}

func TestEncodeIsCanonical(t *testing.T) {
	m, err := ParseMetadata("package.toml", []byte(everyKey(t)))
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join("testdata", "every-key.canonical.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(m.Encode()); got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	again, err := ParseMetadata("package.toml", m.Encode())
	if err != nil || !reflect.DeepEqual(again, m) {
		t.Errorf("%v: got %+v, want %+v", err, again, m)
	}
}

func TestEncodeKeepsNoCommandsApart(t *testing.T) {
	for _, commands := range []map[ref.Command]string{nil, {}} {
		m := &Metadata{Name: "a", Version: "1", Commands: commands}
		got, err := ParseMetadata("package.toml", m.Encode())
		if err != nil || (got.Commands == nil) != (commands == nil) {
			t.Errorf("%v: %#v came back as %#v", err, commands, got.Commands)
		}
	}
}

func TestTemplateIsMetadata(t *testing.T) {
	m, err := ParseMetadata("package.toml", Template("a.b", "1.0.0"))
	if err != nil || m.Name != "a.b" || m.Version != "1.0.0" {
		t.Fatalf("%v: %+v", err, m)
	}
	// Each line that is commented out is one that may be used.
	var all strings.Builder
	for line := range strings.Lines(string(Template("a.b", "1.0.0"))) {
		if rest, ok := strings.CutPrefix(line, "# "); ok && strings.ContainsAny(rest, "=[") && !strings.HasPrefix(rest, "Tables") {
			line = strings.ReplaceAll(rest, `"CID"`, `"`+libraryCID+`"`)
		}
		all.WriteString(line)
	}
	if m, err = ParseMetadata("package.toml", []byte(all.String())); err != nil || len(m.Platforms) != 2 || len(m.Libraries) != 1 || m.Commands["a.b"] != "bin/a.b" {
		t.Errorf("%v: %+v\n%s", err, m, all.String())
	}
}

func TestMetadataRefused(t *testing.T) {
	const head = "format = 1\nname = \"n\"\nversion = \"1\"\n"
	for _, c := range []struct{ name, text, want, hint string }{
		{"empty", "", "p: format is missing", "format = 1"},
		{"newer", "format = 2\nnoise", "p:2:5: not TOML", ""},
		{"newer and unknown", "format = 2\nnoise = 1", "p:1:10: format 2 needs a newer ipp", ""},
		{"no name", "format = 1\nversion = \"1\"\n", `p: "name" is missing`, ""},
		{"no version", "format = 1\nname = \"n\"\n", `p: "version" is missing`, ""},
		{"bad name", "format = 1\nname = \"N\"\nversion = \"1\"\n", `p:2:8: name "N": `, "allowed: [a-z0-9]"},
		{"bad version", "format = 1\nname = \"n\"\nversion = \"a b\"\n", `p:3:11: version "a b": `, "allowed: "},
		{"first in the file", "format = 1\nname = \"n\"\nversion = \"1\"\nhomepage = \"x\"\nplatforms = [\"x\"]\nlicense = \"\"\n", "p:4:12: homepage must be a URL", "https://"},
		{"unknown key", head + "licence = \"MIT\"\n", `p:4:1: unknown key "licence": licence = "MIT"`, `did you mean "license"?`},
		{"unknown table", head + "[comands]\na = \"b\"\n", `p:4:2: unknown key "comands": [comands]`, `did you mean "commands"?`},
		{"unknown in service", head + "[services.a]\ncomand = [\"b\"]\n", `p:5:1: unknown key "comand"`, `did you mean "command"?`},
		{"unknown callback", head + "[callbacks]\ninstal = [\"b\"]\n", `p:5:1: unknown key "instal"`, `did you mean "install"?`},
		{"unknown manager", head + "[legacy]\nyum = [\"b\"]\n", `p:5:1: unknown key "yum"`, "known here: apk, apt, brew, dnf, pacman, winget"},
		{"twice", head + "name = \"m\"\n", `p:4:1: "name" is defined twice, first in line 2`, ""},
		{"type", head + "platforms = \"linux-amd64\"\n", `p:4:13: "platforms" must be an array, not a string`, ""},
		{"no platforms", head + "platforms = []\n", `p:4:13: platforms is empty`, "leave the line out"},
		{"bad platform", head + "platforms = [\"linux-amd64\", \"linux-x86_64\"]\n", `p:4:29: platform "linux-x86_64": `, ""},
		{"any is no platform", head + "platforms = [\"any\"]\n", `p:4:14: platform "any": `, ""},
		{"platform twice", head + "platforms = [\"linux-amd64\", \"linux-amd64\"]\n", `p:4:29: platform linux-amd64 stands there twice`, ""},
		{"summary lines", head + "summary = \"\"\"a\nb\"\"\"\n", `p:4:11: string has a control character`, ""},
		{"summary long", head + "summary = \"" + strings.Repeat("ö", 121) + "\"\n", `p:4:11: summary has 121 characters, 120 at most`, ""},
		{"empty license", head + "license = \" \"\n", `p:4:11: license is empty`, "leave the line out"},
		{"homepage", head + "homepage = \"ftp://a\"\n", `p:4:12: homepage must be a URL`, ""},
		{"homepage without host", head + "homepage = \"https:///a\"\n", `p:4:12: homepage must be a URL`, ""},
		{"source", head + "source = \"javascript:alert(1)\"\n", `p:4:10: source must be a URL`, ""},
		{"command name", head + "[commands]\n\"a/b\" = \"bin/a\"\n", `p:5:1: command "a/b": `, ""},
		{"command names fold", head + "[commands]\nA = \"bin/a\"\na = \"bin/b\"\n", `p:6:1: commands A and a are one name on some systems`, ""},
		{"command up", head + "[commands]\na = \"../a\"\n", `p:5:5: path of command a is not clean`, "bin/a"},
		{"command up inside", head + "[commands]\na = \"bin/../../a\"\n", `p:5:5: path of command a is not clean`, ""},
		{"command absolute", head + "[commands]\na = \"/bin/a\"\n", `p:5:5: path of command a is absolute`, ""},
		{"command empty", head + "[commands]\na = \"\"\n", `p:5:5: path of command a is empty`, ""},
		{"command backslash", head + "[commands]\na = 'bin\\a'\n", `p:5:5: path of command a has a backslash`, ""},
		{"command slash", head + "[commands]\na = \"bin/\"\n", `p:5:5: path of command a is not clean`, ""},
		{"command dot", head + "[commands]\na = \".\"\n", `p:5:5: path of command a is not clean`, ""},
		{"command NUL", head + "[commands]\na = \"bin\\u0000\"\n", `p:5:5: string has a control character`, ""},
		{"command long", head + "[commands]\na = \"" + strings.Repeat("a", 256) + "\"\n", `p:5:5: path of command a has a bad step`, ""},
		{"environment", head + "[environment]\n1A = \"x\"\n", `p:5:1: "1A" is not the name of an environment variable`, "letters"},
		{"environment sign", head + "[environment]\n\"A=B\" = \"x\"\n", `p:5:1: "A=B" is not`, ""},
		{"dependency", head + "[dependencies]\nnode = \">>1\"\n", `p:5:8: `, ""},
		{"dependency name", head + "[dependencies]\nNODE = \"*\"\n", `p:5:1: name "NODE": `, ""},
		{"itself", head + "[dependencies]\nn = \"*\"\n", `p:5:1: package n depends on itself`, ""},
		{"library", head + "[libraries]\nz = \"x\"\n", `p:5:5: library z is not a CID`, ""},
		{"library file", head + "[libraries]\nz = \"bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku\"\n", `p:5:5: library z is not the CID of a directory`, ""},
		{"legacy option", head + "[legacy]\napt = [\"--force-yes\"]\n", `p:5:8: "--force-yes" is not the name of a package for apt`, ""},
		{"legacy space", head + "[legacy]\napt = [\"a\", \"a b\"]\n", `p:5:13: "a b" is not`, ""},
		{"service name", head + "[services.\"A\"]\ncommand = [\"a\"]\n", `p:4:11: name "A": `, ""},
		{"service without", head + "[services.a]\n", `p:4:11: "command" is missing`, ""},
		{"service empty", head + "[services.a]\ncommand = []\n", `p:5:11: command of service a is empty`, `["name"`},
		{"service shell", head + "[services.a]\ncommand = \"a b\"\n", `p:5:11: "command" must be an array, not a string`, ""},
		{"callback empty", head + "[callbacks]\ninstall = [\"\"]\n", `p:5:11: callback install is empty`, ""},
		{"large", head + strings.Repeat("#", MaxMetadata), `p: file is too large`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := ParseMetadata("p", []byte(c.text))
			var e *SyntaxError
			if !errors.As(err, &e) {
				t.Fatalf("error = %v, metadata %+v", err, m)
			}
			if !strings.HasPrefix(err.Error(), c.want) || !strings.Contains(e.Hint, c.hint) {
				t.Errorf("error = %s, hint %s\nwant    %s, hint %s", err, e.Hint, c.want, c.hint)
			}
			if errors.Is(err, ErrNewer) != (c.name == "newer and unknown") {
				t.Errorf("wrong chain: %v", err)
			}
		})
	}
}

func TestOtherToolsTable(t *testing.T) {
	const text = "format = 1\nname = \"n\"\nversion = \"1\"\n[x]\nanything = 1\n[x.deep]\nname = [1, \"\\u0007\"]\n"
	if _, err := ParseMetadata("p", []byte(text)); err != nil {
		t.Error(err)
	}
}

// harmless: nothing that a package says of itself leaves it, looks like an
// option or moves a cursor.
func harmless(t *testing.T, m *Metadata) {
	t.Helper()
	for name, at := range m.Commands {
		if !filepath.IsLocal(at) || strings.HasPrefix(string(name), "-") || strings.ContainsAny(string(name), "/\\") {
			t.Fatalf("command %q at %q", name, at)
		}
	}
	if n := string(m.Name); !filepath.IsLocal(n) || strings.HasPrefix(n, "-") || strings.HasPrefix(string(m.Version), "-") {
		t.Fatalf("name %q, version %q", n, m.Version)
	}
	for _, s := range append([]string{m.Summary, m.License, m.Homepage, m.Source, m.Changelog}, slices.Collect(maps.Values(m.Environment))...) {
		if strings.ContainsFunc(s, unicode.IsControl) {
			t.Fatalf("a control character in %q", s)
		}
	}
}

func FuzzParseMetadata(f *testing.F) {
	f.Add([]byte(everyKey(f)))
	f.Add([]byte("format = 1\nname = \"n\"\nversion = \"1\"\n"))
	f.Add([]byte("format = 2\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseMetadata("p", data)
		if err != nil {
			var e *SyntaxError
			if !errors.As(err, &e) || strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Fatalf("error = %q", err)
			}
			return
		}
		again, err := ParseMetadata("p", m.Encode())
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("%v: %s\ngot  %+v\nwant %+v", err, m.Encode(), again, m)
		}
		harmless(t, m)
	})
}
