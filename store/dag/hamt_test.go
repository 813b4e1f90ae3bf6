package dag

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
)

// bigDir builds a HAMT of n entries, all links to one leaf.
func bigDir(t testing.TB, f *forge, n int) link {
	t.Helper()
	leaf := f.raw("x")
	entries := make(map[string]Link, n)
	for i := range n {
		entries[fmt.Sprintf("a name of some length, and entry %d", i)] = leaf.built()
	}
	b := NewBuilder()
	l, err := b.Dir(entries)
	if err != nil {
		t.Fatal(err)
	}
	for c, block := range b.blocks.all() {
		f.blocks[c] = block
	}
	return link{cid: l.CID, tsize: l.Tsize}
}

func TestHAMT(t *testing.T) {
	f := newForge()
	const n = 5000
	root := bigDir(t, f, n)
	got, err := paths(t, f, root.cid, WalkOptions{})
	if err != nil || len(got) != n+1 {
		t.Fatalf("%d paths, %v", len(got), err)
	}
	list, err := List(t.Context(), f, root.cid, Limits{})
	if err != nil || len(list) != n || !slices.IsSortedFunc(list, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) }) {
		t.Fatalf("%d entries, %v", len(list), err)
	}
	for _, name := range got[1:] {
		clear(f.asked)
		if e, err := Resolve(t.Context(), f, root.cid, name); err != nil || e.Size != 1 || e.Path != name {
			t.Fatalf("%q: %+v, %v", name, e, err)
		}
		if len(f.asked) > 4 {
			t.Fatalf("a lookup reads %d blocks", len(f.asked))
		}
	}
	for i := range 2000 {
		if e, err := Resolve(t.Context(), f, root.cid, fmt.Sprint("absent ", i)); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("absent %d: %+v, %v", i, e, err)
		}
	}
	lim := DefaultLimits()
	lim.Entries = n - 1
	if _, err := List(t.Context(), f, root.cid, lim); !isLimit(err, "entries") {
		t.Errorf("one too many: %v", err)
	}
}

func isLimit(err error, what string) bool {
	e, ok := errors.AsType[*LimitError](err)
	return ok && e.What == what
}

// Omitted entries leave the shards, so that what is kept is still the DAG.
func TestHAMTOmit(t *testing.T) {
	f := newForge()
	root := bigDir(t, f, 5000)
	shards := 0
	opt := WalkOptions{
		Omit:  func(p string) bool { return strings.HasSuffix(p, "7") },
		Block: func(c cid.Cid, _ []byte) error { shards++; return nil },
	}
	got, err := paths(t, f, root.cid, opt)
	if err != nil || len(got) != 4501 || shards != len(f.blocks)-1 {
		t.Errorf("%d paths, %d shards of %d, %v", len(got), shards, len(f.blocks)-1, err)
	}
}

// slotOf is where a name stands in a root shard of fanout 256.
func slotOf(name string) byte { return byte(nameHash(name) >> 56) }

// shardOf makes a shard with what is given, honestly but for that.
func shardOf(f *forge, links []link, fields ...any) link {
	var field [32]byte
	for _, l := range links {
		var i int
		if _, err := fmt.Sscanf(l.name, "%02X", &i); err == nil {
			field[31-i/8] |= 1 << (i % 8)
		}
	}
	if len(fields) == 0 {
		fields = []any{fsType, typeHAMTShard, fsData, string(field[:]), fsHash, murmur3x64, fsFanout, 256}
	}
	return f.node(links, fields...)
}

func TestMalformedHAMT(t *testing.T) {
	f := newForge()
	x := f.raw("x")
	in := func(name string) link { return x.as(fmt.Sprintf("%02X%s", slotOf(name), name)) }
	a, b := in("a"), in("b")
	if slotOf("a") > slotOf("b") {
		a, b = b, a
	}
	good := shardOf(f, []link{a, b})
	if got, err := paths(t, f, good.cid, WalkOptions{}); err != nil || len(got) != 3 {
		t.Fatalf("a good one: %q, %v", got, err)
	}
	bits := func(s string) []any {
		return []any{fsType, typeHAMTShard, fsData, s, fsHash, murmur3x64, fsFanout, 256}
	}
	wide := strings.Repeat("\xff", 33)
	empty := shardOf(f, nil, bits("")...)
	chain := good
	for range 9 {
		chain = shardOf(f, []link{chain.as("00")})
	}
	other := f.node([]link{x.as("0a")}, fsType, typeHAMTShard, fsData, "\x01", fsHash, murmur3x64, fsFanout, 16)
	for _, c := range []struct {
		name string
		root link
		why  string
	}{
		{"another hash", shardOf(f, []link{a}, fsType, typeHAMTShard, fsData, "\x01", fsHash, 0x23, fsFanout, 256), "hash 0x23"},
		{"no hash", shardOf(f, []link{a}, fsType, typeHAMTShard, fsData, "\x01", fsFanout, 256), "hash 0x0"},
		{"no fanout", shardOf(f, []link{a}, fsType, typeHAMTShard, fsData, "\x01", fsHash, murmur3x64), "fanout 0"},
		{"fanout 255", shardOf(f, []link{a}, fsType, typeHAMTShard, fsData, "\x01", fsHash, murmur3x64, fsFanout, 255), "fanout 255"},
		{"fanout 2^40", shardOf(f, []link{a}, fsType, typeHAMTShard, fsData, "\x01", fsHash, murmur3x64, fsFanout, 1<<40), "fanout 1099511627776"},
		{"wide bit field", shardOf(f, []link{a}, bits(wide)...), "wider"},
		{"more bits than links", shardOf(f, []link{a, b}, bits(strings.Repeat("\xff", 32))...), "names 256 slots, 2"},
		{"other bits", shardOf(f, []link{a}, bits("\x01")...), "slot of link"},
		{"links out of order", shardOf(f, []link{b, a}), "slot of link"},
		{"lower case", shardOf(f, []link{x.as("aa")}, bits("\x01")...), "slot of link"},
		{"no slot", shardOf(f, []link{x.as("")}, bits("\x01")...), "slot of link"},
		{"half a slot", shardOf(f, []link{x.as("0")}, bits("\x01")...), "slot of link"},
		{"in the wrong slot", shardOf(f, []link{x.as(fmt.Sprintf("%02Xa", slotOf("a")^1))}), "wrong shard"},
		{"an empty shard below", shardOf(f, []link{empty.as("00")}), "empty"},
		{"another fanout below", shardOf(f, []link{other.as("00")}), "differ in fanout"},
		{"a directory below", shardOf(f, []link{f.dir().as("00")}), "not a shard"},
		{"deeper than the hash", chain, "deeper than its hash"},
		{"a leaf below", shardOf(f, []link{x.as("00")}), "not a shard"},
	} {
		_, err := paths(t, f, c.root.cid, WalkOptions{})
		if _, ok := errors.AsType[*FormatError](err); !ok || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v, want a FormatError with %q", c.name, err, c.why)
		}
		// A lookup either meets the same fault, or a part that is sound.
		if _, err := Resolve(t.Context(), f, c.root.cid, "a"); err == nil {
			t.Errorf("%s: a was found", c.name)
		}
	}
	for _, name := range []string{"..", "a/b", "\x00"} {
		_, err := paths(t, f, shardOf(f, []link{in(name)}).cid, WalkOptions{})
		if e, ok := errors.AsType[*NameError](err); !ok || e.Name != name {
			t.Errorf("%q: %v, want a NameError", name, err)
		}
	}
}

// forgetful fails once: when it is asked for some block the second time.
type forgetful struct {
	*forge
	gone error
}

func (f *forgetful) Block(ctx context.Context, c cid.Cid) ([]byte, error) {
	block, err := f.forge.Block(ctx, c)
	if f.asked[c] == 2 {
		err, f.gone = f.gone, nil
	}
	return block, err
}

// Two names that may be one are looked for in a second reading of the directory: a
// source that fails then does not hide them.
func TestTwinsOfAForgetfulSource(t *testing.T) {
	f := newForge()
	names := []string{"Readme", "README"}
	for i := range 40_000 { // more than the reader keeps
		names = append(names, fmt.Sprint("name ", i))
	}
	b, leaf := NewBuilder(), f.raw("x").built()
	d := dirBuilder{Builder: b, n: len(names), child: func(i int) (string, Link) { return names[i], leaf }}
	root, err := d.hamt(256)
	if err != nil {
		t.Fatal(err)
	}
	maps.Insert(f.blocks, b.blocks.all())
	var twins *NameError
	if _, err := paths(t, f, root.CID, WalkOptions{}); !errors.As(err, &twins) {
		t.Errorf("of a source: %v", err)
	}
	clear(f.asked)
	gone := errors.New("gone")
	if _, err := paths(t, &forgetful{f, gone}, root.CID, WalkOptions{}); !errors.Is(err, gone) {
		t.Errorf("of one that fails once: %v", err)
	}
}
