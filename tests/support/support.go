// Package support has what the tests below tests/ share: where tools and
// programs lie that .ci/run fetched, and the one way to skip.
//
// `go test ./...` passes on a machine that has nothing but Go and git: a test
// that needs more skips, and says what it needs. .ci/run fetches everything and
// sets IPP_TEST_NOSKIP, which turns each skip into a failure, so nothing is
// left out in silence.
package support

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// Skip skips the test because of why; with IPP_TEST_NOSKIP it fails it.
func Skip(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("IPP_TEST_NOSKIP") != "" {
		t.Fatalf("skipped though IPP_TEST_NOSKIP is set: %s", why)
	}
	t.Skip(why)
}

// Top is the top of the repository.
func Top() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// Tool is the path of a program on PATH, or the test skips.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Skip(t, "needs "+name+" on PATH: .ci/run installs it")
	}
	return path
}

// Kubo is the path of Kubo's ipfs ($IPP_TEST_KUBO, .cache/kubo/ipfs), or the
// test skips.
func Kubo(t testing.TB) string {
	t.Helper()
	return fetched(t, "IPP_TEST_KUBO", "kubo", "ipfs")
}

// IPFSCar is the path of ipfs-car ($IPP_TEST_IPFSCAR, below .cache/ipfs-car),
// or the test skips.
func IPFSCar(t testing.TB) string {
	t.Helper()
	Tool(t, "node")
	return fetched(t, "IPP_TEST_IPFSCAR", "ipfs-car", "node_modules", ".bin", "ipfs-car")
}

func fetched(t testing.TB, variable string, below ...string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		path = filepath.Join(append([]string{Top(), ".cache"}, below...)...)
	}
	if _, err := os.Stat(path); err != nil {
		Skip(t, "needs "+path+": .ci/run makes it")
	}
	return path
}
