package pack

import (
	"context"
	"os"
	"strings"
	"testing"

	"ipp/lock/ref"
	"ipp/store"
	"ipp/store/dag"
)

// TestCheck: what package.toml names and the part lacks is found by the plan,
// before a byte is written.
func TestCheck(t *testing.T) {
	split := metadata("platforms = [\"linux-amd64\"]\n")
	commands := "[commands]\na = \"bin/a\"\n"
	const linux = ref.Platform("linux-amd64")
	for _, c := range []struct {
		name     string
		tree     items
		platform ref.Platform
		want     string // "": it is in order
	}{
		{"split", items{"package.toml": split + commands, "linux-amd64/x": "", "any/bin/a": "x:"}, linux, ""},
		{"platform is a file", items{"package.toml": split, "linux-amd64": ""}, linux, "linux-amd64 is a file, not a directory"},
		{"platform is a symlink", items{"package.toml": split, "linux-amd64": "-> a", "a/b": ""}, linux, "linux-amd64 is a symlink, not a directory"},
		{"any is a symlink", items{"package.toml": split, "linux-amd64/a": "", "any": "-> linux-amd64"}, linux, "any is a symlink, not a directory"},
		{"any is a file, not split", items{"package.toml": metadata(""), "any": ""}, "", ""},
		{"manifest is a directory", items{"package.toml": metadata(""), "PackManifest/a": ""}, "", "PackManifest is a directory, not a file"},
		{"manifest is a symlink, no metadata", items{"PackManifest": "-> a"}, "", "PackManifest is a symlink, not a file"},
		{"library missing", items{"package.toml": metadata("[libraries]\nl = \"" + libraryCID + "\"\n")}, "", "names the library l, but there is no deps/l"},
		{"another library", items{"package.toml": metadata("[libraries]\nl = \"" + libraryCID + "\"\n"), "deps/l/a": ""}, "", "deps/l is not the library that package.toml names"},
		{"command", items{"package.toml": metadata(commands), "bin/a": "x:"}, "", ""},
		{"command by symlinks", items{"package.toml": metadata(commands), "bin": "-> ./lib", "lib/a": "-> ../b/c", "b": "-> d", "d/c": "x:"}, "", ""},
		{"command missing", items{"package.toml": metadata(commands), "bin/b": ""}, "", "bin/a is not a file below ."},
		{"command in another platform", items{"package.toml": split + commands, "linux-amd64/x": "", "bin/a": ""}, linux, "bin/a is not a file below linux-amd64"},
		{"command is a directory", items{"package.toml": metadata(commands), "bin/a/b": ""}, "", "bin/a is not a file"},
		{"command through a file", items{"package.toml": metadata(commands), "bin": ""}, "", "bin/a is not a file"},
		{"command leads nowhere", items{"package.toml": metadata(commands), "bin/a": "-> b"}, "", "bin/a is not a file"},
		{"command in a loop", items{"package.toml": metadata(commands), "bin/a": "-> b", "bin/b": "-> a"}, "", "bin/a is not a file"},
		{"bin in a loop", items{"package.toml": metadata(commands), "bin": "-> bin"}, "", "bin/a is not a file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, root := craft(t, c.tree)
			p, err := Open(context.Background(), m, root)
			must(t, err)
			dir := t.TempDir()
			s, err := store.Open(dir, store.Options{})
			must(t, err)
			_, err = s.Plan(context.Background(), p.Want(c.platform, dag.DefaultLimits()), m)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error = %v, want %q", err, c.want)
			}
			for _, sub := range []string{"objects", "trees", "staging"} {
				if names, err := os.ReadDir(dir + "/" + sub); err != nil || len(names) > 0 {
					t.Errorf("%s holds %v (%v)", sub, names, err)
				}
			}
		})
	}
}
