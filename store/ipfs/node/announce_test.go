package node

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestAnnounceFails: a service that refuses is told, and one elsewhere is not told
// what it could not use.
func TestAnnounceFails(t *testing.T) {
	b := besiege(t, 3, 10)
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	if err := b.Announce(t.Context(), s.URL, b.cids); err == nil {
		t.Error("a service that fails is no error")
	}
	if err := b.Announce(t.Context(), "https://192.0.2.1", b.cids); !errors.Is(err, ErrUnreachable) {
		t.Errorf("loopback is told to the world: %v", err)
	}
}
