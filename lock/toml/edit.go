package toml

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// Change is what Edit does to one value.
type Change struct {
	Path []string // of keys
	Text string   // the value as it is written; "": it goes, and a table with all that is in it
}

// Edit changes values of the file that root was parsed from, and leaves every other
// byte as it is: comments, blank lines, order and spelling. A new key stands behind
// those of its table that sort before it, where these are sorted, or else at the end;
// a new table at the end of the file. Of an inline table only the spelling of what
// stays is kept.
//
// A change to what is not there, or can't be put there, is left out: the caller
// reads what comes out of it.
func (v *Value) Edit(changes []Change) []byte {
	data := v.doc.data
	e := &editor{data: data, newline: "\n", inline: map[*Value]map[string]string{}, added: map[string][]string{}}
	if i := bytes.IndexByte(data, '\n'); i > 0 && data[i-1] == '\r' {
		e.newline = "\r\n"
	}
	changes = slices.Clone(changes)
	slices.SortStableFunc(changes, func(a, b Change) int { return slices.Compare(a.Path, b.Path) })
	for _, c := range changes {
		e.change(v, c)
	}
	for table, values := range e.inline {
		start, end := e.extent(table)
		e.splice(start, end, e.table(table, values))
	}
	return e.bytes()
}

// editor collects what becomes of a file.
type editor struct {
	data     []byte
	newline  string
	splices  []splice
	inline   map[*Value]map[string]string // inline tables with values that are new; "": that go
	sections []string                     // headers of new tables
	added    map[string][]string          // their lines
}

// splice is text that stands in the place of other.
type splice struct {
	start, end int
	text       string
}

func (e *editor) splice(start, end int, text string) {
	e.splices = append(e.splices, splice{start, end, text})
}

// bytes is the file with all splices.
func (e *editor) bytes() []byte {
	slices.SortStableFunc(e.splices, func(a, b splice) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end)) })
	var out []byte
	at := 0
	for _, s := range e.splices {
		if s.start < at { // in what is gone
			continue
		}
		out = append(append(out, e.data[at:s.start]...), s.text...)
		at = s.end
	}
	out = append(out, e.data[at:]...)
	for _, name := range e.sections {
		if len(out) > 0 {
			if out[len(out)-1] != '\n' {
				out = append(out, e.newline...)
			}
			out = append(out, e.newline...)
		}
		out = append(append(out, "["+name+"]"...), e.newline...)
		for _, line := range e.added[name] {
			out = append(append(out, line...), e.newline...)
		}
	}
	return out
}

func (e *editor) change(root *Value, c Change) {
	parents, last := c.Path[:len(c.Path)-1], c.Path[len(c.Path)-1]
	parent := root
	for _, key := range parents {
		if parent = parent.Get(key); parent == nil || parent.Kind != Table {
			break
		}
	}
	old := (*Value)(nil)
	if parent != nil && parent.Kind == Table {
		old = parent.Get(last)
	}
	switch {
	case c.Text == "" && old == nil: // it is not there
	case parent != nil && parent.Kind != Table: // nothing can be in it
	case parent != nil && parent.how == closed:
		if e.inline[parent] == nil {
			e.inline[parent] = map[string]string{}
		}
		e.inline[parent][last] = c.Text
	case old != nil && old.how == closed && c.Text != "":
		start, end := e.extent(old)
		e.splice(start, end, c.Text)
	case old != nil:
		e.remove(parent, last)
		if c.Text != "" {
			e.insert(parent, parents, last, c.Text)
		}
	default:
		e.insert(parent, parents, last, c.Text)
	}
}

// extent is where a value stands that is written in one piece.
func (e *editor) extent(v *Value) (start, end int) {
	start, end = v.Range()
	return start, start + len(bytes.TrimRight(e.data[start:end], " \t\r\n"))
}

// remove takes out the lines that define a key of a table.
func (e *editor) remove(table *Value, key string) {
	f := table.Fields[table.find(key)]
	v := f.Value
	switch {
	case v.how == closed:
		_, end := e.extent(v)
		e.splice(e.lineStart(f.at), e.lineEnd(end), "")
		return
	case v.how == header && v.Kind == Table:
		at, _ := v.Range()
		e.splice(e.lineStart(at), e.lineEnd(at), "")
	}
	for _, item := range v.Items { // of an array of tables
		at, _ := item.Range()
		e.splice(e.lineStart(at), e.lineEnd(at), "")
		for _, below := range item.Fields {
			e.remove(item, below.Key)
		}
	}
	for _, below := range v.Fields {
		e.remove(v, below.Key)
	}
}

// insert adds a key to a table, which may not be there.
func (e *editor) insert(table *Value, path []string, key, text string) {
	line := Key(key) + " = " + text
	if table == nil || table.how != header && table.how != dotted {
		e.add(path, line)
		return
	}
	before, ok := behind(table, key)
	switch {
	case ok && table.how == dotted: // spelled like its neighbour
		at := before.at
		line = strings.TrimLeft(string(e.data[e.lineStart(at):at]), " \t") + line
		fallthrough
	case ok:
		e.insertLine(e.lineEnd(e.last(before.Value)), indent(e.data[e.lineStart(before.at):])+line)
	case len(path) == 0:
		e.insertLine(0, line)
	case table.how == header:
		e.insertLine(e.lineEnd(int(table.offset)), line)
	default:
		e.add(path, line)
	}
}

// behind is the field behind which a new key belongs.
func behind(table *Value, key string) (f Field, ok bool) {
	var own []Field
	for _, f := range table.Fields {
		if f.Value.how == closed || f.Value.how == dotted {
			own = append(own, f)
		}
	}
	if len(own) == 0 {
		return Field{}, false
	}
	if !slices.IsSortedFunc(own, func(a, b Field) int { return cmp.Compare(a.Key, b.Key) }) || table.how == dotted {
		return own[len(own)-1], true
	}
	i, _ := slices.BinarySearchFunc(own, key, func(f Field, key string) int { return cmp.Compare(f.Key, key) })
	if i == 0 {
		return Field{}, false
	}
	return own[i-1], true
}

// last is where the lines end that define a value, which has no header.
func (e *editor) last(v *Value) int {
	if v.how == closed {
		_, end := e.extent(v)
		return end
	}
	end := 0
	for _, f := range v.Fields {
		end = max(end, e.last(f.Value))
	}
	return end
}

// add adds a line to a table that is made at the end of the file.
func (e *editor) add(path []string, line string) {
	keys := make([]string, len(path))
	for i, key := range path {
		keys[i] = Key(key)
	}
	name := strings.Join(keys, ".")
	if _, ok := e.added[name]; !ok {
		e.sections = append(e.sections, name)
	}
	e.added[name] = append(e.added[name], line)
}

// insertLine adds a line at the start of another, or the end of the file.
func (e *editor) insertLine(at int, line string) {
	line += e.newline
	if at > 0 && e.data[at-1] != '\n' {
		line = e.newline + strings.TrimSuffix(line, e.newline)
	}
	e.splice(at, at, line)
}

// table is an inline table with new values.
func (e *editor) table(v *Value, values map[string]string) string {
	var fields []string
	for _, f := range v.Fields {
		text, changed := values[f.Key]
		if changed && text == "" {
			continue
		}
		if changed {
			fields = append(fields, Key(f.Key)+" = "+text)
			continue
		}
		fields = append(fields, e.pieces("", f)...)
	}
	for _, key := range slices.Sorted(func(yield func(string) bool) {
		for key, text := range values {
			if v.Get(key) == nil && text != "" && !yield(key) {
				return
			}
		}
	}) {
		fields = append(fields, Key(key)+" = "+values[key])
	}
	if len(fields) == 0 {
		return "{}"
	}
	return "{ " + strings.Join(fields, ", ") + " }"
}

// pieces are what an inline table says of a field: several where its keys are
// dotted.
func (e *editor) pieces(prefix string, f Field) (list []string) {
	start, end := e.extent(f.Value)
	switch {
	case f.Value.Kind == Table && e.data[start] != '{':
		for _, below := range f.Value.Fields {
			list = append(list, e.pieces(prefix+Key(f.Key)+".", below)...)
		}
		return list
	case prefix == "":
		return []string{string(e.data[f.at:end])}
	}
	return []string{prefix + Key(f.Key) + " = " + string(e.data[start:end])}
}

func (e *editor) lineStart(at int) int { return bytes.LastIndexByte(e.data[:at], '\n') + 1 }

// lineEnd is the start of the next line.
func (e *editor) lineEnd(at int) int {
	if i := bytes.IndexByte(e.data[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(e.data)
}

// indent is the space at the start of a line.
func indent(line []byte) string {
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}
