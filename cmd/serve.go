package cmd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"ipp/cmd/term"
	"ipp/store/index"
	httpgate "ipp/store/ipfs/gateway"
	"ipp/store/ipfs/node"
)

// Where serve listens unless told otherwise: nobody else reaches it there.
const (
	defaultPort   = "8631"
	defaultListen = "127.0.0.1:" + defaultPort
	defaultPeer   = "/ip4/127.0.0.1/tcp/8632"
)

// drain is how long answers that were begun have to end when serve stops.
const drain = 3 * time.Second

type serveCmd struct {
	Listen  []string `placeholder:"ADDR" help:"Where to listen. For HTTP: HOST:PORT, or :PORT for every address of this machine (default 127.0.0.1:8631). For peers: a multiaddr (default /ip4/127.0.0.1/tcp/8632). May be repeated."`
	Name    []string `placeholder:"HOST" help:"A name under which a proxy on this machine passes requests on; may be repeated."`
	Install bool     `help:"Write a systemd user unit that serves like this, and serve nothing now."`
	dryRunFlag
	jsonFlag
}

func (serveCmd) doc() doc {
	return doc{
		usage: "serve [--listen ADDR]… [--install]",
		about: `Serves every package of the store to others, until it is stopped: as a trustless IPFS gateway
			(https://specs.ipfs.tech/http-gateways/trustless-gateway/), from which ipp, Kubo, Helia and
			plain curl fetch blocks and CARs, and to peers by bitswap. Each block is hashed again before it
			leaves. A browser that opens its address sees what is served.

			It follows the store: what is installed or packed while it runs is served, what is collected no
			longer is. It writes nothing but the store's index, so it never stands in the way of other
			commands.

			Only this machine reaches the default addresses. With --listen :8631 whoever reaches the machine
			can fetch what the store has, and see which packages these are.`,
		examples: []string{
			"ipp serve",
			"ipp serve --listen :8631 --listen /ip4/0.0.0.0/tcp/8632  # to the whole network",
			"ipp serve --install --listen :8631  # from now on, as a service",
			"curl 'http://127.0.0.1:8631/ipfs/CID?format=car' -o package.car",
		},
	}
}

// serving is the JSON of serve, printed when it is ready.
type serving struct {
	URLs     []string `json:"urls"`     // of the gateway
	Peers    []string `json:"peers"`    // addresses for bitswap, with the peer ID at the end
	Packages int      `json:"packages"` // that are served now
}

func (s *serveCmd) run(ctx context.Context, a *app) error {
	conf, err := a.readConfig()
	if err != nil {
		return err
	}
	at, err := s.places(conf.Serve)
	switch {
	case err != nil:
		return err
	case s.Install:
		return s.install(a)
	case s.DryRun:
		return usageError(s, "--dry-run is for --install: to serve changes nothing")
	}
	st, err := a.openStore(false)
	if err != nil {
		return err
	}
	if st == nil {
		return nothingToServe()
	}
	live, err := index.OpenLive(ctx, st, a.indexOptions(st))
	if err != nil {
		return failed("serve", "", err)
	}
	v := &server{a: a, shelf: &shelf{st: st, live: live}}
	err = v.serve(ctx, at, conf.Network)
	if closed := live.Close(); err == nil {
		err = failed("serve", "", closed)
	}
	return err
}

func nothingToServe() error {
	return &failure{verb: "serve", err: errors.New("there is nothing to serve: the store has no packages"), code: exitNotFound,
		hints: []string{"ipp install or ipp pack bring one into it"}}
}

// listenAt is where to listen.
type listenAt struct {
	http  []string // HOST:PORT
	peers []string // multiaddrs
	names []string // of this machine, beside its addresses
}

// places are what the command line says, else the configuration, else the
// defaults.
func (s *serveCmd) places(conf serveConfig) (at listenAt, err error) {
	for _, text := range s.Listen {
		if err := at.add(text); err != nil {
			return at, usageError(s, "--listen %q: %w", text, err)
		}
	}
	if len(s.Listen) == 0 {
		for _, text := range conf.Listen { // was checked
			_ = at.add(text)
		}
	}
	if at.names = s.Name; len(s.Name) == 0 {
		at.names = conf.Names
	}
	if at.http == nil {
		at.http = []string{defaultListen}
	}
	if at.peers == nil {
		at.peers = []string{defaultPeer}
	}
	return at, nil
}

// add reads one more address.
func (at *listenAt) add(text string) error {
	if strings.HasPrefix(text, "/") {
		if err := node.CheckListen(text); err != nil {
			return fmt.Errorf("want /ip4/ADDRESS/tcp/PORT: %w", err)
		}
		at.peers = append(at.peers, text)
		return nil
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil && !strings.Contains(text, ":") {
		host, port, err = text, defaultPort, nil
	}
	n, notNumber := strconv.Atoi(port)
	if err != nil || notNumber != nil || n < 0 || n > 65535 {
		return errors.New("want HOST:PORT, or :PORT")
	}
	at.http = append(at.http, net.JoinHostPort(host, port))
	return nil
}

// server is a serve at work.
type server struct {
	a       *app
	shelf   *shelf
	handler *httpgate.Handler
	node    *node.Node
	telling sync.WaitGroup // of announce
}

// serve answers until ctx ends.
func (v *server) serve(ctx context.Context, at listenAt, conf networkConfig) (err error) {
	packages, err := v.shelf.packages(ctx)
	if err != nil {
		return failed("serve", "", err)
	}
	if len(packages) == 0 {
		return nothingToServe()
	}
	key, err := v.a.nodeKey()
	if err != nil {
		return err
	}
	listeners, err := listenAll(ctx, at.http)
	if err != nil {
		return err
	}
	v.handler = httpgate.New(httpgate.Options{Source: v.shelf.live, Page: v.shelf.page(urlsOf(listeners[0].Addr())[0]), Names: at.names})
	web := httpgate.NewServer(v.handler)
	broken := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { broken <- web.Serve(l) }()
	}
	defer func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		if stopped := web.Shutdown(grace); err == nil {
			err = failed("serve", "", stopped)
		}
	}()
	if v.node, err = node.Server(key, v.shelf.live, at.peers...); err != nil {
		return cantListen(strings.Join(at.peers, ", "), err)
	}
	defer func() {
		if closed := v.node.Close(); err == nil {
			err = failed("serve", "", closed)
		}
	}()
	if err := v.say(listeners, len(packages)); err != nil {
		return err
	}
	telling, stop := context.WithCancel(ctx)
	defer v.telling.Wait()
	defer stop()
	v.announce(telling, conf)
	return v.watch(ctx, broken)
}

// listenAll listens on every address, or on none.
func listenAll(ctx context.Context, addrs []string) (list []net.Listener, err error) {
	for _, addr := range addrs {
		var l net.Listener
		if l, err = new(net.ListenConfig).Listen(ctx, "tcp", addr); err != nil {
			break
		}
		list = append(list, l)
	}
	if err == nil {
		return list, nil
	}
	for _, l := range list {
		_ = l.Close() // nothing came in yet
	}
	return nil, cantListen(addrs[len(list)], err)
}

func cantListen(addr string, err error) error {
	f := &failure{verb: "listen on", object: addr, err: cutNet(err), code: exitFailed, hints: []string{"--listen says where else"}}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		f.err, f.code = errors.New("another program listens there"), exitBusy
		f.hints = []string{"if it is an ipp serve, that serves this store already", "--listen 127.0.0.1:0 --listen /ip4/127.0.0.1/tcp/0 takes any free ports"}
	case errors.Is(err, syscall.EACCES):
		f.hints = []string{"ports below 1024 are for root: take a higher one"}
	}
	return f
}

// cutNet is a network error without the address, which is said already.
func cutNet(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// say says where it serves, and how others fetch.
func (v *server) say(listeners []net.Listener, packages int) error {
	out := serving{URLs: []string{}, Peers: v.node.Addresses(), Packages: packages}
	for _, l := range listeners {
		out.URLs = append(out.URLs, urlsOf(l.Addr())...)
	}
	if v.a.json {
		return v.a.printJSON(out)
	}
	v.a.println("serving ", plural(packages, "package"), " at")
	for _, u := range append(slices.Clone(out.URLs), out.Peers...) {
		v.a.println("  ", u)
	}
	v.a.println("fetch:   ipp install CID --from ", out.URLs[0])
	v.a.println("stop:    Ctrl-C, or SIGTERM")
	return nil
}

// urlsOf are the URLs under which others reach a listener.
func urlsOf(addr net.Addr) []string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return nil
	}
	url := func(ip net.IP) string {
		return "http://" + net.JoinHostPort(ip.String(), strconv.Itoa(tcp.Port)) + "/"
	}
	if !tcp.IP.IsUnspecified() {
		return []string{url(tcp.IP)}
	}
	var list []string
	own, _ := net.InterfaceAddrs() // none: loopback at least
	for _, a := range own {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			list = append(list, url(n.IP))
		}
	}
	return append(list, url(net.IPv4(127, 0, 0, 1)))
}

// quiet is how long nothing is said off a terminal while something is served.
const quiet = time.Minute

// watch shows what is served, until ctx ends or a listener breaks. To be stopped is
// how serve ends, so no error.
func (v *server) watch(ctx context.Context, broken <-chan error) error {
	status := v.a.term.Status()
	defer status.Done()
	tick := time.NewTicker(term.StatusTick)
	defer tick.Stop()
	last, told := v.a.now(), ""
	for {
		select {
		case <-ctx.Done():
			status.Done()
			v.a.note("stopping; %s", v.served())
			return nil
		case err := <-broken:
			return failed("serve", "", err)
		case now := <-tick.C:
			requests, peers := v.handler.Active()
			text := fmt.Sprintf("%s; now %s for %s, %s by bitswap", v.served(), plural(requests, "request"), plural(peers, "client"), plural(v.node.Peers(), "peer"))
			if status.Show(text); !status.Live() && told != text && now.Sub(last) >= quiet {
				last, told = now, text
				v.a.note("%s", text)
			}
		}
	}
}

// served is what was served since the start.
func (v *server) served() string {
	text := fmt.Sprintf("%s served, %s sent", plural(int(v.handler.Stats.Requests.Load()), "request"), term.Bytes(v.handler.Stats.Bytes.Load()))
	if n := v.handler.Stats.Broken.Load(); n > 0 {
		text += fmt.Sprintf(" (%d broken off)", n)
	}
	blocks, bytes := v.node.Served()
	return text + fmt.Sprintf("; %s by bitswap, %s", plural(int(blocks), "block"), term.Bytes(int64(bytes)))
}
