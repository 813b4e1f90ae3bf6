package web

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// routed asks the address that was given as it is, and any other, to which that one
// redirects, only where it is public: a name may mean this machine, or one in its
// network, the second time. Through a proxy it is the proxy that connects.
type routed struct {
	host     string
	given    *http.Transport
	redirect *http.Transport
}

func newRouted(base *url.URL, patience time.Duration) *routed {
	r := &routed{host: base.Host, given: transport(patience), redirect: transport(patience)}
	if !isNear(base.Hostname()) {
		dialer := &net.Dialer{ControlContext: onlyPublic}
		r.redirect.DialContext = dialer.DialContext
	}
	return r
}

// RoundTrip implements http.RoundTripper.
func (r *routed) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host == r.host {
		return r.given.RoundTrip(req)
	}
	if proxy, err := http.ProxyFromEnvironment(req); err == nil && proxy != nil {
		return r.given.RoundTrip(req)
	}
	return r.redirect.RoundTrip(req)
}

// CloseIdleConnections is for http.Client.
func (r *routed) CloseIdleConnections() {
	r.given.CloseIdleConnections()
	r.redirect.CloseIdleConnections()
}

// onlyPublic is a net.Dialer's ControlContext: address is what the name means.
func onlyPublic(_ context.Context, _, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err == nil && isPublic(at.Addr()) {
		return nil
	}
	return fmt.Errorf("it redirects to %s, which is not public", address)
}

func isPublic(ip netip.Addr) bool {
	ip = ip.Unmap()
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !shared.Contains(ip)
}

// shared is between customers and their provider (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// IsLoopback says whether a host is named as this machine.
func IsLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// isNear says whether a host is named as what is not public.
func isNear(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && !isPublic(ip)
}
