package lock

import (
	"fmt"
	"maps"
	"strconv"

	"ipp/lock/toml"
)

// EditProfile changes the text of a profile.toml that a person wrote so that it
// says next. Lines that say what next says stay as they are, comments and order
// too. Errors are those of ParseProfile.
func EditProfile(file string, text []byte, next *Profile) ([]byte, error) {
	old, err := ParseProfile(file, text)
	if err != nil || old.Equal(next) {
		return text, err
	}
	root, err := toml.Parse(file, text, profileOptions)
	if err != nil {
		return nil, err
	}
	var changes []toml.Change
	set := func(text string, path ...string) { changes = append(changes, toml.Change{Path: path, Text: text}) }
	for _, was := range old.Packages {
		if _, stays := next.Wish(was.Name); !stays {
			set("", "packages", string(was.Name))
		}
	}
	for _, is := range next.Packages {
		was, had := old.Wish(is.Name)
		switch {
		case !had:
			set(string(is.value(nil)), "packages", string(is.Name))
		case !was.same(is):
			is.edit(root.Get("packages").Get(string(is.Name)), set)
		}
	}
	for _, path := range keysOfBoth(old.Prefer, next.Prefer) {
		if is := next.Prefer[path]; is == "" {
			set("", "prefer", path)
		} else if is != old.Prefer[path] {
			set(toml.Quote(string(is)), "prefer", path)
		}
	}
	for _, name := range keysOfBoth(old.Channels, next.Channels) {
		is, has := next.Channels[name]
		switch was := old.Channels[name]; {
		case !has:
			set("", "channels", string(name))
		case is != was:
			set(toml.Quote(is.At), "channels", string(name), "at")
			set(toml.Quote(is.Root), "channels", string(name), "root")
		}
	}
	switch {
	case next.Keep == 0 && old.Keep != 0:
		set("", "policy", "keep")
	case next.Keep != old.Keep:
		set(strconv.Itoa(next.Keep), "policy", "keep")
	}
	out := root.Edit(changes)
	made, err := ParseProfile(file, out)
	if err == nil && !made.Equal(next) {
		err = fmt.Errorf("%s is written in a way that can't be edited without losing something: make the change there by hand", file)
	}
	return out, err
}

// edit changes a wish that is there: value by value where it is a table of its own
// lines, else as a whole.
func (w Wish) edit(v *toml.Value, set func(text string, path ...string)) {
	if v == nil || v.Kind != toml.Table || v.Inline() {
		set(string(w.value(nil)), "packages", string(w.Name))
		return
	}
	field := func(key, text string) {
		if old := v.Get(key); text != "" || old != nil {
			set(text, "packages", string(w.Name), key)
		}
	}
	quoted := func(key, text string) {
		switch old := v.Get(key); {
		case text == "":
			field(key, "")
		case old == nil || old.Text != text:
			field(key, toml.Quote(text))
		}
	}
	version, cid := w.Wanted(), ""
	if w.CID.Defined() {
		version, cid = "", version
	}
	quoted("version", version)
	quoted("cid", cid)
	quoted("package", string(w.Package))
	quoted("channel", string(w.Channel))
	switch old := v.Get("hold"); {
	case w.Hold:
		field("hold", "true")
	case old != nil:
		field("hold", "")
	}
}

func keysOfBoth[K ~string, V any](a, b map[K]V) []K {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return sortedKeys(all)
}
