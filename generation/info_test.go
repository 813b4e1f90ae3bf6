package generation

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"ipp/lock/toml"
	"ipp/store"
)

// info is a generation.toml with nothing left out.
const infoText = `format = 1
parent = 3
time = "2031-05-06T07:08:09Z"
reason = "install \"a b\""
trees = [
  "bafybeiazj7crbhgqu4w53ljxv2jcwjbfgavkkwvv3g2tbk4fbnwjuwwmvi.any",
  "bafybeiazj7crbhgqu4w53ljxv2jcwjbfgavkkwvv3g2tbk4fbnwjuwwmvi.linux-amd64",
]
`

func someInfo(t testing.TB) Info {
	var trees []store.Key
	for _, part := range []string{"linux-amd64", "any", "any"} {
		k, err := store.ParseKey("bafybeiazj7crbhgqu4w53ljxv2jcwjbfgavkkwvv3g2tbk4fbnwjuwwmvi." + part)
		if err != nil {
			t.Fatal(err)
		}
		trees = append(trees, k)
	}
	east := time.FixedZone("east", 3600)
	return Info{Parent: 3, Time: time.Date(2031, 5, 6, 8, 8, 9, 123, east), Reason: `install "a b"`, Trees: trees}
}

func TestInfoIsCanonical(t *testing.T) {
	if got := string(someInfo(t).encode()); got != infoText {
		t.Errorf("got\n%s\nwant\n%s", got, infoText)
	}
	first := Info{Time: time.Unix(0, 0), Reason: "init\n\x1b[31m\xff"}
	want := "format = 1\ntime = \"1970-01-01T00:00:00Z\"\nreason = \"init  [31m?\"\ntrees = [\n]\n"
	if got := string(first.encode()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestCanonicalInfoIsRead holds that the quick reader reads what it is for, and
// leaves all else to the strict one.
func TestCanonicalInfoIsRead(t *testing.T) {
	text := strings.Replace(infoText, `install \"a b\"`, "install a", 1)
	quick, ok := parseCanonical(text)
	strict, err := parseTOML(InfoName, []byte(text))
	if !ok || err != nil || !reflect.DeepEqual(quick, strict) {
		t.Errorf("%v: got\n%v\nwant\n%v, %v", ok, quick, strict, err)
	}
	for about, change := range map[string][2]string{
		"a comment":      {"trees = [", "trees = [ # all"},
		"a negative":     {"parent = 3", "parent = -3"},
		"a parent of 0":  {"parent = 3", "parent = 0"},
		"a key twice":    {"parent = 3\n", "parent = 3\nparent = 3\n"},
		"a key too few":  {"reason = \"install a\"\n", ""},
		"an unknown key": {"reason", "raeson"},
		"an escape":      {"install a", `install \u0061`},
		"control":        {"install a", "install\x01a"},
		"no UTF-8":       {"install a", "install \xff"},
		"another zone":   {"Z\"", "+01:00\""},
		"a bad tree":     {"  \"b", "  \"c"},
		"another format": {"format = 1", "format = 2"},
		"CRLF":           {"\n", "\r\n"},
		"more":           {"]\n", "]\n\n"},
		"no end":         {"]\n", ""},
	} {
		other := strings.Replace(text, change[0], change[1], 1)
		if i, ok := parseCanonical(other); ok || other == text {
			t.Errorf("%s: the quick reader took it for %v", about, i)
		}
	}
}

func TestInfoRoundTrip(t *testing.T) {
	for _, text := range []string{infoText, strings.Replace(infoText, "parent = 3\n", "", 1)} {
		info, err := parseInfo("generation.toml", text)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(info.encode()); got != text {
			t.Errorf("got\n%s\nwant\n%s", got, text)
		}
	}
}

func TestInfoTimeIsUTC(t *testing.T) {
	east := strings.Replace(infoText, "07:08:09Z", "08:08:09+01:00", 1)
	info, err := parseInfo("generation.toml", east)
	if want := time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC); err != nil || info.Time != want {
		t.Errorf("got %v, %v, want %v", info.Time, err, want)
	}
}

func TestParseInfoRefuses(t *testing.T) {
	for about, tt := range map[string]struct{ old, new, want string }{
		"no reason":        {"reason", "#", `"reason" is missing`},
		"unknown key":      {"reason", "raeson", `generation.toml:4:1: unknown key "raeson"`},
		"a bad tree":       {".any", ".ANY", "generation.toml:6:3: parse tree name"},
		"a negative":       {"3", "-3", "generation.toml:2:10: parent is the number of a generation"},
		"a bad time":       {"2031-", "31-", "generation.toml:3:8: time must look like"},
		"a newer format":   {"format = 1", "format = 2", "needs a newer ipp"},
		"twice":            {"parent = 3", "parent = 3\nparent = 4", "generation.toml:3:"},
		"another's number": {"parent = 3", `parent = "3"`, "generation.toml:2:"},
	} {
		_, err := parseInfo("generation.toml", strings.Replace(infoText, tt.old, tt.new, 1))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", about, err, tt.want)
		}
	}
	_, err := parseInfo("g", "format = 9\n???")
	if err == nil || errors.Is(err, toml.ErrNewer) {
		t.Errorf("not TOML: got %v, want a syntax error", err)
	}
	_, err = parseInfo("g", "format = 9\nunknown = 1\n")
	if !errors.Is(err, toml.ErrNewer) {
		t.Errorf("format 9: got %v, want toml.ErrNewer", err)
	}
}

func FuzzParseInfo(f *testing.F) {
	f.Add([]byte(infoText))
	f.Add([]byte("format = 1\ntime = \"0000-01-01T00:00:00+23:59\"\nreason = \"\"\ntrees = []"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if quick, ok := parseCanonical(string(data)); ok {
			if strict, err := parseTOML("g", data); err != nil || len(quick.Trees)+len(strict.Trees) > 0 && !reflect.DeepEqual(quick, strict) {
				t.Fatalf("the quick reader has\n%v\nTOML has\n%v, %v", quick, strict, err)
			}
		}
		info, err := parseInfo("f", string(data))
		if err != nil {
			if _, ok := errors.AsType[*toml.SyntaxError](err); !ok || strings.ContainsFunc(err.Error(), unicode.IsControl) {
				t.Fatalf("%q (%T)", err, err)
			}
			return
		}
		text := info.encode()
		again, err := parseInfo("f", string(text))
		if err != nil {
			t.Fatalf("own encoding is refused: %v\n%s", err, text)
		}
		if !reflect.DeepEqual(again.encode(), text) {
			t.Fatalf("not a fixed point:\n%s\n%s", text, again.encode())
		}
		if again.Parent != info.Parent || !again.Time.Equal(info.Time.Truncate(time.Second)) || again.Reason != info.Reason {
			t.Fatalf("%+v became %+v", info, again)
		}
	})
}

func TestParseNumber(t *testing.T) {
	for said, want := range map[string]Number{
		"1": 1, "12": 12, "0": 0, "-1": 0, "+1": 0, "01": 0, "": 0, "1.gone": 0, "99999999999999999999": 0, " 1": 0,
	} {
		n, err := ParseNumber(said)
		if n != want || (err == nil) != (want > 0) {
			t.Errorf("ParseNumber(%q) = %d, %v; want %d", said, n, err, want)
		}
	}
}
