package pack

import (
	"errors"
	"fmt"
	"iter"
	"net/url"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"

	"ipp/lock/ref"
	"ipp/lock/toml"
	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// MaxMetadata is the largest package.toml that is read, in bytes.
const MaxMetadata = 256 << 10

// maxSummary is how many characters a summary may have: one line of a list.
const maxSummary = 120

// metadataFormat is the version of package.toml.
const metadataFormat = 1

// SyntaxError says what is wrong with package.toml or PackManifest, and where.
type SyntaxError = toml.SyntaxError

// ErrNewer is in the chain of an error about a file of a newer format.
var ErrNewer = toml.ErrNewer

// metadataFile is package.toml as it is written.
type metadataFile struct {
	Name         string             `toml:"name,required"`
	Version      string             `toml:"version,required"`
	Summary      *string            `toml:"summary"`
	License      *string            `toml:"license"`
	Homepage     *string            `toml:"homepage"`
	Source       *string            `toml:"source"`
	Changelog    *string            `toml:"changelog"`
	Platforms    []string           `toml:"platforms"`
	Commands     map[string]string  `toml:"commands"`
	Environment  map[string]string  `toml:"environment"`
	Dependencies map[string]string  `toml:"dependencies"`
	Libraries    map[string]string  `toml:"libraries"`
	Legacy       legacyTable        `toml:"legacy"`
	Services     map[string]service `toml:"services"`
	Callbacks    callbacksTable     `toml:"callbacks"`
}

type legacyTable struct {
	Apt    []string `toml:"apt"`
	Dnf    []string `toml:"dnf"`
	Pacman []string `toml:"pacman"`
	Apk    []string `toml:"apk"`
	Brew   []string `toml:"brew"`
	Winget []string `toml:"winget"`
}

type service struct {
	Command []string `toml:"command,required"`
}

type callbacksTable struct {
	Install []string `toml:"install"`
	Upgrade []string `toml:"upgrade"`
	Remove  []string `toml:"remove"`
	Switch  []string `toml:"switch"`
}

// ParseMetadata parses package.toml strictly; errors name file, line, column
// and what is allowed.
func ParseMetadata(file string, data []byte) (*Metadata, error) {
	var f metadataFile
	root, err := toml.Decode(file, data, &f, toml.Options{Format: metadataFormat, Max: MaxMetadata})
	if err != nil {
		return nil, err
	}
	p := &metadataParser{root: root}
	m := &Metadata{
		Summary:   p.line("summary", f.Summary),
		License:   p.line("license", f.License),
		Homepage:  p.url("homepage", f.Homepage),
		Source:    p.url("source", f.Source),
		Changelog: p.url("changelog", f.Changelog),
		Platforms: p.platforms(f.Platforms),
		Commands:  p.commands(f.Commands),
		Legacy:    p.legacy(),
		Callbacks: p.callbacks(),
	}
	m.Name = word(p, root.At("name"), f.Name, ref.ParseName)
	m.Version = word(p, root.At("version"), f.Version, ref.ParseVersion)
	if n := utf8.RuneCountInString(m.Summary); n > maxSummary {
		p.fail(root.At("summary").Errorf("summary has %d characters, %d at most", n, maxSummary))
	}
	p.environment(m, f.Environment)
	p.dependencies(m, f.Dependencies)
	p.libraries(m, f.Libraries)
	p.services(m, f.Services)
	if p.err != nil {
		return nil, p.err
	}
	return m, nil
}

// metadataParser checks what the types of metadataFile can't say. It keeps the
// error that stands first in the file.
type metadataParser struct {
	root   *toml.Value
	err    *SyntaxError
	failed int // times
}

// untilFailure yields what is in a list in the order of the file, and ends after
// the first that fails: no later one is told, and to say where something stands
// takes a look at the whole file.
func untilFailure[T any](p *metadataParser, list []T) iter.Seq[T] {
	return func(yield func(T) bool) {
		before := p.failed
		for _, x := range list {
			if !yield(x) || p.failed > before {
				return
			}
		}
	}
}

func (p *metadataParser) fail(e *SyntaxError) {
	p.failed++
	if p.err == nil || e.Line < p.err.Line || e.Line == p.err.Line && e.Column < p.err.Column {
		p.err = e
	}
}

// word parses one word with a parser of package ref.
func word[T any](p *metadataParser, at *toml.Value, s string, parse func(string) (T, error)) T {
	v, err := parse(s)
	if err != nil {
		why, hint := explain(err)
		e := at.Errorf("%s", why)
		e.Hint = hint
		p.fail(e)
	}
	return v
}

// keyWord parses a key of the table with a parser of package ref.
func keyWord[T any](p *metadataParser, table *toml.Value, key string, parse func(string) (T, error)) T {
	v, err := parse(key)
	if err != nil {
		why, hint := explain(err)
		e := table.KeyError(key, "%s", why)
		e.Hint = hint
		p.fail(e)
	}
	return v
}

// explain takes a ref.SyntaxError apart. It does not stay in the chain: a
// malformed file is another kind of mistake than a mistyped argument.
func explain(err error) (why, hint string) {
	var s *ref.SyntaxError
	if !errors.As(err, &s) {
		return err.Error(), ""
	}
	if s.Allowed != "" {
		hint = "allowed: " + s.Allowed
	}
	return fmt.Sprintf("%s %q: %s", s.What, s.Text, s.Why), hint
}

// line checks an optional text of one line; toml refused control characters.
func (p *metadataParser) line(key string, s *string) string {
	if s == nil {
		return ""
	}
	if strings.TrimSpace(*s) == "" {
		e := p.root.At(key).Errorf("%s is empty", key)
		e.Hint = "leave the line out"
		p.fail(e)
	}
	return *s
}

func (p *metadataParser) url(key string, s *string) string {
	if s == nil {
		return ""
	}
	u, err := url.Parse(*s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || strings.ContainsAny(*s, " <>\"") {
		e := p.root.At(key).Errorf("%s must be a URL", key)
		e.Hint = "allowed: https://… and http://…"
		p.fail(e)
	}
	return *s
}

func (p *metadataParser) platforms(list []string) []ref.Platform {
	at := p.root.At("platforms")
	if list != nil && len(list) == 0 {
		e := at.Errorf("platforms is empty")
		e.Hint = "leave the line out: then the package's root is the one tree"
		p.fail(e)
	}
	var all []ref.Platform
	seen := map[ref.Platform]bool{}
	for item := range untilFailure(p, at.Items) {
		v := word(p, item, item.Text, ref.ParsePlatform)
		if seen[v] {
			p.fail(item.Errorf("platform %s stands there twice", v))
		}
		seen[v] = true
		all = append(all, v)
	}
	return all
}

func (p *metadataParser) commands(table map[string]string) map[ref.Command]string {
	if table == nil {
		return nil // other than an empty table: every executable in bin
	}
	all := make(map[ref.Command]string, len(table))
	at := p.root.At("commands")
	folded := map[string]string{}
	for f := range untilFailure(p, at.Fields) {
		name := keyWord(p, at, f.Key, ref.ParseCommand)
		if why := badPath(f.Value.Text); why != "" {
			e := f.Value.Errorf("path of command %s %s", f.Key, why)
			e.Hint = "write the path below the platform's directory, such as bin/" + f.Key
			p.fail(e)
		}
		if other := folded[strings.ToLower(f.Key)]; other != "" {
			p.fail(at.KeyError(f.Key, "commands %s and %s are one name on some systems", other, f.Key))
		}
		folded[strings.ToLower(f.Key)] = f.Key
		all[name] = f.Value.Text
	}
	return all
}

// badPath says why s is not a clean relative path inside the package, or "".
func badPath(s string) string {
	switch {
	case s == "":
		return "is empty"
	case strings.HasPrefix(s, "/"):
		return "is absolute"
	case strings.Contains(s, `\`):
		return "has a backslash"
	case path.Clean(s) != s || s == ".." || strings.HasPrefix(s, "../") || s == ".":
		return "is not clean: it has an empty, . or .. step"
	}
	for name := range strings.SplitSeq(s, "/") {
		if err := dag.CheckName(name); err != nil {
			return fmt.Sprintf("has a bad step: %v", err)
		}
	}
	return ""
}

var environmentName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (p *metadataParser) environment(m *Metadata, table map[string]string) {
	for f := range untilFailure(p, p.root.Get("environment").All()) {
		if !environmentName.MatchString(f.Key) {
			e := p.root.At("environment").KeyError(f.Key, "%q is not the name of an environment variable", f.Key)
			e.Hint = "allowed: letters, digits and _, no digit first"
			p.fail(e)
		}
	}
	if len(table) > 0 {
		m.Environment = table
	}
}

func (p *metadataParser) dependencies(m *Metadata, table map[string]string) {
	at := p.root.Get("dependencies")
	for f := range untilFailure(p, at.All()) {
		name := keyWord(p, at, f.Key, ref.ParseName)
		c := word(p, f.Value, table[f.Key], ref.ParseConstraint)
		if name == m.Name {
			p.fail(at.KeyError(f.Key, "package %s depends on itself", name))
		}
		set(&m.Dependencies, name, c)
	}
}

func (p *metadataParser) libraries(m *Metadata, table map[string]string) {
	at := p.root.Get("libraries")
	for f := range untilFailure(p, at.All()) {
		name := keyWord(p, at, f.Key, ref.ParseName)
		c, err := cid.Decode(table[f.Key])
		switch {
		case err != nil:
			e := f.Value.Errorf("library %s is not a CID: %v", f.Key, err)
			e.Hint = "write the CID that ipp pack printed for it"
			p.fail(e)
			continue
		case c.Type() != cid.DagProtobuf:
			p.fail(f.Value.Errorf("library %s is not the CID of a directory", f.Key))
			continue
		}
		set(&m.Libraries, name, dag.V1(c))
	}
}

func (p *metadataParser) services(m *Metadata, table map[string]service) {
	at := p.root.Get("services")
	for f := range untilFailure(p, at.All()) {
		name := keyWord(p, at, f.Key, ref.ParseName)
		argv := table[f.Key].Command
		p.argv(f.Value.At("command"), "command of service "+f.Key, argv)
		set(&m.Services, name, argv)
	}
}

func (p *metadataParser) callbacks() map[string][]string {
	var all map[string][]string
	for _, f := range p.root.Get("callbacks").All() {
		argv := texts(f.Value)
		p.argv(f.Value, "callback "+f.Key, argv)
		set(&all, f.Key, argv)
	}
	return all
}

// argv checks a command line: a program and its arguments, never a shell line.
func (p *metadataParser) argv(at *toml.Value, what string, argv []string) {
	if len(argv) == 0 || argv[0] == "" {
		e := at.Errorf("%s is empty", what)
		e.Hint = `write the program and its arguments: ["name", "argument"]`
		p.fail(e)
	}
}

// legacyName is a name for a system's package manager; it never starts with
// "-", so it can't be taken for an option.
var legacyName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+:/@~=-]*$`)

func (p *metadataParser) legacy() map[string][]string {
	var all map[string][]string
	for _, f := range p.root.Get("legacy").All() {
		for item := range untilFailure(p, f.Value.Items) {
			if !legacyName.MatchString(item.Text) {
				e := item.Errorf("%q is not the name of a package for %s", item.Text, f.Key)
				e.Hint = "allowed: letters, digits and ._+:/@~=-, a letter or digit first"
				p.fail(e)
			}
		}
		if len(f.Value.Items) > 0 {
			set(&all, f.Key, texts(f.Value))
		}
	}
	return all
}

// texts are the strings of an array.
func texts(v *toml.Value) []string {
	var all []string
	for _, item := range v.Items {
		all = append(all, item.Text)
	}
	return all
}

// set puts a value into a map that may not exist yet.
func set[K comparable, V any](m *map[K]V, k K, v V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[k] = v
}
