package cmd

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// schemaMaker makes JSON Schemas of Go types.
type schemaMaker struct {
	t     *testing.T
	types map[string]*ast.StructType
	tag   string // of the fields: json or toml
	defs  map[string]any
	rules map[string]fileRule // what the types don't say, by Type.key
}

type object = map[string]any

// fileRule is what of a schema no Go type says.
type fileRule struct {
	value object // of the value, or of each item
	keys  string // pattern of the keys of a table
}

const (
	namePattern    = `^[a-z0-9][a-z0-9._+-]{0,63}$`
	commandPattern = `^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$`
	wordPattern    = `^[^\x00-\x1f\x7f]+$`
)

// fileRules are the forms of the words in files.
func fileRules() map[string]fileRule {
	text := func(pattern string) object { return object{"pattern": pattern} }
	filled := object{"minItems": 1}
	url := text(`^https?://`)
	rules := map[string]fileRule{
		"metadataFile.name": {value: text(namePattern)}, "metadataFile.version": {value: text(wordPattern)},
		"metadataFile.summary":  {value: object{"pattern": wordPattern, "maxLength": 120}},
		"metadataFile.homepage": {value: url}, "metadataFile.source": {value: url}, "metadataFile.changelog": {value: url},
		"metadataFile.platforms":    {value: object{"minItems": 1, "uniqueItems": true}},
		"metadataFile.commands":     {value: text(wordPattern), keys: commandPattern},
		"metadataFile.environment":  {keys: `^[A-Za-z_][A-Za-z0-9_]*$`},
		"metadataFile.dependencies": {value: text(wordPattern), keys: namePattern},
		"metadataFile.libraries":    {value: text(wordPattern), keys: namePattern},
		"metadataFile.services":     {keys: namePattern},
		"service.command":           {value: filled},
		"callbacksTable.install":    {value: filled}, "callbacksTable.upgrade": {value: filled},
		"callbacksTable.remove": {value: filled}, "callbacksTable.switch": {value: filled},

		"rawProfile.channels": {keys: namePattern}, "rawProfile.packages": {keys: namePattern},
		"rawProfile.prefer": {value: text(namePattern), keys: `^(bin|sbin|share|etc|lib|libexec|include)(/|$)`},
		"rawPolicy.keep":    {value: object{"minimum": 1}},
		"rawWish.version":   {value: text(wordPattern)}, "rawWish.cid": {value: text(wordPattern)},
		"rawWish.package": {value: text(namePattern)}, "rawWish.channel": {value: text(namePattern)},
		"rawChannel.at": {value: text(wordPattern)}, "rawChannel.root": {value: text(wordPattern)},

		"rawPackage.name": {value: text(namePattern)}, "rawPackage.package": {value: text(namePattern)},
		"rawPackage.version": {value: text(wordPattern)}, "rawPackage.cid": {value: text(wordPattern)},
		"rawPackage.dag-size": {value: object{"minimum": 0}},
		"rawSize.bytes":       {value: object{"minimum": 0}}, "rawSize.files": {value: object{"minimum": 0}},

		"config.pins": {keys: namePattern},
	}
	return rules
}

// file is the schema of a TOML file whose top is that type.
func (m *schemaMaker) file(name, top string) string {
	m.defs = object{}
	s := m.structure(top)
	properties := s["properties"].(object)
	properties["format"] = object{"const": 1, "description": "the version of this format"}
	properties["x"] = object{"type": "object", "description": "is left to other tools"}
	required, _ := s["required"].([]string)
	s["required"] = append([]string{"format"}, required...)
	return m.print(name, s)
}

// output is the schema of what a command prints: one of several values.
func (m *schemaMaker) output(name string, pages [][2]string) string {
	m.defs = object{}
	var all []any
	for _, p := range pages {
		s := m.reference(p[1])
		if strings.Contains(p[0], "(an array)") && strings.Contains(strings.Split(p[0], "(an array)")[0], name) {
			s = object{"type": "array", "items": s}
		}
		s["title"] = "ipp " + p[0] + " --json"
		all = append(all, s)
	}
	if name == "error" {
		return m.print(name, object{"type": "object", "properties": object{"error": m.reference("report")}, "required": []string{"error"}})
	}
	return m.print("ipp "+name+" --json", object{"anyOf": all})
}

func (m *schemaMaker) print(title string, s object) string {
	s["$schema"], s["title"] = "https://json-schema.org/draft/2020-12/schema", title
	if len(m.defs) > 0 {
		s["$defs"] = m.defs
	}
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		m.t.Fatal(err)
	}
	return string(data) + "\n"
}

// reference defines a type, once, and refers to it.
func (m *schemaMaker) reference(name string) object {
	if _, ok := m.defs[name]; !ok {
		m.defs[name] = true // it may refer to itself
		m.defs[name] = m.structure(name)
	}
	return object{"$ref": "#/$defs/" + name}
}

func (m *schemaMaker) structure(name string) object {
	properties, required := object{}, map[string]bool{}
	m.fields(name, properties, required)
	s := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		s["required"] = slices.Sorted(maps.Keys(required))
	}
	if m.tag == "toml" {
		s["additionalProperties"] = false
	}
	if name == "rawWish" {
		s["oneOf"] = []object{{"required": []string{"version"}}, {"required": []string{"cid"}}}
	}
	return s
}

func (m *schemaMaker) fields(name string, properties object, required map[string]bool) {
	def := m.types[name]
	if def == nil {
		m.t.Fatalf("there is no type %s", name)
	}
	for _, f := range def.Fields.List {
		if own, ok := f.Type.(*ast.Ident); ok && len(f.Names) == 0 && m.types[own.Name] != nil {
			m.fields(own.Name, properties, required)
			continue
		}
		if f.Tag == nil || len(f.Names) == 0 {
			continue
		}
		key, rest, _ := strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get(m.tag), ",")
		s := m.value(f.Type)
		m.apply(m.rules[name+"."+key], s)
		if text := strings.TrimSpace(f.Comment.Text()); text != "" {
			s["description"] = text
		}
		properties[key] = s
		if m.tag == "json" && !strings.Contains(rest, "omitempty") || strings.Contains(rest, "required") {
			required[key] = true
		}
	}
}

func (m *schemaMaker) apply(r fileRule, s object) {
	if r.keys != "" {
		s["propertyNames"] = object{"pattern": r.keys}
		if r.value != nil {
			maps.Copy(s["additionalProperties"].(object), r.value)
		}
		return
	}
	maps.Copy(s, r.value)
}

// value is the schema of a field's type.
func (m *schemaMaker) value(e ast.Expr) object {
	switch e := e.(type) {
	case *ast.Ident:
		switch {
		case m.types[e.Name] != nil:
			return m.reference(e.Name)
		case e.Name == "bool":
			return object{"type": "boolean"}
		case e.Name == "string":
			return object{"type": "string"}
		case strings.HasPrefix(e.Name, "int") || strings.HasPrefix(e.Name, "uint"):
			return object{"type": "integer"}
		case strings.HasPrefix(e.Name, "float"):
			return object{"type": "number"}
		}
	case *ast.StarExpr:
		if of, ok := e.X.(*ast.SelectorExpr); ok && of.Sel.Name == "Value" { // of profile.toml: a constraint or a table
			return object{"oneOf": []object{{"type": "string", "pattern": wordPattern}, m.reference("rawWish")}}
		}
		return m.value(e.X)
	case *ast.SelectorExpr:
		switch e.Sel.Name {
		case "Number":
			return object{"type": "integer"}
		case "Time":
			return object{"type": "string", "format": "date-time"}
		}
	case *ast.ArrayType:
		return object{"type": "array", "items": m.value(e.Elt)}
	case *ast.MapType:
		return object{"type": "object", "additionalProperties": m.value(e.Value)}
	}
	m.t.Fatalf("a field of type %s", fmt.Sprint(e))
	return nil
}
