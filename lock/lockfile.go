package lock

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ipp/lock/ref"
	"ipp/lock/toml"
	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// LockName is the name of the file that ipp writes.
const LockName = "profile.lock"

// rawLock is profile.lock before its words are parsed.
type rawLock struct {
	Packages []rawPackage `toml:"package"`
}

// rawPackage is a [[package]] before its words are parsed.
type rawPackage struct {
	Name           string             `toml:"name,required"`
	Package        string             `toml:"package"`
	Version        string             `toml:"version,required"`
	CID            string             `toml:"cid,required"`
	Manifest       string             `toml:"manifest"`
	Key            string             `toml:"key"`
	Channel        string             `toml:"channel"`
	ChannelVersion int64              `toml:"channel-version"`
	DagSize        uint64             `toml:"dag-size,required"`
	Wanted         string             `toml:"wanted"`
	NeededBy       []string           `toml:"needed-by"`
	Platforms      map[string]rawSize `toml:"platforms"`
	Commands       []string           `toml:"commands"`
}

type rawSize struct {
	Bytes int64 `toml:"bytes,required"`
	Files int   `toml:"files,required"`
}

// ParseLock parses profile.lock strictly. Errors are *toml.SyntaxError, as from
// ParseProfile. The order of packages is mended, since a merge may upset it. The
// words of a string are parts of it.
func ParseLock[T string | []byte](file string, data T) (*Lockfile, error) {
	if l, ok := parseCanonical(string(data)); ok {
		return l, nil
	}
	return parseLockTOML(file, []byte(data))
}

func parseLockTOML(file string, data []byte) (*Lockfile, error) {
	if err := conflictMark(file, data, "take either side whole, then run: ipp lock"); err != nil {
		return nil, err
	}
	var raw rawLock
	root, err := toml.Decode(file, data, &raw, toml.Options{Format: format, Max: MaxFile})
	if err != nil {
		return nil, err
	}
	l := &Lockfile{}
	seen := map[ref.Name]bool{}
	for i, r := range raw.Packages {
		v := root.Get("package").Items[i]
		pkg, err := parsePackage(r, v)
		if err != nil {
			return nil, err
		}
		if seen[pkg.Name] {
			return nil, v.Get("name").Errorf("package %s is here twice", pkg.Name)
		}
		seen[pkg.Name] = true
		l.Packages = append(l.Packages, pkg)
	}
	slices.SortFunc(l.Packages, byName)
	return l, nil
}

func byName(a, b Package) int { return cmp.Compare(a.Name, b.Name) }

// parsePackage parses the words of r, which was decoded from v.
func parsePackage(r rawPackage, v *toml.Value) (Package, error) {
	pkg := Package{Key: r.Key, ChannelVersion: r.ChannelVersion, DagSize: r.DagSize, Wanted: r.Wanted}
	err := firstError(
		parseWord(v.Get("name"), ref.ParseName, &pkg.Name),
		parseWord(v.Get("package"), ref.ParseName, &pkg.Package),
		parseWord(v.Get("version"), ref.ParseVersion, &pkg.Version),
		parseWord(v.Get("cid"), parseCID, &pkg.CID),
		parseWord(v.Get("manifest"), parseCID, &pkg.Manifest),
		parseWord(v.Get("channel"), ref.ParseName, &pkg.Channel),
		parseWords(v.Get("needed-by"), ref.ParseName, &pkg.NeededBy),
		parseWords(v.Get("commands"), ref.ParseCommand, &pkg.Commands),
		pkg.addPlatforms(r.Platforms, v.Get("platforms")),
	)
	if err != nil {
		return pkg, err
	}
	if pkg.Package == pkg.Name {
		pkg.Package = ""
	}
	if r.ChannelVersion < 0 {
		return pkg, v.Get("channel-version").Errorf("channel-version is a number from 0")
	}
	return pkg, nil
}

// anyPlatform is how a package calls what its platforms share.
const anyPlatform = ref.Platform("any")

func parsePlatform(s string) (ref.Platform, error) {
	if s == string(anyPlatform) {
		return anyPlatform, nil
	}
	return ref.ParsePlatform(s)
}

func (p *Package) addPlatforms(raw map[string]rawSize, table *toml.Value) error {
	for _, key := range keysOf(table) {
		platform, err := parseKey(table, key, parsePlatform)
		if err != nil {
			return err
		}
		size := Size(raw[key])
		if size.Bytes < 0 || size.Files < 0 {
			return table.KeyError(key, "sizes are numbers from 0")
		}
		if p.Platforms == nil {
			p.Platforms = map[ref.Platform]Size{}
		}
		p.Platforms[platform] = size
	}
	return nil
}

// Encode writes l canonically.
func (l *Lockfile) Encode() []byte {
	const usual = 320 // bytes a package
	b := make([]byte, 0, usual*(len(l.Packages)+1))
	b = fmt.Appendf(b, "format = %d\n", format)
	packages := l.Packages
	if !slices.IsSortedFunc(packages, byName) {
		packages = slices.SortedFunc(slices.Values(packages), byName)
	}
	for i := range packages {
		b = packages[i].encode(b)
	}
	return b
}

func (p *Package) encode(b []byte) []byte {
	word := func(key, word string) {
		if word != "" {
			b = append(append(b, key...), " = "...)
			b = append(toml.AppendQuote(b, word), '\n')
		}
	}
	cid := func(key string, c cid.Cid) {
		b = append(append(b, key...), " = \""...)
		b = append(dag.AppendCID(b, c), "\"\n"...)
	}
	b = append(b, packageHead...)
	word("name", string(p.Name))
	if p.Package != p.Name {
		word("package", string(p.Package))
	}
	word("version", string(p.Version))
	cid("cid", p.CID)
	if p.Manifest.Defined() {
		cid("manifest", p.Manifest)
	}
	word("key", p.Key)
	word("channel", string(p.Channel))
	if p.ChannelVersion != 0 {
		b = fmt.Appendf(b, "channel-version = %d\n", p.ChannelVersion)
	}
	b = append(strconv.AppendUint(append(b, "dag-size = "...), p.DagSize, 10), '\n')
	word("wanted", p.Wanted)
	if len(p.NeededBy) > 0 {
		b = fmt.Appendf(b, "needed-by = %s\n", toml.Strings(sortedWords(p.NeededBy)))
	}
	if len(p.Platforms) > 0 {
		b = fmt.Appendf(b, "platforms = %s\n", encodePlatforms(p.Platforms))
	}
	if len(p.Commands) > 0 {
		b = fmt.Appendf(b, "commands = %s\n", toml.Strings(sortedWords(p.Commands)))
	}
	return b
}

// encodePlatforms writes what platforms share last.
func encodePlatforms(sizes map[ref.Platform]Size) string {
	order := slices.DeleteFunc(sortedKeys(sizes), func(p ref.Platform) bool { return p == anyPlatform })
	if _, ok := sizes[anyPlatform]; ok {
		order = append(order, anyPlatform)
	}
	fields := make([]string, len(order))
	for i, p := range order {
		fields[i] = fmt.Sprintf("%s = { bytes = %d, files = %d }", toml.Key(string(p)), sizes[p].Bytes, sizes[p].Files)
	}
	return "{ " + strings.Join(fields, ", ") + " }"
}

// sortedWords are the words as strings, each once.
func sortedWords[T ~string](words []T) []string {
	sorted := make([]string, len(words))
	for i, w := range words {
		sorted[i] = string(w)
	}
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

// Find returns the package of that name, or nil.
func (l *Lockfile) Find(name ref.Name) *Package {
	i, ok := slices.BinarySearchFunc(l.Packages, name, func(p Package, n ref.Name) int { return cmp.Compare(p.Name, n) })
	if !ok {
		return nil
	}
	return &l.Packages[i]
}
