package cmd

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write JSON.md anew")

// jsonPages are the values that --json prints, by command.
func jsonPages() [][2]string {
	return [][2]string{
		{"install, remove, upgrade, switch, hold, unhold, rollback", "changeResult"},
		{"list", "listing"},
		{"list --store (an array)", "storeLine"},
		{"history", "chronicle"},
		{"init", "initialised"},
		{"lock", "lockedResult"},
		{"diff", "compared"},
		{"search (an array)", "found"},
		{"show", "shown"},
		{"show CID, of what is a part of packages", "heldBlock"},
		{"pack", "packed"},
		{"import", "imports"},
		{"export", "exported"},
		{"verify", "verified"},
		{"key list (an array), key show", "keyInfo"},
		{"key new, key import, key rotate", "keyDone"},
		{"key export", "keyExported"},
		{"check", "checkReport"},
		{"forget", "forgotten"},
		{"publish", "published"},
		{"publish without REF", "pinsKept"},
		{"serve", "serving"},
		{"serve --install", "unit"},
		{"gc --dry-run", "gcPlan"},
		{"gc", "gcResult"},
		{"doctor", "diagnosis"},
		{"env", "envVars"},
		{"version", "release"},
		{"error, of any command", "report"},
	}
}

// TestJSONPage holds JSON.md to the Go types, and every field to a word of
// explanation.
func TestJSONPage(t *testing.T) {
	p := &page{types: structs(t, "."), t: t}
	p.WriteString(`# What --json prints

Every command with --json prints one value on standard output. Names and
meanings below stay what they are; new fields may come. A field marked "absent"
is left out when it is empty. A failure prints {"error": …} instead, with the
exit code in code; a command that has printed its value and then fails (verify)
prints no second one. Sizes are bytes, times RFC 3339.

This page is made from the Go types, as are the schemas that ipp schema prints:
go test ./cmd -run 'TestJSONPage|TestSchemas' -update
`)
	for _, c := range jsonPages() {
		fmt.Fprintf(p, "\n## %s\n\n", c[0])
		p.fields(c[1], "")
	}
	if *update {
		if err := os.WriteFile("JSON.md", []byte(p.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile("JSON.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(data) != p.String() {
		t.Error("JSON.md is not what the types say: go test ./cmd -run 'TestJSONPage|TestSchemas' -update")
	}
}

type page struct {
	strings.Builder
	types map[string]*ast.StructType
	t     *testing.T
}

// fields lists a type's fields, and below each those of its own type.
func (p *page) fields(name, indent string) {
	for _, f := range p.types[name].Fields.List {
		if own, ok := f.Type.(*ast.Ident); ok && len(f.Names) == 0 && p.types[own.Name] != nil { // its fields stand among the others
			p.fields(own.Name, indent)
			continue
		}
		if f.Tag == nil || len(f.Names) == 0 {
			continue
		}
		tag := reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("json")
		word, rest, _ := strings.Cut(tag, ",")
		kind, inner := p.kind(f.Type)
		fmt.Fprintf(p, "%s- `%s` %s", indent, word, kind)
		if strings.Contains(rest, "omitempty") {
			p.WriteString(", absent")
		}
		switch text := strings.TrimSpace(f.Comment.Text()); {
		case text != "":
			p.WriteString(": " + text)
		case inner == "" && f.Comment == nil && !obvious(word):
			p.t.Errorf("%s.%s has no comment", name, f.Names[0])
		}
		p.WriteString("\n")
		if inner != "" {
			p.fields(inner, indent+"  ")
		}
	}
}

// obvious words explain themselves.
func obvious(word string) bool {
	return strings.Contains(" name version cid profile number time user host command platform files bytes path summary license homepage source changelog manifest dry_run from to parent code message hints pid purpose commands environment dependencies libraries go commit output PATH MANPATH XDG_DATA_DIRS generation current goes ", " "+word+" ")
}

// kind names a field's type in JSON's words, and the struct in it, if any.
func (p *page) kind(e ast.Expr) (kind, inner string) {
	switch e := e.(type) {
	case *ast.Ident:
		switch {
		case p.types[e.Name] != nil:
			return "object", e.Name
		case e.Name == "bool":
			return "boolean", ""
		case e.Name == "string":
			return "string", ""
		}
		return "number", ""
	case *ast.StarExpr:
		return p.kind(e.X)
	case *ast.SelectorExpr: // time.Time or generation.Number
		if e.Sel.Name == "Number" {
			return "number", ""
		}
		return "time", ""
	case *ast.ArrayType:
		kind, inner = p.kind(e.Elt)
		return "array of " + plurals(kind), inner
	case *ast.MapType:
		kind, inner = p.kind(e.Value)
		return "object of " + plurals(kind), inner
	}
	p.t.Fatalf("a field of type %T", e)
	return "", ""
}

// plurals makes "strings" of "string" and "arrays of strings" of "array of strings".
func plurals(kind string) string {
	head, rest, _ := strings.Cut(kind, " ")
	return strings.TrimSpace(head + "s " + rest)
}

// structs are the struct types of a room.
func structs(t *testing.T, dir string) map[string]*ast.StructType {
	t.Helper()
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*ast.StructType{}
	for _, e := range names {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, e.Name()), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if s, ok := spec.Type.(*ast.StructType); ok {
					all[spec.Name.Name] = s
				}
			}
			return true
		})
	}
	return all
}
