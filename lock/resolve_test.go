package lock

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"ipp/lock/ref"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// Resolution is told in lines; ";" separates what is in one.
//
// A package is NAME VERSION, and then, in any order, @KEY (none: unsigned), or
// @KEY^KEY^… for one that took over from others, %CHANNEL, #CONTENTS (none: told by name and version alone) and +DEPENDENCY,
// where ":" stands for the space: "a 1.0.0 @k +b:^1 +c:*". Equal contents have
// equal manifests; an author makes another CID of them.
//
// A wish is NAME CONSTRAINT, NAME {PACKAGE} for a CID, with %CHANNEL after it.
// "!" before it holds it, AS=NAME gives it another name.
//
// A lock is packages, AS=NAME again and "<NAME" for who needs it; what is wanted
// is not said. A lock that starts with "error: " is an error.
var resolveTests = []struct {
	about, known, wishes, old, upgrade string
	want                               string
}{
	{about: "nothing", want: ""},
	{about: "the newest", known: "a 1.0.0; a 1.10.0; a 1.9.0", wishes: "a *", want: "a 1.10.0"},
	{about: "the newest that matches", known: "a 1.0.0; a 2.0.0", wishes: "a ^1", want: "a 1.0.0"},
	{about: "a prerelease only where it is named", known: "a 1.0.0; a 1.1.0-rc.1", wishes: "a *", want: "a 1.0.0"},
	{about: "a named prerelease", known: "a 1.0.0; a 1.1.0-rc.1", wishes: "a 1.1.0-rc.1", want: "a 1.1.0-rc.1"},
	{about: "an identical string first", known: "a 2024; a 2024.1.0", wishes: "a 2024", want: "a 2024"},
	{about: "what is not semver is never newer", known: "a 1.0.0; a zeta", wishes: "a *", want: "a 1.0.0"},
	{about: "what is not semver, for lack of others", known: "a zeta", wishes: "a *", want: "a zeta"},
	{about: "two that are not semver", known: "a zeta; a eta", wishes: "a *",
		want: "error: choose a: several packages have that name: zeta CID (unsigned), eta CID (unsigned)"},
	{about: "two that are not semver, one locked", known: "a zeta; a eta", wishes: "a *", old: "a eta", upgrade: "a", want: "a eta"},
	{about: "two that are not semver, after one that clashes", known: "a 1.0.0 +b:^2; a zeta; a eta; b 1.0.0", wishes: "a *",
		want: "error: find b ^2, which a needs: only known as 1.0.0"},
	{about: "semver for an opaque lock", known: "a zeta; a 1.0.0", wishes: "a *", old: "a zeta", upgrade: "a", want: "a 1.0.0"},

	{about: "what is locked stays", known: "a 1.0.0; a 1.1.0", wishes: "a ^1", old: "a 1.0.0", want: "a 1.0.0"},
	{about: "a locked package that is known no more", known: "a 1.1.0", wishes: "a ^1", old: "a 1.0.0", want: "a 1.0.0"},
	{about: "what is locked moves when asked to", known: "a 1.0.0; a 1.1.0; a 2.0.0", wishes: "a ^1", old: "a 1.0.0", upgrade: "a", want: "a 1.1.0"},
	{about: "an upgrade is never a step down", known: "a 1.0.0", wishes: "a ^1", old: "a 1.1.0", upgrade: "a", want: "a 1.1.0"},
	{about: "only what was named moves", known: "a 1.0.0; a 1.1.0; b 1.0.0; b 1.1.0", wishes: "a *; b *", old: "a 1.0.0; b 1.0.0", upgrade: "b", want: "a 1.0.0; b 1.1.0"},
	{about: "what is locked moves when its wish does", known: "a 1.0.0; a 2.0.0", wishes: "a ^2", old: "a 1.0.0", want: "a 2.0.0"},
	{about: "and down too", known: "a 1.0.0; a 2.0.0", wishes: "a 1.0.0", old: "a 2.0.0", want: "a 1.0.0"},
	{about: "held", known: "a 1.0.0; a 1.1.0", wishes: "!a ^1", old: "a 1.0.0", upgrade: "a", want: "a 1.0.0"},
	{about: "held against what others need", known: "a 1.0.0; a 1.1.0; b 1.0.0 +a:^1.1", wishes: "!a ^1; b *", old: "a 1.0.0",
		want: "error: resolve a: no version suits all: the profile asks for ^1, b asks for ^1.1, it is held; known: 1.1.0, 1.0.0"},
	{about: "held, but the wish is another", known: "a 1.0.0; a 1.1.0", wishes: "!a 1.1.0", old: "a 1.0.0", want: "a 1.1.0"},
	{about: "held, and new", known: "a 1.0.0; a 1.1.0", wishes: "!a *", want: "a 1.1.0"},
	{about: "a locked dependency stays", known: "a 1.0.0 +b:*; a 1.1.0 +b:*; b 1.0.0; b 2.0.0", wishes: "a *", old: "a 1.0.0; b 1.0.0 <a", upgrade: "a", want: "a 1.1.0; b 1.0.0 <a"},
	{about: "a locked dependency moves if it must", known: "a 1.0.0 +b:*; a 1.1.0 +b:^2; b 1.0.0; b 2.0.0", wishes: "a *", old: "a 1.0.0; b 1.0.0 <a", upgrade: "a", want: "a 1.1.0; b 2.0.0 <a"},
	{about: "a new wish moves what is locked only if it must", known: "a 1.0.0; a 2.0.0; z 1.0.0 +a:^1; z 2.0.0 +a:^2", wishes: "a *; z *", old: "a 1.0.0", want: "a 1.0.0 <z; z 1.0.0"},
	{about: "and if it must", known: "a 1.0.0; a 2.0.0; z 2.0.0 +a:^2", wishes: "a *; z *", old: "a 1.0.0", want: "a 2.0.0 <z; z 2.0.0"},
	{about: "what nothing needs goes", known: "a 1.0.0 +b:*; b 1.0.0; c 1.0.0", wishes: "c *", old: "a 1.0.0; b 1.0.0 <a; c 1.0.0", want: "c 1.0.0"},
	{about: "needs of a package that is known no more", known: "b 1.0.0; b 1.1.0", wishes: "a *", old: "a 1.0.0; b 1.0.0 <a", upgrade: "b", want: "a 1.0.0; b 1.0.0 <a"},

	{about: "dependencies join", known: "a 1.0.0 +b:^1; b 1.0.0 +c:*; c 3.0.0", wishes: "a *", want: "a 1.0.0; b 1.0.0 <a; c 3.0.0 <b"},
	{about: "who needs it is sorted", known: "z 1.0.0 +m:*; b 1.0.0 +m:*; a 1.0.0 +m:*; m 1.0.0", wishes: "z *; a *; b *", want: "a 1.0.0; b 1.0.0; m 1.0.0 <a,b,z; z 1.0.0"},
	{about: "whatever was decided first", known: "z 1.0.0 +m:* +b:*; b 1.0.0 +m:*; m 1.0.0", wishes: "z *", want: "b 1.0.0 <z; m 1.0.0 <b,z; z 1.0.0"},
	{about: "wanted and needed", known: "a 1.0.0 +b:*; b 1.0.0; b 2.0.0", wishes: "a *; b ^1", want: "a 1.0.0; b 1.0.0 <a"},
	{about: "a circle", known: "a 1.0.0 +b:*; b 1.0.0 +a:*", wishes: "a *", want: "a 1.0.0 <b; b 1.0.0 <a"},
	{about: "itself", known: "a 1.0.0 +a:^1", wishes: "a *", want: "a 1.0.0"},
	{about: "another version of itself", known: "a 1.0.0; a 2.0.0 +a:^1", wishes: "a *", want: "a 1.0.0"},
	{about: "a diamond", known: "a 1.0.0 +b:* +c:*; b 1.0.0 +d:^1; b 2.0.0 +d:^2; c 1.0.0 +d:^1; d 1.0.0; d 2.0.0", wishes: "a *", want: "a 1.0.0; b 1.0.0 <a; c 1.0.0 <a; d 1.0.0 <b,c"},
	{about: "back to an older one", known: "a 1.0.0; a 2.0.0 +b:^2; b 1.0.0", wishes: "a *", want: "a 1.0.0"},
	{about: "back over a bystander", known: "a 1.0.0 +z:^1; a 2.0.0 +z:^2; m 1.0.0; m 2.0.0; n 1.0.0 +z:^1; z 1.0.0; z 2.0.0", wishes: "a *; m *; n *", want: "a 1.0.0; m 2.0.0; n 1.0.0; z 1.0.0 <a,n"},
	{about: "a dependency's identical string", known: "a 1.0.0 +b:2024; b 2024; b 2024.1.0", wishes: "a *", want: "a 1.0.0; b 2024 <a"},

	{about: "no such name", wishes: "a *", want: "error: find a: no such package is known"},
	{about: "no such version", known: "a 1.0.0; a 1.1.0", wishes: "a ^2", want: "error: find a ^2: only known as 1.1.0, 1.0.0"},
	{about: "no such dependency", known: "a 1.0.0 +b:^1", wishes: "a *", want: "error: find b ^1, which a needs: no such package is known"},
	{about: "no such version of a dependency", known: "a 1.0.0 +b:^2; b 1.0.0", wishes: "a *", want: "error: find b ^2, which a needs: only known as 1.0.0"},
	{about: "two who can't agree", known: "a 1.0.0 +c:^1; b 1.0.0 +c:^2; c 1.0.0; c 2.0.0", wishes: "a *; b *", want: "error: resolve c: no version suits all: a asks for ^1, b asks for ^2; known: 2.0.0, 1.0.0"},
	{about: "the person and a package", known: "a 1.0.0 +c:^1; c 1.0.0; c 2.0.0", wishes: "a *; c ^2", want: "error: resolve c: no version suits all: the profile asks for ^2, a asks for ^1; known: 2.0.0, 1.0.0"},
	{about: "each version clashes with another", known: "a 1.0.0 +b:2.0.0; a 2.0.0 +b:1.0.0; b 1.0.0 +a:1.0.0; b 2.0.0 +a:2.0.0", wishes: "a *", want: "error: resolve a: what suits all clashes with other choices: the profile asks for *, b asks for 1.0.0; known: 2.0.0, 1.0.0"},

	{about: "the reason that no other choice avoids", known: "a 2.0.0 +b:*; a 1.0.0 +c:^9; b 1.0.0 +a:^1; c 1.0.0", wishes: "a *", want: "error: find c ^9, which a needs: only known as 1.0.0"},

	{about: "by CID", known: "a 1.0.0; a 2.0.0", wishes: "a {a 1.0.0}", want: "a 1.0.0"},
	{about: "by CID, of two of one version", known: "a 1.0.0 #x; a 1.0.0 #y", wishes: "a {a 1.0.0 #y}", want: "a 1.0.0 #y"},
	{about: "by CID, upgraded", known: "a 1.0.0; a 2.0.0", wishes: "a {a 1.0.0}", old: "a 1.0.0", upgrade: "a", want: "a 1.0.0"},
	{about: "by CID, known from the lock alone", wishes: "a {a 1.0.0}", old: "a 1.0.0", want: "a 1.0.0"},
	{about: "by CID, known under another name", wishes: "b=a {a 1.0.0}", old: "a 1.0.0", want: "b=a 1.0.0"},
	{about: "by CID, unknown", known: "a 2.0.0", wishes: "a {a 1.0.0}", want: "error: find a CID: only known as 2.0.0"},
	{about: "by CID, against a package", known: "a 1.0.0; a 2.0.0; b 1.0.0 +a:^2", wishes: "a {a 1.0.0}; b *", want: "error: resolve a: no version suits all: the profile asks for CID, b asks for ^2; known: 2.0.0, 1.0.0"},

	{about: "under another name", known: "a 1.0.0; a 2.0.0", wishes: "a *; b=a ^1", want: "a 2.0.0; b=a 1.0.0"},
	{about: "another name is locked for itself", known: "a 1.0.0; a 1.1.0", wishes: "a *; b=a *", old: "b=a 1.0.0", want: "a 1.1.0; b=a 1.0.0"},
	{about: "the name was another package's", known: "a 1.0.0; b 2.0.0", wishes: "b=a *", old: "b 2.0.0", want: "b=a 1.0.0"},
	{about: "another name is not what others need", known: "a 1.0.0; b 1.0.0; c 1.0.0 +b:*", wishes: "b=a *; c *", want: "error: resolve b: no version suits all: the profile asks for *, c asks for *; known: 1.0.0"},

	{about: "two contents of one version", known: "a 1.0.0 #x; a 1.0.0 #y", wishes: "a *", want: "error: choose a: several packages have that name: 1.0.0 CID (unsigned), 1.0.0 CID (unsigned)"},
	{about: "two contents, one locked", known: "a 1.0.0 #x; a 1.0.0 #y", wishes: "a *", old: "a 1.0.0 #y", want: "a 1.0.0 #y"},
	{about: "two contents, one locked, upgraded", known: "a 1.0.0 #x; a 1.0.0 #y", wishes: "a *", old: "a 1.0.0 #x", upgrade: "a", want: "a 1.0.0 #x"},
	{about: "two contents of an older version", known: "a 1.0.0 #x; a 1.0.0 #y; a 2.0.0", wishes: "a *", want: "a 2.0.0"},
	{about: "two contents of an older version, which is needed", known: "a 1.0.0 #x; a 1.0.0 #y; a 2.0.0 +b:^2; b 1.0.0", wishes: "a *", want: "error: choose a: several packages have that name: 1.0.0 CID (unsigned), 1.0.0 CID (unsigned)"},
	{about: "two contents, but a package knows which version", known: "a 1.0.0; a 2.0.0 #x; a 2.0.0 #y; z 1.0.0 +a:^1", wishes: "a *; z *", want: "a 1.0.0 <z; z 1.0.0"},
	{about: "two authors", known: "a 1.0.0 @k; a 2.0.0 @l", wishes: "a *", want: "error: choose a: several packages have that name: 2.0.0 CID (by l), 1.0.0 CID (by k)"},
	{about: "an author and none", known: "a 1.0.0 @k; a 2.0.0", wishes: "a *", want: "error: choose a: several packages have that name: 2.0.0 CID (unsigned), 1.0.0 CID (by k)"},
	{about: "only one author matches", known: "a 1.0.0 @k; a 2.0.0 @l", wishes: "a ^1", want: "a 1.0.0 @k"},
	{about: "the locked author", known: "a 1.0.0 @k; a 1.1.0 @k; a 2.0.0 @l", wishes: "a *", old: "a 1.0.0 @k", upgrade: "a", want: "a 1.1.0 @k"},
	{about: "another author where the wish says so", known: "a 1.0.0 @k; a 2.0.0 @l", wishes: "a ^2", old: "a 1.0.0 @k", want: "a 2.0.0 @l"},
	{about: "two authors, but a package knows which", known: "a 1.0.0 @k; a 2.0.0 @l; z 1.0.0 +a:^1", wishes: "a *; z *", want: "a 1.0.0 @k <z; z 1.0.0"},
	{about: "a key that took over", known: "a 1.0.0 @k; a 1.1.0 @l^k; a 2.0.0 @m", wishes: "a *", old: "a 1.0.0 @k", upgrade: "a", want: "a 1.1.0 @l"},
	{about: "a key that took over twice", known: "a 1.0.0 @k; a 1.1.0 @m^l^k", wishes: "a *", old: "a 1.0.0 @k", upgrade: "a", want: "a 1.1.0 @m"},
	{about: "the older key does not come back", known: "a 1.0.0 @k; a 1.1.0 @l^k; a 2.0.0 @k", wishes: "a *", old: "a 1.1.0 @l", upgrade: "a", want: "a 1.1.0 @l"},
	{about: "one author with two keys", known: "a 1.0.0 @k; a 2.0.0 @l^k", wishes: "a *", want: "a 2.0.0 @l"},
	{about: "one author with two keys, the older one signs on", known: "a 1.0.0 @l^k; a 2.0.0 @k", wishes: "a *", want: "a 2.0.0 @k"},
	{about: "two that took over", known: "a 1.0.0 @k; a 1.1.0 @l^k; a 2.0.0 @m^k", wishes: "a *", want: "error: choose a: several packages have that name: 2.0.0 CID (by m), 1.1.0 CID (by l), 1.0.0 CID (by k)"},
	{about: "signed later, by one", known: "a 1.0.0; a 1.1.0 @k", wishes: "a *", old: "a 1.0.0", upgrade: "a", want: "a 1.1.0 @k"},
	{about: "signed later, by several", known: "a 1.0.0; a 1.0.1; a 1.1.0 @k; a 2.0.0 @l", wishes: "a *", old: "a 1.0.0", upgrade: "a", want: "a 1.0.1"},
	{about: "not signed any more", known: "a 1.0.0 @k; a 1.1.0", wishes: "a *", old: "a 1.0.0 @k", upgrade: "a", want: "a 1.0.0 @k"},
	{about: "signed again by the key that took over", known: "a 1.0.0 @k; a 1.0.0 @l^k; b 1.0.0 @k; b 1.0.0 @l^k; c 1.0.0 @k; c 1.0.0 @l^k", wishes: "a *; b *; c *", want: "a 1.0.0 @l; b 1.0.0 @l; c 1.0.0 @l"},
	// Several, because either of the two may have the smaller CID.
	{about: "signed later", known: "a 1.0.0 @k; a 1.0.0; b 1.0.0 @k; b 1.0.0; c 1.0.0 @k; c 1.0.0; d 1.0.0 @k; d 1.0.0", wishes: "a *; b *; c *; d *", want: "a 1.0.0 @k; b 1.0.0 @k; c 1.0.0 @k; d 1.0.0 @k"},
	{about: "signed later, but locked before", known: "a 1.0.0 @k; a 1.0.0; b 1.0.0 @k; b 1.0.0; c 1.0.0 @k; c 1.0.0; d 1.0.0 @k; d 1.0.0", wishes: "a *; b *; c *; d *", old: "a 1.0.0; b 1.0.0; c 1.0.0; d 1.0.0", upgrade: "a b c d", want: "a 1.0.0; b 1.0.0; c 1.0.0; d 1.0.0"},
	{about: "the same, signed by two", known: "a 1.0.0 @k; a 1.0.0 @l", wishes: "a *", want: "error: choose a: several packages have that name: 1.0.0 CID (by l), 1.0.0 CID (by k)"},

	{about: "from a channel", known: "a 1.0.0 %main; a 2.0.0", wishes: "a * %main", want: "a 1.0.0 %main"},
	{about: "not in the channel", known: "a 1.0.0 %main; a 2.0.0", wishes: "a ^2 %main", want: "error: find a ^2 in channel main: only known as 1.0.0"},
	{about: "locked from elsewhere", known: "a 1.0.0 %main", wishes: "a * %main", old: "a 1.0.0", want: "a 1.0.0 %main"},
	{about: "a channel before none", known: "a 1.0.0; a 1.0.0 %main; a 1.0.0 %other", wishes: "a *", want: "a 1.0.0 %main"},
	{about: "a channel before what is locked under another name", known: "a 1.0.0 %main", wishes: "a *; b=a *", old: "b=a 1.0.0", want: "a 1.0.0 %main; b=a 1.0.0"},
	{about: "what is locked keeps its channel", known: "a 1.0.0 %main", wishes: "a *", old: "a 1.0.0 %other", want: "a 1.0.0 %other"},
}

func TestResolve(t *testing.T) {
	for _, tt := range resolveTests {
		t.Run(tt.about, func(t *testing.T) {
			known := parseKnown(t, tt.known)
			wishes, old := parseWishes(t, tt.wishes), parseLockLine(t, tt.old)
			upgrade := func(n ref.Name) bool { return slices.Contains(strings.Fields(tt.upgrade), string(n)) }
			for range 2 {
				l, err := Resolve(wishes, old, known.find, upgrade)
				if got := tellResult(l, err); got != tt.want {
					t.Errorf("known  %s\nwishes %s\nold    %s\ngot    %s\nwant   %s", tt.known, tt.wishes, tt.old, got, tt.want)
				}
				slices.Reverse(known) // the order of what is known does not matter
			}
		})
	}
}

// TestResolveAgain holds that a lock is a fixed point: resolving it again, with
// nothing to move, changes not a byte.
func TestResolveAgain(t *testing.T) {
	for _, tt := range resolveTests {
		known, wishes := parseKnown(t, tt.known), parseWishes(t, tt.wishes)
		first, err := Resolve(wishes, parseLockLine(t, tt.old), known.find, nil)
		if err != nil {
			continue
		}
		again, err := Resolve(wishes, first, known.find, nil)
		if err != nil || string(again.Encode()) != string(first.Encode()) {
			t.Errorf("%s: %v\n%s\nbecame\n%s", tt.about, err, first.Encode(), again.Encode())
		}
	}
}

func TestResolveSaysWhy(t *testing.T) {
	known := parseKnown(t, "a 1.0.0 +b:^1; b 1.2.0; c 3.0.0")
	l, err := Resolve(parseWishes(t, "a ^1; x=c {c 3.0.0}"), nil, known.find, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, b, x := l.Find("a"), l.Find("b"), l.Find("x")
	if a.Wanted != "^1" || len(a.NeededBy) != 0 || b.Wanted != "" || !slices.Equal(b.NeededBy, []ref.Name{"a"}) {
		t.Errorf("a wanted %q, needed by %v; b wanted %q, needed by %v", a.Wanted, a.NeededBy, b.Wanted, b.NeededBy)
	}
	if x.Wanted != x.CID.String() || x.Package != "c" {
		t.Errorf("x wanted %q of package %q, want %s of c", x.Wanted, x.Package, x.CID)
	}
	if l.Find("c") != nil || l.Find("") != nil {
		t.Error("found what is not there")
	}
}

func TestResolveRefusesImpossibleSize(t *testing.T) {
	known := parseKnown(t, "a 1.0.0")
	known[0].DagSize = math.MaxInt64 + 1
	if l, err := Resolve(parseWishes(t, "a *"), nil, known.find, nil); err == nil {
		t.Errorf("a lock that can't be read again was made:\n%s", l.Encode())
	}
}

func tellResult(l *Lockfile, err error) string {
	if err != nil {
		said := "error: " + err.Error()
		for _, word := range strings.FieldsFunc(said, func(r rune) bool { return strings.ContainsRune(" ,;:()", r) }) {
			if strings.HasPrefix(word, "baf") {
				said = strings.Replace(said, word, "CID", 1)
			}
		}
		return said
	}
	var said []string
	for _, p := range l.Packages {
		line := string(p.Name)
		if p.Package != "" {
			line += "=" + string(p.Package)
		}
		line += " " + string(p.Version)
		own := p
		own.Name = p.own()
		for _, contents := range []string{"", "x", "y"} {
			if contents != "" && contentsCID(own, p.Key, contents).Equals(p.CID) {
				line += " #" + contents
			}
		}
		if p.Key != "" {
			line += " @" + p.Key
		}
		if p.Channel != "" {
			line += " %" + string(p.Channel)
		}
		if len(p.NeededBy) > 0 {
			line += " <" + strings.Trim(strings.ReplaceAll(fmt.Sprint(p.NeededBy), " ", ","), "[]")
		}
		said = append(said, line)
	}
	return strings.Join(said, "; ")
}

type knownList []Candidate

func (k knownList) find(name ref.Name) []Candidate {
	return filter(k, func(c Candidate) bool { return c.Name == name })
}

func parseKnown(t testing.TB, line string) knownList {
	var known knownList
	for _, said := range split(line) {
		known = append(known, parseCandidate(t, said))
	}
	return known
}

func parseLockLine(t testing.TB, line string) *Lockfile {
	l := &Lockfile{}
	for _, said := range split(line) {
		p := parseCandidate(t, said).Package
		p.Wanted = "as before"
		l.Packages = append(l.Packages, p)
	}
	slices.SortFunc(l.Packages, byName)
	return l
}

func parseCandidate(t testing.TB, said string) Candidate {
	words := strings.Fields(said)
	name, own := parseAlias(words[0])
	c := Candidate{Package: Package{Name: name, Package: own, Version: ref.Version(words[1])}, Dependencies: map[ref.Name]ref.Constraint{}}
	contents := ""
	for _, w := range words[2:] {
		switch rest := w[1:]; w[0] {
		case '@':
			keys := strings.Split(rest, "^")
			c.Key, c.Before = keys[0], keys[1:]
		case '#':
			contents = rest
		case '%':
			c.Channel = ref.Name(rest)
		case '<':
			for name := range strings.SplitSeq(rest, ",") {
				c.NeededBy = append(c.NeededBy, ref.Name(name))
			}
		case '+':
			name, constraint, _ := strings.Cut(rest, ":")
			c.Dependencies[ref.Name(name)] = mustConstraint(t, constraint)
		default:
			t.Fatalf("unknown mark in %q", said)
		}
	}
	named := c.Package
	named.Name = c.own()
	c.Manifest = contentsCID(named, "", contents)
	c.CID = contentsCID(named, c.Key, contents)
	c.DagSize = 1
	return c
}

func parseAlias(word string) (name, own ref.Name) {
	as, of, ok := strings.Cut(word, "=")
	if !ok {
		return ref.Name(word), ""
	}
	return ref.Name(as), ref.Name(of)
}

func parseWishes(t testing.TB, line string) *Profile {
	p := NewProfile()
	for _, said := range split(line) {
		said, channel, _ := strings.Cut(said, " %")
		said, hold := strings.CutPrefix(said, "!")
		as, what, _ := strings.Cut(said, " ")
		w := Wish{Channel: ref.Name(channel), Hold: hold}
		w.Name, w.Package = parseAlias(as)
		if spec, ok := strings.CutPrefix(what, "{"); ok {
			w.CID = parseCandidate(t, strings.TrimSuffix(spec, "}")).CID
		} else {
			w.Constraint = mustConstraint(t, what)
		}
		p.Put(w)
	}
	return p
}

func mustConstraint(t testing.TB, s string) ref.Constraint {
	t.Helper()
	c, err := ref.ParseConstraint(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func split(line string) []string {
	return filter(strings.Split(line, "; "), func(s string) bool { return s != "" })
}

func contentsCID(p Package, key, contents string) cid.Cid {
	return testCID(fmt.Sprint(p.Name, p.Version, key, contents))
}

func testCID(s string) cid.Cid {
	sum, err := multihash.Sum([]byte(s), multihash.SHA2_256, -1)
	if err != nil {
		panic(err)
	}
	return cid.NewCidV1(cid.DagProtobuf, sum)
}
