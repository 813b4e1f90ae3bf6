package pack

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"

	"ipp/lock/ref"
	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// FormatError says that a directory's PackManifest is of an import profile that
// can't be recomputed from files on disk.
type FormatError struct{ Dir, Path, Format string }

func (e *FormatError) Error() string {
	return fmt.Sprintf("verify %s: %s was listed with format %s, and only %s can be recomputed from files", e.Dir, e.Path, e.Format, FormatToken)
}

// VerifyDir compares a directory on disk, package.toml and PackManifest in it,
// with its PackManifest. The package that it returns has the root that the
// directory would have; without PackManifest (Manifest is Undef) that is all
// there is to compare.
func VerifyDir(ctx context.Context, dir string, report func(int64)) (*Package, []Fault, error) {
	v := &dirVerifier{scanner: newScanner(), dir: dir}
	defer v.close()
	if err := v.scan(); err != nil {
		return nil, nil, fmt.Errorf("verify %s: %w", dir, err)
	}
	v.built = &Built{Package: &Package{Meta: v.meta}, builder: dag.NewBuilder()}
	v.hasher = newHasher(v.built, report)
	if err := v.hasher.files(ctx, v.top); err != nil {
		return nil, nil, fmt.Errorf("verify %s: %w", dir, err)
	}
	found, err := v.assemble()
	if err != nil {
		return nil, nil, fmt.Errorf("verify %s: %w", dir, err)
	}
	if v.built.Manifest.Defined() {
		if err := v.compare(ctx, found); err != nil {
			return nil, nil, err
		}
	}
	if err := v.signature(ctx); err != nil {
		return nil, nil, fmt.Errorf("verify %s: %w", dir, err)
	}
	return v.built.Package, sortFaults(v.faults), nil
}

// dirVerifier is one VerifyDir.
type dirVerifier struct {
	*scanner
	dir    string
	top    *node
	meta   *Metadata
	built  *Built
	hasher *hasher
	faults []Fault
}

// scan reads the shape of the directory and its package.toml.
func (v *dirVerifier) scan() error {
	in, err := v.open(v.dir)
	if err != nil {
		return err
	}
	v.refused = func(e *InputError) error {
		rel, err := filepath.Rel(v.dir, e.Path)
		if err != nil {
			rel = e.Path
		}
		v.faults = append(v.faults, Fault{filepath.ToSlash(rel), e.Why})
		return nil
	}
	v.skip = func(_ *input, rel, _ string) bool {
		alien := rel == manifestTemp || strings.HasPrefix(rel, ".") && rel != dotDir && !strings.HasPrefix(rel, dotDir+"/") ||
			strings.HasPrefix(rel, dotDir+"/") && rel != SignatureName
		if alien {
			v.faults = append(v.faults, Fault{rel, "is extra: it has no place in a package"})
		}
		return alien
	}
	if v.top, err = v.scanner.dir(in, "", ""); err != nil {
		return err
	}
	return v.readMetadata(in)
}

// readMetadata reads package.toml, and what follows from it for the shape.
func (v *dirVerifier) readMetadata(in *input) error {
	for _, at := range []string{MetadataName, ManifestName, SignatureName} {
		if n := v.top.at(at); n != nil {
			n.exec = false // in a package, whatever their mode here
		}
	}
	n := v.top.child(MetadataName)
	if n == nil {
		return nil
	}
	if n.kind != dag.File {
		return &LayoutError{Where: v.dir, Why: MetadataName + " is not a file"}
	}
	data, err := readLimited(in, MetadataName, MaxMetadata)
	if err != nil {
		return err
	}
	if v.meta, err = ParseMetadata(in.shown(MetadataName), data); err != nil {
		return err
	}
	for name := range v.meta.Libraries {
		if lib := v.top.at(DepsDir + "/" + string(name)); lib != nil {
			lib.library = true
		}
	}
	if !runBits {
		l := &layout{scanner: v.scanner, top: v.top, meta: v.meta, platforms: v.meta.Platforms}
		for _, p := range l.parts() {
			_ = l.commands(p) // a command that is missing is a fault of the manifest
		}
	}
	return nil
}

// assemble builds the directories, as Build would, and what a manifest should
// list.
func (v *dirVerifier) assemble() (*manifestText, error) {
	b := v.built
	for _, c := range v.top.children() {
		if err := b.dirs(c); err != nil {
			return nil, err
		}
	}
	root, err := buildDir(b.builder, v.top, everything)
	if err != nil {
		return nil, err
	}
	b.Root, b.DagSize = root.CID, root.Tsize
	for _, c := range v.top.children() {
		b.Top = append(b.Top, c.name)
	}
	if m := v.top.child(ManifestName); m != nil {
		b.Manifest = m.link().CID
	}
	return manifestOf(b.builder, v.top)
}

// signature holds the directory against its signature, if it has one.
func (v *dirVerifier) signature(ctx context.Context) error {
	var bad *SignatureError
	err := v.built.readSignature(v.top, v.dir)
	if errors.As(err, &bad) {
		v.faults = append(v.faults, Fault{SignatureName, bad.err.Error()})
		return nil
	}
	if err != nil || v.built.Signature == nil || len(v.faults) > 0 {
		return err
	}
	v.built.leaves = indexLeaves(v.top)
	sizes := newCounter(v.meta)
	if err := sizes.walk(ctx, v.built, v.built.Root, dag.DefaultLimits()); err != nil {
		return err
	}
	v.faults = append(v.faults, sizes.faults(v.built.Signature)...)
	return nil
}

// compare holds what was hashed against PackManifest.
func (v *dirVerifier) compare(ctx context.Context, found *manifestText) error {
	n := v.top.child(ManifestName)
	if n.kind != dag.File {
		return &LayoutError{Where: v.dir, Why: ManifestName + " is not a file"}
	}
	if n.file.size > MaxManifest {
		return tooLarge(n.shown(), n.file.size)
	}
	f, err := n.open()
	if err != nil {
		return fmt.Errorf("verify %s: %w", v.dir, err)
	}
	defer f.Close()
	wrong, err := compare(found.lines, ours(v.dir, readManifest(n.shown(), f)), func(string) bool { return false })
	if err != nil {
		return err
	}
	for i := range wrong {
		if err := v.explainMode(ctx, &wrong[i]); err != nil {
			return fmt.Errorf("verify %s: %w", v.dir, err)
		}
	}
	v.faults = slices.Concat(v.faults, compareLibraries(v.meta, v.libraries()), faultsOf(wrong))
	return nil
}

// ours refuses lines of another import profile.
func ours(dir string, lines iter.Seq2[Line, error]) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		for l, err := range lines {
			if err == nil && l.Format != FormatToken {
				err = &FormatError{Dir: dir, Path: l.Path, Format: l.Format}
			}
			if !yield(l, err) {
				return
			}
		}
	}
}

// libraries are those that lie there.
func (v *dirVerifier) libraries() map[ref.Name]cid.Cid {
	found := map[ref.Name]cid.Cid{}
	if v.meta == nil {
		return found
	}
	for name := range v.meta.Libraries {
		if n := v.top.at(DepsDir + "/" + string(name)); n != nil {
			found[name] = n.link().CID
		}
	}
	return found
}

// explainMode says so where a file differs in its run bit alone: copying and
// unpacking lose it often.
func (v *dirVerifier) explainMode(ctx context.Context, m *mismatch) error {
	n := v.top.at(m.Path)
	if m.Why != whyChanged || n == nil || n.kind != dag.File {
		return nil
	}
	other := *n
	other.exec, other.more = !n.exec, nil
	if err := v.hasher.file(ctx, m.Path, &other, nil); err != nil {
		return err
	}
	if sameCID(other.link().CID, m.want) {
		m.Why = "is changed: its run bit is missing"
		if n.exec {
			m.Why = "is changed: it has a run bit"
		}
	}
	return nil
}
