package node

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/ipfs/boxo/routing/http/client"
	"github.com/ipfs/boxo/routing/http/contentrouter"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/routing"
)

// maxAnswer bounds what a router says of one block.
const maxAnswer = 1 << 20

// routers are services of delegated routing, all of which are asked at once.
type routers []routing.ContentDiscovery

// CheckRouter says what is wrong with the address of a service of /routing/v1,
// such as https://example.org.
func CheckRouter(address string) error {
	_, err := newRouters([]string{address})
	return err
}

// newWeb is a client that a service can't hold up, nor fill up.
func newWeb() *http.Client {
	transport := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		ResponseHeaderTimeout:  dialling,
		MaxResponseHeaderBytes: 64 << 10,
		MaxConnsPerHost:        8,
		IdleConnTimeout:        time.Minute,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
	}
	return &http.Client{Timeout: dialling, Transport: &client.ResponseBodyLimitedTransport{
		RoundTripper: transport, LimitBytes: maxAnswer, UserAgent: Agent}}
}

// newRouters is who says which peers have a block; nil: nobody.
func newRouters(addresses []string) (routing.ContentDiscovery, error) {
	if len(addresses) == 0 {
		return nil, nil
	}
	web := newWeb()
	var all routers
	for _, a := range addresses {
		if u, err := url.Parse(a); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, fmt.Errorf("router %q: its address would begin with https://HOST", a)
		}
		c, err := client.New(a, client.WithHTTPClient(web), client.WithProtocolFilter([]string{"transport-bitswap", "unknown"}))
		if err != nil {
			return nil, fmt.Errorf("router %s: %w", a, err)
		}
		all = append(all, contentrouter.NewContentRoutingClient(c))
	}
	return all, nil
}

// FindProvidersAsync implements routing.ContentDiscovery.
func (r routers) FindProvidersAsync(ctx context.Context, c cid.Cid, most int) <-chan peer.AddrInfo {
	found := make(chan peer.AddrInfo)
	var tasks sync.WaitGroup
	for _, one := range r {
		tasks.Go(func() {
			for p := range one.FindProvidersAsync(ctx, c, most) {
				select {
				case found <- p:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	go func() {
		tasks.Wait()
		close(found)
	}()
	return found
}
