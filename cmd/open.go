package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"ipp/cmd/term"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/lock/toml"
	"ipp/store"
	"ipp/store/dag"
	"ipp/store/pack"

	"github.com/ipfs/go-cid"
)

// opened is a package that a REF names: what it says of itself, and where its
// blocks come from.
type opened struct {
	ref    ref.Ref
	pkg    *pack.Package
	src    dag.Blocks
	as     ref.Name // the name it is to have instead of its own
	stored bool     // src is the store
	remote bool     // src is the network
	file   bool     // src is a CAR
}

// own is the package's own name, or the one it was given for lack of one.
func (o *opened) own() ref.Name {
	if o.pkg.Meta == nil {
		return o.as
	}
	return o.pkg.Meta.Name
}

// open finds the package that a REF names. installed is looked at first for
// names and prefixes; it may be nil. as names what has no package.toml.
func (s *session) open(ctx context.Context, r ref.Ref, installed *lock.Lockfile, as ref.Name) (*opened, error) {
	o, err := s.find(ctx, r, installed, as)
	var absent *absentError
	if r.Kind == ref.CID && errors.As(err, &absent) {
		absent.typed = true
	}
	if err != nil {
		return nil, failed(s.verb, r.Text, err)
	}
	o.ref, o.as = r, as
	if o.stored && as != "" { // nobody finds it by a name that it does not have
		s.opened = append(s.opened, o)
	}
	return o, nil
}

func (s *session) find(ctx context.Context, r ref.Ref, installed *lock.Lockfile, as ref.Name) (*opened, error) {
	if r.Kind == ref.Path {
		return s.openPath(ctx, r.Path, as)
	}
	root, err := s.rootOf(ctx, r, installed)
	if err != nil {
		return nil, err
	}
	o, err := s.openStored(ctx, root)
	if _, none := errors.AsType[*absentError](err); installed != nil && (none || isAbsent(err)) {
		if p := installed.Find(r.Name); p != nil && p.CID.Equals(root) {
			err = &failure{err: fmt.Errorf("%s %s is installed, and the store does not have it whole any more", p.Name, p.Version), code: exitMalformed,
				hints: []string{repairHere, installAgain}}
		}
	}
	if err != nil {
		return s.fetch(ctx, root, err)
	}
	return o, nil
}

// rootOf finds the root of a REF that is no path.
func (s *session) rootOf(ctx context.Context, r ref.Ref, installed *lock.Lockfile) (cid.Cid, error) {
	switch {
	case r.Kind == ref.CID:
		return r.CID, nil
	case r.Kind == ref.Prefix:
		return s.rootByPrefix(r.Prefix, installed)
	case r.Kind == ref.IPNS:
		return cid.Undef, unresolved("IPNS names")
	case r.Channel != "":
		return cid.Undef, unresolved("channels")
	}
	if installed != nil {
		if p := installed.Find(r.Name); p != nil && r.Accepts(p.Version) {
			return p.CID, nil
		}
	}
	return s.rootByName(ctx, r)
}

// unresolved says that this release resolves no names over the network.
func unresolved(what string) error {
	return &failure{err: fmt.Errorf("this release of ipp does not resolve %s", what), code: exitNotFound,
		hints: []string{getIt}}
}

// getIt is how to have a package that is not here.
const getIt = "say who has it: ipp install CID --from URL, or --from FILE.car"

func absentHint(e *absentError) string { return cmp.Or(e.hint, getIt) }

func (s *session) rootByPrefix(prefix string, installed *lock.Lockfile) (cid.Cid, error) {
	var found []cid.Cid
	add := func(c cid.Cid) {
		if strings.HasPrefix(c.String(), prefix) && !slices.ContainsFunc(found, c.Equals) {
			found = append(found, c)
		}
	}
	if installed != nil {
		for _, p := range installed.Packages {
			add(p.CID)
		}
	}
	all, err := s.packages()
	if err != nil {
		return cid.Undef, err
	}
	for _, p := range all {
		add(p.root)
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return cid.Undef, &failure{err: errors.New("no known package's CID begins like this"), code: exitNotFound,
			hints: []string{"ipp list --store shows every package in the store"}}
	}
	return cid.Undef, &failure{err: fmt.Errorf("several packages' CIDs begin like this: %s", join(found)), code: exitConflict,
		hints: []string{"type more of the one you mean"}}
}

// rootByName chooses the newest package in the store that matches.
func (s *session) rootByName(ctx context.Context, r ref.Ref) (cid.Cid, error) {
	wishes := &lock.Profile{Packages: []lock.Wish{{Name: r.Name, Constraint: r.Constraint}}}
	var failure error
	known := s.known(ctx, wishes, &lock.Lockfile{}, &failure)
	alone := func(name ref.Name) []lock.Candidate { // without what it needs
		list := known(name)
		for i := range list {
			list[i].Dependencies = nil
		}
		return list
	}
	l, err := lock.Resolve(wishes, &lock.Lockfile{}, alone, nil)
	switch {
	case failure != nil:
		return cid.Undef, failure
	case err != nil:
		return cid.Undef, s.alike(err)
	}
	return l.Packages[0].CID, nil
}

// openStored opens a package out of the store: leased first, looked for after.
func (s *session) openStored(ctx context.Context, root cid.Cid) (*opened, error) {
	if s.st == nil {
		return nil, &absentError{root: root}
	}
	o := s.fromStore[root]
	if o == nil {
		var err error
		if o, err = s.readStored(ctx, root); err != nil {
			return nil, err
		}
		if s.fromStore == nil {
			s.fromStore = map[cid.Cid]*opened{}
		}
		s.fromStore[root] = o
	}
	mine := *o // each REF has its own name for it
	return &mine, nil
}

func (s *session) readStored(ctx context.Context, root cid.Cid) (*opened, error) {
	if err := s.protect(ctx, root); err != nil {
		return nil, err
	}
	src, err := s.blocks(ctx, root)
	if _, bad := errors.AsType[*store.DamagedError](err); isAbsent(err) && !bad {
		return nil, &absentError{root: root}
	}
	if err != nil {
		return nil, err
	}
	pkg, err := pack.Open(ctx, src, root)
	if err != nil {
		return nil, err
	}
	return &opened{pkg: pkg, src: src, stored: true}, nil
}

// openPath opens a CAR file or packs a directory.
func (s *session) openPath(ctx context.Context, path string, as ref.Name) (*opened, error) {
	fi, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil, noFile(s.verb, path)
	case errors.Is(err, syscall.ENAMETOOLONG):
		return nil, &failure{verb: s.verb, object: path, err: errors.New("no file can have a name as long as that"), code: exitNotFound,
			hints: []string{"look at what was typed"}}
	case err != nil:
		return nil, err
	case fi.IsDir():
		return s.openDir(ctx, path, as)
	case !fi.Mode().IsRegular():
		return nil, &failure{verb: s.verb, object: path, err: errors.New("it is neither a file nor a directory"), code: exitMalformed}
	}
	if looksLikeProgram(path) {
		return nil, &failure{verb: s.verb, object: path, err: errors.New("it is a program, not a package"), code: exitMalformed,
			hints: []string{fmt.Sprintf("make a package of it: ipp pack %s --name NAME --version VERSION -o NAME.car", quote(path))}}
	}
	return s.openCAR(ctx, path)
}

// noFile says that a file that the person named is not there.
func noFile(verb, path string) *failure {
	f := &failure{verb: verb, object: path, err: errors.New("no such file or directory"), code: exitNotFound}
	if _, rest, ok := strings.Cut(path, "://"); ok {
		f.err = errors.New("a package is fetched by its CID, not from an address")
		f.hints = []string{"fetch the file yourself, then: ipp " + verb + " ./" + quote(filepath.Base(rest))}
		return f
	}
	dir, name := filepath.Split(path)
	var names []string
	if entries, err := os.ReadDir(filepath.Clean(dir)); err == nil && len(entries) < 1000 {
		for _, e := range entries {
			names = append(names, e.Name())
		}
	}
	if near := toml.Nearest(name, names); near != "" {
		f.hints = []string{"did you mean " + quote(dir+near) + "?"}
	}
	return f
}

func (s *session) openCAR(ctx context.Context, path string) (*opened, error) {
	car, err := dag.OpenCAR(path)
	if err != nil {
		return nil, s.noCAR(path, err)
	}
	s.closers = append(s.closers, car.Close)
	roots := car.Roots()
	if len(roots) != 1 {
		return nil, &failure{verb: s.verb, object: path, code: exitMalformed,
			err:   fmt.Errorf("a package's CAR has one root, this has %d: %s", len(roots), join(roots)),
			hints: []string{"export each package into a CAR of its own"}}
	}
	if err := s.protect(ctx, roots[0]); err != nil {
		return nil, err
	}
	pkg, err := pack.Open(ctx, car, roots[0])
	if errors.Is(err, fs.ErrNotExist) {
		err = &failure{verb: s.verb, object: path, err: fmt.Errorf("the CAR lacks blocks that it needs: %w", err), code: exitMalformed}
	}
	if err != nil {
		return nil, err
	}
	o := &opened{pkg: pkg, src: car, file: true}
	s.opened = append(s.opened, o)
	return o, nil
}

// noCAR says what else a file is that is no CAR at all, rather than where it
// stops being one.
func (s *session) noCAR(path string, err error) error {
	var format *dag.FormatError
	if !errors.As(err, &format) {
		return err
	}
	f, openErr := os.Open(path)
	if openErr != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, 512)
	n, _ := io.ReadFull(f, head)
	text := string(head[:n])
	if start := text[:min(n, 32)]; strings.Contains(start, "eroots") || strings.Contains(start, "gversion") { // CAR, versions 1 and 2
		return err
	}
	bad := &failure{verb: s.verb, object: path, err: errors.New("it is no CAR file"), code: exitMalformed,
		hints: []string{"ipp pack makes one of a directory or a program: ipp pack PATH -o FILE.car"}}
	trimmed := strings.ToLower(strings.TrimSpace(text))
	switch {
	case n == 0:
		bad.err, bad.hints = errors.New("the file is empty"), []string{"get it again from where it came from"}
	case strings.HasPrefix(trimmed, "<!doctype") || strings.HasPrefix(trimmed, "<html"):
		bad.err, bad.hints = errors.New("it is a web page, not a CAR file"), []string{"the download went wrong: get it again"}
	case isArchive(text):
		bad.err, bad.hints = errors.New("it is another kind of archive, not a CAR file"), []string{"unpack it, then pack that: ipp pack DIR --name NAME --version VERSION -o FILE.car"}
	}
	return bad
}

// isArchive tells gzip, bzip2, xz, zstd, zip, tar and ar (deb) by their first
// bytes.
func isArchive(text string) bool {
	for _, magic := range []string{"\x1f\x8b", "BZh", "\xfd7zXZ", "\x28\xb5\x2f\xfd", "PK\x03\x04", "!<arch>\n"} {
		if strings.HasPrefix(text, magic) {
			return true
		}
	}
	return len(text) > 262 && text[257:262] == "ustar"
}

// openDir packs a directory, in memory.
func (s *session) openDir(ctx context.Context, path string, as ref.Name) (*opened, error) {
	in := pack.Input{Path: path}
	if _, err := os.Stat(filepath.Join(path, pack.MetadataName)); errors.Is(err, fs.ErrNotExist) {
		if as == "" {
			return nil, &failure{verb: s.verb, object: path, err: errors.New("it has no package.toml"), code: exitUsage,
				hints: []string{"ipp pack --init " + quote(path) + " writes one", "or give it a name (as version 0): ipp install --as NAME " + quote(path)}}
		}
		in.Name, in.Version = as, "0"
	}
	built, err := s.build(ctx, in)
	if err != nil {
		return nil, err
	}
	o := &opened{pkg: built.Package, src: built}
	s.opened = append(s.opened, o)
	return o, nil
}

// build packs with progress, finds libraries in the store, and warns.
func (s *session) build(ctx context.Context, in pack.Input) (*pack.Built, error) {
	total, err := pack.InputBytes(in)
	if err != nil {
		return nil, err
	}
	var done func()
	in.Report, done = s.a.meter("hashing", total)
	defer done()
	in.Lookup = func(ctx context.Context, c cid.Cid) (dag.Blocks, error) {
		o, err := s.openStored(ctx, c)
		if err != nil {
			return nil, err
		}
		return o.src, nil
	}
	built, err := pack.Build(ctx, in)
	if err != nil {
		return nil, err
	}
	done()
	for _, w := range built.Warnings {
		s.a.warn("%s: %s", term.Safe(w.Path), term.Safe(w.What))
	}
	return built, s.protect(ctx, built.Root)
}

// looksLikeProgram tells ELF, Mach-O, PE and scripts by their first bytes.
func looksLikeProgram(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 4)
	if n, err := f.Read(head); err != nil || n < 4 {
		return false
	}
	for _, magic := range []string{"\x7fELF", "MZ", "#!", "\xfe\xed\xfa\xce", "\xfe\xed\xfa\xcf", "\xce\xfa\xed\xfe", "\xcf\xfa\xed\xfe", "\xca\xfe\xba\xbe"} {
		if strings.HasPrefix(string(head), magic) {
			return true
		}
	}
	return false
}
