package tests

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"ipp/tests/programs"
	"ipp/tests/support"

	"github.com/rogpeppe/go-internal/testscript"
)

// The stories are scripts, one folder for each thing that a machine may lack.
// What their commands do is in commands_test.go; each begins in a directory of
// its own, with a home in $HOME and nothing installed.

// TestStories needs nothing but Go.
func TestStories(t *testing.T) { stories(t, "plain") }

// TestPrograms tells stories of real programs.
func TestPrograms(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		support.Skip(t, "the programs that are run are for linux-amd64")
	}
	for _, p := range programs.All() {
		programs.Find(t, p.Name, p.Version, p.Platform)
	}
	stories(t, "programs")
}

// TestKubo reads our CARs and makes foreign ones with Kubo.
func TestKubo(t *testing.T) {
	support.Kubo(t)
	stories(t, "kubo")
}

// TestIPFSCar does the same with ipfs-car.
func TestIPFSCar(t *testing.T) {
	support.IPFSCar(t)
	stories(t, "ipfs-car")
}

// TestHelia has Helia fetch from ipp, and ipp from Helia.
func TestHelia(t *testing.T) {
	support.Helia(t)
	stories(t, "helia")
}

func stories(t *testing.T, folder string) {
	support.Tool(t, "sh")
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", folder),
		Setup:               setup,
		Cmds:                commands(),
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
	})
}

// setup gives a script a home, and ipp on its PATH.
func setup(e *testscript.Env) error {
	home := filepath.Join(e.WorkDir, "home")
	if err := os.Mkdir(home, 0o755); err != nil {
		return err
	}
	state := filepath.Join(home, ".local", "state", "ipp")
	e.Vars = append(e.Vars,
		"GORACE=atexit_sleep_ms=0", // else each ipp with the race detector sleeps a second before it exits
		"HOME="+home, "USER=tester", support.Offline(), "STATE="+state, "STORE="+filepath.Join(home, ".local", "share", "ipp", "store"),
		"PROFILE="+filepath.Join(state, "profiles", "default"),
		"BIN="+filepath.Join(state, "profiles", "default", "current", "bin"),
		"IPFS_PATH="+filepath.Join(e.WorkDir, "ipfs"),
		"PATH="+strings.Join([]string{filepath.Dir(ippPath), e.Getenv("PATH")}, string(os.PathListSeparator)))
	return nil
}
