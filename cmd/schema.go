package cmd

import (
	"context"
	"fmt"
	"strings"

	"ipp/cmd/schema"
	"ipp/lock/toml"
)

type schemaCmd struct {
	Name []string `arg:"" optional:"" name:"SCHEMA" help:"A file that people write, such as package.toml, or a command; all names are listed where it is left out."`
}

func (schemaCmd) doc() doc {
	return doc{
		usage: "schema [SCHEMA]",
		about: `Prints the JSON Schema (2020-12) of a file that people write, or of what a command
			prints with --json. Without a name it lists the names: package.toml, profile.toml,
			profile.lock, config.toml, and the commands; error is what any of them prints when it
			fails.

			What a schema of a file refuses ipp refuses; ipp itself refuses more.`,
		examples: []string{
			"ipp schema package.toml > package.schema.json",
			"ipp schema key list",
			"ipp schema",
		},
	}
}

func (s *schemaCmd) run(_ context.Context, a *app) error {
	if len(s.Name) == 0 {
		for _, name := range schema.Names() {
			a.println(name)
		}
		return nil
	}
	name := strings.Join(s.Name, " ")
	text, ok := schema.Get(name)
	if !ok {
		f := usageError(s, "there is no schema %q", name)
		f.code, f.usage, f.hints = exitNotFound, "", []string{"ipp schema lists all names"}
		if near := toml.Nearest(name, schema.Names()); near != "" {
			f.hints = []string{fmt.Sprintf("did you mean ipp schema %s?", near)}
		}
		return f
	}
	a.printf("%s", text)
	return nil
}
