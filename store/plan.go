package store

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"os"
	"path"
	"slices"

	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// Want says which part of a package is wanted. What it says must follow from
// the package alone, so that everybody makes the same tree under the same key.
type Want struct {
	Key
	// Omit are the top-level directories that belong to other parts.
	Omit []string
	// Exec are the paths that get a run bit if the DAG records no mode at all;
	// one that ends in "/" stands for every file directly in that directory, and
	// "/" for every file there is.
	Exec   []string
	Limits dag.Limits
	// Check, if set, starts a check of the part as it is walked: see is told of
	// each entry, and end has the last word before anything is written.
	Check func() (see func(*dag.Entry), end func(context.Context) error)
	// Verify: a tree that is found is rehashed, and replaced where it is damaged.
	Verify bool
}

// Plan is what Ensure would do, found out without a write.
type Plan struct {
	Want
	Present  bool  // the tree is in the store
	Damaged  bool  // ... and failed verification
	Files    int   // regular files
	Bytes    int64 // of all files
	NewBytes int64 // of objects the store lacks
	Need     Need  // of the store's disk, before the tree is there

	modes bool            // the DAG records modes
	paths int             // bytes in all paths
	execs map[string]bool // Exec
}

func newPlan(w Want) *Plan {
	p := &Plan{Want: w, execs: make(map[string]bool, len(w.Exec))}
	for _, at := range w.Exec {
		p.execs[at] = true
	}
	return p
}

// Plan reads the shape of a package part from src and compares it with the
// store. Every limit and name is checked here, before anything is written; the
// DAG is immutable, so what Ensure walks later is what was checked.
func (s *Store) Plan(ctx context.Context, w Want, src dag.Blocks) (*Plan, error) {
	if !validPart(w.Part) {
		return nil, fmt.Errorf("plan tree of %s: part %q is not a name", w.Root, w.Part)
	}
	w.Root = dag.V1(w.Root)
	p := newPlan(w)
	if s.Has(w.Key) {
		p.Present = true
		if err := s.inspect(ctx, p); err != nil {
			return nil, err
		}
		if !p.Damaged {
			return p, nil
		}
	}
	if err := p.measure(ctx, src, s); err != nil {
		return nil, err
	}
	return p, nil
}

// Measure is Plan where there is no store yet: everything is new.
func Measure(ctx context.Context, w Want, src dag.Blocks) (*Plan, error) {
	p := newPlan(w)
	return p, p.measure(ctx, src, nil)
}

// hasObject says whether an object is there; a store that is nil has none.
func (s *Store) hasObject(name string) bool {
	if s == nil {
		return false
	}
	_, err := os.Lstat(s.objectPath(name))
	return err == nil
}

func (s *Store) hasShard(shard string) bool {
	if s == nil {
		return false
	}
	_, err := os.Lstat(s.path("objects", shard))
	return err == nil
}

// inspect fills in a plan from a tree that is present.
func (s *Store) inspect(ctx context.Context, p *Plan) error {
	err := s.eachFile(p.Key, func(f FileInfo) error {
		p.Files++
		p.Bytes += f.Size
		return nil
	})
	if err != nil {
		p.Damaged = true
		return nil
	}
	if !p.Verify {
		return nil
	}
	faults, err := s.Verify(ctx, p.Key, nil)
	p.Damaged = len(faults) > 0
	return err
}

// measure fills in a plan from a source, for a store, which may be nil.
func (p *Plan) measure(ctx context.Context, src dag.Blocks, s *Store) error {
	p.Files, p.Bytes, p.NewBytes, p.paths = 0, 0, 0, 0
	seen := newSeen()
	see, end := p.check()
	m := newMeasuring(s.hasShard)
	err := dag.Walk(ctx, src, p.Root, p.walk(m.block), func(e *dag.Entry) error {
		see(e)
		m.entry(e)
		if e.Path == "" && e.Kind != dag.Dir {
			return &dag.FormatError{CID: e.CID, Why: "it is a file, not a directory"}
		}
		if e.Kind != dag.File {
			return nil
		}
		p.Files++
		p.Bytes += e.Size
		p.paths += len(e.Path)
		p.modes = p.modes || e.HasMode
		if object, fresh := p.isNew(e, seen, s); fresh {
			p.NewBytes += e.Size
			m.object(object, e.Size)
		}
		return nil
	})
	p.Need = m.total()
	if err != nil {
		return fmt.Errorf("read package %s: %w", p.Root, err)
	}
	return end(ctx)
}

// isNew says whether a file is one that the store lacks and that was not seen,
// and the name of its object, "" where that is not known yet.
func (p *Plan) isNew(e *dag.Entry, seen seen, s *Store) (object string, fresh bool) {
	exec := p.exec(e)
	if !seen.add(e.CID, exec) {
		return "", false // of a bomb all files are a few
	}
	c, named := dag.ObjectCID(e.Leaves)
	if !named {
		return "", true
	}
	if c != e.CID && !seen.add(c, exec) {
		return "", false
	}
	object = objectName(c, exec)
	return object, !s.hasObject(object)
}

// seen is a set of files by their hashes, in 8 bytes each: it is for a sum of
// bytes, which an unlikely error does not hurt.
type seen struct {
	seed maphash.Seed
	set  map[uint64]struct{}
}

func newSeen() seen { return seen{maphash.MakeSeed(), map[uint64]struct{}{}} }

// add says whether the file is new.
func (s seen) add(c cid.Cid, exec bool) bool {
	h := maphash.String(s.seed, c.KeyString())
	if exec {
		h = ^h
	}
	if _, ok := s.set[h]; ok {
		return false
	}
	s.set[h] = struct{}{}
	return true
}

// check starts Check.
func (w *Want) check() (see func(*dag.Entry), end func(context.Context) error) {
	if w.Check == nil {
		return func(*dag.Entry) {}, func(context.Context) error { return nil }
	}
	return w.Check()
}

// walk is how the part is walked: its own top-level names only.
func (w *Want) walk(block func(cid.Cid, []byte) error) dag.WalkOptions {
	return dag.WalkOptions{
		Limits: w.Limits,
		Omit:   w.omits,
		Block:  block,
	}
}

// omits says whether a path belongs to another part.
func (w *Want) omits(path string) bool { return slices.Contains(w.Omit, path) }

// exec says whether a file gets a run bit: its own mode tells, or, where no
// file of the part has a mode, what the package's author named.
func (p *Plan) exec(e *dag.Entry) bool {
	if e.HasMode || p.modes || len(p.Exec) == 0 {
		return e.Exec
	}
	dir, _ := path.Split(e.Path)
	return p.execs["/"] || p.execs[e.Path] || dir != "" && p.execs[dir]
}

// Ensure makes the planned tree present and durable, whoever made it. The
// lease must hold the plan's root. report, if set, is told of bytes done, from
// several goroutines. A block that src lacks is a *dag.MissingBlockError.
func (s *Store) Ensure(ctx context.Context, l *Lease, p *Plan, src dag.Blocks, report func(int64)) error {
	if !l.holds(p.Root) {
		return fmt.Errorf("ensure tree %s: its root is not leased", p.Key)
	}
	if report == nil {
		report = func(int64) {}
	}
	if done, err := s.found(p); done || err != nil {
		return err
	}
	mutex, err := s.stagingMutex(ctx, p.Key)
	if err != nil {
		return fmt.Errorf("ensure tree %s: %w", p.Key, err)
	}
	defer mutex.Release()
	if done, err := s.found(p); done || err != nil {
		return err
	}
	if p.Present && !p.Damaged { // it went between plan and lease
		if err := p.measure(ctx, src, s); err != nil {
			return err
		}
	}
	if err := s.stageAndPublish(ctx, p, src, report); err != nil {
		return fmt.Errorf("ensure tree %s: %w", p.Key, err)
	}
	return nil
}

// found says whether the tree is there and good; if so it makes that durable,
// because whoever renamed it may not have got so far.
func (s *Store) found(p *Plan) (bool, error) {
	if !s.Has(p.Key) || p.Damaged {
		return false, nil
	}
	return true, s.syncTrees()
}

// contentError says that the source's contents are at fault, so that staging
// what it gave is of no use to a later attempt.
func contentError(err error) bool {
	var (
		limit  *dag.LimitError
		format *dag.FormatError
		hash   *dag.HashError
		name   *dag.NameError
		damage *DamagedError // this store is the source
	)
	return errors.As(err, &damage) || errors.As(err, &limit) || errors.As(err, &format) || errors.As(err, &hash) || errors.As(err, &name)
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
