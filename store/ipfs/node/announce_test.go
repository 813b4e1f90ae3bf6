package node

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multibase"
)

// announcement is a record of IPIP-526.
type announcement struct {
	Signature string
	Payload   json.RawMessage
}

// payload is what was announced.
type payload struct {
	ID          string
	Keys, Addrs []string
}

// verified is the payload, which id signed.
func (a announcement) verified(t *testing.T, id peer.ID) (p payload) {
	t.Helper()
	key, err := id.ExtractPublicKey()
	if err != nil {
		t.Fatal(err)
	}
	_, sig, err := multibase.Decode(a.Signature)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(a.Payload)
	if ok, err := key.Verify(sum[:], sig); !ok {
		t.Errorf("the signature is not by %s: %v", id, err)
	}
	if err := json.Unmarshal(a.Payload, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestAnnounce: a service on this machine is told who has what, signed; one
// elsewhere is not told what it could not use.
func TestAnnounce(t *testing.T) {
	b := besiege(t, 3, 10)
	var told []announcement
	status := http.StatusOK
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req struct{ Providers []announcement }
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil || r.Method != http.MethodPut || r.URL.Path != "/routing/v1/providers/" {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		told = append(told, req.Providers...)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"ProvideResults":[{"Schema":"bitswap","Protocol":"transport-bitswap","AdvisoryTTL":86400000}]}`))
	}))
	defer s.Close()
	if err := b.Announce(t.Context(), s.URL, b.cids); err != nil {
		t.Fatal(err)
	}
	if len(told) != 1 {
		t.Fatalf("it was told %d times", len(told))
	}
	payload := told[0].verified(t, b.info.ID)
	if payload.ID != b.info.ID.String() || len(payload.Addrs) != 1 {
		t.Errorf("told was %+v", payload)
	}
	for _, c := range b.cids {
		if !slices.Contains(payload.Keys, c.String()) {
			t.Errorf("%s was not told", c)
		}
	}
	status = http.StatusInternalServerError
	if err := b.Announce(t.Context(), s.URL, b.cids); err == nil {
		t.Error("a service that fails is no error")
	}
	if err := b.Announce(t.Context(), "https://192.0.2.1", b.cids); !errors.Is(err, ErrUnreachable) {
		t.Errorf("loopback is told to the world: %v", err)
	}
}
