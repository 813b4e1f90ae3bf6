//go:build linux

package hostile

import (
	"fmt"
	"sort"
	"strings"
	"testing"
)

const token = "f0100120002"

// manifest lists paths with what they lead to; the last line is the directory
// without it.
func manifest(lines map[string]link, dot link) string {
	var paths []string
	for p := range lines {
		paths = append(paths, p)
	}
	sort.Strings(paths)
	var b strings.Builder
	for _, p := range paths {
		fmt.Fprintf(&b, "%s\t%s\t%s\n", lines[p].cid, token, p)
	}
	fmt.Fprintf(&b, "%s\t%s\t.\n", dot.cid, token)
	return b.String()
}

// signed is a package of two files and bin, whose manifest change may spoil.
func signed(change func(m string) string) func(f *forge) link {
	return func(f *forge) link {
		toml, exec := f.raw(metadata()).as("package.toml"), f.exec("#!/bin/sh\necho evil\n", 0o755).as("evil")
		bin, readme := f.dir(exec).as("bin"), f.raw("read me\n").as("README")
		bin.tsize += exec.tsize
		dot := f.dir(readme, bin, toml)
		m := manifest(map[string]link{"README": readme, "bin": bin, "bin/evil": exec, "package.toml": toml}, dot)
		return f.dir(f.raw(change(m)).as("PackManifest"), readme, bin, toml)
	}
}

// TestManifest: a PackManifest that disagrees with the package, or is none.
func TestManifest(t *testing.T) {
	t.Parallel()
	x := newForge().raw("x").cid.String()
	swap := func(old, new string) func(f *forge) link {
		return signed(func(m string) string { return strings.Replace(m, old, new, 1) })
	}
	line := func(path string) func(f *forge) link {
		return signed(func(m string) string {
			return strings.Replace(m, "README", "README\n"+x+"\t"+token+"\t"+path, 1)
		})
	}
	all := []attack{
		{name: "sound", root: signed(func(m string) string { return m })},
		{name: "another CID", root: signed(func(m string) string { return x + m[len(x):] })},
		{name: "a path too many", root: line("README2")},
		{name: "a path too few", root: signed(func(m string) string { return m[strings.Index(m, "\n")+1:] })},
		{name: "another root", root: signed(func(m string) string {
			at := strings.LastIndex(strings.TrimSpace(m), "\n") + 1
			return m[:at] + x + "\t" + token + "\t.\n"
		})},
		{name: "out of order", root: signed(func(m string) string {
			lines := strings.SplitAfter(m, "\n")
			return lines[1] + lines[0] + strings.Join(lines[2:], "")
		})},
		{name: "a line twice", root: line("README")},
		{name: "no last line", root: signed(func(m string) string { return m[:strings.LastIndex(strings.TrimSpace(m), "\n")+1] })},
		{name: "a last line in the middle", root: signed(func(m string) string { return m + m })},
		{name: "cut short", root: signed(func(m string) string { return m[:len(m)-1] })},
		{name: "empty", root: signed(func(string) string { return "" })},
		{name: "a newer format", root: swap(token, "f0200120002")},
		{name: "a format that is none", root: swap(token, "format")},
		{name: "a CID in another base", root: swap("\t"+token+"\tREADME", "\t"+token+"\tREADME\nz"+x+"\t"+token+"\tREADME2")},
		{name: "CRLF", root: signed(func(m string) string { return strings.ReplaceAll(m, "\n", "\r\n") })},
		{name: "a NUL", root: line("READMEa\x00")},
		{name: "not UTF-8", root: line("README\xff")},
		{name: "an escape that is none", root: line(`README\x41`)},
		{name: "a directory called PackManifest", root: func(f *forge) link { return f.pkg(f.dir().as("PackManifest")) }},
		{name: "a million lines", only: []string{"verify"}, root: lines(1_000_000)},
		{name: "250,002 lines", only: []string{"verify"}, memory: 192 << 20, root: lines(250_002)},
	}
	for _, path := range []string{"..", "../x", "/etc/passwd", "a/../../x", "a//b", "./a", "PackManifest", ".ipp/x", ".git", strings.Repeat("a/", 2100) + "x", strings.Repeat("b", 256)} {
		all = append(all, attack{name: fmt.Sprintf("the path %.20q", path), root: line(path)})
	}
	try(t, "manifest", all)
}

// many is a text n times, each with a number of its own.
func many(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// TestMetadata: package.toml that two readers could read in two ways, or that
// costs more to read than it is worth.
func TestMetadata(t *testing.T) {
	t.Parallel()
	of := func(name, text string) attack {
		return attack{name: name, root: func(f *forge) link { return f.pkgWith(text) }}
	}
	m := metadata()
	try(t, "metadata", []attack{
		of("empty", ""),
		of("a byte order mark", "\ufeff"+m),
		of("UTF-16", "\xff\xfef\x00o\x00r\x00m\x00a\x00t\x00"),
		of("not UTF-8", m+"summary = \"\xff\"\n"),
		of("a NUL", m+"summary = \"a\x00b\"\n"),
		of("an escaped NUL", m+`summary = "a\u0000b"`+"\n"),
		of("a bare carriage return", m+"summary = \"a\"\rname = \"good\"\n"),
		of("a name twice", m+"name = \"good\"\n"),
		of("a name twice, once in quotes", m+"\"name\" = \"good\"\n"),
		of("a name twice, once escaped", m+`"n\u0061me" = "good"`+"\n"),
		of("a table twice", m+"[commands]\n[commands]\n"),
		of("a table twice, once dotted", m+"commands.evil = \"bin/evil\"\n[commands]\n"),
		of("an array of tables and a table", m+"[[services.a]]\n[services.a]\n"),
		of("an unknown key", m+"instal = [\"x\"]\n"),
		of("a key in another case", m+"Summary = \"x\"\n"),
		of("an unknown table", m+"[hooks]\ninstall = [\"x\"]\n"),
		of("no format", m[len("format = 1\n"):]),
		of("format 2", strings.Replace(m, "format = 1", "format = 2", 1)),
		of("format 2 and unknown keys", strings.Replace(m, "format = 1", "format = 2\nnew = true", 1)),
		of("format -1", strings.Replace(m, "format = 1", "format = -1", 1)),
		of("a format that is text", strings.Replace(m, "format = 1", "format = \"1\"", 1)),
		of("no name", "format = 1\nversion = \"1.0.0\"\n"),
		of("a name that is a number", "format = 1\nname = 1\nversion = \"1.0.0\"\n"),
		of("arrays in arrays, 17", m+"[x]\na = "+strings.Repeat("[", 17)+strings.Repeat("]", 17)+"\n"),
		of("arrays in arrays, 100,000", m+"[x]\na = "+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)+"\n"),
		of("arrays without end", m+"[x]\na = "+strings.Repeat("[", 200_000)),
		of("tables in tables", m+"[x]\na = "+strings.Repeat("{a=", 30_000)),
		of("a dotted key of 100,000 steps", m+"[x]\na"+strings.Repeat(".a", 100_000)+" = 1\n"),
		of("an array of 120,000", m+"[x]\na = ["+strings.Repeat("1,", 120_000)+"]\n"),
		of("40,000 tables", m+strings.Repeat("[[x.a]]\n", 30_000)),
		of("87,000 names that are none", m+"[legacy]\napt = ["+strings.Repeat(`"",`, 87_000)+"]\n"),
		of("20,000 commands that are none, in a line", m+"commands = {"+many(20_000, `"%x/"="",`)+"}\n"),
		of("20,000 variables that are none", m+"[environment]\n"+many(20_000, "%x-=\"\"\n")),
		of("15,000 platforms", m+"platforms = ["+many(15_000, `"linux-%x",`)+"]\n"),
		of("100,000 tables in a line", m+"[x]\na = ["+strings.Repeat("{a.a.a.a.a.a.a.a.a.a.a=1},", 9_900)+"]\n"),
		of("half a megabyte", m+"[x]\na = ["+strings.Repeat("1,", 1<<18)+"]\n"),
		of("10 MB", m+strings.Repeat("# \n", 10<<20/3)),
		of("a summary of two lines", m+"summary = \"a\\nb\"\n"),
		of("a summary of 121 letters", m+"summary = \""+strings.Repeat("x", 121)+"\"\n"),
		of("a homepage that runs", m+"homepage = \"javascript:alert(1)\"\n"),
		of("a homepage on the disk", m+"homepage = \"file:///etc/passwd\"\n"),
		of("a package that needs itself", m+"[dependencies]\nevil = \"*\"\n"),
		of("a package that needs nothing there is", m+"[dependencies]\nnothing = \"*\"\n"),
		of("a variable that is none", m+"[environment]\n\"LD_PRELOAD=x;\" = \"x\"\n"),
		of("a variable with a newline", m+"[environment]\nA = \"x\\ny\"\n"),
		of("a system's package that is an option", m+"[legacy]\napt = [\"--allow-unauthenticated\"]\n"),
		of("a service without a program", m+"[services.a]\ncommand = []\n"),
		of("a library that is no CID", m+"[libraries]\nzlib = \"../x\"\n"),
		of("a library that is not there", m+"[libraries]\nzlib = \"bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354\"\n"),
		of("a platform that is not there", m+"platforms = [\"linux-amd64\"]\n"),
		of("a platform twice", m+"platforms = [\"linux-amd64\", \"linux-amd64\"]\n"),
		of("a command that is not there", m+"[commands]\nevil = \"bin/none\"\n"),
		{name: "a library that is another", root: func(f *forge) link {
			return f.pkgWith(metadata("[libraries]\nzlib = \"bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354\"\n"),
				f.dir(f.dir(f.raw("x").as("x")).as("zlib")).as("deps"))
		}},
		{name: "a platform that is a file", root: func(f *forge) link {
			return f.pkgWith(metadata("platforms = [\"linux-amd64\"]\n"), f.raw("x").as("linux-amd64"))
		}},
		{name: "dot names at the top", root: func(f *forge) link { return f.pkg(f.dir().as(".git"), f.raw("x").as(".profile")) }},
		{name: "PackManifest.tmp", root: func(f *forge) link { return f.pkg(f.raw("x").as("PackManifest.tmp")) }},
		{name: "more than a signature in .ipp", root: func(f *forge) link {
			return f.pkg(f.dir(f.raw("s").as("signature"), f.raw("x").as("hook")).as(".ipp"))
		}},
		{name: ".ipp that is a file", root: func(f *forge) link { return f.pkg(f.raw("x").as(".ipp")) }},
		{name: "a signature that is a directory", root: func(f *forge) link { return f.pkg(f.dir(f.dir().as("signature")).as(".ipp")) }},
		{name: "a signature that is no text", root: func(f *forge) link {
			return f.pkg(f.dir(f.raw("\x00\xff\x1b[2J").as("signature")).as(".ipp"))
		}},
		{name: "package.toml that is a directory", root: func(f *forge) link { return f.dir(f.dir().as("package.toml")) }},
	})
}

// lines is a package whose PackManifest has that many.
func lines(n int) func(f *forge) link {
	return func(f *forge) link {
		var b strings.Builder
		leaf := f.raw("x").cid.String()
		var pieces []link
		var sizes []uint64
		for i := range n {
			fmt.Fprintf(&b, "%s\t%s\tf%07d\n", leaf, token, i)
			if b.Len() > 1<<20-200 || i == n-1 {
				pieces, sizes = append(pieces, f.raw(b.String())), append(sizes, uint64(b.Len()))
				b.Reset()
			}
		}
		return f.pkg(f.file(pieces, sizes...).as("PackManifest"))
	}
}
