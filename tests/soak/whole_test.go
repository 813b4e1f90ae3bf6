//go:build linux

package soak

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ipp/tests/homes"
	"ipp/tests/whole"
)

// whole looks at everything while nobody works.
func (s *soak) whole() {
	s.wrong("after the round", whole.Check(s.State()))
	s.wrong("check", s.Run("check"))
	before := s.Generations()
	s.wrong("gc", s.Run("gc"))
	s.wrong("after gc", whole.Rest(s.State()))
	s.wrong("gc without flags", homes.Changed(before, s.Generations()))
	for _, p := range profiles() {
		s.wrong("profile "+p, s.runs(p, s.pointer(p).to))
		s.wrong("profile "+p, s.flips(p))
	}
}

func (s *soak) wrong(when string, list []string) {
	for _, bad := range list {
		s.bad("%s: %s", when, bad)
	}
}

// flips reads a profile's log: each flip begins where the one before ended, and
// each new generation has a number that is higher than all before it. The line of
// a flip that was killed may be missing; of a rollback, in the profile of who is
// alone: elsewhere that would look like two changes that began from the same.
func (s *soak) flips(profile string) (bad []string) {
	data, err := os.ReadFile(s.path(profile, "log"))
	if err != nil {
		return []string{err.Error()}
	}
	last, highest, lost := 0, 0, 0
	for line := range bytes.Lines(data) {
		var e struct{ From, To, Bytes int }
		if err := json.Unmarshal(line, &e); err != nil {
			bad = append(bad, "log: "+err.Error())
		}
		if e.From != last && e.From <= highest {
			lost++
		}
		highest = max(highest, e.From)
		if e.Bytes > 0 && e.To <= highest {
			bad = append(bad, "log: that number was taken before: "+string(line))
		}
		last, highest = e.To, max(highest, e.To)
	}
	if killed := s.killed[profile+" rollback"]; lost > killed {
		bad = append(bad, fmt.Sprintf("log: %d flips begin elsewhere than the one before ended; %d rollbacks were killed", lost, killed))
	}
	return bad
}

// empty takes away all that keeps anything, and finds that nothing is left. A
// profile is left with generations that hold nothing: current, whose parent is
// gone, and the newest.
func (s *soak) empty() {
	nothing := map[string]string{}
	for _, p := range profiles() {
		if names := slices.Collect(maps.Keys(s.installed(p, s.pointer(p).to))); len(names) > 0 {
			s.must(append([]string{"remove", "--profile", p}, names...)...)
		}
		nothing[p] = s.pointer(p).to
	}
	atOnce(profiles(), func(p string) { s.must("install", always, "--profile", p) })
	s.must("gc", "--keep", "1")
	atOnce(profiles(), func(p string) {
		s.must("remove", always, "--profile", p)
		s.must("rollback", nothing[p], "--profile", p)
	})
	s.must("gc", "--keep", "1")
	atOnce(s.names("roots"), func(name string) {
		if root, ok := strings.CutPrefix(name, "k-"); ok {
			s.must("forget", root, "--yes")
		}
	})
	before := s.Generations()
	s.must("gc")
	after := s.Generations()
	s.wrong("gc of what nothing keeps", append(homes.Changed(before, after), homes.Changed(after, before)...))
	s.wrong("in the end", append(whole.Rest(s.State()), s.Run("check")...))
	for _, dir := range []string{"trees", "staging", "trash", "leases"} {
		if list := s.names(dir); len(list) > 0 {
			s.bad("in the end %s has %v", dir, list)
		}
	}
	for _, shard := range s.names("objects") {
		if list := s.names("objects", shard); len(list) > 0 {
			s.bad("in the end objects/%s has %v", shard, list)
		}
	}
}

// names is what a directory of the store holds.
func (s *soak) names(elements ...string) (list []string) {
	entries, err := os.ReadDir(filepath.Join(append([]string{s.store()}, elements...)...))
	if err != nil {
		s.bad("%v", err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}
