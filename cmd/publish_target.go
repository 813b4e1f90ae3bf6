package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"slices"
	"strings"

	"ipp/lock/toml"
	"ipp/store/ipfs/node"
	"ipp/store/ipfs/pin"

	multierror "github.com/hashicorp/go-multierror"
)

// pinTarget is where packages are pinned: a node or a service.
type pinTarget struct {
	typed   string
	kubo    *pin.Kubo
	service *pin.Service
}

func (t *pinTarget) name() string {
	if t.kubo != nil {
		return t.kubo.Name()
	}
	return t.service.Name()
}

func closeTargets(list []*pinTarget) {
	for _, t := range list {
		if t.kubo != nil {
			t.kubo.Close()
		} else {
			t.service.Close()
		}
	}
}

// targets are those of the command line; nothing is asked of them yet.
func (p *publishCmd) targets(conf *config) (list []*pinTarget, err error) {
	var bad *multierror.Error
	for _, typed := range p.Pin {
		t, err := newTarget(conf, typed)
		if err != nil {
			bad = multierror.Append(bad, failed("publish", "--pin "+redacted(typed), err))
			continue
		}
		list = append(list, t)
	}
	return list, bad.ErrorOrNil()
}

func newTarget(conf *config, typed string) (*pinTarget, error) {
	t := &pinTarget{typed: redacted(typed)}
	var err error
	if rpc, ok := rpcAddress(typed); ok {
		t.kubo, err = pin.NewKubo(rpc)
		return t, err
	}
	if isWeb(typed) {
		return nil, &failure{err: errors.New("it is no address of a Kubo node's RPC"), code: exitUsage,
			hints: []string{"that is http://HOST:5001/api/v0; a pinning service has a name: [pins.NAME] in config.toml, with service and token-file"}}
	}
	at, ok := conf.Pins[typed]
	switch {
	case !ok:
		return nil, noTarget(conf, typed)
	case at.Kubo != "":
		t.kubo, err = pin.NewKubo(at.Kubo)
		return t, err
	}
	token, err := readToken(at.TokenFile)
	if err != nil {
		return nil, err
	}
	t.service, err = pin.NewService(at.Service, token)
	return t, err
}

// redacted is an address without its password.
func redacted(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.User == nil {
		return address
	}
	return u.Redacted()
}

func noTarget(conf *config, typed string) error {
	f := &failure{err: errors.New("config.toml has no target of that name"), code: exitNotFound,
		hints: []string{"[pins.NAME] in config.toml says where it is; or give a Kubo node's RPC: http://HOST:5001/api/v0"}}
	names := slices.Sorted(maps.Keys(conf.Pins))
	if near := toml.Nearest(typed, names); near != "" {
		f.hints = []string{"did you mean --pin " + near + "?"}
	} else if len(names) > 0 {
		f.hints = append(f.hints, "there: "+strings.Join(names, ", "))
	}
	return f
}

// maxToken is more than any token takes.
const maxToken = 8 << 10

// readToken reads a token that nobody else can read. No error shows any of it.
func readToken(path string) (string, error) {
	text, mode, open, err := readSecret(path, maxToken)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", &failure{err: fmt.Errorf("there is no token-file %s", path), code: exitNotFound, hints: []string{"write the token that the service gave you into it"}}
	case err != nil:
		return "", err
	case open:
		return "", &failure{err: fmt.Errorf("others can read or change %s: its mode is %04o", path, mode), code: exitMalformed,
			hints: []string{"make it yours alone: chmod 600 " + quote(path)}}
	}
	token := strings.TrimSpace(string(text))
	if err := pin.CheckToken(token); err != nil {
		return "", &failure{err: fmt.Errorf("token-file %s: %w", path, err), code: exitMalformed,
			hints: []string{"it holds the token alone, as the service gave it"}}
	}
	return token, nil
}

// defaultShelf is where a pinning service fetches from unless told otherwise, and
// localShelf where that is on this machine.
const (
	defaultShelf = "/ip4/0.0.0.0/tcp/0"
	localShelf   = "/ip4/127.0.0.1/tcp/0"
)

// places are where to serve while services fetch.
func (v *publishing) places() ([]string, error) {
	for _, text := range v.cmd.Listen {
		if err := node.CheckListen(text); err != nil {
			return nil, usageError(v.cmd, "--listen %q: want /ip4/ADDRESS/tcp/PORT: %w", text, err)
		}
	}
	if len(v.cmd.Listen) > 0 {
		return v.cmd.Listen, nil
	}
	for _, t := range v.targets {
		if t.service != nil && !t.service.Local() {
			return []string{defaultShelf}, nil
		}
	}
	return []string{localShelf}, nil
}

// targetFailed is what went wrong at a target, in the words of who typed it.
func targetFailed(t *pinTarget, o *offered, err error) error {
	if own, ok := errors.AsType[*pin.WriteError](err); ok {
		return failed("publish", o.typed, own.Err)
	}
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	f := &failure{verb: "publish", object: o.typed + " to " + t.typed, err: err, code: exitNetwork, hints: []string{"try again later"}}
	no, refused := errors.AsType[*pin.RefusedError](err)
	_, failed := errors.AsType[*pin.FailedError](err)
	_, stuck := errors.AsType[*pin.StuckError](err)
	switch {
	case refused && no.Denied() && t.service != nil:
		f.code, f.hints = exitFailed, []string{"the token is not one that it takes: look at token-file in config.toml"}
	case refused && no.Denied():
		f.code, f.hints = exitFailed, []string{"it lets nobody in, or not you: a name and a password stand before the host, http://NAME:PASSWORD@HOST"}
	case refused && no.Status/100 == 3:
		f.code, f.hints = exitFailed, []string{"it is elsewhere: give the address that it really has"}
	case pin.Lacks(err) && t.kubo != nil && len(o.lacks) > 0:
		f.hints = []string{"what is here lacks " + join(o.lacks) + ": take the whole package into the store, then try again: ipp import FILE.car"}
	case (failed || stuck) && t.service != nil:
		f.hints = []string{"it has to reach this machine: --listen /ip4/0.0.0.0/tcp/PORT, with a port that lets others in"}
	}
	return f
}
