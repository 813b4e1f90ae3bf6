package toml

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// definition says how a table or array came to be, which decides what may
// still be added to it (TOML 1.0, "Table" and "Array of Tables").
type definition uint8

const (
	closed   definition = iota // inline table, array, scalar: nothing
	implicit                   // a step of a [header]: may get a header of its own
	header                     // has its header
	dotted                     // a step of a dotted key: more dotted keys
	tables                     // [[array of tables]]: more elements
)

// build reads the whole document into a tree.
func build(d *document) (*Value, error) {
	root := &Value{Kind: Table, doc: d, offset: -1, end: -1, how: header}
	current := root
	p := unstable.Parser{}
	p.Reset(d.data)
	b := &builder{doc: d}
	for p.NextExpression() {
		var err error
		switch n := p.Expression(); n.Kind {
		case unstable.Table, unstable.ArrayTable:
			current, err = b.header(root, n)
		case unstable.KeyValue:
			err = b.keyValue(current, n, int(current.depth))
		}
		if err != nil {
			return nil, err
		}
	}
	return root, b.syntax(&p)
}

type builder struct{ doc *document }

// syntax turns the parser's error into ours.
func (b *builder) syntax(p *unstable.Parser) error {
	err := p.Error()
	if err == nil {
		return nil
	}
	var pe *unstable.ParserError
	if !errors.As(err, &pe) {
		return &SyntaxError{File: b.doc.file, Why: err.Error(), err: err}
	}
	offset := len(b.doc.data)
	if pe.Highlight != nil {
		offset = int(p.Range(pe.Highlight).Offset)
	}
	return b.doc.errorAt(offset, "not TOML: "+pe.Message)
}

// key is a step of a key with its place.
type key struct {
	name        string
	offset, end int
}

func (b *builder) keys(n *unstable.Node) ([]key, error) {
	var keys []key
	for it := n.Key(); it.Next(); {
		k := it.Node()
		if len(keys) == MaxDepth {
			return nil, b.tooDeep(int(k.Raw.Offset))
		}
		keys = append(keys, key{string(k.Data), int(k.Raw.Offset), int(k.Raw.Offset + k.Raw.Length)})
	}
	return keys, nil
}

func (b *builder) tooDeep(offset int) error {
	return b.doc.errorAt(offset, fmt.Sprintf("nested more than %d deep", MaxDepth))
}

// header enters the table of a [header] or [[header]].
func (b *builder) header(root *Value, n *unstable.Node) (*Value, error) {
	keys, err := b.keys(n)
	if err != nil {
		return nil, err
	}
	at := root
	for _, k := range keys[:len(keys)-1] {
		if at, err = b.step(at, k, implicit); err != nil {
			return nil, err
		}
	}
	last := keys[len(keys)-1]
	if n.Kind == unstable.ArrayTable {
		return b.element(at, last)
	}
	old := at.Get(last.name)
	if old == nil {
		return b.add(at, last, &Value{Kind: Table, how: header}), nil
	}
	if old.Kind != Table || old.how != implicit {
		return nil, b.twice(at, last)
	}
	old.how, old.offset, old.end = header, int32(last.offset), int32(last.offset)
	return old, nil
}

// element appends a table to an array of tables.
func (b *builder) element(at *Value, k key) (*Value, error) {
	array := at.Get(k.name)
	if array == nil {
		array = b.add(at, k, &Value{Kind: Array, how: tables})
	}
	if array.how != tables {
		return nil, b.twice(at, k)
	}
	v := &Value{Kind: Table, how: header, doc: b.doc, offset: int32(k.offset), end: int32(k.offset), depth: array.depth + 1}
	array.Items = append(array.Items, v)
	return v, nil
}

// step goes one key down on the way to a header (how is implicit) or along a
// dotted key (how is dotted), and makes what is missing.
func (b *builder) step(at *Value, k key, how definition) (*Value, error) {
	old := at.Get(k.name)
	switch {
	case old == nil:
		return b.add(at, k, &Value{Kind: Table, how: how}), nil
	case how == implicit && old.how == tables:
		return old.Items[len(old.Items)-1], nil
	case how == implicit && old.how != closed, how == dotted && old.how == dotted:
		return old, nil
	}
	return nil, b.twice(at, k)
}

// keyValue adds `key = value` to a table at that depth.
func (b *builder) keyValue(at *Value, n *unstable.Node, depth int) error {
	keys, err := b.keys(n)
	if err != nil {
		return err
	}
	for _, k := range keys[:len(keys)-1] {
		if at, err = b.step(at, k, dotted); err != nil {
			return err
		}
	}
	last := keys[len(keys)-1]
	if at.Get(last.name) != nil {
		return b.twice(at, last)
	}
	v, err := b.value(n.Value(), b.valueStart(last.end), depth+len(keys))
	if err != nil {
		return err
	}
	v.end = max(v.end, int32(n.Raw.Offset+n.Raw.Length))
	b.add(at, last, v)
	return nil
}

// valueStart is where the value begins after a key that ends at offset; the
// parser tells that of scalars only.
func (b *builder) valueStart(offset int) int {
	rest := b.doc.data[offset:]
	return len(b.doc.data) - len(bytes.TrimLeft(rest, " \t="))
}

// value builds the value of a node; near is its place where it has none.
func (b *builder) value(n *unstable.Node, near, depth int) (*Value, error) {
	if depth > MaxDepth {
		return nil, b.tooDeep(near)
	}
	v := &Value{doc: b.doc, Text: string(n.Data), offset: int32(near), end: int32(near)}
	if n.Raw.Length > 0 {
		v.offset, v.end = int32(n.Raw.Offset), int32(n.Raw.Offset+n.Raw.Length)
	}
	switch n.Kind {
	case unstable.String:
		v.Kind = String
	case unstable.Integer:
		v.Kind = Integer
		if _, ok := v.Int(); !ok {
			return nil, v.Errorf("number is too large")
		}
	case unstable.Float:
		v.Kind = Float
	case unstable.Bool:
		v.Kind = Bool
	case unstable.Array:
		v.Kind = Array
		return v, b.items(v, n, depth)
	case unstable.InlineTable:
		v.Kind, v.offset, v.end = Table, int32(near), int32(near)
		return v, b.inline(v, n, depth)
	default:
		v.Kind = Time
	}
	return v, nil
}

func (b *builder) items(v *Value, n *unstable.Node, depth int) error {
	for it := n.Children(); it.Next(); {
		item, err := b.value(it.Node(), int(v.offset), depth+1)
		if err != nil {
			return err
		}
		v.Items = append(v.Items, item)
	}
	return nil
}

func (b *builder) inline(v *Value, n *unstable.Node, depth int) error {
	for it := n.Children(); it.Next(); {
		if err := b.keyValue(v, it.Node(), depth); err != nil {
			return err
		}
	}
	v.seal()
	return nil
}

// seal closes the tables that dotted keys made inside an inline table.
func (v *Value) seal() {
	v.how = closed
	for _, f := range v.Fields {
		f.Value.seal()
	}
}

// add puts a new key into a table.
func (b *builder) add(at *Value, k key, v *Value) *Value {
	if v.doc == nil {
		v.doc, v.offset, v.end = b.doc, int32(k.offset), int32(k.offset)
	}
	v.depth = at.depth + 1
	at.add(Field{Key: k.name, Value: v, at: k.offset})
	return v
}

// twice says that a key is there already, and where.
func (b *builder) twice(at *Value, k key) error {
	first := b.doc.line(at.Fields[at.find(k.name)].at)
	e := b.doc.errorAt(k.offset, fmt.Sprintf("%s is defined twice, first in line %d", show(k.name), first))
	e.Hint = "keep one of the two"
	return e
}

// show is a key as an error names it.
func show(name string) string {
	return `"` + strings.ReplaceAll(printable(name), `"`, `\"`) + `"`
}
