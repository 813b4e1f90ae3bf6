// Package whole says whether what ipp keeps on disk is whole. It reads the
// layout as SPEC.md and the design tell it, with code of its own: nothing is
// shared with the product, so a mistake there is not repeated here.
package whole

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// home is what was found below a state directory.
type home struct {
	state, store string
	bad          []string
	objects      map[string]bool // named by some tree
	trees        map[string]bool // present
	held         map[string]bool // trees that a generation links to
}

func (h *home) fault(format string, args ...any) { h.bad = append(h.bad, fmt.Sprintf(format, args...)) }

// Check lists what is not whole below state, the directory with profiles/ and
// the link store: every generation, every tree and every object. A state that
// does not exist yet is whole.
func Check(state string) []string {
	h := look(state)
	return h.bad
}

// Rest lists what nothing needs and what work in progress left behind, besides
// what Check lists: after a collection there is nothing of it.
func Rest(state string) []string {
	h := look(state)
	if h.store == "" {
		return h.bad
	}
	for _, dir := range []string{"staging", "leases", "trash"} {
		for _, name := range names(filepath.Join(h.store, dir)) {
			h.fault("%s/%s is left", dir, name)
		}
	}
	for _, name := range names(filepath.Join(h.store, "trees")) {
		base := strings.TrimSuffix(strings.TrimSuffix(name, ".car"), ".objects")
		if !h.trees[base] {
			h.fault("trees/%s has no tree", name)
		} else if kept := h.kept(base); !kept && !h.held[base] {
			h.fault("trees/%s: no generation and no root holds it", name)
		}
	}
	for _, shard := range names(filepath.Join(h.store, "objects")) {
		for _, name := range names(filepath.Join(h.store, "objects", shard)) {
			if !h.objects[name] {
				h.fault("objects/%s/%s: no tree names it", shard, name)
			}
		}
	}
	h.temporary()
	return h.bad
}

// temporary finds names that are ours and temporary.
func (h *home) temporary() {
	for _, top := range []string{h.state, h.store} {
		filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err == nil && (strings.HasPrefix(d.Name(), ".tmp.") || strings.HasPrefix(d.Name(), "tmp.")) {
				h.fault("%s is left", path)
				return skip(d)
			}
			if err == nil && d.IsDir() && filepath.Dir(path) == filepath.Join(h.store, "trees") {
				return fs.SkipDir // a package's own names
			}
			return err
		})
	}
}

func skip(d fs.DirEntry) error {
	if d.IsDir() {
		return fs.SkipDir
	}
	return nil
}

// kept says whether roots/ names the package of a tree.
func (h *home) kept(tree string) bool {
	root, _, _ := strings.Cut(tree, ".")
	_, err := os.Lstat(filepath.Join(h.store, "roots", "k-"+root))
	return err == nil
}

func look(state string) *home {
	h := &home{state: state, objects: map[string]bool{}, trees: map[string]bool{}, held: map[string]bool{}}
	store, err := filepath.EvalSymlinks(filepath.Join(state, "store"))
	if err == nil {
		if _, err := os.Stat(filepath.Join(store, "format")); err == nil {
			h.store = store
			h.lookStore()
		}
	}
	for _, profile := range names(filepath.Join(state, "profiles")) {
		h.lookProfile(filepath.Join(state, "profiles", profile))
	}
	return h
}

func names(dir string) (list []string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func (h *home) lookStore() {
	if len(names(filepath.Join(h.store, "roots"))) == 0 {
		h.fault("roots/ is empty")
	}
	checked := map[string]bool{}
	for _, name := range names(filepath.Join(h.store, "trees")) {
		if strings.HasSuffix(name, ".car") || strings.HasSuffix(name, ".objects") {
			continue
		}
		h.trees[name] = true
		if err := h.lookTree(name, checked); err != nil {
			h.fault("tree %s: %v", name, err)
		}
	}
}

// lookTree compares a tree with its listing, and both with the objects.
func (h *home) lookTree(name string, checked map[string]bool) error {
	dir := filepath.Join(h.store, "trees", name)
	if fi, err := os.Stat(dir + ".car"); err != nil || fi.Size() == 0 {
		return fmt.Errorf(".car is missing or empty: %v", err)
	}
	listed, err := readListing(dir + ".objects")
	if err != nil {
		return err
	}
	for path, object := range listed {
		h.objects[object] = true
		if err := checkObject(filepath.Join(dir, path), object); err != nil {
			return err
		}
		base := strings.TrimSuffix(object, ".x")
		if checked[object] {
			continue
		}
		checked[object] = true
		if err := checkObject(filepath.Join(h.store, "objects", base[len(base)-2:], object), object); err != nil {
			return err
		}
	}
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, path)
		if err == nil && d.Type().IsRegular() && listed[rel] == "" {
			err = fmt.Errorf("%s is not listed", rel)
		}
		return err
	})
}

// readListing reads OBJECT \t SIZE \t PATH lines, a header before and an end
// that counts them after.
func readListing(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	listed := map[string]string{}
	unescape := strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t", `\r`, "\r")
	ended := false
	for sc := bufio.NewScanner(f); sc.Scan(); {
		switch fields := strings.Split(sc.Text(), "\t"); {
		case ended:
			return nil, fmt.Errorf("%s goes on after its end", path)
		case len(fields) == 3:
			listed[unescape.Replace(fields[2])] = fields[0]
		case len(fields) == 2 && fields[0] == "end" && fields[1] == strconv.Itoa(len(listed)):
			ended = true
		}
	}
	if !ended {
		return nil, fmt.Errorf("%s has no end", path)
	}
	return listed, nil
}

// lookProfile checks the pointer and every generation.
func (h *home) lookProfile(dir string) {
	current, err := os.Readlink(filepath.Join(dir, "current"))
	if err == nil {
		if _, err := strconv.Atoi(current); err != nil {
			h.fault("%s/current points to %q", dir, current)
		} else if fi, err := os.Stat(filepath.Join(dir, current)); err != nil || !fi.IsDir() {
			h.fault("%s/current points to %q, which is no generation", dir, current)
		}
	}
	for _, name := range names(dir) {
		if _, err := strconv.Atoi(name); err == nil {
			h.lookGeneration(filepath.Join(dir, name))
		}
	}
}

// forestLink is what a link of a forest looks like below N/.
var forestLink = regexp.MustCompile(`^(?:\.\./){3,}store/trees/([^/]+)`)

// lookGeneration checks that every link of a forest is relative, goes through
// the store link, and leads to something.
func (h *home) lookGeneration(dir string) {
	for _, name := range []string{"profile.toml", "profile.lock", "generation.toml"} {
		if fi, err := os.Lstat(filepath.Join(dir, name)); err != nil || fi.Size() == 0 {
			h.fault("%s/%s is missing or empty", dir, name)
		}
	}
	for _, tree := range lockedTrees(dir) {
		h.held[tree] = true
		if !h.trees[tree] {
			h.fault("%s needs tree %s, which is absent", dir, tree)
		}
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink == 0 {
			return err
		}
		target, err := os.Readlink(path)
		m := forestLink.FindStringSubmatch(target)
		if m == nil {
			return fmt.Errorf("%s -> %s does not go through the store link: %v", path, target, err)
		}
		if !h.trees[m[1]] {
			h.fault("%s -> %s: the tree is absent", path, target)
		} else if _, err := os.Stat(path); err != nil {
			h.fault("%s leads nowhere: %v", path, err)
		}
		if !slices.Contains(lockedTrees(dir), m[1]) {
			h.fault("%s -> %s: generation.toml does not name the tree", path, target)
		}
		return nil
	})
	if err != nil {
		h.fault("%v", err)
	}
}

// treeName is a quoted ROOT.PART in generation.toml.
var treeName = regexp.MustCompile(`"(b[a-z2-7]{40,}\.[a-z0-9_-]+)"`)

// lockedTrees are the trees that generation.toml names.
func lockedTrees(dir string) (trees []string) {
	data, _ := os.ReadFile(filepath.Join(dir, "generation.toml"))
	for _, m := range treeName.FindAllStringSubmatch(string(data), -1) {
		trees = append(trees, m[1])
	}
	return trees
}

// Current is the number that a profile's pointer names, 0 where there is none.
func Current(state, profile string) int {
	target, _ := os.Readlink(filepath.Join(state, "profiles", profile, "current"))
	n, _ := strconv.Atoi(target)
	return n
}
