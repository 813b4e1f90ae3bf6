package profile

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestMendLine: a line is put right only where one bit was flipped and one line
// alone comes out.
func TestMendLine(t *testing.T) {
	e := LogEntry{Format: 1, Time: time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC), User: "u", Host: "h", Command: "install ./a.car", From: 3, To: 4}
	line, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	mended, damaged := 0, 0
	for i := range line {
		for bit := range 8 {
			bad := bytes.Clone(line)
			bad[i] ^= 1 << bit
			lines := splitLog(append(bytes.Clone(bad), '\n'))
			if len(lines) != 1 || !lines[0].damaged() {
				continue // it can be read, or passes for torn
			}
			damaged++
			got := mendLine(bad, LogEntry{From: 3, To: 4})
			if got == nil {
				continue
			}
			if !bytes.Equal(got, line) {
				t.Errorf("byte %d, bit %d: %s became %s", i, bit, bad, got)
			}
			mended++
		}
	}
	if damaged == 0 || mended < damaged*9/10 {
		t.Errorf("%d of %d damaged lines were put right", mended, damaged)
	}
	if got := mendLine(append(line[:len(line)-2], "x}"...), LogEntry{}); got != nil && bytes.Equal(got, line) {
		t.Errorf("two bytes away: %s", got)
	}
	e.Command = strings.Repeat("x", longestMended)
	if line, err = json.Marshal(e); err != nil {
		t.Fatal(err)
	}
	line[len(line)-3] ^= 1
	if mendLine(line, LogEntry{}) != nil {
		t.Error("a line was put right that takes too long for it")
	}
}

// TestSplitLog tells torn lines from damaged ones.
func TestSplitLog(t *testing.T) {
	good := `{"format":1,"time":"2031-05-06T07:08:09Z","user":"u","host":"h","command":"c","from":0,"to":1}`
	for text, want := range map[string]string{
		good + "\n":                      "good",
		good:                             "torn",
		good[:20] + "\n":                 "torn",
		"\x00\x00\n":                     "torn",
		"x" + good + "\n":                "damaged",
		`{"format":9}` + "\n":            "newer",
		`{"format":1,"other":2}` + "\n":  "damaged",
		`{"format":1,"from":"a"}` + "\n": "damaged",
	} {
		l := splitLog([]byte(text))[0]
		got := "newer"
		switch {
		case l.good():
			got = "good"
		case l.torn:
			got = "torn"
		case l.damaged():
			got = "damaged"
		}
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
