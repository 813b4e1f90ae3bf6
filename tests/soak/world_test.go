//go:build linux

package soak

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ipp/tests/homes"
)

// soak is a home with a store and three profiles, and what was seen there.
type soak struct {
	*homes.World
	t      *testing.T
	seed   uint64
	began  time.Time
	rounds int

	mu      sync.Mutex
	done    int                       // commands and looks
	counts  map[string]map[string]int // of each command, how it ended
	typical map[string]time.Duration  // how long each takes, about
	killed  map[string]int            // by profile and command, how many were killed
}

// The programs. Those that are imported first and never forgotten can be had by
// name at any moment; the others only from their files, or while something keeps
// them.
var (
	kept     = []string{"alpha", "beta"}
	loose    = []string{"loose", "stray"}
	versions = []string{"1.0.0", "2.0.0", "3.0.0", "4.0.0"}
	shared   = []string{"default", "second"}
)

const (
	always = "alpha" // stays installed in each shared profile
	alone  = "alone" // the profile that one worker has for itself
)

func profiles() []string { return append([]string{alone}, shared...) }

func newSoak(t *testing.T, seed uint64) *soak {
	s := &soak{World: homes.Empty(t), t: t, seed: seed, began: time.Now(),
		counts: map[string]map[string]int{}, typical: map[string]time.Duration{}, killed: map[string]int{}}
	imports := []string{"import"}
	var packing sync.WaitGroup
	for _, name := range slices.Concat(kept, loose) {
		for _, version := range versions {
			packing.Go(func() { s.pack(name, version) })
			if slices.Contains(kept, name) {
				imports = append(imports, car(name, version))
			}
		}
	}
	packing.Wait()
	s.must(imports...)
	atOnce(profiles(), func(p string) { s.must("install", always, "--profile", p) })
	if t.Failed() {
		t.FailNow()
	}
	return s
}

// must runs a command that nobody gets in the way of.
func (s *soak) must(args ...string) {
	s.wrong("nobody is in the way", s.Run(args...))
}

// pack makes a package.
func (s *soak) pack(name, version string) {
	if err := s.write(name, version); err != nil {
		s.bad("%v", err)
	}
	s.must("pack", "./"+dirOf(name, version), "-o", car(name, version))
}

// atOnce does something for each, all at the same time.
func atOnce(words []string, do func(string)) {
	var all sync.WaitGroup
	for _, word := range words {
		all.Go(func() { do(word) })
	}
	all.Wait()
}

func dirOf(name, version string) string { return name + "-" + version }
func car(name, version string) string   { return dirOf(name, version) + ".car" }

// script prints its version, and, if told to stay, where it is, and after a line
// of input what it reads in its own package then. Who goes away is nobody whom
// /proc shows to use the package.
const script = `#!/bin/sh
echo "$NAME $VERSION"
rest='echo "$0"; read line; read late <"${0%/bin/*}/share/$NAME/version"; echo "late $late"'
case $1 in
stay) eval "$rest" ;;
away) exec /bin/sh -c "$rest" "$0" ;;
esac
`

// files are a package: some are its own, some all its versions share, some all
// packages have, and some all packages of a version. No two homes have the same,
// because gc keeps a package of that CID, whichever store a program has it from.
func (s *soak) files(name, version string) map[string]string {
	f := map[string]string{
		"package.toml":                fmt.Sprintf("format = 1\nname = %q\nversion = %q\nsummary = \"for the soak\"\n", name, version),
		"bin/" + name:                 strings.NewReplacer("$NAME", name, "$VERSION", version).Replace(script),
		"share/" + name + "/version":  version + "\n",
		"share/" + name + "/of-all":   "the same in every package of " + s.Dir + "\n",
		"share/" + name + "/of-a-few": "the same in every package of version " + version + "\n",
	}
	for i := range 8 {
		f[fmt.Sprintf("share/%s/pages/%d", name, i)] = fmt.Sprintf("page %d of every %s\n", i, name)
	}
	if name == "loose" { // of two leaves
		f["share/loose/large"] = strings.Repeat(version+"\n", 1<<20/6+5000)
	}
	return f
}

func (s *soak) write(name, version string) error {
	for file, text := range s.files(name, version) {
		path := filepath.Join(s.Dir, dirOf(name, version), file)
		mode := os.FileMode(0o644)
		if strings.HasPrefix(file, "bin/") {
			mode = 0o755
		}
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err = errors.Join(err, os.WriteFile(path, []byte(text), mode)); err != nil {
			return err
		}
	}
	return nil
}

func (s *soak) store() string { return filepath.Join(s.Home(), ".local", "share", "ipp", "store") }

// path is where something of a profile is.
func (s *soak) path(profile string, elements ...string) string {
	return filepath.Join(append([]string{s.State(), "profiles", profile}, elements...)...)
}

var (
	locked = regexp.MustCompile(`(?m)^name = "(.*)"\nversion = "(.*)"$`)
	parent = regexp.MustCompile(`(?m)^parent = (\d+)$`)
)

// installed are the versions that a generation holds, by name; nil where it is
// not there.
func (s *soak) installed(profile, generation string) map[string]string {
	data, err := os.ReadFile(s.path(profile, generation, "profile.lock"))
	if err != nil {
		return nil
	}
	found := map[string]string{}
	for _, m := range locked.FindAllStringSubmatch(string(data), -1) {
		found[m[1]] = m[2]
	}
	return found
}

// parentOf is the number of the generation that one was made from; "" for a
// first one.
func (s *soak) parentOf(profile, generation string) string {
	data, _ := os.ReadFile(s.path(profile, generation, "generation.toml"))
	if m := parent.FindStringSubmatch(string(data)); m != nil {
		return m[1]
	}
	return ""
}

// count notes how a command ended.
func (s *soak) count(verb, ended string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done++
	if s.counts[verb] == nil {
		s.counts[verb] = map[string]int{}
	}
	s.counts[verb][ended]++
}

// enough says whether so much was done already.
func (s *soak) enough(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done >= n
}

// report logs what was done, and fails where nothing was.
func (s *soak) report() {
	total := map[string]int{}
	for _, verb := range slices.Sorted(maps.Keys(s.counts)) {
		var line []string
		for _, ended := range slices.Sorted(maps.Keys(s.counts[verb])) {
			n := s.counts[verb][ended]
			total[ended] += n
			line = append(line, fmt.Sprintf("%d %s", n, ended))
		}
		s.t.Logf("%s: %s", verb, strings.Join(line, ", "))
	}
	s.t.Logf("all: %v in %d rounds", total, s.rounds)
	if total["done"] == 0 {
		s.t.Error("no command succeeded")
	}
}
