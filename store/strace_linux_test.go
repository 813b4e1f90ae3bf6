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
	data := again(t, "TestTreesShareObjects", "-e", "trace=syncfs,fsync,renameat2", "-e", "inject=syncfs:error=ENOSYS")
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

// TestRelinkedNamesAreDurable watches the same of a package with two equal files:
// once it is synced, one of them becomes a link to the other's object.
func TestRelinkedNamesAreDurable(t *testing.T) {
	data := again(t, "TestEqualFiles", "-e", "trace=syncfs,fsync,linkat,renameat2", "-e", "inject=syncfs:error=ENOSYS")
	tree := regexp.MustCompile(`(?m)^.*renameat2\(.*/store/trees/.*$`).FindIndex(data)
	link := regexp.MustCompile(`(?m)^.*linkat\(.*/store/objects/.*/staging/.*$`).FindIndex(data)
	if tree == nil || link == nil {
		t.Fatalf("no tree was renamed, or no file linked:\n%s", data)
	}
	if !regexp.MustCompile(`fsync\(\d+<[^>]*/store/staging/\w+\.any/d>`).Match(data[link[1]:tree[0]]) {
		t.Error("the directory of the new link was not fsynced before the tree's rename")
	}
}

// TestHealsWhereNamesCantBeSwapped: not every file system has RENAME_EXCHANGE.
func TestHealsWhereNamesCantBeSwapped(t *testing.T) {
	again(t, "TestInstallHeals", "-e", "trace=renameat2", "-e", "inject=renameat2:error=EINVAL")
}

// again runs a test of this package below strace, and returns the trace.
func again(t *testing.T, test string, options ...string) []byte {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "log")
	args := append([]string{"-f", "-qq", "-y", "-s", "4096", "-o", log}, options...)
	cmd := exec.Command(support.Tool(t, "strace"), append(args, exe, "-test.run=^"+test+"$")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", test, err, out)
	}
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
