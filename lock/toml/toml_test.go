package toml

import (
	"errors"
	"fmt"
	"reflect"
	"runtime/metrics"
	"strconv"
	"strings"
	"testing"

	pelletier "github.com/pelletier/go-toml/v2"
)

type sample struct {
	Name    string            `toml:"name,required"`
	Count   int               `toml:"count"`
	Small   uint8             `toml:"small"`
	Hold    bool              `toml:"hold"`
	Tags    []string          `toml:"tags"`
	Env     map[string]string `toml:"env"`
	Part    *part             `toml:"part"`
	Parts   []part            `toml:"piece"`
	Wish    map[string]*Value `toml:"wish"`
	Word    word              `toml:"word"`
	Words   map[word]int      `toml:"words"`
	Ignored string
}

type part struct {
	Size int64 `toml:"size"`
}

// word stands for a type that parses itself.
type word string

func (w *word) UnmarshalText(b []byte) error {
	if string(b) == "bad" {
		return errBad
	}
	*w = word(b)
	return nil
}

var errBad = errors.New("bad word")

func TestDecode(t *testing.T) {
	const text = `# a comment
format = 1
name = "esbuild"
count = 1_000
small = 0xff
hold = true
tags = ["a", 'b']
word = "good"
words = { one = 1, two = 0b10 }
part.size = 5
[env]
A = "1"
"b c" = "2"
[[piece]]
size = 1
[[piece]]
size = 2
[wish]
plain = "^1"
long = { version = "2" }
[x.other]
anything = { goes = 1979-05-27 }
control = "\u0001"
`
	var got sample
	root, err := Decode("f", []byte(text), &got, Options{Format: 1})
	if err != nil {
		t.Fatal(err)
	}
	if got.Wish["plain"].Text != "^1" || got.Wish["long"].Get("version").Text != "2" {
		t.Errorf("wish = %v", got.Wish)
	}
	if e := root.At("piece", "1", "size").Errorf("no"); e.Line != 17 || e.Column != 8 {
		t.Errorf("place of piece 1's size = %v", e)
	}
	got.Wish = nil
	want := sample{
		Name: "esbuild", Count: 1000, Small: 255, Hold: true, Tags: []string{"a", "b"},
		Env: map[string]string{"A": "1", "b c": "2"}, Part: &part{5}, Parts: []part{{1}, {2}},
		Word: "good", Words: map[word]int{"one": 1, "two": 2},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestRefused(t *testing.T) {
	const head = "format = 1\nname = \"n\"\n"
	for _, c := range []struct{ name, text, want, hint string }{
		{"no format", "name = \"n\"\n", `f: format is missing`, "format = 1"},
		{"odd format", "format = \"1\"\n", `f:1:10: format must be a whole number from 1: format = "1"`, "format = 1"},
		{"zero format", "format = 0\n", `f:1:10: format must be`, "format = 1"},
		{"newer", "format = 2\nwhat = 1\n", `f:1:10: format 2 needs a newer ipp, this one knows 1: format = 2`, ""},
		{"required", "format = 1\n", `f: "name" is missing`, ""},
		{"unknown", head + "\tcuont = 1\n", `f:3:2: unknown key "cuont": cuont = 1`, `did you mean "count"?`},
		{"unknown, nothing near", head + "zzzzzz = 1\n", `f:3:1: unknown key "zzzzzz"`, "known here: count, env"},
		{"unknown table", head + "[evn]\nA = \"1\"\n", `f:3:2: unknown key "evn": [evn]`, `did you mean "env"?`},
		{"unknown in a table", head + "[part]\nsiez = 1\n", `f:4:1: unknown key "siez"`, `did you mean "size"?`},
		{"unknown in an array", head + "[[piece]]\nsize=1\n[[piece]]\nx = 1\n", `f:6:1: unknown key "x"`, "known here: size"},
		{"x is no table", head + "x = 1\n", `f:3:5: x is kept for other tools and must be a table, not a whole number`, ""},
		{"x is an array", head + "[[x]]\n", `f:3:3: x is kept for other tools`, ""},
		{"twice", head + "name = \"m\"\n", `f:3:1: "name" is defined twice, first in line 2: name = "m"`, "keep one"},
		{"table twice", head + "[env]\n[env]\n", `f:4:2: "env" is defined twice, first in line 3: [env]`, ""},
		{"inline extended", head + "part = {size = 1}\n[part]\n", `f:4:2: "part" is defined twice`, ""},
		{"inline dotted on", head + "env = {a.b = 1, a.b.c = 2}\n", `f:3:19: "b" is defined twice`, ""},
		{"dotted into header", head + "[a.b]\nc = 1\n[a]\nb.d = 2\n", `f:6:1: "b" is defined twice`, ""},
		{"header over dotted", head + "[a]\nb.c = 1\n[a.b]\n", `f:5:4: "b" is defined twice`, ""},
		{"array extended", head + "piece = []\n[[piece]]\n", `f:4:3: "piece" is defined twice`, ""},
		{"table as array", head + "[piece]\n[[piece]]\n", `f:4:3: "piece" is defined twice`, ""},
		{"string for number", head + "count = \"1\"\n", `f:3:9: "count" must be a whole number, not a string`, ""},
		{"number for string", head + "tags = [\"a\", 1]\n", `f:3:14: each item of "tags" must be a string, not a whole number`, ""},
		{"string for array", head + "tags = \"a\"\n", `f:3:8: "tags" must be an array, not a string`, ""},
		{"string for table", head + "env = \"a\"\n", `f:3:7: "env" must be a table, not a string`, ""},
		{"string for struct", head + "part = \"a\"\n", `f:3:8: "part" must be a table, not a string`, ""},
		{"string for bool", head + "hold = \"true\"\n", `f:3:8: "hold" must be true or false, not a string`, ""},
		{"date", head + "word = 1979-05-27\n", `f:3:8: "word" must be a string, not a date or time`, ""},
		{"range", head + "small = 256\n", `f:3:9: "small" is out of range`, ""},
		{"negative", head + "small = -1\n", `f:3:9: "small" is out of range`, ""},
		{"huge", head + "count = 99999999999999999999\n", `f:3:9: number is too large`, ""},
		{"own type", head + "word = \"bad\"\n", `f:3:8: bad word: word = "bad"`, ""},
		{"own key", head + "[words]\nbad = 1\n", `f:4:1: bad word: bad = 1`, ""},
		{"not TOML", head + "count = = 1\n", `f:3:9: not TOML: `, ""},
		{"cut short", head + "tags = [\"a\"", `f:3:11: not TOML: `, ""},
		{"escape", head + `word = "a\u0000"` + "\n", `f:3:8: string has a control character, U+0000: word = "a\u0000"`, ""},
		{"multiline", head + "word = \"\"\"a\nb\"\"\"\n", `f:3:8: string has a control character, U+000A`, ""},
		{"key escape", head + "[env]\n\"a\\t\" = \"1\"\n", `f:4:1: key has a control character`, ""},
		{"not UTF-8", head + "wörd = \"\xff\"\n", `f:3:9: not UTF-8: wörd = "\uFFFD"`, "save it as UTF-8 text"},
		{"no text", head + strings.Repeat("\xff\x00", 90), `f:3:1: not UTF-8`, "save it as UTF-8 text"},
		{"columns are characters", head + "[env]\n\"ö\" = 1\n", `f:4:7: "ö" must be a string`, ""},
		{"deep array", head + "tags = " + strings.Repeat("[", 50) + strings.Repeat("]", 50), `f:3:8: nested more than 16 deep`, ""},
		{"deep key", head + "tags" + strings.Repeat(".a", 50) + " = 1", `f:3:36: nested more than 16 deep`, ""},
		{"deep header", head + "[a" + strings.Repeat(".a", 50) + "]", `f:3:34: nested more than 16 deep`, ""},
		{"deep inline", head + "part = " + strings.Repeat("{a=", 50) + "1" + strings.Repeat("}", 50), ``, ""},
		{"large", head + strings.Repeat("#", DefaultMax), `f: file is too large: `, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got sample
			_, err := Decode("f", []byte(c.text), &got, Options{Format: 1})
			var e *SyntaxError
			if !errors.As(err, &e) {
				t.Fatalf("error = %v", err)
			}
			if !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("error = %s\nwant    %s", err, c.want)
			}
			if !strings.Contains(e.Hint, c.hint) {
				t.Errorf("hint = %q, want %q", e.Hint, c.hint)
			}
			if errors.Is(err, ErrNewer) != (c.name == "newer") || errors.Is(err, errBad) != strings.HasPrefix(c.name, "own") {
				t.Errorf("wrong chain: %v", err)
			}
			if strings.ContainsAny(err.Error(), "\n\x00\x1b") {
				t.Errorf("error is not printable: %q", err)
			}
		})
	}
}

func TestTextIsPrintable(t *testing.T) {
	d := &document{file: "f", data: []byte("a\x1b[2J\u202e" + strings.Repeat("y", 200))}
	got := d.errorAt(0, "why").Text
	if want := `a\u001B[2J\u202E` + strings.Repeat("y", 114) + "…"; got != want {
		t.Errorf("text = %q, want %q", got, want)
	}
	d = &document{file: "f", data: []byte("\x00a\x00b\x00c\x00d\x00")} // no text: the place says it all
	if got := d.errorAt(0, "why").Error(); got != "f:1:1: why" {
		t.Errorf("error = %q", got)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"license", "libraries", "legacy", "name"}
	for word, want := range map[string]string{
		"licence": "license", "LICENSE": "license", "libaries": "libraries", "nmae": "name",
		"nam": "name", "foo": "", "": "", strings.Repeat("license", 99): "",
	} {
		if got := Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestQuoteComesBack(t *testing.T) {
	for _, s := range []string{"", "a", `a"b\c`, "ö\u00a0€😀", "a\nb\tc\u0001\u007f\u0085", "a.b", "a b", "-", "1"} {
		text := Key(s) + " = " + Quote(s) + "\nlist = " + Strings([]string{s, s})
		var got map[string]any
		if err := pelletier.Unmarshal([]byte(text), &got); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if got[s] != s || !reflect.DeepEqual(got["list"], []any{s, s}) {
			t.Errorf("%q came back as %v", s, got)
		}
	}
	if got := Key("a-b_1"); got != "a-b_1" {
		t.Errorf("bare key quoted: %s", got)
	}
}

// FuzzParse holds our table rules against go-toml's own: what we take it
// takes, with the same values, and what it refuses we refuse.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"a = 1", "[a]\nb.c = 'x'\n[a.b.d]\n", "[[a]]\n[a.b]\nc=[1,{d=\"e\"}]\n[[a]]\n", "a={b.c=1,b.d=2}",
		"[a.b]\n[a]\nb.c=1", "a.b=1\n[a.c]\n", "[a]\n[a.b.c]\n[a.b]\n", "a=[]\n[[a]]", "a = 1979-05-27T07:32:00Z",
		"[x]\ny=inf", "a=0o7\nb=0xff\nc=+1_0", "\"\" = \"\\u0001\"", "[[a.b]]\n[a]\nc=1", "a.b.c=1\na.b=2",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := allocated()
		root, err := Parse("f", data, Options{})
		if n := allocated() - before; n > uint64(1<<20+1024*len(data)) {
			t.Errorf("%d bytes of input took %d bytes of memory", len(data), n)
		}
		if err != nil {
			var e *SyntaxError
			if !errors.As(err, &e) {
				t.Fatalf("error without a place: %v", err)
			}
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Fatalf("error is not printable: %q", err)
			}
			return
		}
		var want map[string]any
		if err := pelletier.Unmarshal(data, &want); err != nil {
			if holds(root, Time) || holds(root, Float) {
				return // only kept as text here: no file of ours has one
			}
			t.Fatalf("go-toml refuses: %v\n%s", err, data)
		}
		for key := range want {
			if root.Get(key) == nil {
				t.Fatalf("key %q is lost", key)
			}
		}
		compare(t, root, want)
	})
}

// allocated is what the heap has given out so far.
func allocated() uint64 {
	all := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(all)
	return all[0].Value.Uint64()
}

// holds says whether a value of that kind is somewhere in v.
func holds(v *Value, k Kind) bool {
	for _, f := range v.Fields {
		if holds(f.Value, k) {
			return true
		}
	}
	for _, item := range v.Items {
		if holds(item, k) {
			return true
		}
	}
	return v.Kind == k
}

func compare(t *testing.T, v *Value, want any) {
	switch want := want.(type) {
	case map[string]any:
		if v.Kind != Table || len(v.Fields) != len(want) {
			t.Fatalf("got %v, want %v", v, want)
		}
		for _, f := range v.Fields {
			compare(t, f.Value, want[f.Key])
		}
	case []any:
		if v.Kind != Array || len(v.Items) != len(want) {
			t.Fatalf("got %v, want %v", v, want)
		}
		for i := range want {
			compare(t, v.Items[i], want[i])
		}
	case string:
		if v.Kind != String || v.Text != want {
			t.Fatalf("got %q, want %q", v.Text, want)
		}
	case int64:
		if n, ok := v.Int(); !ok || n != want {
			t.Fatalf("got %q, want %d", v.Text, want)
		}
	case bool:
		if v.Kind != Bool || v.Text != strconv.FormatBool(want) {
			t.Fatalf("got %q, want %v", v.Text, want)
		}
	}
}

func TestRange(t *testing.T) {
	const text = "a = \"b\" # c\nd   =  [1,\n 2]\n[t]\n'e' = {f = true, g = []}\n"
	root, err := Parse("f", []byte(text), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"a": `"b"`, "d": "[1,\n 2]", "d 1": "2", "t": "", "t e": "{f = true, g = []}", "t e f": "true", "t e g": "[]",
	} {
		start, end := root.At(strings.Fields(path)...).Range()
		if got := text[start:end]; got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}

// Tables of few keys are searched, those of many have an index: a key is found,
// and found twice, on both sides of the change.
func TestFewAndManyKeys(t *testing.T) {
	var text strings.Builder
	for i := range 3 * fewFields {
		fmt.Fprintf(&text, "k%d = %d\n", i, i)
		root, err := Parse("f", []byte(text.String()), Options{})
		if err != nil {
			t.Fatal(err)
		}
		for j := range i + 1 {
			if v := root.Get(fmt.Sprint("k", j)); v == nil || v.Text != fmt.Sprint(j) {
				t.Errorf("of %d keys, k%d is %+v", i+1, j, v)
			}
			_, err := Parse("f", fmt.Appendf(nil, "%sk%d = 0\n", &text, j), Options{})
			if want := fmt.Sprintf("first in line %d", j+1); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("of %d keys, k%d twice: %v", i+1, j, err)
			}
		}
		if v := root.Get("k"); v != nil {
			t.Errorf("of %d keys, k is %+v", i+1, v)
		}
	}
}
