package cmd

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ipp/cmd/schema"
	"ipp/lock"
	"ipp/store/pack"

	"github.com/alecthomas/kong"
	"github.com/pelletier/go-toml/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// pagesOf are the pages of JSON.md by the command that prints them; a page may
// tell of several.
func pagesOf() map[string][][2]string {
	all := map[string][][2]string{}
	for _, p := range jsonPages() {
		title, _, _ := strings.Cut(p[0], ", of ")
		for verb := range strings.SplitSeq(title, ", ") {
			verb, _, _ = strings.Cut(verb, " without ")
			verb, _, _ = strings.Cut(verb, " (")
			verb = verbOf(verb)
			all[verb] = append(all[verb], p)
		}
	}
	return all
}

// made are all schemas, as the Go types say.
func made(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, f := range [][3]string{
		{pack.MetadataName, "metadataFile", "../store/pack"}, {lock.ProfileName, "rawProfile", "../lock"},
		{"profile.lock", "rawLock", "../lock"}, {configName, "config", "."},
	} {
		m := &schemaMaker{t: t, types: structs(t, f[2]), tag: "toml", rules: fileRules()}
		all[f[0]] = m.file(f[0], f[1])
	}
	for verb, pages := range pagesOf() {
		m := &schemaMaker{t: t, types: structs(t, "."), tag: "json"}
		all[verb] = m.output(verb, pages)
	}
	return all
}

// TestSchemas holds the schemas to the Go types.
func TestSchemas(t *testing.T) {
	all := made(t)
	if *update {
		for name, text := range all {
			if err := os.WriteFile(filepath.Join("schema", schema.FileName(name)), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	for name, text := range all {
		if is, _ := schema.Get(name); is != text {
			t.Errorf("the schema of %s is not what the types say: go test ./cmd -run 'TestJSONPage|TestSchemas' -update", name)
		}
	}
	for _, name := range schema.Names() {
		if all[name] == "" {
			t.Errorf("there is no %s any more: remove cmd/schema/%s", name, schema.FileName(name))
		}
	}
}

// TestEveryJSONHasASchema: each command of the grammar that has --json.
func TestEveryJSONHasASchema(t *testing.T) {
	a := &app{flags: &grammar{}}
	parser, err := a.parser("")
	if err != nil {
		t.Fatal(err)
	}
	for name := range pagesOf() {
		if _, err := a.nodeOf(parser.Model, strings.Fields(name)); err != nil && name != "error" {
			t.Errorf("JSON.md tells of %q, which is no command", name)
		}
	}
	for _, n := range parser.Model.Leaves(false) {
		if _, ok := pagesOf()[wordsFor(n)]; !ok && slices.Contains(flagNames(n), "json") {
			t.Errorf("JSON.md does not tell of %s --json", n.Path())
		}
	}
}

// compiled is a schema that validates; strict refuses what it does not name.
func compiled(t *testing.T, name string, strict bool) *jsonschema.Schema {
	t.Helper()
	text, ok := schema.Get(name)
	if !ok {
		t.Fatalf("there is no schema of %s", name)
	}
	s, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if strict {
		closeObjects(s)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("https://example.org/"+schema.FileName(name), s); err != nil {
		t.Fatal(err)
	}
	valid, err := c.Compile("https://example.org/" + schema.FileName(name))
	if err != nil {
		t.Fatal(err)
	}
	return valid
}

// closeObjects lets no object have what its schema does not name.
func closeObjects(s any) {
	switch s := s.(type) {
	case map[string]any:
		for _, v := range s {
			closeObjects(v)
		}
		if _, ok := s["properties"].(map[string]any); ok {
			s["additionalProperties"] = false
		}
	case []any:
		for _, v := range s {
			closeObjects(v)
		}
	}
}

// asJSON is a TOML document as a validator reads it.
func asJSON(t *testing.T, text string) any {
	t.Helper()
	var doc map[string]any
	if err := toml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	data, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// readers are those of the files that have a schema.
func readers() map[string]func(string) error {
	return map[string]func(string) error{
		pack.MetadataName: func(s string) error { _, err := pack.ParseMetadata("f", []byte(s)); return err },
		lock.ProfileName:  func(s string) error { _, err := lock.ParseProfile("f", []byte(s)); return err },
		"profile.lock":    func(s string) error { _, err := lock.ParseLock("f", []byte(s)); return err },
		configName:        func(s string) error { _, err := parseConfig("f", []byte(s)); return err },
	}
}

// TestFileSchemas: what is right is right by schema and reader, and each mistake
// is one for both.
func TestFileSchemas(t *testing.T) {
	every, err := os.ReadFile("../store/pack/testdata/every-key.toml")
	if err != nil {
		t.Fatal(err)
	}
	const (
		id  = "bafybeibml5uieyxa5tufngvg7fgwbkwvlsuntwbxgtskoqynbt7wlchmfm"
		pkg = "format = 1\nname = \"a\"\nversion = \"1\"\n"
		one = "format = 1\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\ncid = \"" + id + "\"\ndag-size = 3\nwanted = \"*\"\n"
	)
	for name, docs := range map[string]struct{ right, wrong []string }{
		pack.MetadataName: {[]string{string(every), pkg, pkg + "[x.tool]\nfree = 1\n"}, []string{
			"format = 1\nname = \"a\"\n", "name = \"a\"\nversion = \"1\"\n", "format = 2\nname = \"a\"\nversion = \"1\"\n",
			"format = 1\nname = \"A\"\nversion = \"1\"\n", pkg + "sumary = \"x\"\n", pkg + "platforms = []\n", pkg + "platforms = [\"linux-amd64\", \"linux-amd64\"]\n",
			pkg + "homepage = \"ftp://x\"\n", pkg + "summary = \"" + strings.Repeat("é", 121) + "\"\n", pkg + "[commands]\n\"-a\" = \"bin/a\"\n",
			pkg + "[environment]\n1A = \"x\"\n", pkg + "[services.a]\ncommand = []\n", pkg + "[services.a]\n", pkg + "[callbacks]\ninstal = [\"x\"]\n", pkg + "[legacy]\napt = \"x\"\n",
		}},
		lock.ProfileName: {[]string{
			"format = 1\n", "format = 1\n[channels.main]\nat = \"ipns://x\"\nroot = \"sha256:0\"\n[packages]\na = \"^1\"\nb = { cid = \"" + id + "\" }\nc = { version = \"2\", hold = true, package = \"d\" }\n[prefer]\n\"bin/x\" = \"a\"\n[policy]\nkeep = 5\n",
		}, []string{
			"", "format = \"1\"\n", "format = 1\n[packages]\na = 1\n", "format = 1\n[packages]\na = {}\n", "format = 1\n[packages]\na = { hold = true }\n",
			"format = 1\n[packages]\na = { version = \"1\", cid = \"" + id + "\" }\n", "format = 1\n[packages]\nA = \"1\"\n", "format = 1\n[packages]\na = { version = \"1\", held = true }\n",
			"format = 1\n[policy]\nkeep = 0\n", "format = 1\n[prefer]\n\"opt/x\" = \"a\"\n", "format = 1\n[channels.main]\nat = \"x\"\n", "format = 1\n[package]\n",
		}},
		"profile.lock": {[]string{"format = 1\n", one, one + "platforms = { linux-amd64 = { bytes = 1, files = 1 } }\n"}, []string{
			"format = 1\n[[package]]\nname = \"a\"\n", one + "hold = true\n", one + "platforms = { linux-amd64 = { bytes = 1 } }\n", one + "needed-by = \"b\"\n",
			strings.Replace(one, "dag-size = 3", "dag-size = -3", 1), strings.Replace(one, "\"a\"", "\"A\"", 1),
		}},
		configName: {[]string{
			"format = 1\n", "format = 1\n[network]\noffline = true\ngateways = []\npin-generations = false\n[serve]\nlisten = [\":8631\"]\n[pins.home]\nkubo = \"http://192.0.2.7:5001\"\n",
		}, []string{
			"format = 1\n[network]\noffline = \"yes\"\n", "format = 1\n[network]\ngateway = []\n", "format = 1\n[serve]\nlisten = \":1\"\n", "format = 1\n[pins.\"A b\"]\nkubo = \"http://192.0.2.7:5001\"\n", "[network]\n",
		}},
	} {
		valid, read := compiled(t, name, false), readers()[name]
		for _, doc := range docs.right {
			if err := read(doc); err != nil {
				t.Errorf("%s: the reader refuses %v\n%s", name, err, doc)
			}
			if err := valid.Validate(asJSON(t, doc)); err != nil {
				t.Errorf("%s: the schema refuses %v\n%s", name, err, doc)
			}
		}
		for _, doc := range docs.wrong {
			if read(doc) == nil {
				t.Errorf("%s: the reader accepts\n%s", name, doc)
			}
			if valid.Validate(asJSON(t, doc)) == nil {
				t.Errorf("%s: the schema accepts\n%s", name, doc)
			}
		}
	}
}

// TestFilesThatIPPWrites have the form that the schemas say.
func TestFilesThatIPPWrites(t *testing.T) {
	dir, environ := atHome(t)
	cmd := exec.Command(lookPath("ipp"), "pack", "--init", "--dry-run", dir)
	cmd.Env = append(os.Environ(), environ...)
	begun, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{pack.MetadataName: string(begun)}
	for _, name := range []string{lock.ProfileName, "profile.lock"} {
		data, err := os.ReadFile(filepath.Join(dir, "home/.local/state/ipp/profiles/default/current", name))
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(data)
	}
	for name, text := range texts {
		if err := compiled(t, name, false).Validate(asJSON(t, text)); err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}

// TestOutputSchemasRefuse what is not what a command prints.
func TestOutputSchemasRefuse(t *testing.T) {
	for name, docs := range map[string][]string{
		"list":     {`{}`, `{"profile": "x", "generation": 0}`, `{"profile": "x", "generation": "1", "packages": []}`, `{"profile": "x", "generation": 1, "packages": null}`, `[{"cid": 3}]`, `{"error": {}}`},
		"version":  {`[]`, `{"version": "x"}`},
		"error":    {`{"message": "x"}`, `{"error": {"code": "1", "message": "x"}}`},
		"history":  {`{"profile": "x", "current": 0, "generations": [{}], "flips": []}`},
		"key list": {`{}`, `[{}]`},
	} {
		valid := compiled(t, name, false)
		for _, doc := range docs {
			v, err := jsonschema.UnmarshalJSON(strings.NewReader(doc))
			if err != nil {
				t.Fatal(err)
			}
			if valid.Validate(v) == nil {
				t.Errorf("the schema of %s accepts %s", name, doc)
			}
		}
	}
}

// checkOutputs holds what --json printed, as the stories' ipp noted it in dir, to
// the schemas; whole says that all stories ran.
func checkOutputs(t *testing.T, dir string, whole bool) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	a := &app{flags: &grammar{}}
	parser, err := a.parser("")
	if err != nil {
		t.Fatal(err)
	}
	missing := pagesOf()
	valid := map[string]*jsonschema.Schema{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		line, output, _ := strings.Cut(string(data), "\n")
		words := strings.Split(line, "\x00")
		name := schemaOf(a, parser.Model, words)
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(output))
		if name == "" || strings.TrimSpace(output) == "" || slices.Contains(words, "-") { // an archive
			continue
		}
		if err != nil {
			t.Errorf("ipp %q: %v\n%s", words, err, output)
			continue
		}
		if o, ok := v.(map[string]any); ok && len(o) == 1 && o["error"] != nil {
			name = "error"
		}
		if valid[name] == nil {
			valid[name] = compiled(t, name, true)
		}
		if err := valid[name].Validate(v); err != nil {
			t.Errorf("ipp %q: %v\n%s", words, err, output)
		}
		delete(missing, name)
	}
	if names := slices.Sorted(maps.Keys(missing)); whole && len(names) > 0 {
		t.Errorf("no story prints the JSON of %q", names)
	}
}

// schemaOf is the name of the schema of what a command line prints; "" where a
// program prints it.
func schemaOf(a *app, model *kong.Application, words []string) string {
	node, err := a.nodeOf(model, []string{firstWord(words)})
	if err != nil || node == nil {
		return "error"
	}
	if i := slices.Index(words, firstWord(words)); len(node.Children) > 0 && i+1 < len(words) {
		if sub, err := a.nodeOf(model, words[i:i+2]); err == nil {
			node = sub
		}
	}
	if node.Name == "run" {
		return ""
	}
	return wordsFor(node)
}

func flagNames(n *kong.Node) (names []string) {
	for _, f := range n.Flags {
		names = append(names, f.Name)
	}
	return names
}
