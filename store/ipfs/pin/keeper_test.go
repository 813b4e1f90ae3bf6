package pin

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"ipp/tests/pinning"

	"github.com/ipfs/go-cid"
)

// world is a node, what a keeper knows of it, and what may be pinned.
type world struct {
	*Keeper
	t     *testing.T
	fake  *pinning.Kubo
	trees map[string]*tree
	saved []Made
	given []string // "little a", "all a"
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, fake: &pinning.Kubo{}, trees: map[string]*tree{}}
	w.Keeper = &Keeper{Kubo: newKubo(t, w.fake), Node: "me", Wait: someWait}
	w.Save = func(made []Made) error {
		w.saved = slices.Clone(made)
		return nil
	}
	w.Give = func(ctx context.Context, x Wanted, little bool, _ func(cid.Cid) bool) error {
		for name, tr := range w.trees {
			if !tr.root.Equals(x.CID) {
				continue
			}
			w.given = append(w.given, map[bool]string{true: "little ", false: "all "}[little]+name)
			if err := w.Kubo.Import(ctx, tr.write(ctx, !little)); err != nil {
				return err
			}
			return w.Kubo.Have(ctx, x.CID, someWait)
		}
		return errors.New("unknown")
	}
	for _, name := range []string{"a", "b", "c"} {
		w.trees[name] = newTree(t, name)
	}
	return w
}

func (w *world) want(name string, pins ...string) Wanted { return Wanted{w.trees[name].root, pins} }

// run brings the pins up to date, and holds them to what they should be: name by
// tree.
func (w *world) run(thorough bool, pins map[string]string, wanted ...Wanted) Kept {
	w.t.Helper()
	w.given = nil
	w.Thorough = thorough
	done, err := w.Run(w.t.Context(), wanted)
	if err != nil {
		w.t.Fatal(err)
	}
	got := map[string]string{}
	for c, pin := range w.fake.Pins() {
		for name, tr := range w.trees {
			if tr.root.String() == c {
				got[name] = pin
			}
		}
	}
	if !maps.Equal(got, pins) {
		w.t.Fatalf("pinned are %v, want %v (%+v)", got, pins, done)
	}
	if !slices.Equal(w.saved, w.Made) {
		w.t.Fatalf("saved is %v, known %v", w.saved, w.Made)
	}
	return done
}

func TestKeeper(t *testing.T) {
	w := newWorld(t)
	w.run(false, map[string]string{"a": "1", "b": "2"}, w.want("a", "1"), w.want("b", "2"))
	if want := []string{"all a", "all b"}; !slices.Equal(w.given, want) {
		t.Errorf("given was %v", w.given)
	}
	w.fake.Calls()
	w.run(false, map[string]string{"a": "1", "b": "2"}, w.want("a", "1"), w.want("b", "2"))
	if calls := w.fake.Calls(); len(calls) > 0 {
		t.Errorf("nothing to do took %v", calls)
	}
	done := w.run(false, map[string]string{"b": "2"}, w.want("b", "2"))
	if len(done.Unpinned) != 1 || done.Unpinned[0].Name != "1" || len(w.Made) != 1 {
		t.Errorf("done was %+v, known %v", done, w.Made)
	}
}

// TestKeeperForeign: what somebody else pinned is never renamed nor unpinned, with
// the same name and contents either; when he unpins it, it is pinned here.
func TestKeeperForeign(t *testing.T) {
	w := newWorld(t)
	a := w.trees["a"].root.String()
	w.fake.Pin(a, "1")
	done := w.run(false, map[string]string{"a": "1"}, w.want("a", "1"))
	if len(done.Others) != 1 || len(w.Made) != 0 {
		t.Errorf("done was %+v, known %v", done, w.Made)
	}
	w.run(false, map[string]string{"a": "1"})
	w.fake.Pin(a, "his")
	w.run(true, map[string]string{"a": "his"}, w.want("a", "1"))
	if err := w.Kubo.Unpin(t.Context(), w.trees["a"].root); err != nil {
		t.Fatal(err)
	}
	w.run(false, map[string]string{"a": "1"}, w.want("a", "1"))
	// He takes ours over by giving it another name: it is his.
	w.fake.Pin(a, "his")
	w.run(false, map[string]string{"a": "his"})
	if len(w.Made) != 0 {
		t.Errorf("known is %v", w.Made)
	}
}

// TestKeeperEqual: two names of one CID are one pin, which stays until both went.
func TestKeeperEqual(t *testing.T) {
	w := newWorld(t)
	w.run(false, map[string]string{"a": "3"}, w.want("a", "3", "1"))
	w.run(false, map[string]string{"a": "3"}, w.want("a", "4", "3", "1"))
	done := w.run(false, map[string]string{"a": "1"}, w.want("a", "1"))
	if len(done.Renamed) != 1 || len(w.Made) != 1 {
		t.Errorf("done was %+v, known %v", done, w.Made)
	}
	w.run(false, map[string]string{})
}

// TestKeeperLost: a pin of ours that went is made again by who looks.
func TestKeeperLost(t *testing.T) {
	w := newWorld(t)
	w.run(false, map[string]string{"a": "1"}, w.want("a", "1"))
	if err := w.Kubo.Unpin(t.Context(), w.trees["a"].root); err != nil {
		t.Fatal(err)
	}
	w.run(false, map[string]string{}, w.want("a", "1"))
	w.run(true, map[string]string{"a": "1"}, w.want("a", "1"))
	if err := w.Kubo.Unpin(t.Context(), w.trees["a"].root); err != nil {
		t.Fatal(err)
	}
	w.run(false, map[string]string{})
	if len(w.Made) != 0 {
		t.Errorf("known is %v", w.Made)
	}
}

// TestKeeperNodes: what was pinned on another node is neither touched nor
// forgotten; and with gaps in what is wanted nothing is unpinned.
func TestKeeperNodes(t *testing.T) {
	w := newWorld(t)
	w.Made = []Made{{Node: "another", CID: w.trees["a"].root, Name: "1"}}
	w.run(false, map[string]string{"a": "1"}, w.want("a", "1"))
	w.Gaps = true
	w.run(true, map[string]string{"a": "1"})
	w.Gaps = false
	w.run(false, map[string]string{})
	if len(w.Made) != 1 || w.Made[0].Node != "another" {
		t.Errorf("known is %v", w.Made)
	}
}

// TestKeeperKilled stops it before each call and each save in turn, as a crash
// would; the next run makes all right, and takes no pin of its own for another's.
func TestKeeperKilled(t *testing.T) {
	killed := errors.New("killed")
	for n := 0; ; n++ {
		w := newWorld(t)
		w.run(false, map[string]string{"a": "2", "c": "c"}, w.want("a", "2", "1"), w.want("c", "c"))
		left := n
		die := func() error {
			if left--; left < 0 {
				return killed
			}
			return nil
		}
		save, give, kubo := w.Save, w.Give, w.Kubo
		w.Save = func(made []Made) error {
			if err := die(); err != nil {
				return err
			}
			return save(made)
		}
		w.Give = func(ctx context.Context, x Wanted, little bool, has func(cid.Cid) bool) error {
			if err := die(); err != nil {
				return err
			}
			return give(ctx, x, little, has)
		}
		next := []Wanted{w.want("a", "1"), w.want("b", "b")}
		_, err := w.Run(t.Context(), next)
		alive := err == nil
		if err != nil && !errors.Is(err, killed) {
			t.Fatal(err)
		}
		w.Keeper = &Keeper{Kubo: kubo, Node: "me", Wait: someWait, Save: save, Give: give, Made: slices.Clone(w.saved)}
		w.run(true, map[string]string{"a": "1", "b": "b"}, next...)
		w.run(true, map[string]string{})
		if len(w.Made) != 0 {
			t.Fatalf("killed at %d, it still knows of %v", n, w.Made)
		}
		if alive {
			if n < 4 {
				t.Errorf("only %d steps", n)
			}
			return
		}
	}
}

// TestKeeperUnreachable: a node that is gone ends the run, and leaves a record that
// the next one can use.
func TestKeeperUnreachable(t *testing.T) {
	w := newWorld(t)
	w.fake.Be("silent")
	w.Kubo.answering, w.Kubo.taking = soon, soon
	if _, err := w.Run(t.Context(), []Wanted{w.want("a", "1"), w.want("b", "2")}); err == nil {
		t.Fatal("a silent node is no error")
	}
	if calls := w.fake.Calls(); len(calls) != 1 {
		t.Errorf("it was asked %v", calls)
	}
	w.fake.Be("")
	w.Kubo.answering, w.Kubo.taking = answering, taking
	w.run(false, map[string]string{"a": "1"}, w.want("a", "1"))
}

// TestKeeperLacks: what the node can't get all of is told, keeps no other pin from
// being made, and is given again only when somebody asks for it.
func TestKeeperLacks(t *testing.T) {
	w := newWorld(t)
	give := w.Give
	w.Give = func(ctx context.Context, x Wanted, little bool, has func(cid.Cid) bool) error {
		if err := give(ctx, x, true, has); little || err == nil {
			return err
		}
		return &StuckError{soon}
	}
	all := []Wanted{w.want("b", "2"), w.want("c", "3")}
	done := w.run(false, map[string]string{}, all...)
	if len(done.Failed) != 2 || done.Failed[0].Name != "2" || !Lacks(done.Failed[0].Err) {
		t.Errorf("failed is %+v", done.Failed)
	}
	done = w.run(false, map[string]string{}, all...)
	if len(done.Failed) != 0 || len(done.Lacking) != 2 || !slices.Equal(w.given, []string{"little b", "little c"}) {
		t.Errorf("again: %+v, given %v", done, w.given)
	}
	w.Give = give
	w.run(false, map[string]string{}, all...)
	w.run(true, map[string]string{"b": "2", "c": "3"}, all...)
	w.run(false, map[string]string{})
}

func TestRecord(t *testing.T) {
	a := newTree(t, "a").root
	r := &Record{Pins: []Made{{"n", a, "ipp:x:1", Begun}, {"n", a, "ipp:x:2", Done}}, Generations: []Known{{"ipp:x:1", "5@6", a}}}
	got, err := ParseRecord("pins.toml", r.Encode())
	if err != nil || !slices.Equal(got.Pins, r.Pins) || !slices.Equal(got.Generations, r.Generations) {
		t.Errorf("%+v, %v", got, err)
	}
	if c, ok := got.Find("ipp:x:1", "5@6"); !ok || !c.Equals(a) {
		t.Error("a generation is not found")
	}
	if _, ok := got.Find("ipp:x:1", "5@7"); ok {
		t.Error("another generation is taken for it")
	}
	for _, bad := range []string{"", "format = 2\n", "format = 1\n[[pin]]\nnode = \"n\"\n", "format = 1\n[[pin]]\nnode = \"n\"\ncid = \"x\"\nname = \"y\"\n", "format = 1\ny = 1\n"} {
		if _, err := ParseRecord("pins.toml", []byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
