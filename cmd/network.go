package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"ipp/cmd/term"
	"ipp/store/dag"
	"ipp/store/ipfs"
	"ipp/store/ipfs/node"
	"ipp/store/ipfs/web"
	"ipp/store/pack"

	"github.com/ipfs/go-cid"
)

// fetchFlags are those of every command that fetches.
type fetchFlags struct {
	From    []string `sep:"none" placeholder:"SOURCE" help:"Fetch from there first: a gateway's URL, a peer's address, or a CAR file; may be repeated."`
	Offline bool     `help:"Reach no network."`
}

// rpcPath ends the address of a Kubo node's RPC, as Kubo's own users know it.
const rpcPath = "/api/v0"

// fetching is what a session may fetch from.
type fetching struct {
	flags   fetchFlags
	fetcher *ipfs.Fetcher
	opened  bool // fetcher is all there is
	named   int  // how many of its sources --from names: they stand first
	told    bool // see tellSources
}

// fetchWith says what the command line says of fetching.
func (s *session) fetchWith(f fetchFlags) error {
	for _, from := range f.From {
		if f.Offline && (isWeb(from) || isPeer(from)) {
			return &failure{verb: s.verb, object: "--from " + from, err: errors.New("--offline reaches no network"), code: exitUsage,
				hints: []string{"leave out one of the two"}}
		}
	}
	s.net.flags = f
	return nil
}

func isWeb(from string) bool {
	return strings.HasPrefix(from, "http://") || strings.HasPrefix(from, "https://")
}

func isPeer(from string) bool {
	return strings.HasPrefix(from, "/") && !strings.HasSuffix(from, ".car")
}

// network is where blocks come from that are not here; nil: there is nobody to
// ask. It is made when it is first needed.
func (s *session) network() (*ipfs.Fetcher, error) {
	if s.net.opened {
		return s.net.fetcher, nil
	}
	var conf networkConfig
	if !s.net.flags.Offline {
		c, err := s.a.readConfig()
		if err != nil {
			return nil, err
		}
		if !c.Network.Offline {
			conf = c.Network
		}
	}
	r, err := s.sourcesOf("--from", s.net.flags.From, conf)
	if err != nil {
		return nil, err
	}
	s.net.opened, s.net.named = true, r.named
	if len(r.sources) > 0 || r.finder != nil {
		s.net.fetcher = r.fetcher()
		s.closers = append(s.closers, s.net.fetcher.Close)
	}
	return s.net.fetcher, nil
}

// reachable is whom blocks may be fetched from.
type reachable struct {
	sources []ipfs.Source
	named   int         // how many of them a flag names: these are first
	finder  ipfs.Finder // of more; nil: none
}

// fetcher fetches from them; it closes them.
func (r *reachable) fetcher() *ipfs.Fetcher {
	f := ipfs.New(ipfs.Limits{}, r.sources...)
	if r.finder != nil {
		f.FindWith(r.finder)
	}
	return f
}

// sourcesOf are the sources that a flag names, then the configured ones, and who
// finds more.
func (s *session) sourcesOf(flag string, typed []string, conf networkConfig) (*reachable, error) {
	r := &reachable{}
	var peers []string
	for _, from := range typed {
		if isPeer(from) {
			peers = append(peers, from)
			continue
		}
		source, err := s.sourceFrom(flag, from)
		if err != nil {
			return nil, err
		}
		r.sources = append(r.sources, source)
	}
	if err := s.checkPeers(flag, peers); err != nil {
		return nil, err
	}
	named, configured, err := r.byBitswap(peers, conf)
	if err != nil {
		return nil, err
	}
	r.sources = append(r.sources, named...)
	r.named = len(r.sources)
	err = r.byWeb(conf)
	r.sources = append(r.sources, configured...)
	return r, err
}

// byWeb adds the sources of the configuration that speak HTTP.
func (r *reachable) byWeb(conf networkConfig) (err error) {
	add := func(source ipfs.Source, err error) error {
		if err == nil {
			r.sources = append(r.sources, source)
		}
		return err
	}
	if conf.Kubo != "" {
		err = add(web.NewKubo(conf.Kubo))
	}
	for _, g := range conf.Gateways {
		err = cmp.Or(err, add(web.New(g)))
	}
	return err
}

// byBitswap are the peers that a flag names and those of the configuration; what
// they share is also who finds more of them. Without any no host is made.
func (r *reachable) byBitswap(typed []string, conf networkConfig) (named, configured []ipfs.Source, err error) {
	if len(typed)+len(conf.Peers)+len(conf.Routers) == 0 {
		return nil, nil, nil
	}
	client, err := node.NewClient(conf.Routers...)
	if err != nil {
		return nil, nil, err
	}
	sources := func(addresses []string) (list []ipfs.Source) {
		peers, wrong := client.Named(addresses...)
		err = errors.Join(err, wrong)
		for _, p := range peers {
			list = append(list, p)
		}
		return list
	}
	named, configured = sources(typed), sources(conf.Peers)
	if err != nil {
		return nil, nil, errors.Join(err, client.Close())
	}
	r.finder = client
	return named, configured, nil
}

// checkPeers says which of the addresses that a flag names is none of a peer.
func (s *session) checkPeers(flag string, addresses []string) error {
	for _, a := range addresses {
		if err := node.CheckPeer(a); err != nil {
			return &failure{verb: s.verb, object: flag + " " + a, err: fmt.Errorf("it is no peer's address: %w", err), code: exitUsage,
				hints: []string{"a peer's address ends in its ID: /ip4/192.0.2.1/tcp/4001/p2p/12D3…"}}
		}
	}
	return nil
}

// rpcAddress takes the address of a Kubo node's RPC as people spell it.
func rpcAddress(text string) (string, bool) {
	rpc, ok := strings.CutSuffix(strings.TrimSuffix(text, "/"), rpcPath)
	return rpc, ok && isWeb(text)
}

// sourceFrom is the source that a flag names, where it is no peer.
func (s *session) sourceFrom(flag, from string) (source ipfs.Source, err error) {
	rpc, isRPC := rpcAddress(from)
	switch {
	case isRPC:
		source, err = web.NewKubo(rpc)
	case isWeb(from):
		source, err = web.New(from)
	case strings.HasSuffix(from, ".car"):
		return s.archive(flag, from)
	default:
		err = errors.New("it is no source that ipp knows")
	}
	if err != nil {
		return nil, &failure{verb: s.verb, object: flag + " " + from, err: err, code: exitUsage,
			hints: []string{"a source is the URL of a gateway, of a Kubo node's RPC (http://HOST:5001/api/v0), a peer's multiaddr, or a CAR file"}}
	}
	return source, nil
}

func (s *session) archive(flag, path string) (ipfs.Source, error) {
	if _, err := os.Stat(path); isAbsent(err) {
		missing := noFile(s.verb, path)
		missing.object = flag + " " + path
		return nil, missing
	}
	car, err := dag.OpenCAR(path)
	if err != nil {
		return nil, failed(s.verb, flag+" "+path, s.noCAR(path, err))
	}
	return ipfs.NewArchive(path, car), nil
}

// fetch opens a package that is not here. Where there is nobody to ask it is
// absent, as before.
func (s *session) fetch(ctx context.Context, root cid.Cid, absent error) (*opened, error) {
	f, err := s.network()
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, absent
	}
	if err := s.protect(ctx, root); err != nil {
		return nil, err
	}
	pkg, err := pack.Open(ctx, f, root)
	if e, ok := errors.AsType[*ipfs.UnreachableError](err); ok && e.CID.Equals(root) {
		err = &rootError{e}
	}
	if err != nil {
		return nil, err
	}
	o := &opened{pkg: pkg, src: f, remote: true}
	s.opened = append(s.opened, o)
	return o, nil
}

// transport is what bringing trees into the store is called while it lasts.
func (s *session) transport() string {
	if s.net.fetcher == nil {
		return "storing"
	}
	var names []string
	for _, o := range s.net.fetcher.Outcomes() {
		if _, dropped := errors.AsType[*ipfs.DroppedError](o.Err); !dropped {
			names = append(names, term.Safe(o.Name))
		}
	}
	if len(names) == 1 {
		return "fetching from " + names[0]
	}
	return fmt.Sprintf("fetching from %d sources", len(names))
}

// tellSources says who sent what, and who is asked no more, and why. Of a
// configured source that is out of reach nobody wants to hear when others sent all.
func (s *session) tellSources() {
	if s.net.fetcher == nil || s.net.told {
		return
	}
	var from []string
	for i, o := range s.net.fetcher.Outcomes() {
		if o.Bytes > 0 {
			from = append(from, term.Bytes(o.Bytes)+" from "+term.Safe(o.Name))
		}
		if d, dropped := errors.AsType[*ipfs.DroppedError](o.Err); dropped && (i < s.net.named || d.Err == nil) {
			s.a.warn("%s is asked no more: %s", term.Safe(o.Name), term.Safe(strings.TrimPrefix(d.Error(), "dropped: ")))
		}
	}
	if len(from) > 0 {
		s.net.told = true
		s.a.note("fetched %s", strings.Join(from, ", "))
	}
}

// rootError is an UnreachableError about the package that was asked for: its CID
// need not be said again.
type rootError struct{ *ipfs.UnreachableError }

func (e *rootError) Error() string { return e.Verdict() }

func (e *rootError) Unwrap() error { return e.UnreachableError }

// unreachableHint says what became of each source, and what to do.
func unreachableHint(e *ipfs.UnreachableError) string {
	if e.Absent() {
		return "look at the CID, or ask whoever published it where it is served: --from URL"
	}
	return "try again later, or name a source that has it: --from URL"
}

// fetchFailed says which exit code a fetch that failed has: contents that are
// not what they should be, not found anywhere, or the network.
func fetchFailed(err error) (int, string, bool) {
	e, ok := errors.AsType[*ipfs.UnreachableError](err)
	if !ok {
		return 0, "", false
	}
	code := exitNetwork
	if e.Absent() {
		code = exitNotFound
	}
	return code, unreachableHint(e), true
}
