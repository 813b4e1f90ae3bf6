package index

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"ipp/store"
	"ipp/store/dag"

	mdag "github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/go-cid"
)

// truth is what the files of a store say, found out without the index, with
// boxo's decoder.
type truth struct {
	cids    map[cid.Cid]bool
	holders map[string]map[string]bool // by multihash
	parents map[string]map[string]bool
	blocks  map[string][]byte
	trees   []store.Key
}

func read(t testing.TB, st *store.Store) *truth {
	t.Helper()
	x := &truth{cids: map[cid.Cid]bool{}, holders: map[string]map[string]bool{}, parents: map[string]map[string]bool{}, blocks: map[string][]byte{}}
	var err error
	x.trees, err = st.Trees()
	must(t, err)
	for _, k := range x.trees {
		x.tree(t, st, k)
	}
	return x
}

func (x *truth) tree(t testing.TB, st *store.Store, k store.Key) {
	t.Helper()
	src, err := st.Blocks(t.Context(), k.Root)
	must(t, err)
	defer src.Close()
	seen := map[cid.Cid]bool{}
	var visit func(c cid.Cid, top bool)
	visit = func(c cid.Cid, top bool) {
		if seen[c] {
			return
		}
		seen[c] = true
		data, err := dag.Get(t.Context(), src, c)
		must(t, err)
		x.cids[c] = true
		x.blocks[string(c.Hash())] = data
		add(x.holders, string(c.Hash()), k.String())
		if c.Type() != cid.DagProtobuf {
			return
		}
		nd, err := mdag.DecodeProtobuf(data)
		must(t, err)
		for _, l := range nd.Links() {
			x.cids[l.Cid] = true
			add(x.parents, string(l.Cid.Hash()), c.String())
			if other := top && strings.Contains(l.Name, "-") && l.Name != k.Part; !other {
				visit(l.Cid, false)
			}
		}
	}
	visit(k.Root, true)
}

func add(m map[string]map[string]bool, k, v string) {
	if m[k] == nil {
		m[k] = map[string]bool{}
	}
	m[k][v] = true
}

func sorted(m map[string]bool) string {
	return strings.Join(slices.Sorted(maps.Keys(m)), " ")
}

// asked lists the CIDs to ask for: all there are, and some that nobody has.
func (x *truth) asked(t testing.TB) []cid.Cid {
	t.Helper()
	list := slices.Collect(maps.Keys(x.cids))
	for _, text := range []string{"nobody", "has", "these"} {
		c, err := v1(0x12).Sum([]byte(text))
		must(t, err)
		list = append(list, c, cid.NewCidV0(c.Hash()), cid.NewCidV1(cid.Raw, c.Hash()))
	}
	for c := range x.cids { // one block by all its CIDs
		if c.Version() == 0 {
			list = append(list, cid.NewCidV1(cid.DagProtobuf, c.Hash()))
		}
	}
	slices.SortFunc(list, func(a, b cid.Cid) int { return cmp.Compare(a.KeyString(), b.KeyString()) })
	return list
}

// text is all that can be asked, and the answers.
func (x *truth) text(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	for _, c := range x.asked(t) {
		data, ok := x.blocks[string(c.Hash())]
		block, size := fmt.Sprintf("%x", sha256.Sum256(data)), fmt.Sprint(len(data))
		if !ok {
			block, size = "absent", "absent"
		}
		fmt.Fprintf(&b, "%s\n block %s\n size %s\n holders %s\n parents %s\n", c, block, size, sorted(x.holders[string(c.Hash())]), sorted(x.parents[string(c.Hash())]))
	}
	fmt.Fprintf(&b, "trees %v\n", x.trees)
	words := map[string][]store.Key{}
	for _, k := range x.trees {
		f, err := describe(t.Context(), k)
		if err != nil {
			f = Facts{}
		}
		fmt.Fprintf(&b, "data %s %q\n", k, f.Data)
		for _, w := range f.Words {
			words[w] = append(words[w], k)
		}
	}
	for _, w := range slices.Sorted(maps.Keys(words)) {
		for _, k := range words[w] {
			fmt.Fprintf(&b, "word %s %s\n", w, k)
		}
	}
	return b.String()
}

// describe tells facts that follow from the key alone.
func describe(_ context.Context, k store.Key) (Facts, error) {
	name := k.String()
	if strings.HasSuffix(k.Root.String(), "a") || strings.HasSuffix(k.Root.String(), "m") {
		return Facts{}, errors.New("it can't be told")
	}
	return Facts{Words: []string{"all", "by" + name[len(name)-5:], name[40:50]}, Data: []byte("facts of " + name)}, nil
}

func asTold() Options { return Options{Describe: describe, Version: 1} }

// text asks an index everything.
func (x *Index) text(t testing.TB, asked []cid.Cid) string {
	t.Helper()
	var b strings.Builder
	for _, c := range asked {
		data, err := x.Block(t.Context(), c)
		fmt.Fprintf(&b, "%s\n block %s\n", c, told(fmt.Sprintf("%x", sha256.Sum256(data)), err))
		size, err := x.Size(t.Context(), c)
		fmt.Fprintf(&b, " size %s\n", told(fmt.Sprint(size), err))
		holders, err := x.Holders(c)
		must(t, err)
		fmt.Fprintf(&b, " holders %s\n", strings.Trim(fmt.Sprint(holders), "[]"))
		parents, err := x.Parents(c)
		must(t, err)
		names := map[string]bool{}
		for _, p := range parents {
			names[p.String()] = true
		}
		fmt.Fprintf(&b, " parents %s\n", sorted(names))
	}
	fmt.Fprintf(&b, "trees %v\n", x.Trees())
	keys, err := x.st.Trees()
	must(t, err)
	for _, k := range keys {
		data, err := x.Data(k)
		must(t, err)
		fmt.Fprintf(&b, "data %s %q\n", k, data)
	}
	must(t, x.Search("", func(w string, k store.Key) error {
		fmt.Fprintf(&b, "word %s %s\n", w, k)
		return nil
	}))
	return b.String()
}

func told(answer string, err error) string {
	switch _, damaged := errors.AsType[*store.DamagedError](err); {
	case err == nil:
		return answer
	case damaged:
		return "damaged"
	case errors.Is(err, fs.ErrNotExist):
		return "absent"
	}
	return err.Error()
}

// diff shows the first lines that differ.
func diff(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			from := max(0, i-3)
			return fmt.Sprintf("got\n%s\nwant\n%s", strings.Join(g[from:min(len(g), i+3)], "\n"), strings.Join(w[from:min(len(w), i+3)], "\n"))
		}
	}
	return ""
}
