package pin

import (
	"context"
	"errors"
	"slices"

	"github.com/ipfs/go-cid"
)

// Wanted is a pin that there should be.
type Wanted struct {
	CID   cid.Cid
	Names []string // any of these; a new pin gets the first
}

// Keeper makes the pins of a node those that are wanted, and touches none that it
// did not make. Kubo has one pin of a CID, and a name is all that tells whose it
// is, so:
//
//   - What somebody else pinned is left as it is, and not pinned again. When he
//     unpins it, the next run pins it.
//   - A pin is one of ours while it has a name that we gave it. It is renamed where
//     that name is none of those that are wanted, and others still are.
//   - What is about to be pinned is saved before, so that a pin that was made is
//     never taken for somebody else's; what was unpinned is forgotten after.
//   - What the node could not get all of is given to it again only by a thorough
//     run: others ask whether it has it by now, and no more.
type Keeper struct {
	Kubo *Kubo
	Node string // its peer ID
	Made []Made // on all nodes
	// Save makes Made durable.
	Save func([]Made) error
	// Give gives the node the blocks of what is wanted; has says what it pins. Where
	// little is true it only looks whether the node has them, but for the few that are
	// no package's. The error Lacks where there are some that neither of both has.
	Give     func(ctx context.Context, w Wanted, little bool, has func(cid.Cid) bool) error
	Wait     Wait
	Thorough bool // looks at every pin, else those that were made count as there
	Gaps     bool // not all is known that is wanted: nothing is unpinned
}

// Kept is what a run did.
type Kept struct {
	Pinned   []Made
	Unpinned []Made
	Renamed  []Made
	Others   []Made // what somebody else's pin keeps, and its name
	Failed   []Failure
	Lacking  []Made // still, and not told as failed again
}

// Failure is a pin that could not be made or taken away.
type Failure struct {
	Made
	Err error
}

// Diff says what a run would do as far as the record tells.
func Diff(made []Made, node string, wanted []Wanted) (pin []Wanted, unpin []Made) {
	for _, w := range wanted {
		if !slices.ContainsFunc(made, func(m Made) bool { return m.is(node, w) && m.State == Done && slices.Contains(w.Names, m.Name) }) {
			pin = append(pin, w)
		}
	}
	for _, m := range made {
		if m.Node == node && !slices.ContainsFunc(wanted, func(w Wanted) bool { return w.CID.Equals(m.CID) }) {
			unpin = append(unpin, m)
		}
	}
	return pin, unpin
}

// is says whether a pin is of what is wanted on a node.
func (m Made) is(node string, w Wanted) bool { return m.Node == node && m.CID.Equals(w.CID) }

// Run pins what is wanted, in that order, then unpins what no longer is. An error
// ends it; what it did until then is saved.
func (k *Keeper) Run(ctx context.Context, wanted []Wanted) (done Kept, err error) {
	before := slices.Clone(k.Made)
	defer func() {
		if !slices.Equal(before, k.Made) {
			err = errors.Join(err, k.Save(k.Made))
		}
	}()
	pin, unpin := Diff(k.Made, k.Node, wanted)
	if k.Thorough {
		pin = wanted
	}
	if k.Gaps {
		unpin = nil
	}
	for _, w := range pin {
		if err := k.keep(ctx, w, &done); err != nil {
			return done, err
		}
	}
	for _, m := range unpin {
		if err := k.release(ctx, m, &done); err != nil {
			return done, err
		}
	}
	return done, nil
}

// keep has one pin made, or finds it.
func (k *Keeper) keep(ctx context.Context, w Wanted, done *Kept) error {
	name, pinned, err := k.Kubo.Pinned(ctx, w.CID)
	if err != nil {
		return err
	}
	mine := slices.ContainsFunc(k.Made, func(m Made) bool { return m.is(k.Node, w) && m.Name == name })
	switch {
	case pinned && !mine:
		k.forget(w)
		done.Others = append(done.Others, Made{Node: k.Node, CID: w.CID, Name: name})
		return nil
	case pinned && slices.Contains(w.Names, name):
		k.forget(w)
		k.Made = append(k.Made, Made{Node: k.Node, CID: w.CID, Name: name})
		return nil
	}
	m := Made{Node: k.Node, CID: w.CID, Name: w.Names[0], State: Begun}
	lacked := slices.ContainsFunc(k.Made, func(o Made) bool { return o.is(k.Node, w) && o.State == Lacking })
	if !slices.ContainsFunc(k.Made, func(o Made) bool { return o.is(k.Node, w) && o.Name == m.Name }) {
		k.Made = append(k.Made, m)
		if err := k.Save(k.Made); err != nil {
			return err
		}
	}
	if !pinned {
		err = k.Give(ctx, w, lacked && !k.Thorough, k.has)
	}
	if err == nil {
		err = k.Kubo.Pin(ctx, w.CID, m.Name, k.Wait)
	}
	if err != nil && (ctx.Err() != nil || gone(err)) {
		return err
	}
	if err == nil || Lacks(err) && !pinned {
		k.forget(w)
		if m.State = Done; err != nil {
			m.State = Lacking
		}
		k.Made = append(k.Made, m)
	}
	switch {
	case err == nil && pinned:
		done.Renamed = append(done.Renamed, m)
	case err == nil:
		done.Pinned = append(done.Pinned, m)
	case lacked && !k.Thorough && Lacks(err):
		done.Lacking = append(done.Lacking, m)
	default:
		done.Failed = append(done.Failed, Failure{m, err})
	}
	return nil
}

// has says that a pin of ours has all of a DAG there.
func (k *Keeper) has(c cid.Cid) bool {
	return slices.ContainsFunc(k.Made, func(m Made) bool { return m.Node == k.Node && m.CID.Equals(c) && m.State == Done })
}

// release takes a pin away that is no longer wanted, if it still is ours.
func (k *Keeper) release(ctx context.Context, m Made, done *Kept) error {
	name, pinned, err := k.Kubo.Pinned(ctx, m.CID)
	if err != nil {
		return err
	}
	if pinned && name == m.Name {
		if err := k.Kubo.Unpin(ctx, m.CID); err != nil {
			if ctx.Err() != nil || gone(err) {
				return err
			}
			done.Failed = append(done.Failed, Failure{m, err})
			return nil
		}
		done.Unpinned = append(done.Unpinned, m)
	}
	k.Made = slices.DeleteFunc(k.Made, func(o Made) bool { return o == m })
	return nil
}

// forget drops what is known of pins of a CID on this node.
func (k *Keeper) forget(w Wanted) {
	k.Made = slices.DeleteFunc(k.Made, func(m Made) bool { return m.is(k.Node, w) })
}

// gone says that the node does not answer any more, so that there is no point in
// asking it for the rest.
func gone(err error) bool {
	_, refused := errors.AsType[*RefusedError](err)
	_, own := errors.AsType[*WriteError](err)
	_, stuck := errors.AsType[*StuckError](err)
	return !refused && !own && !stuck
}
