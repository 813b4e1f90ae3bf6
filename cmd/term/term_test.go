package term

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"
)

// screen is a fake terminal of some width.
type screen struct {
	mu    sync.Mutex
	buf   bytes.Buffer
	width int
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

// take is what was written since the last take.
func (s *screen) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.buf.Reset()
	return s.buf.String()
}

func (s *screen) resize(width int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.width = width
}

func lookFake(w io.Writer) (func() int, bool) {
	s, ok := w.(*screen)
	if !ok {
		return nil, false
	}
	return func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.width
	}, true
}

// env is a getenv over pairs.
func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func fake(stdout, stderr io.Writer, pairs ...string) *Terminal {
	return newTerminal(stdout, stderr, env(pairs...), lookFake)
}

func TestFilesAndBuffersAreNoTerminals(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, w := range []io.Writer{file, new(bytes.Buffer)} {
		tm := New(w, w, env())
		if tm.OutIsTerminal() || tm.ErrIsTerminal() {
			t.Errorf("%T counts as a terminal", w)
		}
		if got := tm.Width(); got != 80 {
			t.Errorf("width off a terminal = %d, want 80", got)
		}
		if got := tm.OutStyle().Red("x"); got != "x" {
			t.Errorf("style off a terminal = %q", got)
		}
	}
}

func TestWidth(t *testing.T) {
	for _, tc := range []struct {
		out, err int // 0: that output is a terminal which does not know; -1: no terminal
		columns  string
		want     int
	}{
		{100, 120, "", 120}, {100, -1, "", 100}, {100, 120, "40", 120},
		{0, 0, "", 80}, {0, 0, "40", 40}, {0, 0, "0", 80}, {0, 0, "-3", 80}, {0, 0, "wide", 80},
		{-1, -1, "", 80}, {-1, -1, "40", 40}, {1, 1, "", 1},
	} {
		open := func(width int) io.Writer {
			if width < 0 {
				return io.Discard
			}
			return &screen{width: width}
		}
		if got := fake(open(tc.out), open(tc.err), "COLUMNS", tc.columns).Width(); got != tc.want {
			t.Errorf("%+v: width %d", tc, got)
		}
	}
}

func TestStyle(t *testing.T) {
	for _, tc := range []struct {
		name  string
		tm    *Terminal
		plain bool
	}{
		{"terminal", fake(&screen{}, &screen{}), false},
		{"empty NO_COLOR", fake(&screen{}, &screen{}, "NO_COLOR", ""), false},
		{"NO_COLOR", fake(&screen{}, &screen{}, "NO_COLOR", "1"), true},
		{"dumb", fake(&screen{}, &screen{}, "TERM", "dumb"), true},
		{"pipe", fake(io.Discard, io.Discard), true},
	} {
		for _, style := range []Style{tc.tm.OutStyle(), tc.tm.ErrStyle()} {
			for _, f := range []func(string) string{style.Bold, style.Dim, style.Red, style.Green, style.Yellow} {
				if got := f("x"); (got == "x") != tc.plain || columns(got) != 1 {
					t.Errorf("%s: %q", tc.name, got)
				}
				if got := f(""); got != "" {
					t.Errorf("%s: empty text became %q", tc.name, got)
				}
			}
		}
	}
	style := fake(&screen{}, io.Discard).OutStyle()
	if got, want := style.Bold(style.Red("x")+"y"), "\x1b[1m\x1b[31mx\x1b[39my\x1b[22m"; got != want {
		t.Errorf("nested: %q, want %q", got, want)
	}
	if got := fake(&screen{}, io.Discard).ErrStyle().Red("x"); got != "x" {
		t.Errorf("standard error is no terminal, yet %q", got)
	}
}

// failing writes until it has had limit writes.
type failing struct {
	bytes.Buffer
	limit int
	err   error
}

func (f *failing) Write(p []byte) (int, error) {
	if f.limit--; f.limit < 0 {
		return 0, f.err
	}
	return f.Buffer.Write(p)
}

func TestOutKeepsTheFirstError(t *testing.T) {
	gone := errors.New("gone")
	w := &failing{limit: 1, err: gone}
	tm := fake(w, io.Discard)
	if _, err := io.WriteString(tm.Out(), "one\n"); err != nil || tm.OutErr() != nil {
		t.Fatalf("a good write: %v, %v", err, tm.OutErr())
	}
	if _, err := io.WriteString(tm.Out(), "two\n"); err != gone {
		t.Errorf("first failing write: %v", err)
	}
	w.limit, w.err = 9, errors.New("another")
	if n, err := io.WriteString(tm.Out(), "three\n"); n != 6 || err != nil {
		t.Errorf("a later write: %d, %v; want it dropped quietly", n, err)
	}
	if tm.OutErr() != gone || w.String() != "one\n" {
		t.Errorf("error %v, output %q", tm.OutErr(), w.String())
	}
	if _, err := io.WriteString(tm.Err(), "still here\n"); err != nil {
		t.Error(err)
	}
}

func TestMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, err := &screen{width: 60}, &screen{width: 60}
		tm := fake(out, err)
		m := tm.Meter("fetching", 9_800_000)
		m.Add(490_000)
		time.Sleep(990 * time.Millisecond)
		if got := err.take(); got != "" {
			t.Fatalf("before a second: %q", got)
		}
		m.Add(490_000)
		time.Sleep(20 * time.Millisecond)
		want := "\rfetching   10%   980 kB of 9.8 MB   980 kB/s  9 s left\x1b[K"
		if got := err.take(); got != want {
			t.Fatalf("after a second: %q, want %q", got, want)
		}
		time.Sleep(time.Second)
		if got := strings.Count(err.take(), "\r"); got != 10 {
			t.Errorf("drawn %d times in a second", got)
		}
		// Other output never shares the line, and a resized window never wraps.
		fmt.Fprintln(tm.Out(), "note")
		if got := err.take() + out.take(); got != "\r\x1b[Knote\n" {
			t.Errorf("other output: %q", got)
		}
		err.resize(12)
		time.Sleep(100 * time.Millisecond)
		if got := err.take(); got != "\r10%\x1b[K" {
			t.Errorf("at 12 columns: %q", got)
		}
		m.Done()
		m.Done()
		if got := err.take(); got != "\r\x1b[K" {
			t.Errorf("done: %q", got)
		}
	})
}

func TestMeterLeavesAnOpenLineAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := &screen{width: 60}
		tm := fake(io.Discard, err)
		m := tm.Meter("fetching", 0)
		defer m.Done()
		fmt.Fprint(tm.Err(), "accept? ")
		time.Sleep(2 * time.Second)
		if got := err.take(); got != "accept? " {
			t.Errorf("over a question: %q", got)
		}
		next := tm.Meter("writing", 0)
		defer next.Done()
		time.Sleep(2 * time.Second)
		if got := err.take(); !strings.Contains(got, "fetching") || strings.Contains(got, "writing") {
			t.Errorf("after the answer one of both shows: %q", got)
		}
	})
}

func TestMeterIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pipe bytes.Buffer
		dumb := &screen{}
		for _, tm := range []*Terminal{fake(&screen{}, &pipe), fake(&screen{}, dumb, "TERM", "dumb")} {
			m := tm.Meter("fetching", 10)
			m.Add(1)
			time.Sleep(5 * time.Second)
			m.Done()
		}
		if got := pipe.String() + dumb.take(); got != "" {
			t.Errorf("wrote %q", got)
		}
	})
}

func TestMeterConcurrently(t *testing.T) {
	err := &screen{width: 60}
	tm := fake(err, err)
	m := tm.Meter("fetching", 800)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				m.Add(1)
				fmt.Fprintln(tm.Err(), "x")
			}
		})
	}
	all.Wait()
	m.Done()
	if got := m.done.Load(); got != 800 {
		t.Errorf("counted %d", got)
	}
	if got := err.take(); got != strings.Repeat("x\n", 800) {
		t.Errorf("lines were mixed: %q", got)
	}
}

func TestLine(t *testing.T) {
	known := progress{verb: "fetching", total: 9_800_000, done: 4_200_000, rate: 1_234_567}
	unknown := progress{verb: "hashing", done: 4_200_000, rate: 1_234_567}
	over := progress{verb: "x", total: 5, done: 9, rate: 1}
	stalled := progress{verb: "x", total: 5_000_000, done: 9}
	for _, tc := range []struct {
		width int
		p     progress
		want  string
	}{
		{80, known, "fetching   42%   4.2 MB of 9.8 MB  1.23 MB/s  5 s left"},
		{55, known, "fetching   42%   4.2 MB of 9.8 MB  1.23 MB/s  5 s left"},
		{54, known, "fetching   42%   4.2 MB of 9.8 MB  1.23 MB/s"},
		{44, known, "fetching   42%   4.2 MB of 9.8 MB"},
		{20, known, "fetching   42%"},
		{14, known, "42%"}, {10, known, "42%"}, {4, known, "42%"},
		{3, known, "f…"}, {2, known, "…"}, {1, known, ""}, {0, known, ""}, {-1, known, ""},
		{80, unknown, "hashing   4.2 MB  1.23 MB/s"},
		{12, unknown, "4.2 MB"},
		{80, over, "x  100%      9 B of 5 B      1 B/s"},
		{80, stalled, "x    0%      9 B of 5 MB      0 B/s"},
		{8, progress{verb: "取得取得"}, "0 B"}, {3, progress{verb: "取得"}, "…"},
	} {
		if got := line(tc.width, tc.p); got != tc.want {
			t.Errorf("width %d: %q, want %q", tc.width, got, tc.want)
		}
	}
	for width := range 200 {
		for _, p := range []progress{known, unknown, over, stalled} {
			if got := columns(line(width, p)); got > max(0, width-1) {
				t.Errorf("width %d: %d columns", width, got)
			}
		}
	}
}

func TestRateForgets(t *testing.T) {
	start := time.Unix(0, 0)
	p := progress{start: start, last: start}
	for i := range 100 {
		p = p.at(start.Add(time.Duration(i+1)*100*time.Millisecond), int64(i+1)*1000)
	}
	if p.rate < 9_990 || p.rate > 10_010 {
		t.Errorf("steady: %.0f B/s", p.rate)
	}
	if same := p.at(p.last, p.done+5); same != p {
		t.Errorf("no time passed: %+v", same)
	}
	stalled := p
	for i := range 100 {
		stalled = stalled.at(p.last.Add(time.Duration(i+1)*100*time.Millisecond), p.done)
	}
	if stalled.rate > p.rate/10 {
		t.Errorf("after a stall of 10 s still %.0f B/s", stalled.rate)
	}
}

func TestTable(t *testing.T) {
	fill := func(tb *Table) string {
		tb.Row("esbuild", "0.25.0", "9.8 MB", "JavaScript bundler")
		tb.Row("世界", "1", "", "")
		tb.Row("b")
		if err := tb.Flush(); err != nil {
			t.Fatal(err)
		}
		return ""
	}
	full := "name     version    size  summary\n" +
		"esbuild  0.25.0   9.8 MB  JavaScript bundler\n" +
		"世界     1\n" +
		"b\n"
	stacked := "esbuild\n  version 0.25.0\n  size 9.8 MB\n  summary JavaScript bundler\n世界\n  version 1\nb\n"
	var pipe bytes.Buffer
	fill(fake(&pipe, io.Discard, "COLUMNS", "10").Table("name", "version", "size", "summary").Right(2))
	if got := pipe.String(); got != full {
		t.Errorf("off a terminal:\n%s\nwant\n%s", got, full)
	}
	for _, tc := range []struct {
		width int
		want  string
	}{
		{100, full}, {44, full}, {0, full},
		{36, "name     version    size  summary\nesbuild  0.25.0   9.8 MB  JavaScrip…\n世界     1\nb\n"},
		{14, stacked}, {3, stacked}, {1, stacked},
	} {
		s := &screen{width: tc.width}
		fill(fake(s, io.Discard, "NO_COLOR", "1").Table("name", "version", "size", "summary").Right(2))
		if got := s.take(); got != tc.want {
			t.Errorf("width %d:\n%s\nwant\n%s", tc.width, got, tc.want)
		}
	}
}

func TestWrap(t *testing.T) {
	red := Style{on: true}.Red
	for _, tt := range []struct {
		in    string
		width int
		want  string
	}{
		{"", 5, ""}, {"abc", 3, "abc"}, {"abc def", 6, "abc|def"}, {"abc def", 7, "abc def"}, {"abcdef gh", 3, "abcdef|gh"},
		{"  in front", 6, "  in|front"}, {"two  blanks", 11, "two  blanks"}, {"two  blanks", 6, "two|blanks"},
		{red("abc") + " def", 7, red("abc") + " def"}, {"世界 世界", 4, "世界|世界"},
	} {
		if got := strings.Join(Wrap(tt.in, tt.width), "|"); got != tt.want {
			t.Errorf("Wrap(%q, %d) = %q, want %q", tt.in, tt.width, got, tt.want)
		}
	}
	for _, tt := range []struct {
		width int
		want  string
	}{
		{40, "ipp: install nobody: no such package"},
		{24, "ipp: install nobody: no\n  such package"},
		{10, "ipp: install nobody: no such package"},
	} {
		if got := hang("ipp: install nobody: no such package", tt.width, "  "); got != tt.want {
			t.Errorf("at %d: %q, want %q", tt.width, got, tt.want)
		}
	}
}

func FuzzWrap(f *testing.F) {
	f.Add("a b  c", 3)
	f.Add("\x1b[31mab世\x1b[39m x", 2)
	f.Fuzz(func(t *testing.T, s string, n int) {
		if got, want := strings.Join(strings.Fields(strings.Join(Wrap(s, n), " ")), " "), strings.Join(strings.Fields(s), " "); got != want {
			t.Fatalf("Wrap(%q, %d) has other words: %q", s, n, got)
		}
		if got, want := strings.Join(strings.Fields(hang(s, n, "  ")), " "), strings.Join(strings.Fields(s), " "); got != want {
			t.Fatalf("hang(%q, %d) has other words: %q", s, n, got)
		}
	})
}

func TestTableWhole(t *testing.T) {
	for width, want := range map[int]string{
		34: "name     summary     cid\nesbuild  a JavaScr…  bafybeicnvpa7\n",
		26: "esbuild\n  summary a JavaScript\n    bundler and more\n  cid bafybeicnvpa7\n",
		9:  "esbuild\n  summary a JavaScript bundler and more\n  cid bafybeicnvpa7\n",
	} {
		s := &screen{width: width}
		tb := fake(s, io.Discard, "NO_COLOR", "1").Table("name", "summary", "cid").Whole(0, 2)
		tb.Row("esbuild", "a JavaScript bundler and more", "bafybeicnvpa7")
		if err := tb.Flush(); err != nil {
			t.Fatal(err)
		}
		if got := s.take(); got != want {
			t.Errorf("width %d:\n%s\nwant\n%s", width, got, want)
		}
	}
}

func TestTableStacksMarks(t *testing.T) {
	for _, heads := range [][]string{{"", "gen", "why"}, nil} {
		s := &screen{width: 8}
		tb := fake(s, io.Discard, "NO_COLOR", "1").Table(heads...)
		tb.Row("*", "12", "install esbuild")
		tb.Row("", "3", "")
		if err := tb.Flush(); err != nil {
			t.Fatal(err)
		}
		want := "* 12\n  why install esbuild\n3\n"
		if heads == nil {
			want = "*  12\n  install esbuild\n3\n"
		}
		if got := s.take(); got != want {
			t.Errorf("%q:\n%s\nwant\n%s", heads, got, want)
		}
	}
}

func TestTableCountsWithoutStyles(t *testing.T) {
	s := &screen{width: 12}
	tm := fake(s, io.Discard)
	tb := tm.Table("state", "name")
	tb.Row(tm.OutStyle().Green("ok"), "esbuild")
	tb.Row("broken", tm.OutStyle().Red("biome"))
	if err := tb.Flush(); err != nil {
		t.Fatal(err)
	}
	want := "\x1b[1mstate\x1b[22m  \x1b[1mname\x1b[22m\n" +
		"\x1b[32mok\x1b[39m     esbu…\n" +
		"brok…  \x1b[31mbiome\x1b[39m\n"
	if got := s.take(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestTableReportsItsError(t *testing.T) {
	gone := errors.New("gone")
	tb := fake(&failing{err: gone}, io.Discard).Table()
	tb.Row("x")
	if err := tb.Flush(); err != gone {
		t.Errorf("flush: %v", err)
	}
}

func TestCutKeepsStyles(t *testing.T) {
	red := Style{on: true}.Red
	for _, tc := range []struct {
		in   string
		n    int
		want string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"abcd", 1, "…"}, {"abcd", 0, ""}, {"", 0, ""},
		{red("abcd"), 3, "\x1b[31mab…\x1b[39m"}, {red("abc"), 3, red("abc")},
		{"a世界", 3, "a…"}, {"世界x", 3, "世…"}, {"e\u0301e\u0301e\u0301", 2, "e\u0301…"},
	} {
		if got := cut(tc.in, tc.n); got != tc.want {
			t.Errorf("cut(%q, %d) = %q, want %q", tc.in, tc.n, got, tc.want)
		}
	}
}

func TestSafe(t *testing.T) {
	for in, want := range map[string]string{
		"":                           "",
		"plain, with words":          "plain, with words",
		`back\slash`:                 `back\slash`,
		"ünï 世界 🚀 e\u0301":           "ünï 世界 🚀 e\u0301",
		"\x1b[31mred\x07":            `\x1b[31mred\x07`,
		"two\nlines\r\ttab\x00\x7f":  `two\x0alines\x0d\x09tab\x00\x7f`,
		"csi \u009b31m":              `csi \u009b31m`,
		"raw \x9b\xff\xc3":           `raw \x9b\xff\xc3`,
		"\xed\xa0\x80":               `\xed\xa0\x80`, // a surrogate
		"real \ufffd":                "real \ufffd",
		"\u202egpj.exe\u2069":        `\u202egpj.exe\u2069`,
		"a\u200bb\u200d\u00ad\ufeff": `a\u200bb\u200d\u00ad\ufeff`,
		"\u2028\u2029":               `\u2028\u2029`,
		"tag \U000e0041":             `tag \U000e0041`,
		"\ue000\ufe0f\u3164\u115f":   `\ue000\ufe0f\u3164\u115f`,
		"\U0010ffff":                 `\U0010ffff`,
	} {
		if got := Safe(in); got != want {
			t.Errorf("Safe(%q) = %s, want %s", in, got, want)
		}
	}
}

// TestSafeJSON: what is printed has nothing hidden in it, and still means the same.
func TestSafeJSON(t *testing.T) {
	for _, in := range []string{"plain", "ünï 世界", "\x1b[31m\x7f\u009b", "\u202egpj\u2066\u200b\ufeff\u00ad", "tag \U000e0041", "\U0010ffff\ue000", `\u202e`, "a\nb\"c"} {
		data, err := json.MarshalIndent([]string{in}, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		text := SafeJSON(data)
		if safe := Safe(strings.ReplaceAll(text, "\n", "")); safe != strings.ReplaceAll(text, "\n", "") {
			t.Errorf("%q: %s is not safe", in, text)
		}
		var out []string
		if err := json.Unmarshal([]byte(text), &out); err != nil || out[0] != in {
			t.Errorf("%q became %q, %v", in, out, err)
		}
	}
}

func FuzzSafe(f *testing.F) {
	for _, seed := range []string{"", "x\x1b]0;t\x07", "\u202e", "\xff", `\`, "世界"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Safe(s)
		if !utf8.ValidString(got) {
			t.Fatalf("%q is no UTF-8", got)
		}
		for _, r := range got {
			if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
				t.Fatalf("Safe(%q) = %q keeps %U", s, got, r)
			}
		}
		if Safe(got) != got {
			t.Fatalf("Safe(%q) is not stable", got)
		}
	})
}

func FuzzCut(f *testing.F) {
	f.Add("\x1b[31mab世\x1b[39m", 2)
	f.Add("\x1b[", 1)
	f.Add("\x1b[3", 0)
	f.Fuzz(func(t *testing.T, s string, n int) {
		n = max(0, n)
		if got := columns(cut(s, n)); got > n {
			t.Fatalf("cut(%q, %d) has %d columns", s, n, got)
		}
	})
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 7: "7 B", 999: "999 B", 1000: "1 kB", 1001: "1 kB", 1234: "1.23 kB", 9_994: "9.99 kB", 9_996: "10 kB",
		12_345: "12.3 kB", 99_960: "100 kB", 999_499: "999 kB", 999_500: "1 MB", 9_800_000: "9.8 MB", 20_112_345: "20.1 MB",
		1 << 30: "1.07 GB", 1<<63 - 1: "9.22 EB", -9_800_000: "-9.8 MB", -1 << 63: "-9.22 EB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "just now", 59 * time.Second: "just now", -59 * time.Second: "just now", -time.Hour: "in the future",
		time.Minute: "1 minute ago", 5 * time.Minute: "5 minutes ago", 59*time.Minute + 59*time.Second: "59 minutes ago",
		time.Hour: "1 hour ago", 23 * time.Hour: "23 hours ago", day: "1 day ago", 3 * day: "3 days ago", 59 * day: "59 days ago",
		60 * day: "2 months ago", 400 * day: "13 months ago", 730 * day: "2 years ago", 3000 * day: "8 years ago",
	} {
		if got := Ago(d); got != want {
			t.Errorf("Ago(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestLeft(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-1: "0 s left", 0: "0 s left", 1: "1 s left", 4 * time.Second: "4 s left", 59*time.Second + 1: "1 min left",
		61 * time.Second: "2 min left", 59 * time.Minute: "59 min left", 59*time.Minute + 1: "1 h 0 min left",
		125 * time.Minute: "2 h 5 min left", 47 * time.Hour: "47 h 0 min left", 49 * time.Hour: "3 days left",
	} {
		if got := Left(d); got != want {
			t.Errorf("Left(%v) = %q, want %q", d, got, want)
		}
	}
}
