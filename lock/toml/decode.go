package toml

import (
	"encoding"
	"fmt"
	"reflect"
	"sort"
	"strings"
)

// Decode fills what into points to from v. At the root, `format` and the
// table for other tools are known without a field.
func (v *Value) Decode(into any) error {
	p := reflect.ValueOf(into)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		panic("toml: Decode needs a pointer")
	}
	if e := v.decode(p.Elem(), "the file"); e != nil {
		return e
	}
	return nil
}

// decode fills out; what names v in errors.
func (v *Value) decode(out reflect.Value, what string) *SyntaxError {
	if raw, ok := out.Addr().Interface().(**Value); ok {
		*raw = v
		return nil
	}
	if t, ok := out.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return v.decodeText(t, what)
	}
	switch out.Kind() {
	case reflect.Pointer:
		out.Set(reflect.New(out.Type().Elem()))
		return v.decode(out.Elem(), what)
	case reflect.Struct:
		return v.decodeStruct(out, what)
	case reflect.Map:
		return v.decodeMap(out, what)
	case reflect.Slice:
		return v.decodeSlice(out, what)
	case reflect.String:
		if v.Kind != String {
			return v.mismatch(what, "a string")
		}
		out.SetString(v.Text)
	case reflect.Bool:
		if v.Kind != Bool {
			return v.mismatch(what, "true or false")
		}
		out.SetBool(v.Text == "true")
	default:
		return v.decodeInt(out, what)
	}
	return nil
}

func (v *Value) mismatch(what, want string) *SyntaxError {
	return v.Errorf("%s must be %s, not %s", what, want, v.Kind.a())
}

func (v *Value) decodeText(t encoding.TextUnmarshaler, what string) *SyntaxError {
	if v.Kind != String {
		return v.mismatch(what, "a string")
	}
	if err := t.UnmarshalText([]byte(v.Text)); err != nil {
		return v.Wrap(err)
	}
	return nil
}

func (v *Value) decodeInt(out reflect.Value, what string) *SyntaxError {
	n, ok := v.Int()
	if !ok {
		return v.mismatch(what, "a whole number")
	}
	switch {
	case out.CanInt() && !out.OverflowInt(n):
		out.SetInt(n)
	case out.CanUint() && n >= 0 && !out.OverflowUint(uint64(n)):
		out.SetUint(uint64(n))
	case out.CanInt() || out.CanUint():
		return v.Errorf("%s is out of range", what)
	default:
		panic(fmt.Sprintf("toml: can't decode into %s", out.Type()))
	}
	return nil
}

func (v *Value) decodeSlice(out reflect.Value, what string) *SyntaxError {
	if v.Kind != Array {
		return v.mismatch(what, "an array")
	}
	out.Set(reflect.MakeSlice(out.Type(), len(v.Items), len(v.Items)))
	for i, item := range v.Items {
		if e := item.decode(out.Index(i), "each item of "+what); e != nil {
			return e
		}
	}
	return nil
}

func (v *Value) decodeMap(out reflect.Value, what string) *SyntaxError {
	if v.Kind != Table {
		return v.mismatch(what, "a table")
	}
	t := out.Type()
	out.Set(reflect.MakeMapWithSize(t, len(v.Fields)))
	for _, f := range v.Fields {
		key := reflect.New(t.Key())
		if u, ok := key.Interface().(encoding.TextUnmarshaler); !ok {
			key.Elem().SetString(f.Key)
		} else if err := u.UnmarshalText([]byte(f.Key)); err != nil {
			e := v.KeyError(f.Key, "%v", err)
			e.err = err
			return e
		}
		item := reflect.New(t.Elem()).Elem()
		if e := f.Value.decode(item, show(f.Key)); e != nil {
			return e
		}
		out.SetMapIndex(key.Elem(), item)
	}
	return nil
}

func (v *Value) decodeStruct(out reflect.Value, what string) *SyntaxError {
	if v.Kind != Table {
		return v.mismatch(what, "a table")
	}
	fields := fieldsOf(out.Type())
	for _, f := range v.Fields {
		known, ok := fields[f.Key]
		if !ok {
			if v.offset < 0 && (f.Key == ForeignTable || f.Key == FormatKey) {
				continue
			}
			return v.unknown(f.Key, fields)
		}
		if e := f.Value.decode(out.Field(known.index), show(f.Key)); e != nil {
			return e
		}
	}
	return v.missing(fields)
}

// missing says which obligatory key is not there.
func (v *Value) missing(fields map[string]field) *SyntaxError {
	for _, name := range sortedKeys(fields) {
		if fields[name].required && v.Get(name) == nil {
			return v.Errorf("%s is missing", show(name))
		}
	}
	return nil
}

func (v *Value) unknown(name string, fields map[string]field) *SyntaxError {
	e := v.KeyError(name, "unknown key %s", show(name))
	known := sortedKeys(fields)
	if near := Nearest(name, known); near != "" {
		e.Hint = fmt.Sprintf("did you mean %q?", near)
	} else if len(known) > 0 {
		e.Hint = "known here: " + strings.Join(known, ", ")
	}
	return e
}

// field is a struct's field by its key.
type field struct {
	index    int
	required bool
}

func fieldsOf(t reflect.Type) map[string]field {
	fields := map[string]field{}
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("toml"), ",")
		if name != "" && name != "-" {
			fields[name] = field{index: i, required: options == "required"}
		}
	}
	return fields
}

func sortedKeys(fields map[string]field) []string {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
