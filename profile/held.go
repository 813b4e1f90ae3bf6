package profile

import (
	"strings"

	"ipp/generation"
	"ipp/lock/ref"
	"ipp/store"

	"github.com/ipfs/go-cid"
)

// held is what is kept of generations that were looked at one after the other: who
// holds a tree, and how packages are called. A tree is in every generation from
// that which brought it to that which replaced it, so that this is small however
// long the history is.
type held struct {
	trees map[store.Key][]span
	names map[string]named // by root
}

// span is some generations without a gap: indices, both in it.
type span struct{ first, last int }

type named struct {
	name    ref.Name
	version ref.Version
}

// add notes the generation with that index, which is higher than all before it.
func (h *held) add(index int, x *generation.Examined) {
	if h.trees == nil {
		h.trees, h.names = map[store.Key][]span{}, map[string]named{}
	}
	for _, k := range x.Info.Trees {
		spans, known := h.trees[k]
		if !known {
			k.Part = strings.Clone(k.Part) // it would keep the text of the whole file
		}
		if n := len(spans); n > 0 && spans[n-1].last >= index-1 {
			spans[n-1].last = index
			continue
		}
		h.trees[k] = append(spans, span{index, index})
	}
	if x.Lock == nil {
		return
	}
	for _, pkg := range x.Lock.Packages {
		if _, known := h.names[rootKey(pkg.CID)]; known {
			continue
		}
		name := pkg.Name
		if pkg.Package != "" {
			name = pkg.Package
		}
		h.names[strings.Clone(rootKey(pkg.CID))] = named{ref.Name(strings.Clone(string(name))), ref.Version(strings.Clone(string(pkg.Version)))}
	}
}

// Holders lists the generations that hold a tree, the lowest first.
func (c *Checked) Holders(k store.Key) []generation.Number {
	var numbers []generation.Number
	for _, s := range c.held.trees[k] {
		numbers = append(numbers, c.Generations[s.first:s.last+1]...)
	}
	return numbers
}

// Package says how the lockfiles call a package; false where none has it.
func (c *Checked) Package(root cid.Cid) (ref.Name, ref.Version, bool) {
	n, ok := c.held.names[rootKey(root)]
	return n.name, n.version, ok
}
