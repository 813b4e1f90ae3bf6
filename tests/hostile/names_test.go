//go:build linux

package hostile

import (
	"fmt"
	"strings"
	"testing"
)

// badNames can't be names of anything in a package.
func badNames() []string {
	return []string{"", ".", "..", "/", "a/b", "../x", "/etc", "a\x00b", "a\nb", "\x1b[2Ja", "a\u0085b", "a\x7f", strings.Repeat("x", 256), "\xff\xfe"}
}

// TestLinkNames: a name that could lead out of a directory, or that no file
// system has, is refused wherever it stands: at the top, further down, in a HAMT.
func TestLinkNames(t *testing.T) {
	t.Parallel()
	var all []attack
	for _, name := range badNames() {
		short := fmt.Sprintf("%.20q", name)
		all = append(all,
			attack{name: short + " at the top", root: func(f *forge) link { return f.pkg(f.raw("x").as(name)) }},
			attack{name: short + " below", root: func(f *forge) link { return f.pkg(f.dir(f.dir(f.raw("x").as(name)).as("d")).as("share")) }},
		)
		if name == "" {
			continue // is a shard
		}
		all = append(all, attack{name: short + " in a HAMT", root: func(f *forge) link {
			return f.pkg(f.shard(f.raw("x").as(slot(name) + name)).as("share"))
		}})
	}
	all = append(all, attack{name: "a backslash is a letter here", root: func(f *forge) link {
		return f.pkg(f.dir(f.raw("x").as(`..\..\x`)).as("share"))
	}})
	try(t, "names", all)
}

// TestCommands: what [commands] names stays in the package, and is one name.
func TestCommands(t *testing.T) {
	t.Parallel()
	var all []attack
	for _, name := range []string{"", ".", "..", "../evil", "a/b", "/bin/sh", "-rf", "--help", "a b", ".hidden", `a\\b`, "CON\\u0000", "\\u001b[2J", "é", strings.Repeat("x", 129)} {
		all = append(all, attack{name: fmt.Sprintf("a command called %.24q", name), root: func(f *forge) link {
			return f.pkgWith(metadata("[commands]\n\"" + name + "\" = \"bin/evil\"\n"))
		}})
	}
	for _, path := range []string{"", ".", "..", "../../outside/file", "/bin/sh", "bin/../../outside/file", "bin//evil", "./bin/evil", "bin/evil/", `..\\..\\x`, "bin/\\u0000", "bin/\\u001b[2J", "no/such", "bin"} {
		all = append(all, attack{name: fmt.Sprintf("a command at %q", path), root: func(f *forge) link {
			return f.pkgWith(metadata("[commands]\nevil = \"" + path + "\"\n"))
		}})
	}
	all = append(all,
		attack{name: "two commands that are one name on some systems", root: func(f *forge) link {
			return f.pkgWith(metadata("[commands]\nevil = \"bin/evil\"\nEvil = \"bin/evil\"\n"))
		}},
		attack{name: "an executable in bin/ called -rf is no command", root: func(f *forge) link {
			return f.pkg(f.dir(f.exec("#!/bin/sh\n", 0o755).as("-rf"), f.exec("#!/bin/sh\necho evil\n", 0o755).as("evil")).as("bin"))
		}},
	)
	try(t, "commands", all)
}

// TestPackageNames: a package's name becomes a word that people type and a key in
// files, so what is not a name is refused.
func TestPackageNames(t *testing.T) {
	t.Parallel()
	var all []attack
	for _, name := range []string{"", ".", "..", "../x", "/x", "a/b", "-rf", "--help", "Evil", "a b", "a\\u0000", "a\\nb", "\\u001b]0;x\\u0007", "\\u202egood",
		"é", "con", "nul.txt", "x.car", "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi", strings.Repeat("x", 65), "x."} {
		all = append(all, attack{name: fmt.Sprintf("a package called %.24q", name), root: func(f *forge) link {
			return f.pkgWith("format = 1\nname = \"" + name + "\"\nversion = \"1.0.0\"\n")
		}})
	}
	for _, version := range []string{"", "..", "../1", "1/2", "-1", "1 2", "1\\u001b[2J", strings.Repeat("1", 65)} {
		all = append(all, attack{name: fmt.Sprintf("the version %.24q", version), root: func(f *forge) link {
			return f.pkgWith("format = 1\nname = \"evil\"\nversion = \"" + version + "\"\n")
		}})
	}
	for _, platform := range []string{"", "..", "../linux-amd64", "linux", "linux-amd64/..", "linux-amd64\\u0000", "any", "bin"} {
		all = append(all, attack{name: fmt.Sprintf("the platform %q", platform), root: func(f *forge) link {
			return f.pkgWith(metadata("platforms = [\""+platform+"\"]\n"), f.dir().as("linux-amd64"))
		}})
	}
	try(t, "package-names", all)
}
