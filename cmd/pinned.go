package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ipp/cmd/term"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/lock/trust"
)

// This file is what holds for the keys of packages that a change brings: one
// that no package before had is shown and pinned, by standing in profile.lock;
// after that only this key will do, one that it handed over to, or the person's
// word.

type acceptFlag struct {
	AcceptKey []string `sep:"none" placeholder:"FINGERPRINT" help:"Accept packages signed with this key, whoever signed before; unsigned: those that nobody signed."`
	yesFlag
}

// unsignedWord stands for no key.
const unsignedWord = "unsigned"

// accepted is what the person said of other keys than those before.
type accepted struct {
	yes     bool
	words   map[string]bool  // fingerprints, and unsignedWord
	answers map[string]error // to what was asked, by package and key
}

// accepted parses the flag.
func (f acceptFlag) accepted(verb string) (accepted, error) {
	a := accepted{yes: f.Yes, words: map[string]bool{}}
	for _, text := range f.AcceptKey {
		if text == unsignedWord {
			a.words[unsignedWord] = true
			continue
		}
		fingerprint, err := trust.ParseFingerprint(text)
		if err != nil {
			return a, &failure{verb: verb, object: "--accept-key " + text, err: err, code: exitUsage, hints: []string{"allowed: a fingerprint as ipp shows it, or unsigned"}}
		}
		a.words[string(fingerprint)] = true
	}
	return a, nil
}

// keyNews is what is new about the key of a package.
type keyNews struct {
	What   string  `json:"what"`             // first: no package of this name was signed before; handed-over: by the key before; accepted: by the person
	Before *author `json:"before,omitempty"` // whose key counted until now; absent: nobody's

	is *author
}

// authorOfKey is who signs with a key, as a lockfile has it.
func authorOfKey(key string) *author {
	if key == "" {
		return nil
	}
	k, err := trust.ParseKey(key)
	if err != nil { // it is in a lockfile that somebody else wrote
		return &author{Name: key, Key: key}
	}
	return &author{Name: k.Name(), Fingerprint: string(k.Fingerprint()), Key: key}
}

// word is how --accept-key names who signed.
func (a *author) word() string {
	if a == nil {
		return unsignedWord
	}
	return a.Fingerprint
}

// ownName is the name that a locked package has of itself.
func ownName(p *lock.Package) ref.Name { return cmp.Or(p.Package, p.Name) }

// pins are the keys that count for a change: that of the package which it
// replaces, or, where that had none, those of all packages of that name.
func pins(old *lock.Lockfile, ch lock.Change) []string {
	if ch.Old != nil && ch.Old.Key != "" {
		return []string{ch.Old.Key}
	}
	var keys []string
	for i := range old.Packages {
		if p := &old.Packages[i]; p.Key != "" && ownName(p) == ownName(ch.New) {
			keys = append(keys, p.Key)
		}
	}
	return keys
}

// checkKey holds the key of a package that a change brings against those before.
func (c *change) checkKey(ctx context.Context, keys []string, ch lock.Change) error {
	o, err := c.sourceOf(ctx, ch.New)
	if err != nil {
		return err
	}
	is := authorOf(o.pkg.Signature)
	verdict, before := trust.Judge(keys, o.pkg.Signature)
	news := &keyNews{Before: authorOfKey(before), is: is}
	switch verdict {
	case trust.Same:
		delete(c.keys, ch.Name)
		return nil
	case trust.First:
		news.What = "first"
	case trust.HandedOver:
		news.What = "handed-over"
	case trust.Changed:
		if err := c.accepts(ch, news); err != nil {
			return err
		}
		news.What = "accepted"
	}
	if c.keys == nil {
		c.keys = map[ref.Name]*keyNews{}
	}
	c.keys[ch.Name] = news
	return nil
}

// accepts asks whether another key will do, once for each package and key.
func (c *change) accepts(ch lock.Change, news *keyNews) error {
	word := news.is.word()
	if c.accept.yes || c.accept.words[word] {
		return nil
	}
	about := string(ch.Name) + " " + word
	if err, asked := c.accept.answers[about]; asked {
		return err
	}
	if c.accept.answers == nil {
		c.accept.answers = map[string]error{}
	}
	what := fmt.Sprintf("%s %s is %s", ch.New.Name, ch.New.Version, news.is)
	had := "the profile's packages of that name are"
	if ch.Old != nil {
		had = fmt.Sprintf("%s %s, which the profile has, is", ch.Old.Name, ch.Old.Version)
	}
	what += ", and " + had + " " + news.Before.String()
	if !c.dryRun && c.a.ask(false, term.Safe(what)+". Accept that?") == nil {
		c.accept.answers[about] = nil
		return nil
	}
	err := &failure{err: errors.New(what), code: exitMalformed,
		hints: []string{"somebody else may have made it: ask its author; if that is right: " + c.a.again("--accept-key", word)}}
	c.accept.answers[about] = err
	return err
}

// again is the command line that was typed, with more to it.
func (a *app) again(more ...string) string {
	words := []string{"ipp"}
	for _, arg := range append(slices.Clone(a.args), more...) {
		if arg != "--dry-run" && arg != "-n" {
			words = append(words, quote(arg))
		}
	}
	return strings.Join(words, " ")
}

// withAccepted lets packages whose key the person accepted follow those before.
func (c *change) withAccepted(known lock.Known, old *lock.Lockfile) lock.Known {
	if len(c.accept.words) == 0 {
		return known
	}
	return func(name ref.Name) []lock.Candidate {
		list := slices.Clone(known(name))
		for i := range list {
			if k := &list[i]; c.accept.words[authorOfKey(k.Key).word()] {
				k.Before = slices.Clone(k.Before)
				for _, p := range old.Packages {
					if ownName(&p) == name && p.Key != "" {
						k.Before = append(k.Before, p.Key)
					}
				}
			}
		}
		return list
	}
}

// follows says whether a known package is by the author of an installed one.
func follows(k lock.Candidate, p lock.Package) bool {
	return p.Key == "" || k.Key == p.Key || slices.Contains(k.Before, p.Key)
}

// strangerNote says that there is a newer version by somebody else, and how to
// have it; "" where there is none.
func (c *change) strangerNote(p lock.Package, w lock.Wish) string {
	var best *lock.Candidate
	for _, k := range c.candidatesOf[ownName(&p)] {
		newer := k.Version.IsSemver() && p.Version.IsSemver() && w.Constraint.Match(k.Version) && k.Version.Compare(p.Version) > 0
		if newer && !follows(k, p) && (best == nil || k.Version.Compare(best.Version) > 0) {
			best = &k
		}
	}
	if w.CID.Defined() || best == nil {
		return ""
	}
	who := authorOfKey(best.Key)
	return fmt.Sprintf("%s stays at %s, %s: %s is %s; if that is right: %s", p.Name, term.Safe(string(p.Version)), authorOfKey(p.Key),
		term.Safe(string(best.Version)), who, c.a.own("%s %s --accept-key %s", c.verb, p.Name, who.word()))
}

// showSigner says who signed what is about to run without being installed: to a
// person who looks, and to everybody where what is installed is by another.
func (c *change) showSigner(o *opened) {
	ch := lock.Change{New: &lock.Package{Name: o.own()}}
	switch verdict, before := trust.Judge(pins(c.old.Lock, ch), o.pkg.Signature); {
	case verdict == trust.Changed:
		c.a.warn("%s is %s, and what is installed of that name is %s", label(o.pkg), authorOf(o.pkg.Signature), term.Safe(authorOfKey(before).String()))
	case c.a.term.ErrIsTerminal() && o.pkg.Signature != nil:
		c.a.note("%s is %s", label(o.pkg), authorOf(o.pkg.Signature))
	}
}

// showKeys says what is new about keys, the same of several packages once.
func (c *change) showKeys(r changeResult) {
	said := map[string][]string{}
	for _, l := range r.Changes {
		if n := l.Key; n != nil && !l.same() {
			said[n.text()] = append(said[n.text()], l.Name)
		}
	}
	for _, text := range slices.Sorted(maps.Keys(said)) {
		names := said[text]
		if more := len(names) - mostNamed; more > 0 {
			names = append(names[:mostNamed:mostNamed], fmt.Sprintf("%d more", more))
		}
		c.a.note("%s %s: %s", c.a.term.ErrStyle().Yellow("note:"), term.Safe(strings.Join(names, ", ")), term.Safe(text))
	}
}

func (n *keyNews) text() string {
	switch {
	case n.What == "first":
		return fmt.Sprintf("%s, seen for the first time: from now on it comes from this key alone, or one that it hands over to", n.is)
	case n.What == "handed-over":
		return fmt.Sprintf("%s, which took over from %s", n.is, n.Before.Fingerprint)
	}
	return fmt.Sprintf("%s, which was accepted; before it was %s", n.is, n.Before)
}
