// Package programs has real programs to test with: esbuild in four versions
// for three platforms, biome in two versions, and two Debian packages that
// bring manual pages into the same directory.
//
// `go run ./tests/programs/fetch` fetches them, by the ordinary clients (npm
// pack, apt-get download), into $IPP_TEST_PROGRAMS, or .cache/programs of the
// repository; .ci/run calls it. Each archive is pinned by its SHA-256. Tests
// never fetch: where a program is absent they skip.
package programs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ipp/tests/support"
)

// Program is one archive of one program.
type Program struct {
	Name, Version string
	Platform      string
	Client        string // npm or apt
	Package       string // as the client calls it
	SHA256        string // of the archive
	File          string // the executable in the archive
}

// All lists every program.
func All() []Program {
	return []Program{
		{"esbuild", "0.24.2", "linux-amd64", "npm", "@esbuild/linux-x64", "aa469e907204bade7c37df6376f7ce3562574e937a61984ba8b89db63e03883a", "package/bin/esbuild"},
		{"esbuild", "0.25.0", "linux-amd64", "npm", "@esbuild/linux-x64", "822e9d5ff45b588f5af388f3ae17a4cd4d0d1b93d04220ee92956e941e7b8d9d", "package/bin/esbuild"},
		{"esbuild", "0.25.1", "linux-amd64", "npm", "@esbuild/linux-x64", "a3972c20d19545792ba6c6abe564b61c91f66cfa242ff9bffd9e5d59c65452e5", "package/bin/esbuild"},
		{"esbuild", "0.25.2", "linux-amd64", "npm", "@esbuild/linux-x64", "52136a4b1f12f8b2567e0550b802f920593b012b22fec64f46c99df938466bba", "package/bin/esbuild"},
		{"esbuild", "0.24.2", "darwin-arm64", "npm", "@esbuild/darwin-arm64", "18a08e87d49f369e456a795b1d233267fb35455e7b1eda9eda1ade4bd8e8133b", "package/bin/esbuild"},
		{"esbuild", "0.25.0", "darwin-arm64", "npm", "@esbuild/darwin-arm64", "1dc8475bb7938b2eb63c7e79a4a3bb2af0dca3e75bba62db87bb64a6340a79a5", "package/bin/esbuild"},
		{"esbuild", "0.25.1", "darwin-arm64", "npm", "@esbuild/darwin-arm64", "d5b5109ce4cbdb7057b867b8052f6bf9e51cb65d3e6318a751e35d7d0c4d8326", "package/bin/esbuild"},
		{"esbuild", "0.25.2", "darwin-arm64", "npm", "@esbuild/darwin-arm64", "d51e19ba63fe86a6fb6b70596aa0ca32362676274a50cff6f4ef6e2de02f4e4a", "package/bin/esbuild"},
		{"esbuild", "0.24.2", "windows-amd64", "npm", "@esbuild/win32-x64", "88642e652cb7088b3e0c77646b7d000ca09b7d464a593de921493e7aca33d05f", "package/esbuild.exe"},
		{"esbuild", "0.25.0", "windows-amd64", "npm", "@esbuild/win32-x64", "e842c63cb6d7ae26af2ea6290f8d5c7b4042d0d56adfb1ad1f7d9b9fdf3e3f2c", "package/esbuild.exe"},
		{"esbuild", "0.25.1", "windows-amd64", "npm", "@esbuild/win32-x64", "0a52d366c12adb9ab04558fbe29d7b57f7cc7569d081d2a35527a1b6d6b0d3ea", "package/esbuild.exe"},
		{"esbuild", "0.25.2", "windows-amd64", "npm", "@esbuild/win32-x64", "c4d5fd874a44782032fc3bf5fe77d9cce5d8c5b1de51d9ae8ee68b40c2fc1ed2", "package/esbuild.exe"},
		{"biome", "2.0.5", "linux-amd64", "npm", "@biomejs/cli-linux-x64", "ec7e7fc7a810567f38fcbf3fae55a154fe1e276c15ac6ad2b49e3cf805f915a6", "package/biome"},
		{"biome", "2.0.6", "linux-amd64", "npm", "@biomejs/cli-linux-x64", "93b81fcd52338a412da2686d853f6fa056bf01ba4a4c198c49f8bf64d0a19000", "package/biome"},
		{"hello", "2.10-3", "linux-amd64", "apt", "hello", "2e6e2f1a0007dc43bc91c273fd36e91e40a4f1c2765a03eca68b70a42103878a", "usr/bin/hello"},
		{"tree", "2.1.0-1", "linux-amd64", "apt", "tree", "4c0dc6088e801285717bae2a98a7672f1e4d2eed4e918355987bc6617a8f490b", "usr/bin/tree"},
	}
}

// Cache is where the programs lie, unpacked.
func Cache() string {
	if dir := os.Getenv("IPP_TEST_PROGRAMS"); dir != "" {
		return dir
	}
	return filepath.Join(support.Top(), ".cache", "programs")
}

// Dir is where p is unpacked.
func (p Program) Dir() string {
	return filepath.Join(Cache(), strings.Join([]string{p.Name, p.Version, p.Platform}, "_"))
}

// Stamp is the file that says which archive Dir was unpacked from.
func (p Program) Stamp() string { return p.Dir() + ".sha256" }

// Fetched says whether p is there, unpacked from the archive that is pinned.
func (p Program) Fetched() bool {
	sum, err := os.ReadFile(p.Stamp())
	return err == nil && strings.TrimSpace(string(sum)) == p.SHA256
}

// Find is the program as it was unpacked; where it is absent the test skips.
func Find(t testing.TB, name, version string, platform string) Program {
	t.Helper()
	for _, p := range All() {
		if p.Name != name || p.Version != version || p.Platform != platform {
			continue
		}
		if !p.Fetched() {
			support.Skip(t, "needs "+name+" "+version+" for "+platform+": go run ./tests/programs/fetch")
		}
		return p
	}
	t.Fatalf("programs: no %s %s for %s in the table", name, version, platform)
	return Program{}
}

// Executable is the path of p's executable.
func (p Program) Executable() string { return filepath.Join(p.Dir(), filepath.FromSlash(p.File)) }
