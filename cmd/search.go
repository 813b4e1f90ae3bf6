package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ipp/cmd/term"
	"ipp/lock"
	"ipp/store"
	"ipp/store/index"
	"ipp/store/pack"

	"github.com/ipfs/go-cid"
)

type searchCmd struct {
	Words []string `arg:"" name:"WORD" help:"A word of a name, a command or a summary, or its beginning."`
	jsonFlag
}

func (searchCmd) doc() doc {
	return doc{
		usage: "search WORD…",
		about: `Finds packages in the store by words of their names, commands and summaries. All
			words must be found: exactly, or as the beginning of one, or, where nothing is found
			so, with one letter wrong. What matches best comes first, then the newest version.

			It looks at what is here and asks no network. What it reads of the packages it keeps in
			the store's index; only search and show look at that, and it can be removed at any time.`,
		examples: []string{"ipp search json", "ipp search static server"},
	}
}

// found is one package that search finds.
type found struct {
	Name     string   `json:"name"`
	Version  string   `json:"version"`
	CID      string   `json:"cid"`
	Summary  string   `json:"summary,omitempty"`
	Commands []string `json:"commands,omitempty"` // those that [commands] names
	Parts    []string `json:"platforms"`          // those parts that are in the store; any: not split
	Match    string   `json:"match"`              // exact, prefix or typo: of the word that matches worst
	facts    lock.Facts
	rank     lock.Match // of all words together
	worst    lock.Match
	root     cid.Cid
}

func (s *searchCmd) run(ctx context.Context, a *app) error {
	words := lock.SearchWords(strings.Join(s.Words, " "))
	if len(words) == 0 {
		return usageError(s, "%q has no letter or digit to search for", strings.Join(s.Words, " "))
	}
	nothing := &failure{verb: "search", object: strings.Join(s.Words, " "), err: errors.New("no package in the store matches"), code: exitNotFound,
		hints: []string{"ipp list --store shows every package in the store", "fewer words, or the beginning of one, find more"}}
	st, err := a.openStore(false)
	if err != nil {
		return err
	}
	if st == nil {
		return nothing
	}
	x, err := a.openIndex(ctx, st)
	if err != nil {
		return failed("search", "", err)
	}
	defer x.Close()
	list, err := search(x, words)
	if err != nil {
		return failed("search", "", err)
	}
	for _, u := range x.Unread() {
		a.warn("package %s can't be read, so it is not searched: %s", u.Key, term.Safe(u.Err.Error()))
	}
	if len(list) == 0 {
		return nothing
	}
	if a.json {
		return a.printJSON(list)
	}
	table := a.term.Table("NAME", "VERSION", "CID", "SUMMARY").Whole(0, 1, 2)
	for _, f := range list {
		table.Row(term.Safe(f.Name), term.Safe(f.Version), f.CID[:min(16, len(f.CID))], term.Safe(f.Summary))
	}
	table.Flush()
	return nil
}

// search finds the packages that match all words, the best first.
func search(x *index.Index, words []string) ([]*found, error) {
	var all map[cid.Cid]*found
	for _, w := range words {
		hits, err := matches(x, w)
		if err != nil {
			return nil, err
		}
		all = both(all, hits)
	}
	list := make([]*found, 0, len(all))
	for _, f := range all {
		data, err := x.Data(store.Key{Root: f.root, Part: f.Parts[0]})
		if err != nil {
			return nil, err
		}
		if f.facts, err = lock.DecodeFacts(data); err != nil { // it went meanwhile
			continue
		}
		f.describe()
		list = append(list, f)
	}
	slices.SortFunc(list, func(f, g *found) int {
		return cmp.Or(cmp.Compare(f.rank, g.rank), named(g, words)-named(f, words), cmp.Compare(f.Name, g.Name),
			g.facts.Version.Compare(f.facts.Version), cmp.Compare(f.CID, g.CID))
	})
	return list, nil
}

// named is 1 for a package whose name is one of the words.
func named(f *found, words []string) int {
	if slices.Contains(words, f.Name) {
		return 1
	}
	return 0
}

func (f *found) describe() {
	f.Name, f.Version, f.Summary = string(f.facts.Name), string(f.facts.Version), f.facts.Summary
	f.CID, f.Match = f.root.String(), f.worst.String()
	for _, c := range f.facts.Commands {
		f.Commands = append(f.Commands, string(c))
	}
}

// matches finds the packages that match one word; those with a typo only where
// there are no others.
func matches(x *index.Index, word string) (map[cid.Cid]*found, error) {
	hits := map[cid.Cid]*found{}
	note := func(w string, k store.Key) error {
		m := lock.MatchWord(word, w)
		if m == lock.NoMatch {
			return nil
		}
		f := hits[k.Root]
		if f == nil {
			f = &found{root: k.Root, rank: m}
			hits[k.Root] = f
		}
		f.rank = min(f.rank, m)
		f.worst = f.rank
		if !slices.Contains(f.Parts, k.Part) {
			f.Parts = append(f.Parts, k.Part)
			slices.Sort(f.Parts)
		}
		return nil
	}
	err := x.Search(word, note)
	if err == nil && len(hits) == 0 {
		err = x.Search("", note)
	}
	return hits, err
}

// both keeps what was found by all words; nil finds everything.
func both(all, hits map[cid.Cid]*found) map[cid.Cid]*found {
	if all == nil {
		return hits
	}
	for c, f := range all {
		h, ok := hits[c]
		if !ok {
			delete(all, c)
			continue
		}
		f.rank, f.worst = f.rank+h.rank, max(f.worst, h.worst)
	}
	return all
}

// openIndex opens the store's index. Only what asks about many packages at once
// does.
func (a *app) openIndex(ctx context.Context, st *store.Store) (*index.Index, error) {
	return index.Open(ctx, st, a.indexOptions(st))
}

func (a *app) indexOptions(st *store.Store) index.Options {
	began, said := a.now(), false
	return index.Options{
		Wait:    a.wait(),
		Version: lock.FactsVersion,
		Describe: func(_ context.Context, k store.Key) (index.Facts, error) {
			return packageFacts(st, k)
		},
		Report: func(done, total int) {
			if !said && a.now().Sub(began) > time.Second {
				said = true
				a.note("reading %s into the index, once; %d done", plural(total, "package"), done)
			}
		},
	}
}

// packageFacts reads what is searched of a package.
func packageFacts(st *store.Store, k store.Key) (index.Facts, error) {
	t, err := pack.OpenTree(st, k)
	if err != nil {
		return index.Facts{}, err
	}
	if t.Meta == nil {
		return index.Facts{}, fmt.Errorf("package %s has no %s", k, pack.MetadataName)
	}
	f := lock.Facts{Name: t.Meta.Name, Version: t.Meta.Version, Summary: t.Meta.Summary, Commands: slices.Sorted(mapKeys(t.Meta.Commands))}
	data, err := f.Encode()
	return index.Facts{Words: f.Words(), Data: data}, err
}
