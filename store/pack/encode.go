package pack

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"ipp/lock/ref"
	"ipp/lock/toml"

	"github.com/ipfs/go-cid"
)

// Encode writes m canonically: keys in the order of SPEC.md, tables sorted by
// key, LF. The same metadata gives the same bytes on every machine.
func (m *Metadata) Encode() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "format = %d\n", metadataFormat)
	for _, f := range []struct{ key, value string }{
		{"name", string(m.Name)},
		{"version", string(m.Version)},
		{"summary", m.Summary},
		{"license", m.License},
		{"homepage", m.Homepage},
		{"source", m.Source},
		{"changelog", m.Changelog},
	} {
		if f.value != "" {
			fmt.Fprintf(&b, "%s = %s\n", f.key, toml.Quote(f.value))
		}
	}
	if len(m.Platforms) > 0 {
		fmt.Fprintf(&b, "platforms = %s\n", toml.Strings(plain(m.Platforms)))
	}
	m.encodeTables(&b)
	return b.Bytes()
}

func (m *Metadata) encodeTables(b *bytes.Buffer) {
	if m.Commands != nil {
		writeTable(b, "commands", m.Commands, toml.Quote)
	}
	if len(m.Environment) > 0 {
		writeTable(b, "environment", m.Environment, toml.Quote)
	}
	if len(m.Dependencies) > 0 {
		writeTable(b, "dependencies", m.Dependencies, func(c ref.Constraint) string { return toml.Quote(c.String()) })
	}
	if len(m.Libraries) > 0 {
		writeTable(b, "libraries", m.Libraries, func(c cid.Cid) string { return toml.Quote(c.String()) })
	}
	if len(m.Legacy) > 0 {
		writeTable(b, "legacy", m.Legacy, toml.Strings)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Services)) {
		writeTable(b, "services."+toml.Key(string(name)), map[string][]string{"command": m.Services[name]}, toml.Strings)
	}
	if len(m.Callbacks) > 0 {
		writeTable(b, "callbacks", m.Callbacks, toml.Strings)
	}
}

// writeTable writes a table, sorted by key, after an empty line.
func writeTable[K ~string, V any](b *bytes.Buffer, name string, table map[K]V, value func(V) string) {
	fmt.Fprintf(b, "\n[%s]\n", name)
	for _, k := range slices.Sorted(maps.Keys(table)) {
		fmt.Fprintf(b, "%s = %s\n", toml.Key(string(k)), value(table[k]))
	}
}

// plain turns words back into strings.
func plain[T ~string](words []T) []string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = string(w)
	}
	return all
}

// Inert names what m asks for and this release reads but does not act on:
// services, callbacks, legacy.
func (m *Metadata) Inert() []string {
	var all []string
	for _, event := range slices.Sorted(maps.Keys(m.Callbacks)) {
		all = append(all, "callback "+event)
	}
	for _, manager := range slices.Sorted(maps.Keys(m.Legacy)) {
		all = append(all, "legacy "+manager)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Services)) {
		all = append(all, "service "+string(name))
	}
	return all
}

// Template is a commented package.toml for `ipp pack --init`.
func Template(name ref.Name, version ref.Version) []byte {
	return fmt.Appendf(nil, `format = %d
name = %s
version = %s
# summary = "what it does, in one line"
# license = "MIT"                 # SPDX expression
# homepage = "https://example.org"
# source = "https://example.org/source"
# changelog = "https://example.org/changes"

# One directory each, beside any/ for what all share. Left out: this directory
# is the one tree.
# platforms = ["linux-amd64", "darwin-arm64"]

# The programs that are installed, with their paths below the platform's
# directory or any/. Left out: every executable in bin/.
# [commands]
# %s = "bin/%s"

# Other programs that this one starts.
# [dependencies]
# node = "^20"

# Environment of `+"`ipp run`"+` and services.
# [environment]
# NAME = "value"

# Directories that other people packed; each is linked as deps/NAME.
# [libraries]
# zlib = "CID"

# Tables below [x] belong to other tools.
`, metadataFormat, toml.Quote(string(name)), toml.Quote(string(version)), toml.Key(string(name)), name)
}
