package pack

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ipfs/go-cid"
)

const (
	v1CID = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
	v0CID = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"
)

func manifestLine(path string) string { return v1CID + "\t" + FormatToken + "\t" + path + "\n" }

func TestParseManifest(t *testing.T) {
	// Lines of ipfs-pack and of ours, and what people call files.
	text := v0CID + "\tf0000120001\ta b\n" + manifestLine("a-b") + manifestLine("a/.hidden") + manifestLine("a/PackManifest") +
		manifestLine("a/b") + manifestLine(`a/new\nline\ttab\rreturn\\back`) + manifestLine("ö") + v0CID + "\tf0000120001\t.\n"
	lines, err := ParseManifest("PackManifest", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := []Line{
		{cid.MustParse(v0CID), "f0000120001", "a b"},
		{cid.MustParse(v1CID), FormatToken, "a-b"},
		{cid.MustParse(v1CID), FormatToken, "a/.hidden"},
		{cid.MustParse(v1CID), FormatToken, "a/PackManifest"},
		{cid.MustParse(v1CID), FormatToken, "a/b"},
		{cid.MustParse(v1CID), FormatToken, "a/new\nline\ttab\rreturn\\back"},
		{cid.MustParse(v1CID), FormatToken, "ö"},
		{cid.MustParse(v0CID), "f0000120001", "."},
	}
	if !reflect.DeepEqual(lines, want) {
		t.Errorf("got  %v\nwant %v", lines, want)
	}
	rand.Shuffle(len(want), func(i, j int) { want[i], want[j] = want[j], want[i] })
	kept := slices.Clone(want)
	if got := string(EncodeManifest(want)); got != text {
		t.Errorf("got\n%s\nwant\n%s", got, text)
	}
	if !reflect.DeepEqual(want, kept) {
		t.Error("EncodeManifest sorted its argument")
	}
}

func TestManifestRefused(t *testing.T) {
	end := manifestLine(".")
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", `p:1:1: "." is missing`},
		{"no root", manifestLine("a"), `p:2:1: "." is missing`},
		{"cut short", manifestLine("a") + strings.TrimSuffix(end, "\n"), "p:2:74: last line is cut short"},
		{"empty line", "\n" + end, "p:1:1: line has 1 fields"},
		{"more fields", manifestLine("a\tb") + end, "p:1:1: line has 4 fields"},
		{"after the root", end + manifestLine("a"), `p:2:1: a line follows "."`},
		{"root twice", end + end, `p:2:1: a line follows "."`},
		{"not sorted", manifestLine("b") + manifestLine("a") + end, "p:2:1: lines are not sorted by path"},
		{"sorted as written", manifestLine(`\\`) + manifestLine("Z") + end, "p:2:1: lines are not sorted"},
		{"twice", manifestLine("a") + manifestLine("a") + end, "p:2:1: path stands there twice"},
		{"not a CID", "Qm\t" + FormatToken + "\ta\n" + end, "p:1:1: not a CID"},
		{"another base", "f01551220e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\t" + FormatToken + "\ta\n" + end, "p:1:1: CID is not in its usual form"},
		{"CRLF", strings.ReplaceAll(manifestLine("a"), "\n", "\r\n") + end, "p:1:1: path has a carriage return"},
		{"no token", v1CID + "\t\ta\n" + end, "p:1:1: format is not"},
		{"upper case token", v1CID + "\tf01001200AA\ta\n" + end, "p:1:1: format is not"},
		{"odd token", v1CID + "\tf010\ta\n" + end, "p:1:1: format is not"},
		{"cut varint", v1CID + "\tf0180\ta\n" + end, "p:1:1: format is not"},
		{"long token", v1CID + "\tf" + strings.Repeat("01", 65) + "\ta\n" + end, "p:1:1: format is not"},
		{"newer token", v1CID + "\tf0200120002\ta\n" + end, "p:1:1: format 2 needs a newer ipp"},
		{"escape", manifestLine(`a\x`) + end, "p:1:1: path has an escape other than"},
		{"half an escape", manifestLine(`a\`) + end, `p:1:1: path ends in a single \`},
		{"empty path", manifestLine("") + end, "p:1:1: path is empty"},
		{"not UTF-8", manifestLine("\xff") + end, "p:1:1: path is not UTF-8"},
		{"NUL", manifestLine("a\x00") + end, "p:1:1: path is not clean"},
		{"absolute", manifestLine("/a") + end, "p:1:1: path is absolute"},
		{"up", manifestLine("../a") + end, "p:1:1: path is not clean"},
		{"up only", manifestLine("..") + end, "p:1:1: path is not clean"},
		{"up inside", manifestLine("a/../../b") + end, "p:1:1: path is not clean"},
		{"dot slash", manifestLine("./a") + end, "p:1:1: path is not clean"},
		{"slash at the end", manifestLine("a/") + end, "p:1:1: path is not clean"},
		{"two slashes", manifestLine("a//b") + end, "p:1:1: path is not clean"},
		{"itself", manifestLine("PackManifest") + end, "p:1:1: path is never in a manifest"},
		{"its temporary", manifestLine("PackManifest.tmp") + end, "p:1:1: path is never in a manifest"},
		{"dot name", manifestLine(".git/a") + end, "p:1:1: path is never in a manifest"},
		{"signature", manifestLine(".ipp/signature") + end, "p:1:1: path is never in a manifest"},
		{"long name", manifestLine(strings.Repeat("a", 256)) + end, "p:1:1: name is longer than"},
		{"long path", manifestLine(strings.Repeat("a/", 2048)+"a") + end, "p:1:1: path is longer than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines, err := ParseManifest("p", []byte(c.text))
			var e *SyntaxError
			if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("error = %v, want %s; %v", err, c.want, lines)
			}
			if errors.Is(err, ErrNewer) != (c.name == "newer token") {
				t.Errorf("wrong chain: %v", err)
			}
		})
	}
	large := make([]byte, MaxManifest+1)
	if _, err := ParseManifest("p", large); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("error = %v", err)
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(manifestLine("a b") + manifestLine(`a\n`) + manifestLine("a/b") + manifestLine(".")))
	f.Add([]byte(v0CID + "\tf0000120001\t.\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		lines, err := ParseManifest("p", data)
		if err != nil {
			var e *SyntaxError
			if !errors.As(err, &e) || strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Fatalf("error = %q", err)
			}
			return
		}
		if got := EncodeManifest(lines); string(got) != string(data) {
			t.Fatalf("two spellings:\n%q\n%q", data, got)
		}
		for _, l := range lines {
			if !filepath.IsLocal(l.Path) || strings.ContainsRune(l.Path, 0) || !utf8.ValidString(l.Path) {
				t.Fatalf("path %q got through", l.Path)
			}
		}
	})
}

// FuzzCompare: two lists have no faults between them if they list the same, and
// some if they don't; each fault is of a path that one of them has.
func FuzzCompare(f *testing.F) {
	f.Add([]byte("abc"), []byte("abd"))
	f.Add([]byte{0, 1, 2, 3, 40, 50, 60}, []byte{0, 1, 9, 3, 41, 50})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		one, two := linesOf(a), linesOf(b)
		if faults := compareLines(t, one, one); len(faults) > 0 {
			t.Fatalf("%v differs from itself: %v", one, faults)
		}
		faults := compareLines(t, one, two)
		if same := reflect.DeepEqual(byPath(one), byPath(two)); same != (len(faults) == 0) {
			t.Fatalf("%v\n%v\nfaults %v", one, two, faults)
		}
		if back := compareLines(t, two, one); (len(back) == 0) != (len(faults) == 0) {
			t.Fatalf("%v\n%v\none way %v, the other way %v", one, two, faults, back)
		}
		for _, fault := range faults {
			_, in := byPath(one)[fault.Path]
			_, other := byPath(two)[fault.Path]
			if !in && !other || in && other != (fault.Why == whyChanged) || fault.Why == whyMissing && in {
				t.Fatalf("%v\n%v\n%v", one, two, fault)
			}
		}
	})
}

func compareLines(t *testing.T, found, manifest []Line) []Fault {
	t.Helper()
	sorted := func(lines []Line) iter.Seq2[Line, error] {
		return func(yield func(Line, error) bool) {
			for _, l := range sortLines(lines) {
				if !yield(l, nil) {
					return
				}
			}
		}
	}
	wrong, err := compare(sorted(found), sorted(manifest), func(string) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	return faultsOf(wrong)
}

// byPath are lines by their paths.
func byPath(lines []Line) map[string]Line {
	m := make(map[string]Line, len(lines))
	for _, l := range lines {
		m[l.Path] = l
	}
	return m
}

// linesOf makes a listing of a few names, files and directories, by the bytes of
// a program: each adds a path with one of four CIDs, and the directories above.
func linesOf(program []byte) []Line {
	lines := map[string]Line{}
	for _, op := range program[:min(len(program), 64)] {
		at := []string{"a", "a/b", "a/b/c", "a/d", "e", "e/b", "a.b", "é"}[op>>2&7]
		for dir := path.Dir(at); dir != "."; dir = path.Dir(dir) {
			if _, ok := lines[dir]; !ok {
				lines[dir] = Line{sum(cid.DagProtobuf, []byte(dir)), FormatToken, dir}
			}
		}
		lines[at] = Line{sum(cid.Raw, []byte{op & 3}), FormatToken, at}
	}
	return slices.Collect(maps.Values(lines))
}

func BenchmarkParseManifest(b *testing.B) {
	var lines []Line
	for i := range 100_000 {
		lines = append(lines, Line{cid.MustParse(v1CID), FormatToken, fmt.Sprintf("share/directory/file-%d", i)})
	}
	data := EncodeManifest(append(lines, Line{cid.MustParse(v1CID), FormatToken, "."}))
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := ParseManifest("p", data); err != nil {
			b.Fatal(err)
		}
	}
}
