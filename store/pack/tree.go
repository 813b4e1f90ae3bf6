package pack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"

	"ipp/lock/ref"
	"ipp/store"
)

// dotDir holds what is about the manifest, so is outside it.
const dotDir = ".ipp"

// binDir is where commands are in a platform's directory.
const binDir = "bin"

// Tree is a part of a package that is present in a store, or will be.
type Tree struct {
	Key      store.Key
	Dir      string       // of the tree; "" for one that is planned
	Platform ref.Platform // "" where the package is not split
	Meta     *Metadata    // nil: none
	files    fs.FS
}

// OpenTree reads package.toml of a tree that is present.
func OpenTree(s *store.Store, k store.Key) (*Tree, error) {
	if !s.Has(k) {
		return nil, fmt.Errorf("open tree %s: %w", k, fs.ErrNotExist)
	}
	return openTree(&Tree{Key: k, Dir: s.TreeDir(k), files: os.DirFS(s.TreeDir(k))})
}

// PlannedTree is OpenTree for a tree of store.Upcoming.
func PlannedTree(trees fs.FS, k store.Key) (*Tree, error) {
	files, err := fs.Sub(trees, k.String())
	if err != nil {
		return nil, fmt.Errorf("open tree %s: %w", k, err)
	}
	return openTree(&Tree{Key: k, files: files})
}

func openTree(t *Tree) (*Tree, error) {
	k := t.Key
	if k.Part != store.AnyPart {
		p, err := ref.ParsePlatform(k.Part)
		if err != nil {
			return nil, fmt.Errorf("open tree %s: %w", k, err)
		}
		t.Platform = p
	}
	data, err := readSmall(t.files, MetadataName, MaxMetadata)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open tree %s: %w", k, err)
	}
	t.Meta, err = ParseMetadata(k.Root.String()+"/"+MetadataName, data)
	return t, err
}

// readSmall reads a regular file of at most limit bytes, and a byte more of a
// larger one, for the parser to refuse.
func readSmall(files fs.FS, name string, limit int64) ([]byte, error) {
	info, err := fs.Lstat(files, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errNotFile}
	}
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit+1))
}

// Bases are the tree-relative directories whose bin, share … make up the
// forest, the more specific first: the platform's directory, then any; or "."
// for a package that is not split. Directories that are not there are left out.
func (t *Tree) Bases() []string {
	isDir := func(name string) bool {
		info, err := fs.Lstat(t.files, name)
		return err == nil && info.IsDir()
	}
	bases := basesOf(t.Meta, t.Platform, isDir(AnyDir))
	return slices.DeleteFunc(bases, func(base string) bool { return base != "." && !isDir(base) })
}

// basesOf is Bases by the package's metadata and whether it has any/. A
// package of any/ alone is not split, but its any/ counts.
func basesOf(m *Metadata, platform ref.Platform, hasAny bool) []string {
	switch {
	case platform != "":
		return []string{string(platform), AnyDir}
	case m != nil && hasAny:
		return []string{".", AnyDir}
	}
	return []string{"."}
}

// join joins a base and a path below it.
func join(base, name string) string { return path.Join(base, name) }

// commandFiles are the names under which the file of a command may be found:
// .exe is added on Windows, where it is not written.
func commandFiles(platform ref.Platform, at string) []string {
	if strings.HasPrefix(string(platform), "windows-") && !strings.EqualFold(path.Ext(at), exeSuffix) {
		return []string{at, at + exeSuffix}
	}
	return []string{at}
}

const exeSuffix = ".exe"

// MissingCommandError says that [commands] names a file that is not there.
type MissingCommandError struct {
	Package ref.Name
	Command ref.Command
	Path    string   // as [commands] has it
	Bases   []string // where it was looked for
}

func (e *MissingCommandError) Error() string {
	return fmt.Sprintf("find command %s of %s: %s is not a file below %s", e.Command, e.Package, e.Path, strings.Join(e.Bases, " or "))
}

// Commands maps each command to its tree-relative path: those of [commands],
// or every executable in bin. An executable in bin whose name can't be that of
// a command is left out; Build warns of it.
func (t *Tree) Commands() (map[ref.Command]string, error) {
	bases := t.Bases()
	if t.Meta == nil || t.Meta.Commands == nil {
		return t.executables(bases)
	}
	all := make(map[ref.Command]string, len(t.Meta.Commands))
	for _, c := range slices.Sorted(maps.Keys(t.Meta.Commands)) {
		at, err := t.command(bases, t.Meta.Commands[c])
		if err != nil {
			return nil, err
		}
		if at == "" {
			return nil, &MissingCommandError{Package: t.Meta.Name, Command: c, Path: t.Meta.Commands[c], Bases: bases}
		}
		all[c] = at
	}
	return all, nil
}

// command is the tree-relative path of the file that [commands] means, or "".
func (t *Tree) command(bases []string, at string) (string, error) {
	for _, base := range bases {
		for _, name := range commandFiles(t.Platform, at) {
			rel := join(base, name)
			info, err := fs.Stat(t.files, rel)
			switch {
			case err == nil && info.Mode().IsRegular():
				return rel, nil
			case err != nil && !missing(err):
				return "", err
			}
		}
	}
	return "", nil
}

// missing says that a path leads nowhere, rather than that it can't be read.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotDir) || errors.Is(err, errLoop)
}

// executables are the programs in the bin directories of bases.
func (t *Tree) executables(bases []string) (map[ref.Command]string, error) {
	all := map[ref.Command]string{}
	for _, base := range bases {
		dir := join(base, binDir)
		entries, err := fs.ReadDir(t.files, dir)
		if err != nil && !missing(err) {
			return nil, fmt.Errorf("list commands of tree %s: %w", t.Key, err)
		}
		for _, e := range entries {
			c, err := ref.ParseCommand(e.Name())
			if err != nil {
				continue
			}
			if strings.HasPrefix(string(t.Platform), "windows-") {
				c = ref.Command(trimExe(string(c)))
			}
			if _, taken := all[c]; taken {
				continue
			}
			at := join(dir, e.Name())
			runs, err := t.executable(at)
			if err != nil {
				return nil, fmt.Errorf("list commands of tree %s: %w", t.Key, err)
			}
			if runs {
				all[c] = at
			}
		}
	}
	return all, nil
}

// trimExe is the command that a Windows program is called by.
func trimExe(name string) string {
	if ext := path.Ext(name); strings.EqualFold(ext, exeSuffix) && len(ext) < len(name) {
		return strings.TrimSuffix(name, ext)
	}
	return name
}

// executable says whether a file of the tree can be started. Where the system
// has no run bits, its first bytes tell. One that can't be looked at is an error:
// a forest without it would say nothing of what it lacks.
func (t *Tree) executable(rel string) (bool, error) {
	info, err := fs.Stat(t.files, rel)
	switch {
	case err != nil && missing(err): // a symlink that leads nowhere
		return false, nil
	case err != nil:
		return false, err
	case !info.Mode().IsRegular():
		return false, nil
	case runtime.GOOS != "windows":
		return info.Mode()&0o111 != 0, nil
	}
	f, err := t.files.Open(rel)
	if err != nil {
		return false, err
	}
	defer f.Close()
	head := make([]byte, magicSize)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return false, err
	}
	return looksExecutable(head[:n]), nil
}

// magicSize is how many bytes looksExecutable needs.
const magicSize = 4

// looksExecutable says whether a file that begins so is a program or a script.
func looksExecutable(head []byte) bool {
	for _, magic := range []string{
		"#!", "\x7fELF", "MZ",
		"\xfe\xed\xfa\xce", "\xfe\xed\xfa\xcf", "\xce\xfa\xed\xfe", "\xcf\xfa\xed\xfe", // Mach-O
		"\xca\xfe\xba\xbe", "\xca\xfe\xba\xbf", // universal Mach-O
	} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return true
		}
	}
	return false
}
