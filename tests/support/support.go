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

// Offline is the variable that tells ipp to reach no network but what the command
// line names.
func Offline() string {
	return "IPP_CONFIG=" + filepath.Join(Top(), "tests", "support", "offline.toml")
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

// KuboAlone is the configuration, as JSON by key, of a Kubo node that knows nobody
// but those that it is told of, and is reached over loopback alone.
func KuboAlone() map[string]string {
	return map[string]string{
		"Addresses.Swarm": `["/ip4/127.0.0.1/tcp/0"]`, "Addresses.API": `"/ip4/127.0.0.1/tcp/0"`, "Addresses.Gateway": `""`,
		"Routing.Type": `"none"`, "Provide.Enabled": "false", "Discovery.MDNS.Enabled": "false", "AutoConf.Enabled": "false", "AutoTLS.Enabled": "false",
		"Swarm.DisableNatPortMap": "true", "Swarm.RelayClient.Enabled": "false", "Swarm.AddrFilters": "[]", "DNS.Resolvers": "{}",
		"Routing.DelegatedRouters": "[]", "Ipns.DelegatedPublishers": "[]", "Bootstrap": "[]",
	}
}

// KuboPath is the path of Kubo's ipfs: $IPP_TEST_KUBO, or .cache/kubo/ipfs.
func KuboPath() (string, error) { return fetched("IPP_TEST_KUBO", "kubo", "ipfs") }

// Kubo is KuboPath, or the test skips.
func Kubo(t testing.TB) string {
	t.Helper()
	return orSkip(t, KuboPath)
}

// IPFSCarPath is the path of ipfs-car: $IPP_TEST_IPFSCAR, or below
// .cache/ipfs-car.
func IPFSCarPath() (string, error) {
	return fetched("IPP_TEST_IPFSCAR", "ipfs-car", "node_modules", ".bin", "ipfs-car")
}

// IPFSCar is IPFSCarPath, or the test skips.
func IPFSCar(t testing.TB) string {
	t.Helper()
	Tool(t, "node")
	return orSkip(t, IPFSCarPath)
}

// HeliaPath is the path of Helia's directory: $IPP_TEST_HELIA, or .cache/helia.
func HeliaPath() (string, error) { return fetched("IPP_TEST_HELIA", "helia") }

// Helia is HeliaPath, or the test skips.
func Helia(t testing.TB) string {
	t.Helper()
	return orSkip(t, HeliaPath)
}

func fetched(variable string, below ...string) (string, error) {
	path := os.Getenv(variable)
	if path == "" {
		path = filepath.Join(append([]string{Top(), ".cache"}, below...)...)
	}
	_, err := os.Stat(path)
	return path, err
}

func orSkip(t testing.TB, path func() (string, error)) string {
	t.Helper()
	p, err := path()
	if err != nil {
		Skip(t, "needs "+p+": .ci/run makes it")
	}
	return p
}
