//go:build linux

package faults

import (
	"os/exec"
	"strings"
	"testing"

	"ipp/tests/homes"
	"ipp/tests/whole"
)

// shell runs a line of sh beside the homes; $IPP is ipp.
func shell(w *homes.World, line string, env ...string) (out string, code int) {
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir = w.Dir
	cmd.Env = append(append(w.Command().Env, "IPP="+w.IPP), env...)
	text, _ := cmd.CombinedOutput()
	return string(text), cmd.ProcessState.ExitCode()
}

// testOutputs: readers stop quietly when nobody reads on, and fail when what
// they say is lost; a change is made whole whatever becomes of its words.
func testOutputs(t *testing.T, w *homes.World) {
	for _, tt := range []struct {
		line    string
		code    int
		said    string // on what is left to say it on; "-": nothing
		current int
	}{
		// nobody reads on
		{`$IPP list | true`, 0, "-", 2},
		{`{ $IPP history; echo $? >&2; } | true`, 0, "0\n", 2},
		{`{ $IPP export prog -o -; echo $? >&2; } | head -c 1 >/dev/null`, 0, "1\n", 2},
		{`{ $IPP rollback 2>&1; echo $? >code; } | true; cat code`, 0, "0\n", 1},
		{`{ $IPP install v1.car 2>&1; echo $? >code; } | true; cat code`, 0, "0\n", 3},
		{`{ $IPP gc --keep 1 2>&1; echo $? >code; } | true; cat code`, 0, "0\n", 2},
		// closed from the start
		{`$IPP list >&-`, 0, "-", 2},
		{`$IPP remove nosuch 2>&-`, 3, "-", 2},
		{`$IPP install v1.car >&- 2>&-`, 0, "-", 3},
		{`$IPP install v1.car <&- >&- 2>&-`, 0, "-", 3},
		{`$IPP install v1.car <&-`, 0, "generation 3 is current", 3},
		{`$IPP pack v1 -o out/closed.car <&- >&- 2>&- && cmp out/closed.car v1.car`, 0, "-", 2},
		// full
		{`$IPP list >/dev/full`, 1, "ipp: write standard output: ", 2},
		{`$IPP list --json >/dev/full`, 1, "no space left on device", 2},
		{`$IPP --help >/dev/full`, 1, "ipp: write standard output: ", 2},
		{`$IPP export prog -o - >/dev/full`, 1, "no space left on device", 2},
		{`$IPP install v1.car >/dev/full`, 1, "what was asked for is done, but could not be shown: ", 3},
		{`$IPP install v1.car --json >/dev/full`, 1, "what was asked for is done, but could not be shown: ", 3},
		{`$IPP install v1.car --dry-run >/dev/full`, 1, "ipp: write standard output: write", 2},
		{`$IPP rollback >/dev/full`, 1, "what was asked for is done, but could not be shown: ", 1},
		{`$IPP pack v1 -o out/full.car >/dev/full; cmp out/full.car v1.car`, 0, "is done", 2},
		{`$IPP install v1.car 2>/dev/full`, 0, "generation 3 is current", 3},
		// a limit on the size of files is an error, not a signal
		{`ulimit -f 100; $IPP pack ./v3`, 1, "file too large", 2},
		{`ulimit -f 100; $IPP pack v1 -o out/limited.car; ls -A out`, 0, "hint: a file may not become so large here", 2},
		{`ulimit -f 100; $IPP export prog -o out/limited.car; ls -A out`, 0, "hint: a file may not become so large here", 2},
	} {
		w.Reset(t, "two")
		out, code := shell(w, tt.line)
		if code != tt.code || tt.said == "-" && out != "" || tt.said != "-" && !strings.Contains(out, tt.said) {
			t.Errorf("%s: exit %d, want %d; %q\n%s", tt.line, code, tt.code, tt.said, out)
		}
		if now := whole.Current(w.State(), "default"); now != tt.current {
			t.Errorf("%s: %d is current, not %d", tt.line, now, tt.current)
		}
		for _, bad := range whole.Check(w.State()) {
			t.Errorf("%s: %s", tt.line, bad)
		}
		if strings.Contains(out, "\n.ipp-") || strings.Contains(out, "\nlimited.car") {
			t.Errorf("%s left something of its file:\n%s", tt.line, out)
		}
	}
}

// testSignalsOfPrograms: what ipp run starts gets the signals as the shell
// would give them.
func testSignalsOfPrograms(t *testing.T, w *homes.World) {
	w.Reset(t, "two")
	say := "grep -E 'Sig(Ign|Blk)' /proc/self/status"
	pack := "mkdir -p told/bin && cp v1/package.toml told && printf '#!/bin/sh\\n%s\\n' \"$SAY\" >told/bin/prog && chmod +x told/bin/prog"
	if out, code := shell(w, pack, "SAY="+say); code != 0 {
		t.Fatal(out)
	}
	for _, line := range []string{"$IPP run ./told", say} {
		out, code := shell(w, line)
		if code != 0 || strings.Count(out, "0000000000000000") != 2 {
			t.Errorf("%s: exit %d\n%s", line, code, out)
		}
	}
}
