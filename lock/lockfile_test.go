package lock

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"ipp/lock/ref"
	"ipp/lock/toml"
)

// lockText is a canonical profile.lock with everything in it; SPEC.md has it
// too.
const lockText = `format = 1

[[package]]
name = "es"
package = "esbuild"
version = "0.25.0"
cid = "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi"
dag-size = 9
wanted = "0.25"

[[package]]
name = "esbuild"
version = "0.25.1"
cid = "bafybeiazj7crbhgqu4w53ljxv2jcwjbfgavkkwvv3g2tbk4fbnwjuwwmvi"
manifest = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
key = "example.org+5e1b2c3d+AQ=="
channel = "main"
channel-version = 41
dag-size = 20112345
wanted = "^0.25"
needed-by = ["biome", "tool"]
platforms = { darwin-arm64 = { bytes = 9700000, files = 2 }, linux-amd64 = { bytes = 9800000, files = 2 }, any = { bytes = 48211, files = 3 } }
commands = ["esbuild"]
`

func parseLockText(t testing.TB, text string) *Lockfile {
	t.Helper()
	l, err := ParseLock(LockName, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLockIsCanonical(t *testing.T) {
	for _, text := range []string{lockText, "format = 1\n"} {
		if got := string(parseLockText(t, text).Encode()); got != text {
			t.Errorf("got\n%s\nwant\n%s", got, text)
		}
	}
	l := parseLockText(t, lockText)
	slices.Reverse(l.Packages)
	p := l.Find("esbuild")
	if p != nil {
		t.Fatal("Find reads a list that is not sorted")
	}
	l.Packages[0].NeededBy = []ref.Name{"tool", "biome", "tool"}
	l.Packages[1].Package = "esbuild"
	if got := string(l.Encode()); got != lockText {
		t.Errorf("got\n%s\nwant\n%s", got, lockText)
	}
	sizes := map[ref.Platform]Size{"any": {Bytes: 1, Files: 2}}
	if got, want := encodePlatforms(sizes), "{ any = { bytes = 1, files = 2 } }"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLockMeans(t *testing.T) {
	l := parseLockText(t, lockText)
	es, esbuild := l.Find("es"), l.Find("esbuild")
	switch {
	case es == nil || es.Package != "esbuild" || es.Version != "0.25.0" || es.DagSize != 9 || es.Manifest.Defined():
		t.Errorf("es is %+v", es)
	case esbuild == nil || esbuild.Package != "" || esbuild.ChannelVersion != 41 || esbuild.Key != "example.org+5e1b2c3d+AQ==":
		t.Errorf("esbuild is %+v", esbuild)
	case esbuild.Platforms["any"] != Size{48211, 3} || esbuild.Platforms["linux-amd64"].Bytes != 9800000:
		t.Errorf("esbuild has %v", esbuild.Platforms)
	case !slices.Equal(esbuild.NeededBy, []ref.Name{"biome", "tool"}) || !slices.Equal(esbuild.Commands, []ref.Command{"esbuild"}):
		t.Errorf("esbuild is needed by %v, has %v", esbuild.NeededBy, esbuild.Commands)
	}
}

// TestLockOrder mends what a merge of two branches does.
func TestLockOrder(t *testing.T) {
	head, second, _ := strings.Cut(strings.TrimPrefix(lockText, "format = 1\n"), "\n\n")
	l := parseLockText(t, "format = 1\n\n"+second+head+"\n")
	if got := string(l.Encode()); got != lockText || l.Packages[0].Name != "es" {
		t.Errorf("got\n%s\nwant\n%s", got, lockText)
	}
}

func TestParseLockRefuses(t *testing.T) {
	for about, tt := range map[string]struct{ old, new, want, hint string }{
		"no format":          {"format = 1\n", "", "format is missing", ""},
		"no name":            {"name = \"es\"\n", "", `"name" is missing`, ""},
		"no version":         {"version = \"0.25.0\"\n", "", `"version" is missing`, ""},
		"no CID":             {"cid = \"bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi\"\n", "", `"cid" is missing`, ""},
		"no size":            {"dag-size = 9\n", "", `"dag-size" is missing`, ""},
		"unknown key":        {"wanted", "wnated", `profile.lock:9:1: unknown key "wnated"`, `"wanted"`},
		"a bad name":         {`name = "es"`, `name = "ES"`, "profile.lock:4:8: ", "a-z"},
		"a bad package":      {`package = "esbuild"`, `package = ""`, "profile.lock:5:11: ", ""},
		"a bad version":      {`"0.25.0"`, `" "`, "profile.lock:6:11: ", "semver"},
		"a bad CID":          {"bafybeig", "bafybeig!", "profile.lock:7:7: ", ""},
		"a bad manifest":     {"bafkreigh", "bafkreigh!", "profile.lock:15:12: ", ""},
		"a bad channel":      {`channel = "main"`, `channel = "Main"`, "profile.lock:17:11: ", ""},
		"a negative version": {"channel-version = 41", "channel-version = -41", "profile.lock:18:19: channel-version is", ""},
		"a negative size":    {"dag-size = 9", "dag-size = -9", "profile.lock:8:12: ", ""},
		"a bad needer":       {`"biome", `, `"biome", "/", `, "profile.lock:21:23: ", ""},
		"a bad platform":     {"linux-amd64", "linux", "profile.lock:22:62: ", ""},
		"negative bytes":     {"bytes = 48211", "bytes = -1", "sizes are numbers", ""},
		"negative files":     {"files = 3", "files = -3", "sizes are numbers", ""},
		"half a size":        {", files = 3", "", `"files" is missing`, ""},
		"a bad command":      {`["esbuild"]`, `["-c"]`, "profile.lock:23:13: ", ""},
		"a name twice":       {`name = "es"`, `name = "esbuild"`, "profile.lock:12:8: package esbuild is here twice", ""},
		"a merge":            {"wanted = \"0.25\"", "<<<<<<< ours", "profile.lock:9:1: a merge in git", "ipp lock"},
		"a merge's base":     {"wanted = \"0.25\"", "||||||| 1234", "profile.lock:9:1: a merge in git", "ipp lock"},
	} {
		text := strings.Replace(lockText, tt.old, tt.new, 1)
		_, err := ParseLock(LockName, []byte(text))
		wantSyntaxError(t, about, err, tt.want, tt.hint)
	}
	_, err := ParseLock(LockName, []byte("format = 2\n"))
	if !errors.Is(err, toml.ErrNewer) {
		t.Errorf("format 2: got %v, want toml.ErrNewer", err)
	}
}

func FuzzParseLock(f *testing.F) {
	f.Add([]byte(lockText))
	f.Add([]byte("format=1\n[[package]]\nname='a'\nversion='0'\ncid='QmbWqxBEKC3P8tqsKc98xmWNzrzDtRLMiMPL8wBuTGsMnR'\ndag-size=0\nneeded-by=[]"))
	f.Add([]byte("format=1\n[[package]]\nname='b'\npackage='b'\nversion='x'\ncid='bafkqaaa'\ndag-size=1\nkey='\"\\'\n[package.platforms.any]\nbytes=0\nfiles=0"))
	f.Fuzz(func(t *testing.T, data []byte) {
		quick, ok := parseCanonical(string(data))
		l, err := parseLockTOML("f", data)
		if ok && (err != nil || !reflect.DeepEqual(quick, l)) {
			t.Fatalf("the quick reader has\n%v\nTOML has\n%v, %v", quick, l, err)
		}
		if err != nil {
			wantPlaced(t, err)
			return
		}
		text := l.Encode()
		again, err := ParseLock("f", text)
		if err != nil || len(Diff(l, again)) > 0 {
			t.Fatalf("own encoding is refused, or says something else: %v\n%s", err, text)
		}
		if string(again.Encode()) != string(text) {
			t.Fatalf("not a fixed point:\n%s\n%s", text, again.Encode())
		}
	})
}

// TestCanonicalIsRead holds that the quick reader reads what it is for, and
// leaves what is spelled otherwise, or wrong, to the strict one.
func TestCanonicalIsRead(t *testing.T) {
	for _, text := range []string{lockText, "format = 1\n"} {
		quick, ok := parseCanonical(text)
		strict, err := parseLockTOML(LockName, []byte(text))
		if !ok || err != nil || !reflect.DeepEqual(quick, strict) {
			t.Errorf("%v: got\n%v\nwant\n%v, %v", ok, quick, strict, err)
		}
	}
	for about, change := range map[string][2]string{
		"a comment":        {"dag-size = 9", "dag-size = 9 # bytes"},
		"a sign":           {"dag-size = 9", "dag-size = +9"},
		"a negative":       {"dag-size = 9", "dag-size = -9"},
		"another order":    {"dag-size = 9\nwanted = \"0.25\"", "wanted = \"0.25\"\ndag-size = 9"},
		"a key twice":      {"dag-size = 9", "dag-size = 9\ndag-size = 9"},
		"a key too few":    {"dag-size = 9\n", ""},
		"an unknown key":   {"dag-size = 9", "dag-size = 9\nmore = 9"},
		"an escape":        {`wanted = "0.25"`, `wanted = "0\u002e25"`},
		"a bad name":       {`name = "es"`, `name = "ES"`},
		"a bad version":    {`"0.25.0"`, `"-"`},
		"a name twice":     {`name = "esbuild"`, `name = "es"`},
		"needers unsorted": {`"biome", "tool"`, `"tool", "biome"`},
		"a bad needer":     {`"biome"`, `"-"`},
		"a bad platform":   {"linux-amd64", "linux"},
		"bad bytes":        {"bytes = 48211", "bytes = -48211"},
		"bad files":        {"files = 3", "files = -3"},
		"another format":   {"format = 1", "format = 2"},
		"a CIDv0":          {"bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi", "QmbWqxBEKC3P8tqsKc98xmWNzrzDtRLMiMPL8wBuTGsMnR"},
		"CRLF":             {"\n", "\r\n"},
		"more at the end":  {`commands = ["esbuild"]` + "\n", `commands = ["esbuild"]` + "\n\n"},
	} {
		text := strings.Replace(lockText, change[0], change[1], 1)
		if l, ok := parseCanonical(text); ok || text == lockText {
			t.Errorf("%s: the quick reader took it for %v", about, l)
		}
	}
}

func TestDiff(t *testing.T) {
	for _, tt := range []struct{ old, new, want string }{
		{"", "", ""},
		{"a 1.0.0", "a 1.0.0", ""},
		{"a 1.0.0; c 1.0.0; z 1.0.0", "b 1.0.0; c 2.0.0; z 1.0.0", "-a 1.0.0 +b 1.0.0 c 1.0.0>2.0.0"},
		{"a 1.0.0 <b", "a 1.0.0 %main", ""},
		{"a 1.0.0 #x", "a 1.0.0 #y", "a 1.0.0>1.0.0"},
		{"x=a 1.0.0", "x=b 1.0.0", "x 1.0.0>1.0.0"},
	} {
		var said []string
		for _, c := range Diff(parseLockLine(t, tt.old), parseLockLine(t, tt.new)) {
			switch {
			case c.Old == nil:
				said = append(said, "+"+string(c.Name)+" "+string(c.New.Version))
			case c.New == nil:
				said = append(said, "-"+string(c.Name)+" "+string(c.Old.Version))
			default:
				said = append(said, string(c.Name)+" "+string(c.Old.Version)+">"+string(c.New.Version))
			}
		}
		if got := strings.Join(said, " "); got != tt.want {
			t.Errorf("from %q to %q: got %s, want %s", tt.old, tt.new, got, tt.want)
		}
	}
}

// BenchmarkParseLock reads a lock of 2,000 packages: most commands do.
func BenchmarkParseLock(b *testing.B) {
	l := &Lockfile{}
	for i := range 2000 {
		p := *parseLockText(b, lockText).Find("esbuild")
		p.Name = ref.Name(fmt.Sprintf("p%04d", i))
		l.Packages = append(l.Packages, p)
	}
	text := l.Encode()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := ParseLock(LockName, text); err != nil {
			b.Fatal(err)
		}
	}
}
