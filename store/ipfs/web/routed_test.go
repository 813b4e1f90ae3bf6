package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// TestPublic: a name that was redirected to is not asked where it means a machine
// that the gateway can't reach itself.
func TestPublic(t *testing.T) {
	for address, want := range map[string]bool{
		"8.8.8.8:80": true, "[2606:4700::1]:443": true, "127.0.0.1:80": false, "10.1.2.3:80": false, "192.168.1.1:80": false, "169.254.169.254:80": false,
		"100.64.1.1:80": false, "0.0.0.0:80": false, "[::1]:80": false, "[::ffff:127.0.0.1]:80": false, "[fe80::1]:80": false, "[fd00::1]:80": false, "nonsense": false,
	} {
		if err := onlyPublic(t.Context(), "tcp", address, nil); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
	for host, want := range map[string]bool{"127.0.0.1": true, "localhost": true, "10.0.0.1": true, "example.org": false, "8.8.8.8": false} {
		if isNear(host) != want {
			t.Errorf("%s is near: %v", host, !want)
		}
	}
}

// TestNamesThatMeanTwoThings: the address that was given is asked wherever it is;
// what it redirects to is not, where that is not public.
func TestNamesThatMeanTwoThings(t *testing.T) {
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, "http://127.0.0.1:1/shutdown", http.StatusFound)
	}))
	defer s.Close()
	r := newRouted(&url.URL{Scheme: "http", Host: "gateway.example"}, Patience)
	r.host = strings.TrimPrefix(s.URL, "http://") // as if the name meant this machine
	c := &http.Client{Transport: r}
	defer c.CloseIdleConnections()
	if _, err := c.Get(s.URL); err == nil || !strings.Contains(err.Error(), "not public") || asked != 1 {
		t.Errorf("%v, asked %d times", err, asked)
	}
}
