package store

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"

	"ipp/store/dag"
	"ipp/store/durable"

	"github.com/ipfs/go-cid"
)

// TreeDir is where the tree is, or would be.
func (s *Store) TreeDir(k Key) string { return s.path("trees", k.String()) }

func (s *Store) carPath(k Key) string  { return s.TreeDir(k) + ".car" }
func (s *Store) listPath(k Key) string { return s.TreeDir(k) + ".objects" }

// Has says whether the tree is present.
func (s *Store) Has(k Key) bool {
	fi, err := os.Lstat(s.TreeDir(k))
	return err == nil && fi.IsDir()
}

// Missing lists those of many trees that are not present, in their order. It is two
// microseconds a tree, so all cores help.
func (s *Store) Missing(keys []Key) ([]Key, error) {
	parts := slices.Collect(slices.Chunk(keys, max(1, len(keys)/runtime.GOMAXPROCS(0)+1)))
	missing, errs := make([][]Key, len(parts)), make([]error, len(parts))
	var workers sync.WaitGroup
	for i, part := range parts {
		workers.Go(func() { missing[i], errs[i] = s.missing(part) })
	}
	workers.Wait()
	return slices.Concat(missing...), cmp.Or(errs...)
}

func (s *Store) missing(keys []Key) (missing []Key, err error) {
	trees, err := durable.HoldDir(s.path("trees"))
	if err != nil {
		return nil, fmt.Errorf("look for trees: %w", err)
	}
	defer trees.Close() // only read
	for _, k := range keys {
		switch has, err := trees.HasDir(k.String()); {
		case err != nil:
			return nil, fmt.Errorf("look for tree %s: %w", k, err)
		case !has:
			missing = append(missing, k)
		}
	}
	return missing, nil
}

// Trees lists the trees that are present, sorted.
func (s *Store) Trees() ([]Key, error) {
	names, err := readNames(s.path("trees"))
	if err != nil {
		return nil, fmt.Errorf("list trees: %w", err)
	}
	keys := make([]Key, 0, len(names)/3)
	for _, n := range names {
		if k, err := ParseKey(n); err == nil {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// Lost lists the trees that are gone but for what stands beside them, sorted: a
// tree that was lost, or one that is being published or was not to the end.
func (s *Store) Lost() ([]Key, error) {
	names, err := readNames(s.path("trees"))
	if err != nil {
		return nil, fmt.Errorf("list trees: %w", err)
	}
	var keys []Key
	for _, n := range names {
		base, ok := besideTree(n)
		if _, there := slices.BinarySearch(names, base); !ok || there {
			continue
		}
		if k, err := ParseKey(base); err == nil && !hasKey(keys, k) {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// besideTree says of which tree a name below trees/ is the .car or .objects.
func besideTree(name string) (tree string, ok bool) {
	if tree, ok = strings.CutSuffix(name, ".car"); !ok {
		tree, ok = strings.CutSuffix(name, ".objects")
	}
	return tree, ok
}

func hasKey(keys []Key, k Key) bool {
	return slices.ContainsFunc(keys, func(o Key) bool { return o.String() == k.String() })
}

// Parts lists the parts of one package that are present, sorted.
func (s *Store) Parts(root cid.Cid) ([]string, error) {
	names, err := dirNames(s.path("trees"))
	if err != nil {
		return nil, fmt.Errorf("list trees: %w", err)
	}
	var parts []string
	prefix := dag.CIDText(root) + "."
	for _, n := range names {
		if p, ok := strings.CutPrefix(n, prefix); ok && validPart(p) {
			parts = append(parts, p)
		}
	}
	slices.Sort(parts)
	return parts, nil
}

// readNames lists a directory's names, sorted, without asking for their types.
func readNames(dir string) ([]string, error) {
	names, err := dirNames(dir)
	slices.Sort(names)
	return names, err
}

// dirNames lists a directory's names, in any order.
func dirNames(dir string) ([]string, error) {
	d, err := durable.OpenDir(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}
