package pack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"ipp/lock/ref"
	"ipp/lock/trust"
	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// Input is what to pack.
//
// Path is a directory or a program. A directory that holds any/ or platforms'
// directories is used as it is. Otherwise, where Platforms are given, it
// becomes any/, but for its package.toml and signature; and where none are, it
// is the one tree of a package that is not split. A program lands in
// GOOS-GOARCH/bin/NAME, NAME being the package's (or, where [commands] names
// one program alone, at that path), with .exe on Windows.
//
// A symlink is followed where it is Path itself or a platform's, never inside.
type Input struct {
	Path      string                                                   // a directory, or one executable; may be "" with Platforms
	Platforms map[ref.Platform]string                                  // a binary or a directory each
	Name      ref.Name                                                 // where there is no package.toml
	Version   ref.Version                                              // where there is no package.toml
	Exclude   []string                                                 // top-level names or slash-separated paths to leave out
	Lookup    func(ctx context.Context, c cid.Cid) (dag.Blocks, error) // finds libraries; may be nil
	Sign      func(trust.Statement) ([]byte, error)                    // makes the signature's file; nil: what lies in the input stays
	Report    func(bytes int64)                                        // told of bytes hashed, from several goroutines; may be nil
}

// NoMetadataError says that an input has no package.toml, and that nobody said
// the name and version that would do instead.
type NoMetadataError struct{ Path string }

func (e *NoMetadataError) Error() string {
	return fmt.Sprintf("pack %s: it has no %s, so it needs a name and a version", e.Path, MetadataName)
}

// ProgramError says that the platform of a program is not clear, or not that
// which was asked for.
type ProgramError struct {
	Path string
	Why  string
	Has  []ref.Platform // what the program is for, as far as its header tells
}

func (e *ProgramError) Error() string { return fmt.Sprintf("pack %s: %s", e.Path, e.Why) }

// layout is an input that was scanned: the package before it is hashed.
type layout struct {
	*scanner
	in        Input
	main      *input // the positional directory, or nil
	where     string // the input, for errors
	top       *node
	meta      *Metadata
	metaData  []byte
	platforms []ref.Platform    // whose directories are there
	programs  []*placed         // programs to be put in place once the name is known
	excluded  map[string]string // cleaned to as given
}

// placed is a program with the platform it goes to.
type placed struct {
	platform ref.Platform
	file     *node
}

// arrange scans the input and lays the package out.
func arrange(in Input) (*layout, error) {
	l := &layout{scanner: newScanner(), in: in, top: newDir(""), where: in.Path}
	if err := l.arrange(); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *layout) arrange() error {
	if err := l.exclude(); err != nil {
		return err
	}
	if err := l.positional(); err != nil {
		return err
	}
	for _, p := range slices.Sorted(maps.Keys(l.in.Platforms)) {
		if l.where == "" {
			l.where = l.in.Platforms[p]
		}
		if err := l.platform(p, l.in.Platforms[p]); err != nil {
			return err
		}
	}
	if l.where == "" {
		return errors.New("pack: nothing was given to pack")
	}
	if err := l.metadata(); err != nil {
		return err
	}
	l.place()
	l.top.put(textFile(MetadataName, l.metaData))
	return l.check()
}

// exclude cleans the paths to leave out.
func (l *layout) exclude() error {
	l.excluded = map[string]string{}
	for _, given := range l.in.Exclude {
		clean := path.Clean(filepath.ToSlash(given))
		if clean == "." || clean == ".." || strings.HasPrefix(clean, "../") || path.IsAbs(clean) {
			return &InputError{Path: l.in.Path, Why: fmt.Sprintf("%q is no path to leave out", given), Hint: "allowed: a name, or a path below the directory"}
		}
		l.excluded[clean] = given
	}
	l.skip = func(in *input, rel, at string) bool {
		_, byRel := l.excluded[rel]
		_, byAt := l.excluded[at]
		return byRel && in == l.main || byAt
	}
	return nil
}

// positional takes Input.Path.
func (l *layout) positional() error {
	if l.in.Path == "" {
		return nil
	}
	info, err := os.Stat(l.in.Path)
	if err != nil {
		return fmt.Errorf("pack %s: %w", l.in.Path, err)
	}
	if !info.IsDir() {
		return l.program(l.in.Path, "")
	}
	in, err := l.open(l.in.Path)
	if err != nil {
		return fmt.Errorf("pack %s: %w", l.in.Path, err)
	}
	l.main = in
	if err := l.directory(in); err != nil {
		return wrapPack(l.in.Path, err)
	}
	return nil
}

// wrapPack says what was being packed, unless the error does.
func wrapPack(where string, err error) error {
	var in *InputError
	var dots *DotNamesError
	var syntax *SyntaxError
	var layout *LayoutError
	var signature *SignatureError
	if errors.As(err, &in) || errors.As(err, &dots) || errors.As(err, &syntax) || errors.As(err, &layout) || errors.As(err, &signature) {
		return err
	}
	return fmt.Errorf("pack %s: %w", where, err)
}

// directory takes a positional directory: as it is, or as any/.
func (l *layout) directory(in *input) error {
	names, err := in.names("")
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return l.skip(in, name, name) })
	if err := l.checkDots(in, names); err != nil {
		return err
	}
	if slices.Contains(names, MetadataName) {
		if err := l.readMetadata(in); err != nil {
			return err
		}
	}
	at := ""
	if len(l.in.Platforms) > 0 && !l.isSplit(in, names) {
		at = AnyDir
	}
	skip := l.skip
	l.skip = func(in *input, rel, at string) bool { return own(rel) || skip(in, rel, at) }
	n, err := l.dir(in, "", at)
	l.skip = skip
	if err != nil {
		return err
	}
	if err := l.takeDots(in, n); err != nil {
		return err
	}
	if at != "" {
		l.top.put(n)
		return nil
	}
	for _, c := range n.children() {
		l.top.put(c)
		if c.kind == dag.Dir && isPlatform(c.name) {
			l.platforms = append(l.platforms, ref.Platform(c.name))
		}
	}
	return nil
}

// own says whether a top-level name of the input is one that Build writes.
func own(rel string) bool {
	return rel == MetadataName || rel == ManifestName || rel == manifestTemp
}

// isSplit says whether a directory holds any/ or a platform's directory.
func (l *layout) isSplit(in *input, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		info, err := in.root.Lstat(name)
		return err == nil && info.IsDir() && (name == AnyDir || isPlatform(name))
	})
}

func isPlatform(name string) bool {
	_, err := ref.ParsePlatform(name)
	return err == nil
}

// checkDots refuses top-level names that begin with a dot: they would stand
// outside the manifest, so outside the signature.
func (l *layout) checkDots(in *input, names []string) error {
	var dots []string
	for _, name := range names {
		if strings.HasPrefix(name, ".") && name != dotDir {
			dots = append(dots, name)
		}
	}
	if dots != nil {
		return &DotNamesError{Dir: in.dir, Names: dots}
	}
	return nil
}

// takeDots moves .ipp to the package's top.
func (l *layout) takeDots(in *input, n *node) error {
	dots := n.take(dotDir)
	if dots == nil {
		return nil
	}
	if dots.kind != dag.Dir {
		return &LayoutError{Where: in.dir, Why: dotDir + " is not a directory"}
	}
	for _, c := range dots.children() {
		if dotDir+"/"+c.name != SignatureName || c.kind != dag.File {
			return &LayoutError{
				Where: in.dir,
				Why:   fmt.Sprintf("%q has no place in it: %s holds the signature alone", dotDir+"/"+c.name, dotDir),
				Hint:  "leave it out with --exclude",
			}
		}
		c.exec = false
	}
	if len(dots.children()) > 0 {
		l.top.put(dots)
	}
	return nil
}

// readMetadata reads the author's package.toml, which is copied as it is.
func (l *layout) readMetadata(in *input) error {
	info, err := in.root.Lstat(MetadataName)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return &InputError{Path: in.shown(MetadataName), Why: "it is not a regular file"}
	}
	l.metaData, err = readLimited(in, MetadataName, MaxMetadata)
	if err != nil {
		return err
	}
	l.meta, err = ParseMetadata(in.shown(MetadataName), l.metaData)
	return err
}
