package pin

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"ipp/tests/pinning"
)

func nobody([]string) {}

func nothing() uint64 { return 0 }

func TestService(t *testing.T) {
	var origins []string
	fake := &pinning.Service{Token: "secret-token", Delegates: []string{"/ip4/127.0.0.1/tcp/1", strings.Repeat("x", 2000)}}
	fake.Fetch = func(_ string, from []string) error {
		origins = from
		return nil
	}
	s := newService(t, fake)
	tr := newTree(t, "a")
	req := Request{CID: tr.root, Name: "tool@1", Origins: []string{"/ip4/127.0.0.1/tcp/2/p2p/x"}, Meta: map[string]string{"application": "ipp"}}
	var met []string
	st, was, err := s.Keep(t.Context(), req, func(peers []string) { met = peers }, nothing)
	if err != nil || was || st.Status != "pinned" || st.Name != "tool@1" {
		t.Fatalf("%+v, %v, %v", st, was, err)
	}
	if !slices.Equal(origins, req.Origins) || !slices.Equal(met, fake.Delegates[:1]) {
		t.Errorf("it was told of %v, we of %v", origins, met)
	}
	fake.Calls()
	if st, was, err := s.Keep(t.Context(), req, nobody, nothing); err != nil || !was || st.Status != "pinned" {
		t.Errorf("again: %+v, %v, %v", st, was, err)
	}
	if calls := fake.Calls(); !slices.Equal(calls, []string{"GET /pins"}) {
		t.Errorf("to find that it is pinned took %v", calls)
	}
	// Under another name it is another request, which takes nothing from the first.
	req.Name = "tool@2"
	if _, was, err := s.Keep(t.Context(), req, nobody, nothing); err != nil || was || len(fake.Pins()) != 2 {
		t.Errorf("another name: %v, %v, %v", was, err, fake.Pins())
	}
}

// TestServiceReplaces: a request that failed is replaced, not repeated.
func TestServiceReplaces(t *testing.T) {
	broken := true
	fake := &pinning.Service{Token: "secret-token"}
	fake.Fetch = func(string, []string) error {
		if broken {
			return errors.New("nobody there")
		}
		return nil
	}
	s := newService(t, fake)
	req := Request{CID: newTree(t, "a").root, Name: "x"}
	_, _, err := s.Keep(t.Context(), req, nobody, nothing)
	if e := is[*FailedError](t, "a failed pin", err); e.Details != "nobody there" {
		t.Errorf("it says %q", e.Details)
	}
	broken = false
	if _, _, err := s.Keep(t.Context(), req, nobody, nothing); err != nil || len(fake.Pins()) != 1 {
		t.Errorf("again: %v, %v", err, fake.Pins())
	}
}

// TestServiceWrong: each wrong answer is an error that says so, in time, and none
// shows the token.
func TestServiceWrong(t *testing.T) {
	for mode, want := range map[string]string{
		"redirect": "it answers 308", "noise": "makes no sense", "silent": "silent", "endless": "bytes", "else": "another CID",
		"odd": `"done" is no status`, "echo": "it answers 403 Forbidden: FORBIDDEN no such Bearer …", "stuck": "no headway", "": "",
		"limit": "",
	} {
		t.Run(mode, func(t *testing.T) {
			fake := &pinning.Service{Token: "secret-token", Mode: mode, Fetch: func(string, []string) error { return nil }}
			s := newService(t, fake)
			_, _, err := s.Keep(t.Context(), Request{CID: newTree(t, "a").root, Name: "x"}, nobody, nothing)
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
			if err != nil && strings.Contains(err.Error(), "secret-token") {
				t.Errorf("it shows the token: %v", err)
			}
		})
	}
	s := newService(t, &pinning.Service{Token: "another"})
	_, _, err := s.Keep(t.Context(), Request{CID: newTree(t, "a").root}, nobody, nothing)
	if e := is[*RefusedError](t, "a wrong token", err); !e.Denied() {
		t.Errorf("it is not denied: %v", err)
	}
}

// TestServiceHeadway: as long as blocks go there, it is waited for.
func TestServiceHeadway(t *testing.T) {
	begun := time.Now()
	fake := &pinning.Service{Token: "secret-token", Mode: "stuck"}
	s := newService(t, fake)
	var n uint64
	sent := func() uint64 {
		if time.Since(begun) < 2*soon {
			n++
		}
		return n
	}
	_, _, err := s.Keep(t.Context(), Request{CID: newTree(t, "a").root}, nobody, sent)
	if is[*StuckError](t, "a stuck pin", err); time.Since(begun) < 2*soon {
		t.Error("it was not waited for though it was fetching")
	}
}

func TestServiceAddress(t *testing.T) {
	for address, ok := range map[string]bool{
		"https://example.org/psa/": true, "http://127.0.0.1:1": true, "http://localhost:1": true, "http://[::1]:1": true,
		"http://example.org": false, "https://me:pw@example.org": false, "ftp://example.org": false, "https://example.org/?x": false,
	} {
		if err := CheckService(address); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
	for token, ok := range map[string]bool{"abc.DEF-1": true, "": false, "a b": false, "a\n": false, "ä": false, strings.Repeat("x", 9000): false} {
		if err := CheckToken(token); (err == nil) != ok || err != nil && token != "" && strings.Contains(err.Error(), token) {
			t.Errorf("%q: %v", token, err)
		}
	}
}
