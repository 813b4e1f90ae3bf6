package ref

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

func TestParseName(t *testing.T) {
	for _, s := range []string{"a", "0", "esbuild", "c++", "a.b-c_d+e", "11", "1password", "com", "com10", "com0",
		"console", "lpt", "auxiliary", "bafbaf", "car", "x.cars", "kubectl", "zstd", strings.Repeat("a", 64)} {
		if got, err := ParseName(s); err != nil || string(got) != s {
			t.Errorf("%q: %q, %v", s, got, err)
		}
	}
	for s, why := range map[string]string{
		"":                      "empty",
		".a":                    "begin with",
		"-a":                    "begin with",
		"_a":                    "begin with",
		"..":                    "begin with",
		"A":                     "upper case",
		"aB":                    "upper case",
		"a/b":                   "'/' is not allowed",
		"a b":                   "' ' is not allowed",
		"a\u202eb":              `'\u202e' is not allowed`,
		"a\nb":                  "control character",
		"a.":                    "end in a dot",
		"x.car":                 "path",
		"con":                   "Windows",
		"con.txt":               "Windows",
		"nul.tar.gz":            "Windows",
		"com1":                  "Windows",
		"lpt9.x":                "Windows",
		"aux":                   "Windows",
		"prn":                   "Windows",
		"bafy":                  "CID",
		"bafyx":                 "CID",
		"bafkit":                "CID",
		"f01550000":             "it is a CID",
		keyB36:                  "IPNS key",
		strings.Repeat("a", 65): "longer than 64",
	} {
		_, err := ParseName(s)
		wantSyntaxError(t, s, err, why)
	}
}

func TestParseCommand(t *testing.T) {
	for _, s := range []string{"a", "Rscript", "7z", "g++", "python3.12", "X", "bafyx", "x.car", strings.Repeat("a", 128)} {
		got, err := ParseCommand(s)
		if err != nil || string(got) != s {
			t.Errorf("%q: %q, %v", s, got, err)
		}
	}
	for s, why := range map[string]string{
		"": "empty", "-c": "begin with", "[": "begin with", "..": "begin with", "a/b": "'/'", "a b": "' '", `a\b`: `'\\'`, "a\x7f": "control",
		"CON": "Windows", "Com1.exe": "Windows", "ä": "begin", "aä": "'ä'", strings.Repeat("a", 129): "longer than 128",
	} {
		_, err := ParseCommand(s)
		wantSyntaxError(t, s, err, why)
	}
}

func TestParsePlatform(t *testing.T) {
	for _, s := range []string{"linux-amd64", "linux-amd64-musl", "linux-arm-v7", "darwin-arm64", "windows-amd64", "js-wasm"} {
		got, err := ParsePlatform(s)
		if err != nil || string(got) != s {
			t.Errorf("%q: %q, %v", s, got, err)
		}
		joined := strings.TrimSuffix(got.OS()+"-"+got.Arch()+"-"+got.Variant(), "-")
		if joined != s || !strings.HasPrefix(s, string(got.Plain())) || strings.Count(string(got.Plain()), "-") != 1 {
			t.Errorf("%q has the parts %q, plain %q", s, joined, got.Plain())
		}
	}
	for s, why := range map[string]string{
		"": "empty", "linux": "machine is missing", "linux-": "unknown machine", "linux-amd64-": "a-z and 0-9",
		"linux-amd64-v3-x": "three parts", "linux-amd64-V3": "a-z and 0-9", "Linux-amd64": "unknown system",
		"macos-arm64": "write darwin", "linux-x86_64": "write amd64", "linux-aarch64": "write arm64", "any": "machine is missing",
		"linux-amd64-" + strings.Repeat("v", 33): "too long", "\x1b-x": "control",
	} {
		_, err := ParsePlatform(s)
		wantSyntaxError(t, s, err, why)
	}
}

func TestCandidates(t *testing.T) {
	for p, want := range map[Platform][]Platform{
		"linux-amd64":      {"linux-amd64"},
		"linux-amd64-musl": {"linux-amd64-musl", "linux-amd64"},
		"linux-arm-v7":     {"linux-arm-v7", "linux-arm"},
		"darwin-arm64":     {"darwin-arm64", "darwin-amd64"},
		"darwin-arm64-x":   {"darwin-arm64-x", "darwin-arm64", "darwin-amd64"},
		"darwin-amd64":     {"darwin-amd64"},
		"linux-arm64":      {"linux-arm64"},
	} {
		if got := p.Candidates(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", p, got, want)
		}
	}
}

func TestHost(t *testing.T) {
	const (
		musl  = "/lib/ld-musl-x86_64.so.1"
		glibc = "/lib64/ld-linux-x86-64.so.2"
	)
	for _, tt := range []struct {
		goos, goarch, machine string
		files                 []string
		want                  Platform
	}{
		{"linux", "amd64", "x86_64", []string{glibc}, "linux-amd64"},
		{"linux", "amd64", "x86_64", []string{musl}, "linux-amd64-musl"},
		{"linux", "amd64", "x86_64", []string{musl, glibc}, "linux-amd64"},
		{"linux", "amd64", "x86_64", nil, "linux-amd64"},
		{"linux", "arm64", "aarch64", []string{"/lib/ld-musl-aarch64.so.1"}, "linux-arm64-musl"},
		{"linux", "mips", "mips", []string{""}, "linux-mips"},
		{"linux", "arm", "armv7l", nil, "linux-arm-v7"},
		{"linux", "arm", "armv6l", nil, "linux-arm-v6"},
		{"linux", "arm", "aarch64", nil, "linux-arm-v7"},
		{"linux", "arm", "", nil, "linux-arm"},
		{"darwin", "arm64", "", []string{musl}, "darwin-arm64"},
		{"windows", "amd64", "", nil, "windows-amd64"},
	} {
		exists := func(path string) bool {
			for _, f := range tt.files {
				if f == path {
					return true
				}
			}
			return false
		}
		got := host(tt.goos, tt.goarch, exists, func() string { return tt.machine })
		if got != tt.want {
			t.Errorf("%s %s %s %v: %s, want %s", tt.goos, tt.goarch, tt.machine, tt.files, got, tt.want)
		}
	}
}

func TestThisHostIsAPlatform(t *testing.T) {
	if _, err := ParsePlatform(string(Host())); err != nil {
		t.Error(err)
	}
}

// words has every type, as fields and as keys.
type words struct {
	Name       Name              `json:"name" toml:"name"`
	Command    Command           `json:"command" toml:"command"`
	Version    Version           `json:"version" toml:"version"`
	Constraint Constraint        `json:"constraint" toml:"constraint"`
	Platform   Platform          `json:"platform" toml:"platform"`
	Ref        Ref               `json:"ref" toml:"ref"`
	ByName     map[Name]Platform `json:"by-name" toml:"by-name"`
}

func TestTextRoundTrips(t *testing.T) {
	r, err := Parse("main/x@^1.2")
	if err != nil {
		t.Fatal(err)
	}
	want := words{"a", "B", "1.2.3", Constraint{text: ">=1.2, <2"}, "linux-amd64", r, map[Name]Platform{"n": "js-wasm"}}
	for name, codec := range map[string]struct {
		marshal   func(any) ([]byte, error)
		unmarshal func([]byte, any) error
	}{
		"JSON": {json.Marshal, json.Unmarshal},
		"TOML": {toml.Marshal, toml.Unmarshal},
	} {
		data, err := codec.marshal(want)
		if err != nil {
			t.Fatal(name, err)
		}
		var got words
		if err := codec.unmarshal(data, &got); err != nil {
			t.Fatal(name, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s %s gives %+v", name, data, got)
		}
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	keep := words{"a", "B", "1.2.3", Any(), "linux-amd64", Ref{Kind: Path, Path: "."}, nil}
	for _, data := range []string{
		`{"name": "A"}`, `{"command": "/"}`, `{"version": "!"}`, `{"constraint": "||"}`, `{"platform": "x"}`,
		`{"ref": "A"}`, `{"by-name": {"A": "js-wasm"}}`, `{"by-name": {"a": "x"}}`,
	} {
		got := keep
		if err := json.Unmarshal([]byte(data), &got); err == nil {
			t.Errorf("%s was read", data)
		}
		got.ByName = nil
		if !reflect.DeepEqual(got, keep) {
			t.Errorf("%s left %+v", data, got)
		}
	}
}

func FuzzWords(f *testing.F) {
	for _, s := range []string{"esbuild", "con.x", "1.2.3", "linux-amd64-musl", "bafyx", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := ParseName(s)
		if err == nil {
			r, err := Parse(s)
			if err != nil || r.Kind != Named || r.Name != name {
				t.Fatalf("the name %q is the REF %+v, %v", s, r, err)
			}
		}
		_, err1 := ParseCommand(s)
		_, err2 := ParseVersion(s)
		_, err3 := ParsePlatform(s)
		for _, err := range []error{err, err1, err2, err3} {
			if err != nil {
				wantSyntaxError(t, s, err, "")
			}
		}
	})
}
