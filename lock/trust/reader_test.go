package trust

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ipp/lock/ref"
	"ipp/tests/support"
)

func byName(parts map[ref.Platform]Size) map[string]Size {
	named := map[string]Size{}
	for p, size := range parts {
		named[string(p)] = size
	}
	return named
}

// TestOtherReader: a reader in another language, written from the page alone,
// reads the vectors as we do, and refuses what we refuse.
func TestOtherReader(t *testing.T) {
	node := support.Tool(t, "node")
	script := filepath.Join("testdata", "verify.mjs")
	for _, name := range []string{"plain", "alone", "rotated"} {
		file := filepath.Join("testdata", name+".signature")
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, err := Open(data)
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(node, script, file).Output()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got struct {
			Name, Version, Manifest, Key, Fingerprint string
			Parts                                     map[string]Size
			Total                                     Size
			Before                                    []string
		}
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatal(err)
		}
		if got.Name != string(want.Name) || got.Version != string(want.Version) || got.Manifest != want.Manifest.String() || got.Key != want.Key.String() ||
			got.Fingerprint != string(want.Key.Fingerprint()) || !maps.Equal(got.Parts, byName(want.Parts)) || got.Total != want.Total() || !slices.Equal(got.Before, want.Before()) {
			t.Errorf("%s is read as %+v, want %+v", name, got, want)
		}
		if name != "rotated" {
			continue
		}
		for _, change := range [][2]string{{"esbuild", "esbuilt"}, {"files=", "files=1"}, {"ipp-package 1", "ipp-package 2"}, {"key alice+", "key alina+"}} {
			bad := filepath.Join(t.TempDir(), "bad")
			if err := os.WriteFile(bad, []byte(strings.Replace(string(data), change[0], change[1], 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			if exec.Command(node, script, bad).Run() == nil {
				t.Errorf("%s with %s is accepted", name, change[1])
			}
		}
	}
}
