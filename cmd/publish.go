package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ipp/cmd/term"
	"ipp/lock/ref"
	"ipp/store/dag"
	"ipp/store/ipfs/node"
	"ipp/store/pack"

	multierror "github.com/hashicorp/go-multierror"
)

type publishCmd struct {
	Refs       []string `arg:"" optional:"" name:"REF" help:"Paths, CIDs or names."`
	Pin        []string `sep:"none" placeholder:"TARGET" help:"Put them there, and pin them: a Kubo node's RPC (http://HOST:5001/api/v0), or a name below [pins] in config.toml; may be repeated."`
	Verify     bool     `help:"Fetch every block back, by another way than it went, before it is called done."`
	VerifyFrom []string `sep:"none" placeholder:"SOURCE" help:"Fetch them back from there: a gateway's URL or a peer's address; may be repeated."`
	Listen     []string `placeholder:"ADDR" help:"Where a pinning service may fetch from while ipp waits: a multiaddr (default /ip4/0.0.0.0/tcp/0); may be repeated."`
	fetchFlags
	dryRunFlag
	jsonFlag
}

func (publishCmd) doc() doc {
	return doc{
		usage: "publish [REF… --pin TARGET…] [--verify]",
		about: `Has packages kept where this machine need not be: they are put on an IPFS node
			elsewhere, and pinned there.

			A Kubo node is given the blocks, and needs to reach nobody. A pinning service fetches them
			by bitswap, so ipp serves them until it has; it connects to those that fetch for the
			service, and where they can't be connected to, the service has to reach ADDR. What is
			pinned there already stays as it is, under its name.

			With --verify every block is fetched back, from a Kubo node by bitswap, from a pinning
			service by bitswap from those that fetch for it, or from SOURCE, and hashed.

			A target is described in config.toml: [pins.NAME] has either kubo, the address of a node's
			RPC, or service and token-file, the address of a pinning service and the file with the
			token for it.

			Where config.toml has pin-generations = true below [network], its Kubo node keeps every
			generation, pinned as ipp:PROFILE:GENERATION. That is done after each change; ipp publish
			alone looks at all of these pins, and makes up for what is missing.`,
		examples: []string{
			"ipp publish ./tool.car --pin http://192.0.2.1:5001/api/v0 --verify",
			"ipp publish tool --pin web3  # [pins.web3] in config.toml",
			"ipp publish  # the pins of generations, where they are kept",
		},
	}
}

// published is the JSON of publish.
type published struct {
	DryRun bool           `json:"dry_run"`
	Pins   []publishedPin `json:"pins"`             // a package at a target each
	Errors []problem      `json:"errors,omitempty"` // what went wrong with others; the exit code is theirs
}

// publishedPin is one package at one target.
type publishedPin struct {
	Name         string   `json:"name,omitempty"`
	Version      string   `json:"version,omitempty"`
	CID          string   `json:"cid"`
	Target       string   `json:"target"`                  // where it is pinned, as it was typed
	Pin          string   `json:"pin"`                     // the name of the pin; may be empty where it was there before
	Before       bool     `json:"before"`                  // it was pinned before
	Sent         int64    `json:"sent_bytes"`              // to the target
	Missing      []string `json:"missing,omitempty"`       // platforms that were not here: the target has them from others
	Verified     int      `json:"verified,omitempty"`      // blocks that were fetched back
	VerifiedFrom string   `json:"verified_from,omitempty"` // from where
}

func (p *publishCmd) run(ctx context.Context, a *app) error {
	all := len(p.Refs) == 0 && len(p.Pin) == 0 // generations
	switch {
	case p.Offline:
		return usageError(p, "--offline reaches no network, and to publish is to do that")
	case len(p.Pin) == 0 && !all:
		return usageError(p, "say where to: --pin TARGET")
	case len(p.Refs) == 0 && !all:
		return usageError(p, "say which packages: REF --pin TARGET")
	case all && (p.Verify || len(p.VerifyFrom) > 0 || len(p.Listen) > 0 || len(p.From) > 0):
		return usageError(p, "say what to publish, and where to: REF --pin TARGET")
	}
	conf, err := a.readConfig()
	switch {
	case err != nil:
		return err
	case all && !conf.Network.PinGenerations:
		return usageError(p, "say what to publish, and where to: REF --pin TARGET")
	case all && conf.Network.Offline:
		return isOffline("publish")
	case all:
		return p.keepAll(ctx, a, conf)
	}
	targets, err := p.targets(conf)
	if err != nil {
		return err
	}
	defer closeTargets(targets)
	c, err := a.beginChange(ctx, "publish", "", p.DryRun)
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.fetchWith(p.fetchFlags); err != nil {
		return err
	}
	v := &publishing{change: c, cmd: p, targets: targets}
	if err := v.open(ctx); err != nil {
		return err
	}
	out, bad := v.publish(ctx)
	return v.show(out, bad)
}

func isOffline(verb string) error {
	return &failure{verb: verb, err: errors.New("config.toml says offline = true"), code: exitUsage,
		hints: []string{"take that line out of [network] to reach the network again"}}
}

// publishing is a publish at work.
type publishing struct {
	*change
	cmd      *publishCmd
	targets  []*pinTarget
	packages []*offered
	node     *node.Node // what services fetch from; nil until it is needed
}

// offered is a package that is published.
type offered struct {
	*opened
	typed string
	has   []ref.Platform // nil: it is not split
	lacks []ref.Platform // that are not here
}

// pin is the name that its pin gets.
func (o *offered) pin() string {
	if o.pkg.Meta == nil {
		return shortCID(o.pkg.Root)
	}
	return string(o.pkg.Meta.Name) + "@" + string(o.pkg.Meta.Version)
}

// walk is what of it is here.
func (o *offered) walk() dag.WalkOptions {
	return dag.WalkOptions{Limits: dag.DefaultLimits(), Omit: omitted(o.opened, o.has)}
}

// open opens what the command line names; all that is wrong with it is told.
func (v *publishing) open(ctx context.Context) error {
	if _, err := v.places(); err != nil {
		return err
	}
	for _, from := range v.cmd.VerifyFrom {
		if !isWeb(from) && !isPeer(from) {
			return usageError(v.cmd, "--verify-from %s: to fetch it back is to ask somebody: want a gateway's URL or a peer's address", from)
		}
	}
	var bad *multierror.Error
	for _, typed := range v.cmd.Refs {
		o, err := v.openOne(ctx, typed)
		if err != nil {
			bad = multierror.Append(bad, failed("publish", typed, err))
			continue
		}
		v.packages = append(v.packages, o)
	}
	return bad.ErrorOrNil()
}

func (v *publishing) openOne(ctx context.Context, typed string) (*offered, error) {
	r, err := ref.Parse(typed)
	if err != nil {
		return nil, err
	}
	opened, err := v.change.open(ctx, r, v.old.Lock, "")
	if err != nil {
		return nil, err
	}
	o := &offered{opened: opened, typed: typed}
	o.has, o.lacks, err = platformsIn(ctx, o.src, o.pkg)
	if err == nil && len(o.has) == 0 && len(o.lacks) > 0 {
		err = &failure{err: errors.New("none of its platforms is here"), code: exitNotFound}
	}
	return o, err
}

// publish puts each package on each target; what fails keeps no other from it.
func (v *publishing) publish(ctx context.Context) (published, error) {
	defer v.tellSources()
	out := published{DryRun: v.dryRun, Pins: []publishedPin{}}
	var bad *multierror.Error
	for _, t := range v.targets {
		for _, o := range v.packages {
			one := publishedPin{CID: dag.V1(o.pkg.Root).String(), Target: t.typed, Pin: o.pin()}
			one.Name, one.Version = nameAndVersion(o.pkg)
			for _, platform := range o.lacks {
				one.Missing = append(one.Missing, string(platform))
			}
			if !v.dryRun {
				if err := v.put(ctx, t, o, &one); err != nil {
					bad = multierror.Append(bad, err)
					if ctx.Err() != nil {
						return out, ctx.Err()
					}
					continue
				}
			}
			out.Pins = append(out.Pins, one)
			if !v.a.json {
				v.say(t, o, one)
			}
		}
	}
	return out, bad.ErrorOrNil()
}

// put has a package pinned, and fetches it back where that is wanted.
func (v *publishing) put(ctx context.Context, t *pinTarget, o *offered, out *publishedPin) error {
	if len(o.lacks) > 0 {
		v.a.note("%s %s: %s is not here; %s has to have it, or get it from others",
			v.a.term.ErrStyle().Yellow("note:"), label(o.pkg), join(o.lacks), term.Safe(t.name()))
	}
	keep := v.toService
	if t.kubo != nil {
		keep = v.toKubo
	}
	peers, err := keep(ctx, t, o, out)
	if err == nil && (v.cmd.Verify || len(v.cmd.VerifyFrom) > 0) {
		err = v.fetchBack(ctx, t, o, peers, out)
	}
	return err
}

func nameAndVersion(p *pack.Package) (name, version string) {
	if p.Meta == nil {
		return "", ""
	}
	return string(p.Meta.Name), string(p.Meta.Version)
}

func (v *publishing) say(t *pinTarget, o *offered, one publishedPin) {
	where, pin := term.Safe(t.name()), term.Safe(one.Pin)
	switch {
	case v.dryRun:
		v.a.say(fmt.Sprintf("%s would be pinned on %s as %s", label(o.pkg), where, pin))
	case one.Before && pin == "":
		v.a.say(fmt.Sprintf("%s was pinned on %s already", label(o.pkg), where))
	case one.Before:
		v.a.say(fmt.Sprintf("%s was pinned on %s already, as %s", label(o.pkg), where, pin))
	default:
		v.a.say(fmt.Sprintf("%s is pinned on %s as %s (%s sent)", label(o.pkg), where, pin, term.Bytes(one.Sent)))
	}
	if one.Verified > 0 {
		v.a.say(fmt.Sprintf("verified: %s fetched back from %s", plural(one.Verified, "block"), term.Safe(one.VerifiedFrom)))
	}
}

// show ends what was done, which people were told already.
func (v *publishing) show(out published, bad error) error {
	if v.a.json {
		out.Errors = v.a.problems(bad)
		return errors.Join(v.a.printJSON(out), bad)
	}
	switch {
	case v.dryRun:
		v.a.println("dry run: nothing was sent")
	case bad == nil:
		v.a.println("elsewhere: ipp install " + strings.Join(cids(out), " "))
	}
	return bad
}

// cids are the packages that were published, each once.
func cids(out published) (list []string) {
	for _, p := range out.Pins {
		if !slices.Contains(list, p.CID) {
			list = append(list, p.CID)
		}
	}
	return list
}
