package cmd

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"ipp/lock"
	"ipp/store"
	"ipp/store/index"
	"ipp/store/pack"

	"github.com/ipfs/go-cid"
)

// shelf is what serve offers, as people are shown it.
type shelf struct {
	st   *store.Store
	live *index.Live

	mu    sync.Mutex
	sizes map[store.Key]int64 // trees are immutable
	signs map[cid.Cid]*author // so are packages
}

// offer is one package on the shelf.
type offer struct {
	facts lock.Facts // zero for one without package.toml
	root  cid.Cid
	parts []string
	bytes int64
}

// packages lists the packages that are served now, by name, the newest version of
// each first.
func (s *shelf) packages(ctx context.Context) ([]offer, error) {
	var list []offer
	err := s.live.Use(ctx, func(x *index.Index) error {
		for _, k := range x.Trees() {
			if n := len(list); n > 0 && list[n-1].root.Equals(k.Root) {
				list[n-1].parts = append(list[n-1].parts, k.Part)
				list[n-1].bytes += s.size(k)
				continue
			}
			o := offer{root: k.Root, parts: []string{k.Part}, bytes: s.size(k)}
			data, err := x.Data(k)
			if err != nil {
				return err
			}
			if data != nil {
				if o.facts, err = lock.DecodeFacts(data); err != nil {
					return err
				}
			}
			list = append(list, o)
		}
		return ctx.Err()
	})
	slices.SortStableFunc(list, func(a, b offer) int {
		return cmp.Or(cmp.Compare(a.facts.Name, b.facts.Name), b.facts.Version.Compare(a.facts.Version))
	})
	return list, err
}

// size is how many bytes the files of a tree have; 0 where it can't be told.
func (s *shelf) size(k store.Key) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.sizes[k]
	if ok {
		return n
	}
	files, err := s.st.Files(k)
	if err != nil {
		return 0
	}
	for _, f := range files {
		n += f.Size
	}
	if s.sizes == nil {
		s.sizes = map[store.Key]int64{}
	}
	s.sizes[k] = n
	return n
}

// author is who signed a package; nil: nobody, or it can't be told.
func (s *shelf) author(ctx context.Context, root cid.Cid) *author {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a, ok := s.signs[root]; ok {
		return a
	}
	pkg, err := pack.Open(ctx, s.live, root)
	if err != nil {
		return nil
	}
	if s.signs == nil {
		s.signs = map[cid.Cid]*author{}
	}
	s.signs[root] = authorOf(pkg.Signature)
	return s.signs[root]
}
