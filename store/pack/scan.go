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

// source is where the contents of a file are.
type source struct {
	from  *origin
	size  int64
	mtime int64 // nanoseconds, as when it was scanned
}

// origin is a directory of an input, or what was made in memory; files share it.
type origin struct {
	in   *input
	rel  string   // slash-separated, below in
	name string   // of the one file, where it has another in the package
	made contents // in is nil then
}

// contents are what a file in memory holds.
type contents interface {
	read(offset, n int64) ([]byte, error)
}

type text []byte

func (t text) read(offset, n int64) ([]byte, error) { return t[offset : offset+n], nil }

// textFile is a file in memory.
func textFile(name string, data []byte) *node {
	return &node{name: name, kind: dag.File, file: source{from: &origin{made: text(data)}, size: int64(len(data))}}
}

// rel is the path of a file below its input.
func (n *node) rel() string {
	name := n.name
	if n.file.from.name != "" {
		name = n.file.from.name
	}
	return path.Join(n.file.from.rel, name)
}

// shown is the path of a file as errors name it; "" for one in memory.
func (n *node) shown() string {
	if n.file.from.in == nil {
		return ""
	}
	return n.file.from.in.shown(n.rel())
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
	n := newDir(path.Base(at))
	from := &origin{in: in, rel: rel}
	children, kept := make([]*node, 0, len(names)), names[:0]
	for _, name := range names {
		child := path.Join(rel, name)
		if s.skip != nil && s.skip(in, child, path.Join(at, name)) {
			continue
		}
		c, err := s.entry(from, name, path.Join(at, name))
		if err != nil {
			return nil, err
		}
		if c != nil {
			children, kept = append(children, c), append(kept, name)
		}
	}
	n.rest().children = children
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

// entry reads what is called name in a directory; nil where it was refused.
func (s *scanner) entry(from *origin, name, at string) (*node, error) {
	in, rel := from.in, path.Join(from.rel, name)
	if s.files++; s.files >= s.limits.Files {
		return nil, &dag.LimitError{Path: in.shown(rel), What: "files", Limit: int64(s.limits.Files)}
	}
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
		return s.symlink(from, name, at)
	case 0:
		return s.file(from, name, info)
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

func (s *scanner) symlink(from *origin, name, at string) (*node, error) {
	in, rel := from.in, path.Join(from.rel, name)
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
	return &node{name: name, kind: dag.Symlink, more: &rest{target: target}}, nil
}

func (s *scanner) file(from *origin, name string, info fs.FileInfo) (*node, error) {
	if s.bytes += info.Size(); s.bytes > s.limits.Bytes {
		return nil, &dag.LimitError{Path: from.in.shown(path.Join(from.rel, name)), What: "bytes", Limit: s.limits.Bytes}
	}
	return &node{
		name: name, kind: dag.File,
		exec: info.Mode()&0o100 != 0, // the owner's, so that no umask has a say
		file: source{from: from, size: info.Size(), mtime: info.ModTime().UnixNano()},
	}, nil
}

// changed says that an input moved under Build.
func (n *node) changed() error {
	return &InputError{Path: n.shown(), Why: "it changed while it was being packed", Hint: "try again when nothing writes to it"}
}

// open opens the file, if it still is the one that was scanned.
func (n *node) open() (*os.File, error) {
	f, err := n.file.from.in.root.Open(filepath.FromSlash(n.rel()))
	if err != nil {
		return nil, err
	}
	if err := n.check(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// check says whether the file still looks as it did when it was scanned.
func (n *node) check(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() != n.file.size || info.ModTime().UnixNano() != n.file.mtime {
		return n.changed()
	}
	return nil
}

// read reads size bytes at an offset.
func (n *node) read(offset, size int64) ([]byte, error) {
	if n.file.from.in == nil {
		return n.file.from.made.read(offset, size)
	}
	f, err := n.open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data := make([]byte, size)
	if got, err := f.ReadAt(data, offset); int64(got) < size {
		if err == io.EOF {
			return nil, n.changed()
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
