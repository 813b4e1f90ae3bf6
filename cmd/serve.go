package cmd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"ipp/cmd/term"
	"ipp/store"
	"ipp/store/index"
	httpgate "ipp/store/ipfs/gateway"
)

// defaultListen is where serve listens unless told otherwise: nobody else reaches
// it there.
const defaultListen, defaultPort = "127.0.0.1:" + defaultPort, "8631"

// drain is how long answers that were begun have to end when serve stops.
const drain = 3 * time.Second

type serveCmd struct {
	Listen []string `placeholder:"ADDR" help:"Where to listen: HOST:PORT, or :PORT for every address of this machine; may be repeated. Default: 127.0.0.1:8631."`
	Name   []string `placeholder:"HOST" help:"A name under which a proxy on this machine passes requests on; may be repeated."`
	jsonFlag
}

func (serveCmd) doc() doc {
	return doc{
		usage: "serve [--listen ADDR]…",
		about: `Serves every package of the store to others, until it is stopped: as a trustless IPFS gateway
			(https://specs.ipfs.tech/http-gateways/trustless-gateway/), from which ipp, Kubo, Helia and
			plain curl fetch blocks and CARs. Each block is hashed again before it leaves.

			It follows the store: what is installed or packed while it runs is served, what is collected no
			longer is. It writes nothing but the store's index, so it never stands in the way of other
			commands.

			Only this machine reaches the default address. With --listen :8631 whoever reaches the machine
			can fetch what the store has, and see at / which packages these are.`,
		examples: []string{
			"ipp serve",
			"ipp serve --listen :8631  # to the whole network",
			"curl 'http://127.0.0.1:8631/ipfs/CID?format=car' -o package.car",
		},
	}
}

// serving is the JSON of serve, printed when it is ready.
type serving struct {
	URLs     []string `json:"urls"`     // of the gateway
	Packages int      `json:"packages"` // that are served now
}

func (s *serveCmd) run(ctx context.Context, a *app) error {
	addrs, err := s.addresses()
	if err != nil {
		return err
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
	err = a.serve(ctx, st, live, addrs, s.Name)
	if closed := live.Close(); err == nil {
		err = failed("serve", "", closed)
	}
	return err
}

func nothingToServe() error {
	return &failure{verb: "serve", err: errors.New("there is nothing to serve: the store has no packages"), code: exitNotFound,
		hints: []string{"ipp install or ipp pack bring one into it"}}
}

// addresses are where to listen, each with a port.
func (s *serveCmd) addresses() ([]string, error) {
	if len(s.Listen) == 0 {
		return []string{defaultListen}, nil
	}
	var list []string
	for _, text := range s.Listen {
		host, port, err := net.SplitHostPort(text)
		if err != nil && !strings.Contains(text, ":") {
			host, port, err = text, defaultPort, nil
		}
		n, notNumber := strconv.Atoi(port)
		if err != nil || notNumber != nil || n < 0 || n > 65535 {
			return nil, usageError(s, "--listen %q: want HOST:PORT, or :PORT", text)
		}
		list = append(list, net.JoinHostPort(host, port))
	}
	return list, nil
}

// serve answers until ctx ends.
func (a *app) serve(ctx context.Context, st *store.Store, live *index.Live, addrs, names []string) error {
	sh := &shelf{st: st, live: live}
	packages, err := sh.packages(ctx)
	if err != nil {
		return failed("serve", "", err)
	}
	if len(packages) == 0 {
		return nothingToServe()
	}
	listeners, err := listenAll(ctx, addrs)
	if err != nil {
		return err
	}
	handler := httpgate.New(httpgate.Options{Source: live, Page: sh.page(urlsOf(listeners[0].Addr())[0]), Names: names})
	server := httpgate.NewServer(handler)
	broken := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { broken <- server.Serve(l) }()
	}
	if err = a.sayServing(listeners, len(packages)); err == nil {
		err = a.watchServing(ctx, handler, sh, broken)
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if stopped := server.Shutdown(grace); err == nil {
		err = failed("serve", "", stopped)
	}
	return err
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
	f := &failure{verb: "listen on", object: addrs[len(list)], err: cutNet(err), code: exitFailed, hints: []string{"--listen HOST:PORT says where else"}}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		f.err, f.code = errors.New("another program listens there"), exitBusy
		f.hints = []string{"if it is an ipp serve, that serves this store already", "--listen 127.0.0.1:0 takes any free port"}
	case errors.Is(err, syscall.EACCES):
		f.hints = []string{"ports below 1024 are for root: take a higher one"}
	}
	return nil, f
}

// cutNet is a network error without the address, which is said already.
func cutNet(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// sayServing says where it serves, and how others fetch.
func (a *app) sayServing(listeners []net.Listener, packages int) error {
	out := serving{URLs: []string{}, Packages: packages}
	for _, l := range listeners {
		out.URLs = append(out.URLs, urlsOf(l.Addr())...)
	}
	if a.json {
		return a.printJSON(out)
	}
	a.println("serving ", plural(packages, "package"), " at")
	for _, u := range out.URLs {
		a.println("  ", u)
	}
	a.println("fetch:   ipp install CID --from ", out.URLs[0])
	a.println("stop:    Ctrl-C, or SIGTERM")
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

// watchServing shows what is served, until ctx ends or a listener breaks. To be
// stopped is how serve ends, so no error.
func (a *app) watchServing(ctx context.Context, h *httpgate.Handler, sh *shelf, broken <-chan error) error {
	status := a.term.Status()
	defer status.Done()
	tick := time.NewTicker(term.StatusTick)
	defer tick.Stop()
	last, told := a.now(), int64(0)
	for {
		select {
		case <-ctx.Done():
			a.note("stopping; %s", served(h))
			return nil
		case err := <-broken:
			return failed("serve", "", err)
		case now := <-tick.C:
			requests, peers := h.Active()
			text := fmt.Sprintf("%s; %s, for %s now", served(h), plural(requests, "request"), plural(peers, "peer"))
			if status.Show(text); status.Live() {
				continue
			}
			if n := h.Stats.Requests.Load(); n != told && now.Sub(last) >= quiet {
				last, told = now, n
				a.note("%s", text)
			}
		}
	}
}

// served is what was served since the start.
func served(h *httpgate.Handler) string {
	text := fmt.Sprintf("%s served, %s sent", plural(int(h.Stats.Requests.Load()), "request"), term.Bytes(h.Stats.Bytes.Load()))
	if n := h.Stats.Broken.Load(); n > 0 {
		text += fmt.Sprintf(", %d broken off", n)
	}
	return text
}
