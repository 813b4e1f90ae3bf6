package cmd

import (
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"slices"
	"strings"
	"time"

	"ipp/store/dag"
	"ipp/tests/pinning"

	"github.com/ipfs/go-cid"
	"github.com/rogpeppe/go-internal/testscript"
)

// pinnerKey is where a script's nodes and services are kept, by name.
type pinnerKey struct{}

func pinners(ts *testscript.TestScript) map[string]any {
	return ts.Value(pinnerKey{}).(map[string]any)
}

// pinkubo NAME [MODE]: a Kubo node, wrong as package pinning says; $NAME is where its
// RPC is. Where there is one of that name, it is as MODE says from now on.
func pinkubo(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 || len(args) > 2 {
		ts.Fatalf("usage: pinkubo NAME [MODE]")
	}
	mode := strings.Join(args[1:], "")
	if k, ok := pinners(ts)[args[0]].(*pinning.Kubo); ok {
		k.Be(mode)
		return
	}
	k := &pinning.Kubo{ID: "12D3KooWGzxzKZYveHXtpG6AsrUJBcWxHBFS2HsEoGTxrMLvKXtf", Mode: mode}
	s := httptest.NewServer(k)
	ts.Defer(func() {
		s.CloseClientConnections()
		s.Close()
	})
	pinners(ts)[args[0]] = k
	ts.Setenv(args[0], s.URL)
}

// pinservice NAME [MODE [PEER…]]: a pinning service, whose token is "secret-token";
// $NAME is where it is, PEERs are those that it says fetch for it. It fetches what it
// is to pin from its origins.
func pinservice(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: pinservice NAME [MODE [PEER…]]")
	}
	p := &pinning.Service{Token: "secret-token", Fetch: fetchWhole}
	if len(args) > 1 {
		p.Mode, p.Delegates = args[1], args[2:]
	}
	s := httptest.NewServer(p)
	ts.Defer(s.Close)
	pinners(ts)[args[0]] = p
	ts.Setenv(args[0], s.URL)
}

// fetchWhole gets all of a DAG by bitswap.
func fetchWhole(text string, origins []string) error {
	root, err := cid.Decode(text)
	if err != nil {
		return err
	}
	r, err := (&session{}).sourcesOf("origins", origins, networkConfig{})
	if err != nil {
		return err
	}
	f := r.fetcher()
	defer f.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return dag.WriteCAR(ctx, io.Discard, f, root, dag.WalkOptions{Limits: dag.DefaultLimits()}, nil)
}

// pins NAME [PIN…]: these are all that is pinned there, as "NAME" or "NAME=CID".
func pinsAt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: pins NAME [PIN…]")
	}
	var have []string
	switch p := pinners(ts)[args[0]].(type) {
	case *pinning.Kubo:
		for c, name := range p.Pins() {
			have = append(have, name+"="+c)
		}
	case *pinning.Service:
		for _, line := range p.Pins() {
			f := strings.Fields(line)
			have = append(have, fmt.Sprintf("%s:%s=%s", f[0], f[2], f[1]))
		}
	}
	slices.Sort(have)
	want := slices.Sorted(slices.Values(args[1:]))
	same := func(a, b string) bool { return a == b || !strings.Contains(b, "=") && strings.HasPrefix(a, b+"=") }
	if !slices.EqualFunc(have, want, same) {
		ts.Fatalf("pinned there are %q, want %q", have, want)
	}
}

// foreignpin NAME CID PIN: somebody else pins it there.
func foreignpin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: foreignpin NAME CID PIN")
	}
	pinners(ts)[args[0]].(*pinning.Kubo).Pin(args[1], args[2])
}

// asked NAME [CALL…]: these are the calls since the last time, repeats left out.
func asked(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: asked NAME [CALL…]")
	}
	calls := pinners(ts)[args[0]].(*pinning.Kubo).Calls()
	if got := slices.Compact(slices.Sorted(slices.Values(calls))); !slices.Equal(got, args[1:]) {
		ts.Fatalf("it was asked %q, want %q", got, args[1:])
	}
}
