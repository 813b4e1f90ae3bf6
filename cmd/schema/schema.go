// Package schema has the JSON Schemas (2020-12) of the files that people write
// and of what --json prints, a file each. They are made from the Go types by
// cmd's tests (`go test ./cmd -run 'TestJSONPage|TestSchemas' -update`), with the comments of
// their fields, and held to the types and to real output there.
//
// A schema of a file tells its keys, their types and the forms of words. What
// takes more than that to tell, such as what a name means elsewhere, only the
// reader of the file says: what a schema refuses ipp refuses, not the other way
// round.
//
// Concurrency: pure functions.
package schema

import (
	"embed"
	"io/fs"
	"strings"
)

//go:embed *.json
var files embed.FS

const suffix = ".json"

// Names are those of all schemas: files by their own, output by its command's.
func Names() []string {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil // it is in the program
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.ReplaceAll(strings.TrimSuffix(e.Name(), suffix), "-", " ")
	}
	return names
}

// Get is the schema of that name; false if there is none.
func Get(name string) (string, bool) {
	data, err := files.ReadFile(FileName(name))
	return string(data), err == nil
}

// FileName is the file in which a schema of that name lies here.
func FileName(name string) string { return strings.ReplaceAll(name, " ", "-") + suffix }
