package pack

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ipp/store/dag"
)

// InputError says what in the input can't become a part of a package.
type InputError struct {
	Path string // on disk
	Why  string
	Hint string // what to do about it, or ""
	err  error
}

func (e *InputError) Error() string { return fmt.Sprintf("pack %s: %s", e.Path, e.Why) }

// Unwrap gives the cause, if there is one.
func (e *InputError) Unwrap() error { return e.err }

// node is a path of the package before it is hashed.
type node struct {
	name     string
	kind     dag.Kind
	children []*node // Dir: sorted by name
	target   string  // Symlink
	exec     bool    // File: has a run bit
	file     source  // File: where its contents are
	library  bool    // Dir: somebody else's package, named by its CID alone
	link     dag.Link
}

// source is where the contents of a file are.
type source struct {
	in    *input // nil: in data
	path  string // slash-separated, below in
	size  int64
	mtime time.Time
	data  []byte
}

// input is a directory that is read, and nothing outside it.
type input struct {
	root *os.Root
	dir  string // for errors
}

// open opens a directory to read.
func (s *scanner) open(dir string) (*input, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	in := &input{root: root, dir: dir}
	s.inputs = append(s.inputs, in)
	return in, nil
}

// close closes what was opened.
func (s *scanner) close() {
	for _, in := range s.inputs {
		in.root.Close() // only read
	}
}

// shown is a path as errors name it.
func (in *input) shown(rel string) string { return filepath.Join(in.dir, filepath.FromSlash(rel)) }

func (n *node) child(name string) *node {
	i, ok := slices.BinarySearchFunc(n.children, name, func(c *node, name string) int { return strings.Compare(c.name, name) })
	if !ok {
		return nil
	}
	return n.children[i]
}

// at is what stands at a path, symlinks not followed, or nil.
func (n *node) at(p string) *node {
	for name := range strings.SplitSeq(p, "/") {
		if n = n.child(name); n == nil {
			return nil
		}
	}
	return n
}

// put adds a child, or replaces the one of that name.
func (n *node) put(c *node) {
	i, ok := slices.BinarySearchFunc(n.children, c.name, func(c *node, name string) int { return strings.Compare(c.name, name) })
	if ok {
		n.children[i] = c
		return
	}
	n.children = slices.Insert(n.children, i, c)
}

// take removes a child and returns it, or nil.
func (n *node) take(name string) *node {
	c := n.child(name)
	if c != nil {
		n.children = slices.DeleteFunc(n.children, func(o *node) bool { return o == c })
	}
	return c
}

// files calls f for each file below n, with its path below it.
func (n *node) files(at string, f func(at string, file *node)) {
	if n.kind == dag.File {
		f(at, n)
	}
	for _, c := range n.children {
		c.files(path.Join(at, c.name), f)
	}
}

// scanner reads the shape of directories: names, kinds, run bits and symlink
// targets, in sorted order, and no contents. Nothing outside a directory is
// read, whatever its symlinks say.
type scanner struct {
	limits  dag.Limits
	skip    func(in *input, rel, at string) bool // leaves a path out; may be nil
	refused func(*InputError) error              // nil: goes on without that path
	files   int
	bytes   int64
	inputs  []*input // that were opened
}

func newScanner() *scanner {
	return &scanner{limits: dag.DefaultLimits(), refused: func(e *InputError) error { return e }}
}

// dir reads the directory rel of in, which stands at the path at of the
// package ("" for its root).
func (s *scanner) dir(in *input, rel, at string) (*node, error) {
	names, err := in.names(rel)
	if err != nil {
		return nil, err
	}
	n := &node{name: path.Base(at), kind: dag.Dir}
	var kept []string
	for _, name := range names {
		child := path.Join(rel, name)
		if s.skip != nil && s.skip(in, child, path.Join(at, name)) {
			continue
		}
		c, err := s.entry(in, child, path.Join(at, name))
		if err != nil {
			return nil, err
		}
		if c != nil {
			n.children, kept = append(n.children, c), append(kept, name)
		}
	}
	return n, s.checkNames(in, rel, kept)
}

// names are the names in a directory, sorted: their order on disk is chance.
func (in *input) names(rel string) ([]string, error) {
	f, err := in.root.Open(filepath.FromSlash(path.Join(".", rel)))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

// checkNames refuses what is one name on some file system.
func (s *scanner) checkNames(in *input, rel string, names []string) error {
	if len(names) > s.limits.Entries {
		return &dag.LimitError{Path: in.shown(rel), What: "entries", Limit: int64(s.limits.Entries)}
	}
	if a, b := dag.Collisions(names); a != "" {
		return s.refused(&InputError{
			Path: in.shown(path.Join(rel, b)),
			Why:  fmt.Sprintf("the name is the same as %q on some systems", a),
			Hint: "rename one of the two, or leave it out with --exclude",
		})
	}
	return nil
}

// entry reads what stands at rel; nil where it was refused.
func (s *scanner) entry(in *input, rel, at string) (*node, error) {
	if s.files++; s.files >= s.limits.Files {
		return nil, &dag.LimitError{Path: in.shown(rel), What: "files", Limit: int64(s.limits.Files)}
	}
	name := path.Base(rel)
	if err := dag.CheckName(name); err != nil {
		return nil, s.refused(&InputError{Path: in.shown(rel), Why: err.Error(), err: err})
	}
	if strings.Count(at, "/") >= s.limits.Depth {
		return nil, &dag.LimitError{Path: in.shown(rel), What: "directories deep", Limit: int64(s.limits.Depth)}
	}
	info, err := in.root.Lstat(filepath.FromSlash(rel))
	if err != nil {
		return nil, err
	}
	switch info.Mode().Type() {
	case fs.ModeDir:
		return s.dir(in, rel, at)
	case fs.ModeSymlink:
		return s.symlink(in, rel, at)
	case 0:
		return s.file(in, rel, info)
	}
	return nil, s.refused(&InputError{
		Path: in.shown(rel),
		Why:  fmt.Sprintf("it is %s, not a file, directory or symlink", special(info.Mode())),
		Hint: "leave it out with --exclude",
	})
}

// special names what is no file, directory or symlink.
func special(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "of an unknown kind"
}

func (s *scanner) symlink(in *input, rel, at string) (*node, error) {
	target, err := in.root.Readlink(filepath.FromSlash(rel))
	if err != nil {
		return nil, err
	}
	target = filepath.ToSlash(target)
	if err := dag.CheckTarget(at, target); err != nil {
		return nil, s.refused(&InputError{
			Path: in.shown(rel),
			Why:  err.Error(),
			Hint: "make it a relative symlink to a path inside the package, with .. in front only",
			err:  err,
		})
	}
	return &node{name: path.Base(rel), kind: dag.Symlink, target: target}, nil
}

func (s *scanner) file(in *input, rel string, info fs.FileInfo) (*node, error) {
	if s.bytes += info.Size(); s.bytes > s.limits.Bytes {
		return nil, &dag.LimitError{Path: in.shown(rel), What: "bytes", Limit: s.limits.Bytes}
	}
	return &node{
		name: path.Base(rel), kind: dag.File,
		exec: info.Mode()&0o100 != 0, // the owner's, so that no umask has a say
		file: source{in: in, path: rel, size: info.Size(), mtime: info.ModTime()},
	}, nil
}

// changedError says that an input moved under Build.
func (src *source) changed() error {
	return &InputError{Path: src.in.shown(src.path), Why: "it changed while it was being packed", Hint: "try again when nothing writes to it"}
}

// open opens the file, if it still is the one that was scanned.
func (src *source) open() (*os.File, error) {
	f, err := src.in.root.Open(filepath.FromSlash(src.path))
	if err != nil {
		return nil, err
	}
	if err := src.check(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// check says whether the file still looks as it did when it was scanned.
func (src *source) check(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() != src.size || !info.ModTime().Equal(src.mtime) {
		return src.changed()
	}
	return nil
}

// read reads n bytes at an offset.
func (src *source) read(offset, n int64) ([]byte, error) {
	if src.in == nil {
		return src.data[offset : offset+n], nil
	}
	f, err := src.open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data := make([]byte, n)
	if got, err := f.ReadAt(data, offset); int64(got) < n {
		if err == io.EOF {
			return nil, src.changed()
		}
		return nil, err
	}
	return data, nil
}

// readLimited reads a small file, and a byte more of one that is larger than
// limit, for its parser to refuse.
func readLimited(in *input, rel string, limit int64) ([]byte, error) {
	f, err := in.root.Open(filepath.FromSlash(rel))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit+1))
}
