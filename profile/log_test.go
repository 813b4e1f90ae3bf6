package profile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"ipp/generation"
	"ipp/lock"
	"ipp/lock/ref"
)

func TestLogLine(t *testing.T) {
	w := newWorld(t)
	w.update(w.add(w.pack("a", "A")))
	data, err := os.ReadFile(w.p.path("log"))
	w.must(err)
	const made = `{"format":1,"time":"2026-01-02T03:04:05Z","user":"ann","host":"box","command":"test it","from":0,"to":1,"bytes":BYTES,` +
		`"changes":[{"name":"a","new":{"version":"1.0.0","cid":"CID"}}]}` + "\n"
	g, err := w.p.Current()
	w.must(err)
	files, err := w.p.files(1)
	w.must(err)
	want := strings.NewReplacer("CID", g.Lock.Packages[0].CID.String(), "BYTES", fmt.Sprint(files.bytes())).Replace(made)
	if string(data) != want {
		t.Errorf("log is\n%swant\n%s", data, want)
	}
	entries, err := w.p.Log()
	w.must(err)
	if len(entries) != 1 || entries[0].User != "ann" || entries[0].To != 1 ||
		!entries[0].Time.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
		t.Errorf("got %+v", entries)
	}
}

func TestLogIsEmptyBeforeTheFirstFlip(t *testing.T) {
	if entries, err := newWorld(t).p.Log(); entries != nil || err != nil {
		t.Errorf("got %v, %v", entries, err)
	}
}

func TestParseLog(t *testing.T) {
	const a, b = `{"format":1,"from":0,"to":1}` + "\n", `{"format":1,"from":1,"to":2,"command":"x"}` + "\n"
	for _, tt := range []struct{ name, log, want string }{
		{"empty", "", ""},
		{"two", a + b, "1 2 "},
		{"torn last line", a + b[:20], "1 "},
		{"a last line without its end is torn", a + strings.TrimSuffix(b, "\n"), "1 "},
		{"torn line in between", a + b[:20] + "\n" + b, "1 2 "},
		{"zeros of a power cut", a + "\x00\x00\x00\n" + b, "1 2 "},
		{"empty line", a + "\n" + b, "1 2 "},
		{"unknown key", a + `{"format":1,"form":0}` + "\n", "line 2: "},
		{"no format", a + `{"from":0}` + "\n", "line 2: "},
		{"not an entry", "3\n", "line 1: "},
		{"changes", `{"format":1,"to":1,"bytes":9,"changes":[{"name":"a","old":{"version":"1","cid":"c"}}]}` + "\n", "1 "},
		{"changes of no new generation", `{"format":1,"to":1,"changes":[{"name":"a"}]}` + "\n", "line 1: "},
		{"unknown key in a change", `{"format":1,"to":1,"bytes":9,"changes":[{"nam":"a"}]}` + "\n", "line 1: "},
		{"wrong type", `{"format":1,"to":"x"}` + "\n", "line 1: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			entries, err := parseLog(tt.log)
			var got bytes.Buffer
			for _, e := range entries {
				fmt.Fprintf(&got, "%d ", e.To)
			}
			if err != nil {
				got.WriteString(err.Error())
			}
			if match := got.String() == tt.want || err != nil && strings.HasPrefix(err.Error(), tt.want) && tt.want != ""; !match {
				t.Errorf("got %q, want %q", got.String(), tt.want)
			}
		})
	}
}

func TestLogLineOfARollback(t *testing.T) {
	w := newWorld(t)
	w.update(w.add(w.pack("a", "A")))
	w.update(w.add(w.pack("b", "B")))
	_, err := w.p.Rollback(t.Context(), 0, Reason{Command: "rollback"})
	w.must(err)
	data, err := os.ReadFile(w.p.path("log"))
	w.must(err)
	const want = `{"format":1,"time":"2026-01-02T03:04:05Z","user":"ann","host":"box","command":"rollback","from":2,"to":1}` + "\n"
	if !strings.HasSuffix(string(data), "\n"+want) {
		t.Errorf("log is\n%swhich does not end in\n%s", data, want)
	}
}

func TestALargeChangeIsNotLogged(t *testing.T) {
	e := (LogEntry{Format: logFormat}).making(1, make([]lock.Change, mostLogged))
	if !e.Making() || len(e.Changes) != mostLogged {
		t.Errorf("%d changes: %+v", mostLogged, e)
	}
	if e := (LogEntry{Format: logFormat}).making(1, make([]lock.Change, mostLogged+1)); e.Making() || e.Changes != nil || e.Bytes != 0 {
		t.Errorf("one more: %+v", e)
	}
}

func TestUntouched(t *testing.T) {
	w := newWorld(t)
	w.update(w.add(w.pack("a", "A")))
	files, err := w.p.files(1)
	w.must(err)
	newest := files.newest()
	e := LogEntry{To: 1, Time: newest.Truncate(time.Second), Bytes: files.bytes()}
	if !w.p.Untouched(e) {
		t.Error("a new generation is touched")
	}
	if w.p.Untouched(LogEntry{To: 2, Time: e.Time}) {
		t.Error("a generation that is not there is untouched")
	}
	for _, name := range []string{generation.InfoName, lock.LockName, lock.ProfileName} {
		path := filepath.Join(w.p.path("1"), name)
		data, err := os.ReadFile(path)
		w.must(err)
		for what, touch := range map[string]func() error{
			"is newer": func() error { return os.Chtimes(path, newest.Add(time.Hour), newest.Add(time.Hour)) },
			"is longer": func() error {
				return errors.Join(os.WriteFile(path, append(data, '\n'), 0o644), os.Chtimes(path, newest, newest))
			},
			"is gone": func() error { return os.Remove(path) },
		} {
			w.must(touch())
			if w.p.Untouched(e) {
				t.Errorf("%s %s, and that makes no difference", name, what)
			}
			w.must(errors.Join(os.WriteFile(path, data, 0o644), os.Chtimes(path, newest, newest)))
		}
		if !w.p.Untouched(e) {
			t.Errorf("%s is as it was, but touched", name)
		}
	}
}

func TestParseLogNewer(t *testing.T) {
	if _, err := parseLog(`{"format":2,"what":"ever"}` + "\n"); !errors.Is(err, ErrNewerLog) {
		t.Errorf("got %v", err)
	}
}

func FuzzParseLog(f *testing.F) {
	f.Add([]byte(`{"format":1,"time":"2026-01-02T03:04:05Z","user":"a","host":"b","command":"c","from":0,"to":1}` + "\n"))
	f.Add([]byte(`{"format":1,"from":1,"to":2,"bytes":9,"changes":[{"name":"a","new":{"version":"1","cid":"c"}}]}` + "\n"))
	f.Add([]byte(`{"format":1,"time":"2026-01-02T03:04:05Z","user":"a","host":"b","command":"c","from":1,"to":2,"bytes":9,"changes":[` +
		`{"name":"a","old":{"version":"1","cid":"c"},"new":{"version":"2","cid":"d"}},{"name":"b","old":{"version":"1","cid":"c"}}]}` + "\n"))
	f.Add([]byte(`{"format":2}` + "\n"))
	f.Add([]byte("{}\n{"))
	f.Add([]byte("\x12\n0"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for line := range bytes.SplitSeq(data, []byte("\n")) {
			quick, ok := canonicalEntry(string(line))
			if strict, err := parseLogLine(line); ok && (err != nil || !sameEntry(quick, strict)) {
				t.Errorf("%q is read as %+v, and as %+v, %v", line, quick, strict, err)
			}
		}
		entries, err := parseLog(string(data))
		if err != nil {
			return
		}
		for _, e := range entries {
			if e.Format != logFormat {
				t.Errorf("an entry of format %d", e.Format)
			}
			line, err := json.Marshal(e)
			if err != nil {
				continue // of a year that RFC 3339 does not have
			}
			if again, err := parseLog(string(line) + "\n"); err != nil || len(again) != 1 || !sameEntry(again[0], e) {
				t.Errorf("%s became %+v, %v", line, again, err)
			}
		}
		if last := data[bytes.LastIndexByte(data, '\n')+1:]; json.Valid(last) {
			return // that is no torn line, for it would begin with a brace
		}
		torn, err := parseLog(string(data) + "\n{\"format\":1,") // a power cut in the next append
		if err != nil || len(torn) < len(entries) {
			t.Errorf("a torn line costs others: %d of %d, %v", len(torn), len(entries), err)
		}
	})
}

func sameEntry(a, b LogEntry) bool {
	same := a.Time.Equal(b.Time)
	a.Time = b.Time
	if len(a.Changes) == 0 && len(b.Changes) == 0 {
		a.Changes, b.Changes = nil, nil
	}
	return same && reflect.DeepEqual(a, b)
}

func TestSortNames(t *testing.T) {
	l := sortNames(strings.Fields("10 9 07 1.gone 0 -1 11.gone current log tmp.7-x mutex x.gone 1.gone.gone .tmp.1"))
	if got := fmt.Sprint(l.numbers, l.gone, l.temps); got != "[9 10] [1 11] [tmp.7-x]" {
		t.Errorf("got %s", got)
	}
	if l.highest() != 11 || (names{}).highest() != 0 {
		t.Errorf("highest %d", l.highest())
	}
}

func TestList(t *testing.T) {
	w := newWorld(t)
	if all, err := List(w.state); len(all) != 0 || err != nil {
		t.Errorf("got %v, %v", all, err)
	}
	for _, name := range []ref.Name{"b", "a"} {
		w.must(w.open(name).Create(t.Context(), w.st))
	}
	w.must(os.Mkdir(w.state+"/profiles/.hidden", 0o755))
	w.must(os.WriteFile(w.state+"/profiles/file", nil, 0o644))
	all, err := List(w.state)
	w.must(err)
	if fmt.Sprint(all) != "[a b]" {
		t.Errorf("got %v", all)
	}
}
