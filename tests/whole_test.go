package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ipp/tests/support"
	"ipp/tests/whole"
)

// TestWholeCanFail breaks an installation in each way that package whole looks
// for, so that its silence elsewhere means something.
func TestWholeCanFail(t *testing.T) {
	support.Tool(t, "sh")
	for _, c := range []struct{ want, script string }{
		{"current points to", "ln -sfn 9 profiles/default/current"},
		{"lead", "rm -f store/trees/*/bin/p"},
		{"the tree is absent", "chmod -R u+w store/trees && rm -r store/trees/*.any"},
		{".car is missing", "rm store/trees/*.car"},
		{"has no end", "f=$(echo store/trees/*.objects); sed -i '$d' $f"},
		{"no such file", "rm store/objects/*/*.x"},
		{"its contents are", "f=$(echo store/objects/*/*.x); chmod u+w $f; echo >>$f; chmod 555 $f"},
		{"not a regular file with", "chmod 644 store/objects/*/*.x"},
		{"is not listed", "d=$(echo store/trees/*.any); touch $d/extra"},
		{"roots/ is empty", "rm store/roots/*"},
		{"is missing or empty", ": >profiles/default/1/profile.lock"},
		{"does not go through the store link", "ln -sfn /bin/sh profiles/default/1/bin/p"},
		{"rest: staging/x is left", "mkdir store/staging/x"},
		{"rest: leases/x is left", "touch store/leases/x"},
		{"rest: trash/x is left", "mkdir store/trash/x"},
		{"rest: trees/x.car has no tree", "touch store/trees/x.car"},
		{"rest: objects/yy/x: no tree names it", "mkdir store/objects/yy; touch store/objects/yy/x"},
		{"rest: no generation and no root holds it", "mv profiles/default/1 away; ln -sfn 2 profiles/default/current"},
		{"rest: tmp.x is left", "mkdir profiles/default/tmp.x"},
	} {
		t.Run(c.want, func(t *testing.T) {
			state := installedState(t)
			if bad := whole.Rest(state); len(bad) > 0 {
				t.Fatalf("not whole before: %s", bad)
			}
			cmd := exec.Command("sh", "-c", c.script)
			cmd.Dir = state
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", c.script, err, out)
			}
			bad := whole.Check(state)
			want, rest := strings.CutPrefix(c.want, "rest: ")
			if rest {
				bad = whole.Rest(state)
			}
			if all := strings.Join(bad, "\n"); !strings.Contains(all, want) {
				t.Errorf("%s\nwas not noticed: %q", c.script, all)
			}
		})
	}
}

// installedState is a state directory with p installed and then removed, so
// that generation 1 holds it and 2 is empty.
func installedState(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	pkg := filepath.Join(dir, "pkg")
	if err := os.MkdirAll(filepath.Join(pkg, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(pkg, "bin", "p"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"pack", pkg, "--name", "p", "--version", "1.0.0", "-o", filepath.Join(dir, "p.car")},
		{"install", filepath.Join(dir, "p.car")}, {"remove", "p"}, {"switch", "--generation", "1"}, {"gc"},
	} {
		cmd := exec.Command(ippPath, args...)
		cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", "HOME="+dir, "XDG_STATE_HOME=", "XDG_DATA_HOME=", support.Offline())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("ipp %v: %v\n%s", args, err, out)
		}
	}
	return filepath.Join(dir, ".local", "state", "ipp")
}
