package generation

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"ipp/lock"
	"ipp/store"
)

// File is a file, or a link of a package's own, as a forest shows it.
type File struct {
	Key    store.Key // its tree
	Path   string    // tree-relative
	Target string    // of a link
	Object string    // contents and run bit, of what a link leads to too; "" where that is no file
	Size   int64
}

// same says whether both are the same to who looks at the forest.
func (f *File) same(o *File) bool { return f.Object == o.Object && f.Target == o.Target }

// maxHops is how many links of a package are followed one after the other.
const maxHops = 40

// FileChange is a difference between two forests; Old or New is nil where the
// file is added or removed.
type FileChange struct {
	Path     string // in the forest
	Old, New *File
}

// Trees are the trees of a store, as a comparison reads them.
type Trees struct {
	FS    fs.FS
	Files func(store.Key) ([]store.FileInfo, error)
}

// Diff lists the files that differ between the forests of the generations in two
// directories, by path; "" stands for a forest with nothing in it. A file that
// comes from another package, but is the same, is no difference. What both link
// to alike is not read, so that two large profiles take little more than two
// directories.
func Diff(old, new string, trees Trees) ([]FileChange, error) {
	a, b := newSide(old, trees), newSide(new, trees)
	if err := walkBoth(a, b, ""); err != nil {
		return nil, fmt.Errorf("compare forests: %w", err)
	}
	paths := slices.Collect(maps.Keys(a.files))
	for p := range b.files {
		if a.files[p] == nil {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	var changes []FileChange
	for _, p := range paths {
		if c := (FileChange{p, a.files[p], b.files[p]}); c.Old == nil || c.New == nil || !c.Old.same(c.New) {
			changes = append(changes, c)
		}
	}
	return changes, nil
}

// walkBoth gathers what differs below a directory that both forests have, or
// one of them.
func walkBoth(a, b *side, at string) error {
	na, err := a.list(at)
	if err != nil {
		return err
	}
	nb, err := b.list(at)
	if err != nil {
		return err
	}
	for len(na) > 0 || len(nb) > 0 {
		var ea, eb fs.DirEntry
		if len(na) > 0 && (len(nb) == 0 || na[0].Name() <= nb[0].Name()) {
			ea = na[0]
		}
		if len(nb) > 0 && (len(na) == 0 || nb[0].Name() <= na[0].Name()) {
			eb = nb[0]
		}
		if ea != nil {
			na = na[1:]
		}
		if eb != nil {
			nb = nb[1:]
		}
		if err := visitBoth(a, b, at, ea, eb); err != nil {
			return err
		}
	}
	return nil
}

// visitBoth is walkBoth for one name; nil stands where a forest lacks it.
func visitBoth(a, b *side, at string, ea, eb fs.DirEntry) error {
	if ea != nil && eb != nil {
		at = path.Join(at, ea.Name())
		if ea.IsDir() && eb.IsDir() {
			return walkBoth(a, b, at)
		}
		if ta, tb := a.link(at), b.link(at); ta != "" && ta == tb {
			return nil
		}
		return errors.Join(a.gather(at, ea.IsDir()), b.gather(at, eb.IsDir()))
	}
	if ea != nil {
		return a.gather(path.Join(at, ea.Name()), ea.IsDir())
	}
	return b.gather(path.Join(at, eb.Name()), eb.IsDir())
}

// side is one of the forests that are compared.
type side struct {
	dir   string // of the generation
	trees Trees
	known map[store.Key]map[string]store.FileInfo // listings that were read
	files map[string]*File                        // what is not the same for sure, by forest path
}

func newSide(dir string, trees Trees) *side {
	return &side{dir: dir, trees: trees, known: map[store.Key]map[string]store.FileInfo{}, files: map[string]*File{}}
}

func (s *side) path(at string) string { return filepath.Join(s.dir, filepath.FromSlash(at)) }

// list lists a directory of the forest; at its top stand other files too.
func (s *side) list(at string) ([]fs.DirEntry, error) {
	if s.dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(s.path(at))
	if at == "" {
		entries = filter(entries, func(e fs.DirEntry) bool { return lock.ForestDir(e.Name()) })
	}
	return entries, err
}

// link is what a link of the forest says; "" where that can't be told.
func (s *side) link(at string) string {
	text, err := os.Readlink(s.path(at))
	if err != nil {
		return ""
	}
	return text
}

// gather notes all files at a path of the forest.
func (s *side) gather(at string, dir bool) error {
	if dir {
		entries, err := s.list(at)
		for _, e := range entries {
			err = errors.Join(err, s.gather(path.Join(at, e.Name()), e.IsDir()))
		}
		return err
	}
	text, err := os.Readlink(s.path(at))
	if err != nil {
		return err
	}
	key, target, err := ParseTarget(filepath.ToSlash(text))
	if err != nil {
		return fmt.Errorf("%s: %w", s.path(at), err)
	}
	if err := s.read(key); err != nil {
		return err
	}
	return s.gatherTree(at, key, target)
}

// gatherTree notes all files at a path of a tree, which is at in the forest.
func (s *side) gatherTree(at string, key store.Key, target string) error {
	if f, ok := s.known[key][target]; ok {
		s.files[at] = &File{Key: key, Path: target, Object: f.Object, Size: f.Size}
		return nil
	}
	file := path.Join(key.String(), target)
	info, err := fs.Lstat(s.trees.FS, file)
	if err != nil {
		return err
	}
	if info.Mode().Type() == fs.ModeSymlink {
		f := &File{Key: key, Path: target}
		f.Target, err = fs.ReadLink(s.trees.FS, file)
		f.Object, f.Size = s.follow(key, target)
		s.files[at] = f
		return err
	}
	entries, err := fs.ReadDir(s.trees.FS, file)
	for _, e := range entries {
		err = errors.Join(err, s.gatherTree(path.Join(at, e.Name()), key, path.Join(target, e.Name())))
	}
	return err
}

// follow says what file a link of a tree leads to in the end, if any.
func (s *side) follow(key store.Key, at string) (object string, size int64) {
	for range maxHops {
		leads, err := fs.ReadLink(s.trees.FS, path.Join(key.String(), at))
		if at = path.Join(path.Dir(at), leads); err != nil || !fs.ValidPath(at) {
			break
		}
		if f, ok := s.known[key][at]; ok {
			return f.Object, f.Size
		}
	}
	return "", 0
}

// read reads the listing of a tree, once.
func (s *side) read(key store.Key) error {
	if s.known[key] != nil {
		return nil
	}
	list, err := s.trees.Files(key)
	if err != nil {
		return err
	}
	files := make(map[string]store.FileInfo, len(list))
	for _, f := range list {
		files[f.Path] = f
	}
	s.known[key] = files
	return nil
}

// ParseTarget is what a link of a forest leads to: a tree, and a path in it.
func ParseTarget(text string) (store.Key, string, error) {
	rest := text
	for strings.HasPrefix(rest, "../") {
		rest = rest[len("../"):]
	}
	name, ok := strings.CutPrefix(rest, treesFromState)
	tree, target, _ := strings.Cut(name, "/")
	key, err := store.ParseKey(tree)
	if !ok || err != nil || target != "" && !fs.ValidPath(target) {
		return store.Key{}, "", fmt.Errorf("%q leads to no tree of the store", text)
	}
	return key, target, nil
}
