package pack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"ipp/lock/ref"
	"ipp/lock/trust"
	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// SignatureError says that a package's signature is not good, or not of that
// package: it can't be read, is forged, or is of something else.
type SignatureError struct {
	Where string // the package's CID, or the directory
	err   error
}

func (e *SignatureError) Error() string { return fmt.Sprintf("read package %s: %v", e.Where, e.err) }

// Unwrap gives the cause.
func (e *SignatureError) Unwrap() error { return e.err }

// UnsignedFilesError says that what a package holds is not what its author
// signed.
type UnsignedFilesError struct {
	Where  string
	By     trust.Key
	Faults []Fault
}

func (e *UnsignedFilesError) Error() string {
	const most = 3
	var said []string
	for _, f := range e.Faults[:min(most, len(e.Faults))] {
		said = append(said, f.Path+" "+f.Why)
	}
	if more := len(e.Faults) - most; more > 0 {
		said = append(said, fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("read package %s: it is not what %s (%s) signed: %s", e.Where, e.By.Name(), e.By.Fingerprint(), strings.Join(said, "; "))
}

// TooLargeError says that a part of a package is larger than its author signed.
type TooLargeError struct {
	Where    string
	By       trust.Key
	Platform ref.Platform
	Signed   trust.Size
	Limit    *dag.LimitError
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("read package %s: %s (%s) signed %s for %s, and it has more %s at %q",
		e.Where, e.By.Name(), e.By.Fingerprint(), e.Signed, cmp.Or(e.Platform, trust.AnyPart), e.Limit.What, cmp.Or(e.Limit.Path, "."))
}

// openSignature reads the signature and holds it against what the package says
// of itself.
func (p *Package) openSignature(ctx context.Context, b dag.Blocks) error {
	e, err := dag.Resolve(ctx, b, p.Root, SignatureName)
	if err != nil {
		return fmt.Errorf("read %s of package %s: %w", SignatureName, p.Root, err)
	}
	if e.Kind != dag.File {
		return &LayoutError{Where: p.Root.String(), Hint: madeWrongly, Why: fmt.Sprintf("%s is a %s, not a file", SignatureName, e.Kind)}
	}
	data, err := dag.ReadFile(ctx, b, e, trust.MaxSignature)
	if err != nil {
		return fmt.Errorf("read %s of package %s: %w", SignatureName, p.Root, err)
	}
	if err := p.takeSignature(data); err != nil {
		return &SignatureError{p.Root.String(), err}
	}
	return nil
}

// takeSignature verifies a signature, which becomes the package's if it is of
// this package.
func (p *Package) takeSignature(data []byte) error {
	s, err := trust.Open(data)
	switch {
	case err != nil:
		return err
	case p.Meta == nil || !p.Manifest.Defined():
		return errors.New("it is signed, and lacks what is signed: package.toml and PackManifest")
	}
	if err := s.Check(p.Meta.Name, p.Meta.Version, p.Manifest, p.Meta.Platforms); err != nil {
		return err
	}
	p.Signature, p.ownBytes = s, int64(len(data))
	return nil
}

// size is what was signed for one part of the package as it is read: with what
// is shared, and with the signature, which can't count itself.
func (p *Package) size(platform ref.Platform) trust.Size {
	own := trust.Size{Bytes: p.ownBytes, Files: 2, Depth: strings.Count(SignatureName, "/") + 1}
	all := own.Plus(p.Signature.Parts[trust.AnyPart])
	if platform != "" {
		all = all.Plus(p.Signature.Parts[platform])
	}
	return all
}

// limits are the given ones, narrowed to what was signed.
func (p *Package) limits(platform ref.Platform, lim dag.Limits) dag.Limits {
	if p.Signature == nil {
		return lim
	}
	signed := p.size(platform)
	lim.Bytes, lim.Files, lim.Depth = min(lim.Bytes, signed.Bytes), min(lim.Files, signed.Files), min(lim.Depth, signed.Depth)
	return lim
}

// Blame says of a limit that was hit while a part was read whether it is one
// that the author signed.
func (p *Package) Blame(platform ref.Platform, err error) error {
	var limit *dag.LimitError
	if p.Signature == nil || !errors.As(err, &limit) {
		return err
	}
	signed := p.size(platform)
	most, ok := map[string]int64{"bytes": signed.Bytes, "files": int64(signed.Files), "directories deep": int64(signed.Depth)}[limit.What]
	if !ok || limit.Limit != most {
		return err
	}
	return &TooLargeError{p.Root.String(), p.Signature.Key, platform, signed, limit}
}

// counter counts the sizes of a package's parts, as they are signed.
type counter struct {
	platforms map[ref.Platform]bool
	parts     map[ref.Platform]trust.Size
}

func newCounter(m *Metadata) *counter {
	c := &counter{map[ref.Platform]bool{}, map[ref.Platform]trust.Size{trust.AnyPart: {}}}
	if m == nil {
		return c
	}
	for _, p := range m.Platforms {
		c.platforms[p], c.parts[p] = true, trust.Size{}
	}
	return c
}

// walk counts all of a package.
func (c *counter) walk(ctx context.Context, b dag.Blocks, root cid.Cid, lim dag.Limits) error {
	return dag.Walk(ctx, b, root, dag.WalkOptions{Limits: lim}, func(e *dag.Entry) error {
		c.see(e)
		return nil
	})
}

func (c *counter) see(e *dag.Entry) {
	top, _, _ := strings.Cut(e.Path, "/")
	if top == dotDir {
		return
	}
	part := trust.AnyPart
	if p := ref.Platform(top); c.platforms[p] {
		part = p
	}
	one := trust.Size{Files: 1}
	if e.Path != "" {
		one.Depth = strings.Count(e.Path, "/") + 1
	}
	if e.Kind == dag.File {
		one.Bytes = e.Size
	}
	c.parts[part] = c.parts[part].Plus(one)
}

// faults says which parts are larger than their author signed.
func (c *counter) faults(s *trust.Signature) (faults []Fault) {
	if s == nil {
		return nil
	}
	for part, is := range c.parts {
		if signed := s.Parts[part]; is.Bytes > signed.Bytes || is.Files > signed.Files || is.Depth > signed.Depth {
			at := string(part)
			if part == trust.AnyPart {
				at = "."
			}
			faults = append(faults, Fault{at, fmt.Sprintf("is larger than its author signed: %s, and signed is %s", is, signed)})
		}
	}
	return faults
}

// sign signs the package, whose manifest is there, or checks the signature that
// came with the input. It does nothing where there is neither.
func (b *Built) sign(ctx context.Context, h *hasher, l *layout) error {
	if l.in.Sign != nil {
		data, err := b.newSignature(ctx, l)
		if err != nil {
			return err
		}
		dots := newDir(dotDir)
		dots.put(textFile(strings.TrimPrefix(SignatureName, dotDir+"/"), data))
		l.top.put(dots)
		if err := h.files(ctx, dots); err != nil {
			return err
		}
		if err := b.dirs(dots); err != nil {
			return err
		}
	}
	return b.readSignature(l.top, l.where)
}

// newSignature signs what the package is without its own directory of dots.
func (b *Built) newSignature(ctx context.Context, l *layout) ([]byte, error) {
	root, err := buildDir(b.builder, l.top, func(name string) bool { return name != dotDir })
	if err != nil {
		return nil, err
	}
	b.leaves = indexLeaves(l.top)
	sizes := newCounter(b.Meta)
	if err := sizes.walk(ctx, b, root.CID, l.limits); err != nil {
		return nil, err
	}
	return l.in.Sign(trust.Statement{Name: b.Meta.Name, Version: b.Meta.Version, Manifest: b.Manifest, Parts: sizes.parts})
}

// readSignature takes the signature that lies at the top of what was built.
func (b *Built) readSignature(top *node, where string) error {
	n := top.at(SignatureName)
	switch {
	case n == nil:
		return nil
	case n.kind != dag.File:
		return &SignatureError{where, fmt.Errorf("%s is a %s, not a file", SignatureName, n.kind)}
	}
	if n.file.size > trust.MaxSignature {
		return &SignatureError{where, fmt.Errorf("%s is larger than %d bytes", SignatureName, trust.MaxSignature)}
	}
	data, err := n.read(0, n.file.size)
	if err != nil {
		return err
	}
	if err := b.takeSignature(data); err != nil {
		return &SignatureError{where, err}
	}
	return nil
}
