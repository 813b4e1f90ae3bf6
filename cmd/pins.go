package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"ipp/cmd/term"
	"ipp/lock/ref"
	"ipp/store/durable"
	"ipp/store/flock"
	"ipp/store/ipfs/pin"

	multierror "github.com/hashicorp/go-multierror"
	"github.com/ipfs/go-cid"
)

// This file and its neighbours keep generations pinned on the user's own Kubo node,
// where config.toml says so: each generation's CID under the name
// ipp:PROFILE:GENERATION. What is wanted follows from the generations on disk; what
// was made stands in pins.toml; package pin makes the one the other.
//
// Where config.toml does not ask for it, nothing else is read for it, and no command
// waits for it. It is done when a change was made and reported, so what goes wrong
// with it is a warning, and the next change or ipp publish makes up for it.

// Names below ipp's state directory. All profiles share a record, because generations
// of two of them may be equal, and then have one pin.
const (
	pinsName  = "pins.toml"
	pinsMutex = "pins.mutex"
)

// How long pins may take: after a change, which is done, and where a person asked
// for them.
const (
	afterAtMost = 5 * time.Minute
	askedAtMost = 2 * time.Hour

	// Or the node counts as not there.
	answersAfter = 3 * time.Second
	answersAsked = 30 * time.Second
)

var (
	pinsAfter = pin.Wait{Idle: 10 * time.Second, Most: time.Minute}
	pinsAsked = pin.Wait{Idle: 30 * time.Second, Most: 30 * time.Minute}
)

// pinName is the name of a generation's pin.
func pinName(profile ref.Name, number int) string { return fmt.Sprintf("ipp:%s:%d", profile, number) }

// pinsKept is the JSON of publish without a REF.
type pinsKept struct {
	DryRun   bool      `json:"dry_run"`
	Node     string    `json:"node"`              // where they are
	Pinned   []keptPin `json:"pinned"`            // generations
	Unpinned []keptPin `json:"unpinned"`          // what no generation refers to any more
	Renamed  []keptPin `json:"renamed,omitempty"` // another generation of the same contents went
	Others   []keptPin `json:"others,omitempty"`  // generations that are kept by a pin that ipp did not make here
	Left     int       `json:"left,omitempty"`    // pins on nodes that are not configured any more
	Errors   []problem `json:"errors,omitempty"`  // what went wrong with others; the exit code is theirs
}

// keptPin is one pin.
type keptPin struct {
	Name string `json:"name"`
	CID  string `json:"cid"`
}

// pinsAfterChange brings pins up to date when a change was made. It says what went
// wrong, and fails nothing.
func (a *app) pinsAfterChange(ctx context.Context) {
	if ctx.Err() != nil { // whoever interrupts waits for nothing
		return
	}
	conf, err := a.readConfig()
	if err != nil {
		a.warn("no pins were looked at: %s", term.Safe(err.Error()))
		return
	}
	if !conf.Network.PinGenerations || conf.Network.Offline {
		return
	}
	ctx, cancel := context.WithTimeoutCause(ctx, afterAtMost, &pin.LateError{After: afterAtMost})
	defer cancel()
	done, err := a.keepPins(ctx, conf, keeping{hello: answersAfter, wait: pinsAfter})
	node := term.Safe(done.node)
	for _, m := range done.Pinned {
		a.note("%s is pinned on %s", term.Safe(m.Name), node)
	}
	for _, m := range done.Unpinned {
		a.note("%s is no longer pinned on %s", term.Safe(m.Name), node)
	}
	if n := len(done.Lacking); n > 0 {
		a.note("not pinned on %s yet, which lacks parts of them: %s; ipp publish says which", node, plural(n, "older generation"))
	}
	for _, e := range flatten(multierror.Append(done.bad, err)) {
		a.warn("pins: %s", term.Safe(e.Error()))
	}
	if err != nil || done.bad.Len() > 0 {
		a.note("%s the change stands; ipp publish brings the pins up to date, and so does the next change", a.term.ErrStyle().Bold("hint:"))
	}
}

// keeping is how pins are brought up to date.
type keeping struct {
	hello    time.Duration // how long the node may take to say who it is
	wait     pin.Wait
	thorough bool // looks at every pin
	dryRun   bool
}

// keptPins is what was done.
type keptPins struct {
	pin.Kept
	node string
	left int
	bad  *multierror.Error // on single pins
}

// keepPins brings pins up to date.
func (a *app) keepPins(ctx context.Context, conf *config, how keeping) (done keptPins, err error) {
	kubo, err := pin.NewKubo(conf.Network.Kubo)
	if err != nil {
		return done, err
	}
	defer kubo.Close()
	done.node = kubo.Name()
	d, err := a.set.dirs()
	if err != nil {
		return done, err
	}
	k := &pinKeeper{a: a, state: d.state, kubo: kubo, how: how}
	if how.dryRun {
		return k.plan(done)
	}
	mutex, err := flock.Acquire(ctx, filepath.Join(d.state, pinsMutex), flock.Exclusive, "ipp publish", a.wait())
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, mutex.Release()) }()
	return k.run(ctx, done)
}

// pinKeeper is that at work.
type pinKeeper struct {
	a      *app
	state  string
	kubo   *pin.Kubo
	how    keeping
	record *pin.Record
	wanted []pin.Wanted
	gens   map[cid.Cid]wantedGeneration
	gaps   error // generations that can't be read
}

func (k *pinKeeper) run(ctx context.Context, done keptPins) (keptPins, error) {
	asking, cancel := context.WithTimeoutCause(ctx, k.how.hello, &pin.SilentError{For: k.how.hello})
	id, err := k.kubo.Identity(asking)
	cancel()
	if err != nil {
		return done, fmt.Errorf("%s: %w", done.node, err)
	}
	if err := k.look(); err != nil {
		return done, err
	}
	s, err := k.a.begin(ctx, "publish")
	if err != nil {
		return done, err
	}
	defer s.close()
	g := &giver{session: s, keeper: k, stuck: map[cid.Cid]error{}}
	keeper := &pin.Keeper{Kubo: k.kubo, Node: id.ID, Made: k.record.Pins, Save: k.save, Give: g.give, Wait: k.how.wait, Thorough: k.how.thorough, Gaps: k.gaps != nil}
	done.Kept, err = keeper.Run(ctx, k.wanted)
	for _, f := range done.Failed {
		done.bad = multierror.Append(done.bad, fmt.Errorf("%s is not pinned: %w", f.Name, f.Err))
	}
	done.bad = multierror.Append(done.bad, k.gaps)
	for _, m := range keeper.Made {
		if m.Node != id.ID {
			done.left++
		}
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", done.node, err)
	}
	return done, err
}

// plan says what would be done, as far as the record tells: no node is asked.
func (k *pinKeeper) plan(done keptPins) (keptPins, error) {
	if err := k.look(); err != nil {
		return done, err
	}
	node := ""
	if len(k.record.Pins) > 0 {
		node = k.record.Pins[len(k.record.Pins)-1].Node
	}
	pins, unpins := pin.Diff(k.record.Pins, node, k.wanted)
	for _, w := range pins {
		done.Pinned = append(done.Pinned, pin.Made{CID: w.CID, Name: w.Names[0]})
	}
	if k.gaps == nil {
		done.Unpinned = unpins
	}
	done.bad = multierror.Append(done.bad, k.gaps)
	return done, nil
}

// look reads the record and the generations.
func (k *pinKeeper) look() error {
	path := filepath.Join(k.state, pinsName)
	data, err := durable.ReadFile(path, pin.MaxRecord)
	if errors.Is(err, fs.ErrNotExist) {
		data, err = []byte("format = 1\n"), nil
	}
	if err == nil {
		k.record, err = pin.ParseRecord(path, data)
	}
	if err != nil {
		return &failure{verb: "read", object: path, err: err, code: exitMalformed,
			hints: []string{"it says which pins ipp made on your node: without it they stay there, until you unpin them: ipfs pin ls --names"}}
	}
	return k.lookAtGenerations()
}

// save makes the record durable.
func (k *pinKeeper) save(made []pin.Made) error {
	k.record.Pins = made
	return durable.WriteFile(filepath.Join(k.state, pinsName), k.record.Encode(), 0o644)
}

// keepAll is publish without a REF.
func (p *publishCmd) keepAll(ctx context.Context, a *app, conf *config) error {
	ctx, cancel := context.WithTimeoutCause(ctx, askedAtMost, &pin.LateError{After: askedAtMost})
	defer cancel()
	done, err := a.keepPins(ctx, conf, keeping{hello: answersAsked, wait: pinsAsked, thorough: true, dryRun: p.DryRun})
	if err != nil {
		return pinsFailed(err)
	}
	bad := pinsFailed(done.bad.ErrorOrNil())
	out := pinsKept{DryRun: p.DryRun, Node: done.node, Pinned: keptList(done.Pinned), Unpinned: keptList(done.Unpinned), Left: done.left}
	out.Renamed, out.Others = keptList(done.Renamed), keptList(done.Others)
	if a.json {
		out.Errors = a.problems(bad)
		return errors.Join(a.printJSON(out), bad)
	}
	a.sayKept(out, bad == nil)
	return bad
}

func keptList(made []pin.Made) []keptPin {
	list := []keptPin{}
	for _, m := range made {
		list = append(list, keptPin{m.Name, m.CID.String()})
	}
	return list
}

func (a *app) sayKept(out pinsKept, all bool) {
	is, isNot, renamed := "is pinned", "is no longer pinned", "is the pin's name now"
	if out.DryRun {
		is, isNot = "would be pinned", "would no longer be pinned"
	}
	for _, p := range out.Pinned {
		a.println(term.Safe(p.Name), " ", is, ": ", p.CID)
	}
	for _, p := range out.Renamed {
		a.println(term.Safe(p.Name), " ", renamed, ": ", p.CID)
	}
	for _, p := range out.Unpinned {
		a.println(term.Safe(p.Name), " ", isNot, ": ", p.CID)
	}
	for _, p := range out.Others {
		a.say(fmt.Sprintf("%s is kept by a pin that was not made here: %s", p.CID, term.Safe(strings.TrimSpace(p.Name))))
	}
	if out.Left > 0 {
		a.note("%s %s on nodes that config.toml does not name any more; they stay there", a.term.ErrStyle().Yellow("note:"), plural(out.Left, "pin"))
	}
	switch {
	case out.DryRun:
		a.println("dry run: nothing was changed")
	case all && len(out.Pinned)+len(out.Unpinned)+len(out.Renamed) == 0:
		a.say("nothing to do: the pins on " + term.Safe(out.Node) + " are those of the generations")
	}
}

// pinsFailed gives errors of pins their exit code.
func pinsFailed(err error) error {
	var all *multierror.Error
	for _, e := range flatten(err) {
		if _, own := errors.AsType[*failure](e); !own {
			f := &failure{verb: "publish", err: e, code: exitNetwork, hints: []string{"try again later"}}
			if pin.Lacks(e) {
				f.hints = []string{"take whole packages into the store, then try again: ipp import FILE.car"}
			}
			e = f
		}
		all = multierror.Append(all, e)
	}
	return all.ErrorOrNil()
}
