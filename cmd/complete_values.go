package cmd

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"ipp/cmd/schema"
	"ipp/cmd/shell"
	"ipp/cmd/term"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/profile"
	"ipp/store"
	"ipp/store/durable"
	"ipp/store/pack"

	"github.com/alecthomas/kong"
)

// Kinds of values that a command line has.
const (
	aFile       = "a file or directory"
	aDir        = "a directory"
	aRef        = "a REF"
	anInstalled = "an installed package"
	aSwitch     = "an installed package and a version"
	aGeneration = "a generation"
	aProfile    = "a profile"
	aKey        = "a key"
	aShell      = "a shell"
	aPlatform   = "a platform"
	aPlaced     = "a platform and its path"
	aCommand    = "a command of ipp"
	aSchema     = "a name of a schema"
	aTarget     = "where publish puts packages"
	nothing     = "nobody knows"
)

// kinds says what a flag or an argument is, by what it is called: `key new NAME`,
// `NAME`; `pack --name`, `--name`; the first that is there.
func kinds() map[string]string {
	return map[string]string{
		"REF": aRef, "NAME": anInstalled, "NAME@VERSION": aSwitch, "N": aGeneration, "A": aGeneration, "B": aGeneration, "FILE": aFile, "PATH": aFile,
		"SHELL": aShell, "WORD": nothing, "ARGS": aFile, "COMMAND": aCommand, "SCHEMA": aSchema,
		"key new NAME": nothing, "key show NAME": aKey, "key export NAME": aKey, "key rotate NAME": aKey,

		"--profile": aProfile, "--output": aFile, "--from": aFile, "check --from": aRef, "--platform": aPlatform, "pack --platform": aPlaced,
		"--exclude": aFile, "--profile-root": aDir, "DIR": aDir, "--file": aDir, "--generation": aGeneration, "--prefer": anInstalled, "--as": nothing,
		"--sign": aKey, "--key": aKey, "--accept-key": nothing, "--pin": aTarget, "--verify-from": aFile, "--listen": nothing,
		"--name": nothing, "--version": nothing, "--keep": nothing, "--older-than": nothing, "--command": nothing,
	}
}

func kindOfFlag(n *kong.Node, f *kong.Flag) string {
	return cmp.Or(kinds()[wordsFor(n)+" --"+f.Name], kinds()["--"+f.Name])
}

func kindOfArg(n *kong.Node, arg *kong.Positional) string {
	return cmp.Or(kinds()[wordsFor(n)+" "+arg.Name], kinds()[arg.Name])
}

// values completes a word of that kind.
func (c *completion) values(kind, word string) {
	switch kind {
	case aFile:
		c.paths(shell.AskFiles)
	case aDir:
		c.paths(shell.AskDirs)
	case aRef:
		c.refs(word)
	case aPlaced:
		if platform, _, ok := strings.Cut(word, "="); ok {
			c.front += platform + "="
			c.paths(shell.AskFiles)
			return
		}
		c.print(word, platforms("="))
	case aKey:
		if strings.Contains(word, "/") {
			c.paths(shell.AskFiles)
			return
		}
		c.print(word, c.keys())
	default:
		c.print(word, c.simple(kind, word))
	}
}

func (c *completion) simple(kind, word string) []suggestion {
	switch kind {
	case anInstalled:
		return c.others(c.installed())
	case aSwitch:
		if name, _, ok := strings.Cut(word, "@"); ok {
			return c.versions(name)
		}
		return appended(c.installed(), "@")
	case aGeneration:
		return c.generations()
	case aProfile:
		return c.profiles()
	case aShell:
		return plain(shell.Names())
	case aPlatform:
		return platforms("")
	case aCommand:
		return c.commands()
	case aSchema:
		return c.schemas()
	case aTarget:
		return c.targets()
	}
	return nil
}

// commands are those of ipp, or of the one that stands on the line.
func (c *completion) commands() (all []suggestion) {
	parser, err := c.a.parser("")
	if err != nil {
		return nil
	}
	node := parser.Model.Node
	if len(c.args) > 0 {
		if node, err = c.a.nodeOf(parser.Model, c.args); err != nil {
			return nil
		}
	}
	for _, n := range node.Children {
		all = append(all, suggestion{n.Name, n.Help})
	}
	return all
}

// schemas are the next words of their names.
func (c *completion) schemas() []suggestion {
	var words []string
	for _, name := range schema.Names() {
		parts := strings.Fields(name)
		if n := len(c.args); n < len(parts) && slices.Equal(parts[:n], c.args) {
			words = append(words, parts[n])
		}
	}
	return plain(slices.Compact(words))
}

func plain(words []string) (all []suggestion) {
	for _, w := range words {
		all = append(all, suggestion{word: w})
	}
	return all
}

func appended(all []suggestion, end string) []suggestion {
	for i := range all {
		all[i].word += end
	}
	return all
}

// others leaves out what stands on the line already.
func (c *completion) others(all []suggestion) []suggestion {
	return slices.DeleteFunc(all, func(s suggestion) bool { return slices.Contains(c.args, s.word) })
}

// platforms are those that ipp is built for, this one first.
func platforms(end string) []suggestion {
	all := []string{string(ref.Host())}
	for _, p := range []string{"linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64", "windows-amd64"} {
		if p != all[0] {
			all = append(all, p)
		}
	}
	return appended(plain(all), end)
}

// refs completes a REF: what looks like a path is one; else the names that the
// profile and the store know, and the CAR files that lie here.
func (c *completion) refs(word string) {
	if name, _, ok := strings.Cut(word, "@"); ok && !strings.Contains(word, "/") {
		c.print(word, c.versions(name))
		return
	}
	if strings.Contains(word, "/") || strings.HasPrefix(word, ".") || strings.HasPrefix(word, "~") {
		c.paths(shell.AskFiles)
		return
	}
	all := c.installed()
	for _, m := range c.stored() {
		if !slices.ContainsFunc(all, func(s suggestion) bool { return s.word == string(m.Name) }) {
			all = append(all, suggestion{string(m.Name), cmp.Or(m.Summary, "in the store")})
		}
	}
	for _, name := range names(".") {
		if strings.HasSuffix(name, ".car") {
			all = append(all, suggestion{name, "a CAR file"})
		}
	}
	c.print(word, c.others(all))
}

// names lists a directory, as far as it can be read.
func names(dir string) (list []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func (c *completion) profile() *profile.Profile {
	prof, err := c.a.openProfile()
	if err != nil {
		return nil
	}
	return prof
}

// locked are the packages of the current generation.
func (c *completion) locked() []lock.Package {
	if prof := c.profile(); prof != nil {
		if g, err := prof.Current(); err == nil && g != nil {
			return g.Lock.Packages
		}
	}
	return nil
}

func (c *completion) installed() (all []suggestion) {
	for _, p := range c.locked() {
		all = append(all, suggestion{string(p.Name), string(p.Version)})
	}
	return all
}

// versions are the known ones of a package by its name here or its own, the
// newest first.
func (c *completion) versions(name string) (all []suggestion) {
	own, here := ref.Name(name), ref.Version("")
	for _, p := range c.locked() {
		if string(p.Name) == name {
			own, here = cmp.Or(p.Package, p.Name), p.Version
		}
	}
	var known []ref.Version
	for _, m := range c.stored() {
		if m.Name == own && !slices.Contains(known, m.Version) {
			known = append(known, m.Version)
		}
	}
	slices.SortFunc(known, func(a, b ref.Version) int { return b.Compare(a) })
	for _, v := range known {
		about := "in the store"
		if v == here {
			about = "installed"
		}
		all = append(all, suggestion{name + "@" + string(v), about})
	}
	return all
}

// mostStored is how many packages of a store are looked at: whoever waits for a
// shell to go on has no time for more.
const mostStored = 2000

// stored reads the metadata of the packages in the store, without opening the
// store: that would write.
func (c *completion) stored() (all []*pack.Metadata) {
	d, err := c.a.set.dirs()
	if err != nil {
		return nil
	}
	trees := filepath.Join(d.state, storeLink, "trees")
	seen := map[string]bool{}
	for _, name := range names(trees) {
		k, err := store.ParseKey(name)
		if err != nil || seen[k.Root.KeyString()] {
			continue
		}
		if seen[k.Root.KeyString()] = true; len(seen) > mostStored {
			break
		}
		path := filepath.Join(trees, name, pack.MetadataName)
		if data, err := durable.ReadFile(path, pack.MaxMetadata); err == nil {
			if m, err := pack.ParseMetadata(path, data); err == nil {
				all = append(all, m)
			}
		}
	}
	return all
}

// generations are those on disk, the newest first, with what the log says.
func (c *completion) generations() (all []suggestion) {
	prof := c.profile()
	if prof == nil {
		return nil
	}
	numbers, err := prof.Numbers()
	if err != nil {
		return nil
	}
	current, _ := prof.CurrentNumber() // none is one that is not on disk
	log, _ := prof.Log()               // what it lacks is not said
	about := map[int]string{}
	for _, e := range log {
		if e.Making() {
			about[int(e.To)] = term.Ago(c.a.now().Sub(e.Time)) + ", by ipp " + e.Command
		}
	}
	for _, n := range slices.Backward(numbers) {
		if n != current {
			all = append(all, suggestion{strconv.Itoa(int(n)), about[int(n)]})
		}
	}
	return all
}

func (c *completion) profiles() (all []suggestion) {
	d, err := c.a.set.dirs()
	if err != nil {
		return nil
	}
	list, _ := profile.List(d.state) // none where it can't be read
	for _, name := range list {
		all = append(all, suggestion{word: string(name)})
	}
	return all
}

func (c *completion) keys() []suggestion {
	ring, err := c.a.keyring()
	if err != nil {
		return nil
	}
	list, _ := ring.names() // none where it can't be read
	return plain(wordsOf(list))
}

// targets are those of the configuration.
func (c *completion) targets() []suggestion {
	conf, err := c.a.readConfig()
	if err != nil {
		return nil
	}
	return plain(slices.Sorted(maps.Keys(conf.Pins)))
}
