package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"ipp/store/dag"
	"ipp/store/durable"

	"github.com/hashicorp/go-multierror"
	"github.com/ipfs/go-cid"
	"github.com/pelletier/go-toml/v2"
)

// RootKind says what a root keeps.
type RootKind string

// The kinds of roots.
const (
	ProfileRoot RootKind = "profile" // the generations of one profile's directory
	KeptRoot    RootKind = "kept"    // one package
)

// Root is what keeps something from collection.
type Root struct {
	Kind  RootKind
	Path  string  // ProfileRoot: the profile's directory
	CID   cid.Cid // KeptRoot: the package
	Why   string
	Since time.Time
}

// rootFile is a root as its file spells it.
type rootFile struct {
	Format int       `toml:"format"`
	Path   string    `toml:"path,omitempty"`
	CID    string    `toml:"cid,omitempty"`
	Why    string    `toml:"why"`
	Since  time.Time `toml:"since"`
}

// File names the root's file below roots/: p-HASH of a profile's path, k-CID of
// a package.
func (r Root) File() string {
	if r.Kind == ProfileRoot {
		sum := sha256.Sum256([]byte(r.Path))
		return "p-" + hex.EncodeToString(sum[:16])
	}
	return "k-" + dag.CIDText(r.CID)
}

// RootError says that a root can't be read, so that it is not known what it
// keeps. AddRoot writes it anew.
type RootError struct {
	Path string
	Err  error
}

func (e *RootError) Error() string { return fmt.Sprintf("read root %s: %v", e.Path, e.Err) }

// Unwrap gives the cause.
func (e *RootError) Unwrap() error { return e.Err }

// AddRoot makes roots durable, all under one hold of sweep, shared: no gc sees
// some of them, nor takes what is being written for what a killed process left.
// Adding one again changes nothing.
func (s *Store) AddRoot(ctx context.Context, roots ...Root) error {
	sweep, err := s.sharedSweep(ctx, "add root")
	if err != nil {
		return fmt.Errorf("add root: %w", err)
	}
	defer sweep.Release()
	for _, r := range roots {
		if err := s.writeRoot(r); err != nil {
			return fmt.Errorf("add root %s: %w", r.File(), err)
		}
	}
	return durable.SyncDir(s.path("roots")) // whoever made one of them may not have got so far
}

func (s *Store) writeRoot(r Root) error {
	path := s.path("roots", r.File())
	if _, err := readRoot(path); err == nil || errors.Is(err, ErrNewer) {
		return nil
	}
	if err := s.clearWay(path); err != nil {
		return err
	}
	f := rootFile{Format: 1, Path: r.Path, Why: r.Why, Since: r.Since.UTC().Truncate(time.Second)}
	if r.Kind == KeptRoot {
		f.CID = dag.CIDText(r.CID)
	}
	data, err := toml.Marshal(f)
	if err != nil {
		return err
	}
	return durable.WriteFile(path, data, 0o644)
}

// DropRoot removes a root; false where there was none such.
func (s *Store) DropRoot(r Root) (bool, error) {
	err := s.Reserve().Spend(func() error { return os.Remove(s.path("roots", r.File())) })
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = durable.SyncDir(s.path("roots"))
	}
	if err != nil {
		return false, fmt.Errorf("drop root %s: %w", r.File(), err)
	}
	return true, nil
}

// Roots lists the roots. ErrNoRoots where there is none.
func (s *Store) Roots() ([]Root, error) {
	entries, err := os.ReadDir(s.path("roots"))
	if err != nil {
		return nil, fmt.Errorf("list roots: %w", err)
	}
	var roots []Root
	var bad *multierror.Error
	for _, e := range entries {
		if durable.IsTemp(e.Name()) {
			continue
		}
		r, err := readRoot(s.path("roots", e.Name()))
		if isNotExist(err) {
			continue // it was dropped meanwhile
		}
		if err != nil {
			bad = multierror.Append(bad, err)
			continue
		}
		roots = append(roots, r)
	}
	if err := bad.ErrorOrNil(); err != nil {
		return nil, err
	}
	if len(roots) == 0 {
		return nil, ErrNoRoots
	}
	return roots, nil
}

func readRoot(path string) (Root, error) {
	data, err := durable.ReadFile(path, 64<<10)
	if _, ok := errors.AsType[*durable.ForeignError](err); ok {
		return Root{}, &RootError{path, err}
	}
	if err != nil {
		return Root{}, fmt.Errorf("read root: %w", err)
	}
	return parseRoot(path, data)
}

// parseRoot parses what the file at path says.
func parseRoot(path string, data []byte) (r Root, err error) {
	var version struct { // a newer file may hold anything else
		Format int `toml:"format"`
	}
	if err := toml.Unmarshal(data, &version); err == nil && version.Format > 1 {
		return Root{}, fmt.Errorf("read root %s: format %d: %w", path, version.Format, ErrNewer)
	}
	var f rootFile
	d := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return Root{}, &RootError{path, err}
	}
	r = Root{Kind: ProfileRoot, Path: f.Path, Why: f.Why, Since: f.Since}
	if f.CID != "" {
		r.Kind = KeptRoot
		if r.CID, err = cid.Decode(f.CID); err != nil {
			return Root{}, &RootError{path, err}
		}
	}
	if f.Format != 1 || (f.Path == "") == (f.CID == "") || r.File() != filepath.Base(path) {
		return Root{}, &RootError{path, errors.New("it does not say what its name says")}
	}
	return r, nil
}
