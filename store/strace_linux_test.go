package store

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"ipp/tests/support"
)

// TestNamesAreDurableBeforeTheTree watches an installation on a file system
// without syncfs: every directory that got a new name is fsynced before the
// tree is renamed.
func TestNamesAreDurableBeforeTheTree(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "log")
	cmd := exec.Command(support.Tool(t, "strace"), "-f", "-qq", "-y", "-s", "4096", "-o", log,
		"-e", "trace=syncfs,fsync,renameat2", "-e", "inject=syncfs:error=ENOSYS",
		exe, "-test.run=^TestTreesShareObjects$")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	tree := regexp.MustCompile(`(?m)^.*renameat2\(.*/store/trees/.*$`).FindIndex(data)
	if tree == nil {
		t.Fatal("no tree was renamed")
	}
	for _, dir := range []string{"objects", "objects/..", "trees", `staging/\w+\.any`} {
		if !regexp.MustCompile(`fsync\(\d+<[^>]*/store/` + dir + `>`).Match(data[:tree[0]]) {
			t.Errorf("%s was not fsynced before the tree's rename", dir)
		}
	}
}
