package lock

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"ipp/lock/ref"
	"ipp/lock/toml"
	"ipp/store/dag"
)

// ProfileName is the name of the file that people write.
const ProfileName = "profile.toml"

// format is that of both files.
const format = 1

// MaxFile is how large either file may be, in bytes: some 100,000 packages.
const MaxFile = 64 << 20

var profileOptions = toml.Options{Format: format, Max: MaxFile}

// rawProfile is profile.toml before its words are parsed.
type rawProfile struct {
	Channels map[string]rawChannel  `toml:"channels"`
	Packages map[string]*toml.Value `toml:"packages"`
	Prefer   map[string]string      `toml:"prefer"`
	Policy   rawPolicy              `toml:"policy"`
}

type rawChannel struct {
	At   string `toml:"at,required"`
	Root string `toml:"root,required"`
}

type rawPolicy struct {
	Keep int `toml:"keep"`
}

type rawWish struct {
	Version string `toml:"version"`
	CID     string `toml:"cid"`
	Package string `toml:"package"`
	Channel string `toml:"channel"`
	Hold    bool   `toml:"hold"`
}

// ParseProfile parses profile.toml strictly. Errors are *toml.SyntaxError, with
// file, line, column and what is allowed; one about a newer format Is
// toml.ErrNewer.
func ParseProfile(file string, data []byte) (*Profile, error) {
	if p, ok := parseCanonicalProfile(data); ok {
		return p, nil
	}
	return parseProfileTOML(file, data)
}

func parseProfileTOML(file string, data []byte) (*Profile, error) {
	if err := conflictMark(file, data, "decide which lines stay, and delete the marks"); err != nil {
		return nil, err
	}
	var raw rawProfile
	root, err := toml.Decode(file, data, &raw, profileOptions)
	if err != nil {
		return nil, err
	}
	p := NewProfile()
	if p.Keep = raw.Policy.Keep; p.Keep < 0 || p.Keep == 0 && root.At("policy").Get("keep") != nil {
		return nil, root.At("policy", "keep").Errorf("keep is a number of generations, from 1")
	}
	if err := p.addChannels(raw.Channels, root.Get("channels")); err != nil {
		return nil, err
	}
	if err := p.addWishes(root.Get("packages")); err != nil {
		return nil, err
	}
	return p, p.addPreferences(root.Get("prefer"))
}

// NewProfile is a profile that wishes nothing.
func NewProfile() *Profile {
	return &Profile{
		Channels: map[ref.Name]Channel{},
		Prefer:   map[string]ref.Name{},
	}
}

// Wish returns the wish for the package of that name; false: there is none.
func (p *Profile) Wish(name ref.Name) (Wish, bool) {
	if w := p.find(name); w != nil {
		return *w, true
	}
	return Wish{}, false
}

func (p *Profile) find(name ref.Name) *Wish {
	i, ok := p.place(name)
	if !ok {
		return nil
	}
	return &p.Packages[i]
}

// Put adds a wish, in the place of the one of that name, if there is one.
func (p *Profile) Put(w Wish) {
	i, ok := p.place(w.Name)
	if !ok {
		p.Packages = slices.Insert(p.Packages, i, Wish{})
	}
	p.Packages[i] = w
}

// Drop removes the wish for the package of that name, if there is one.
func (p *Profile) Drop(name ref.Name) {
	if i, ok := p.place(name); ok {
		p.Packages = slices.Delete(p.Packages, i, i+1)
	}
}

// place is where the wish of that name stands, or would.
func (p *Profile) place(name ref.Name) (int, bool) {
	return slices.BinarySearchFunc(p.Packages, name, func(w Wish, n ref.Name) int { return cmp.Compare(w.Name, n) })
}

func (p *Profile) addChannels(raw map[string]rawChannel, table *toml.Value) error {
	for _, key := range keysOf(table) {
		name, err := parseKey(table, key, ref.ParseName)
		if err != nil {
			return err
		}
		c := Channel(raw[key])
		if c.At == "" || c.Root == "" {
			return table.At(key).Errorf("channel %s needs both at and root", key)
		}
		p.Channels[name] = c
	}
	return nil
}

func (p *Profile) addWishes(table *toml.Value) error {
	for _, key := range keysOf(table) {
		name, err := parseKey(table, key, ref.ParseName)
		if err != nil {
			return err
		}
		wish, err := parseWish(name, table.Get(key))
		if err != nil {
			return err
		}
		p.Packages = append(p.Packages, wish)
	}
	slices.SortFunc(p.Packages, func(a, b Wish) int { return cmp.Compare(a.Name, b.Name) })
	return nil
}

// parseWish parses what stands behind a name: a constraint, or a table.
func parseWish(name ref.Name, v *toml.Value) (Wish, error) {
	w := Wish{Name: name}
	if v.Kind == toml.String {
		err := parseWord(v, ref.ParseConstraint, &w.Constraint)
		return w, err
	}
	var raw rawWish
	if v.Kind != toml.Table {
		e := v.Errorf("a package needs a constraint in quotes, or a table")
		e.Hint = `write "^1.2", { version = "^1.2" } or { cid = "bafy…" }`
		return w, e
	}
	if err := v.Decode(&raw); err != nil {
		return w, err
	}
	if (v.Get("version") == nil) == (v.Get("cid") == nil) {
		e := v.Errorf("a package needs either version or cid")
		e.Hint = `write { version = "*" } for any version`
		return w, e
	}
	w.Hold = raw.Hold
	err := firstError(
		parseWord(v.Get("version"), ref.ParseConstraint, &w.Constraint),
		parseWord(v.Get("cid"), parseCID, &w.CID),
		parseWord(v.Get("package"), ref.ParseName, &w.Package),
		parseWord(v.Get("channel"), ref.ParseName, &w.Channel),
	)
	if w.Package == name {
		w.Package = ""
	}
	return w, err
}

func (p *Profile) addPreferences(table *toml.Value) error {
	for _, path := range keysOf(table) {
		if top, _, _ := strings.Cut(path, "/"); !fs.ValidPath(path) || !ForestDir(top) {
			e := table.KeyError(path, "%q is no path of a forest", path)
			e.Hint = `write one like "bin/x" or "share/man"`
			return e
		}
		var name ref.Name
		if err := parseWord(table.Get(path), ref.ParseName, &name); err != nil {
			return err
		}
		p.Prefer[path] = name
	}
	return nil
}

// ForestDir says whether a generation's forest has a directory of that name at
// its top.
func ForestDir(name string) bool {
	switch name {
	case "bin", "sbin", "share", "etc", "lib", "libexec", "include":
		return true
	}
	return false
}

// Encode writes p canonically. The empty profile is `format = 1`.
func (p *Profile) Encode() []byte {
	const usual = 96 // bytes a wish
	var b bytes.Buffer
	b.Grow(usual * (len(p.Packages) + 1))
	fmt.Fprintf(&b, "format = %d\n", format)
	for _, name := range sortedKeys(p.Channels) {
		c := p.Channels[name]
		fmt.Fprintf(&b, "\n[channels.%s]\nat = %s\nroot = %s\n", toml.Key(string(name)), toml.Quote(c.At), toml.Quote(c.Root))
	}
	if len(p.Packages) > 0 {
		b.WriteString("\n[packages]\n")
	}
	for i := range p.Packages {
		b.Write(p.Packages[i].encode(b.AvailableBuffer()))
	}
	if len(p.Prefer) > 0 {
		b.WriteString("\n[prefer]\n")
	}
	for _, path := range sortedKeys(p.Prefer) {
		fmt.Fprintf(&b, "%s = %s\n", toml.Quote(path), toml.Quote(string(p.Prefer[path])))
	}
	if p.Keep > 0 {
		fmt.Fprintf(&b, "\n[policy]\nkeep = %d\n", p.Keep)
	}
	return b.Bytes()
}

// encode appends the line of the wish: short where it is no more than a constraint.
func (w *Wish) encode(b []byte) []byte {
	return append(w.value(append(append(b, toml.Key(string(w.Name))...), " = "...)), '\n')
}

// value appends what stands behind the name.
func (w *Wish) value(b []byte) []byte {
	short := len(b)
	if w.CID.Defined() {
		b = append(dag.AppendCID(append(b, "{ cid = \""...), w.CID), '"')
	} else {
		b = toml.AppendQuote(append(b, "{ version = "...), w.Constraint.String())
	}
	alone := len(b)
	if w.Package != "" && w.Package != w.Name {
		b = toml.AppendQuote(append(b, ", package = "...), string(w.Package))
	}
	if w.Channel != "" {
		b = toml.AppendQuote(append(b, ", channel = "...), string(w.Channel))
	}
	if w.Hold {
		b = append(b, ", hold = true"...)
	}
	if len(b) == alone && !w.CID.Defined() {
		return toml.AppendQuote(b[:short], w.Constraint.String())
	}
	return append(b, " }"...)
}

// same compares two wishes, not their spelling.
func (w Wish) same(o Wish) bool { return w == o || bytes.Equal(w.encode(nil), o.encode(nil)) }

// Wanted is the wish as profile.lock repeats it: a constraint or a CID.
func (w Wish) Wanted() string { return string(w.appendWanted(nil)) }

func (w *Wish) appendWanted(b []byte) []byte {
	if w.CID.Defined() {
		return dag.AppendCID(b, w.CID)
	}
	return append(b, w.Constraint.String()...)
}

// Clone copies p, to be edited.
func (p *Profile) Clone() *Profile {
	c := NewProfile()
	maps.Copy(c.Channels, p.Channels)
	maps.Copy(c.Prefer, p.Prefer)
	c.Packages, c.Keep = slices.Clone(p.Packages), p.Keep
	return c
}

// Equal compares wishes, not spelling.
func (p *Profile) Equal(o *Profile) bool {
	return p.Keep == o.Keep && maps.Equal(p.Channels, o.Channels) && maps.Equal(p.Prefer, o.Prefer) &&
		slices.EqualFunc(p.Packages, o.Packages, Wish.same)
}

func sortedKeys[K ~string, V any](m map[K]V) []K {
	keys := slices.AppendSeq(make([]K, 0, len(m)), maps.Keys(m))
	slices.Sort(keys)
	return keys
}
