package pin

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"ipp/tests/pinning"
)

func TestKubo(t *testing.T) {
	fake := &pinning.Kubo{Addresses: []string{"/ip4/127.0.0.1/tcp/1"}}
	k := newKubo(t, fake)
	tr := newTree(t, "a")
	id, err := k.Identity(t.Context())
	if err != nil || id.ID != fake.ID || len(id.Addresses) != 1 {
		t.Fatalf("identity %+v, %v", id, err)
	}
	if _, ok, err := k.Pinned(t.Context(), tr.root); ok || err != nil {
		t.Fatalf("pinned %v, %v", ok, err)
	}
	if err := k.Import(t.Context(), tr.write(t.Context(), false)); err != nil {
		t.Fatal(err)
	}
	if err := k.Pin(t.Context(), tr.root, "x", someWait); !Lacks(err) {
		t.Fatalf("a node that lacks a block: %v", err)
	}
	if err := k.Import(t.Context(), tr.write(t.Context(), true)); err != nil {
		t.Fatal(err)
	}
	if err := k.Pin(t.Context(), tr.root, "a name", someWait); err != nil {
		t.Fatal(err)
	}
	if name, ok, err := k.Pinned(t.Context(), tr.root); name != "a name" || !ok || err != nil {
		t.Fatalf("pinned as %q, %v, %v", name, ok, err)
	}
	if err := k.Unpin(t.Context(), tr.root); err != nil || len(fake.Pins()) != 0 {
		t.Fatalf("unpin: %v, %v", err, fake.Pins())
	}
	if err := k.Unpin(t.Context(), tr.root); err == nil {
		t.Fatal("what is not pinned was unpinned")
	}
}

// TestKuboWrong: each wrong answer is an error that says so, in time.
func TestKuboWrong(t *testing.T) {
	tr := newTree(t, "a")
	for mode, want := range map[string]string{
		"denied": "it answers 403", "redirect": "it answers 307", "noise": "makes no sense", "silent": "it has been silent",
	} {
		t.Run(mode, func(t *testing.T) {
			k := newKubo(t, &pinning.Kubo{Mode: mode})
			_, err := k.Identity(t.Context())
			_, _, pinned := k.Pinned(t.Context(), tr.root)
			imported := k.Import(t.Context(), tr.write(t.Context(), true))
			for call, err := range map[string]error{
				"id": err, "pin/ls": pinned, "dag/import": imported, "pin/add": k.Pin(t.Context(), tr.root, "x", someWait),
			} {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v, want %q", call, err, want)
				}
			}
			if err := k.Unpin(t.Context(), tr.root); err == nil && mode != "noise" { // of which nothing is read
				t.Error("pin/rm is no error")
			}
		})
	}
	if err := newKubo(t, &pinning.Kubo{Mode: "liar"}).Pin(t.Context(), tr.root, "x", someWait); err == nil {
		t.Error("a node that pins something else is believed")
	}
}

// TestKuboEndless: an answer without end takes neither memory nor time.
func TestKuboEndless(t *testing.T) {
	k := newKubo(t, &pinning.Kubo{Mode: "endless"})
	tr := newTree(t, "a")
	if _, err := k.Identity(t.Context()); err == nil || !strings.Contains(err.Error(), "bytes") {
		t.Errorf("id: %v", err)
	}
	k.taking = soon
	is[*StuckError](t, "pin/add", k.Pin(t.Context(), tr.root, "x", someWait))
	wait := Wait{Idle: time.Hour, Most: soon}
	is[*LateError](t, "pin/add, in all", k.Pin(t.Context(), tr.root, "x", wait))
}

// TestKuboDeaf: who takes nothing of what he is sent is given up.
func TestKuboDeaf(t *testing.T) {
	k := newKubo(t, &pinning.Kubo{Mode: "deaf"})
	err := k.Import(t.Context(), func(w io.Writer) error {
		for {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return err
			}
		}
	})
	is[*SilentError](t, "dag/import", err)
}

// TestKuboOwnError: what can't be read here is not the node's fault.
func TestKuboOwnError(t *testing.T) {
	k := newKubo(t, &pinning.Kubo{})
	own := errors.New("the disk is broken")
	if e := is[*WriteError](t, "dag/import", k.Import(t.Context(), func(io.Writer) error { return own })); e.Err != own {
		t.Errorf("it became %v", e.Err)
	}
}

// TestKuboTrailer: what goes wrong after an answer began is said at its end.
func TestKuboTrailer(t *testing.T) {
	k, err := NewKubo(serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Stream-Error")
		fmt.Fprintln(w, `{"Progress":1}`)
		w.Header().Set("X-Stream-Error", "block was not found")
	})))
	if err != nil {
		t.Fatal(err)
	}
	err = k.Pin(t.Context(), newTree(t, "a").root, "x", someWait)
	if is[*RefusedError](t, "pin/add", err); !Lacks(err) {
		t.Errorf("it is not about blocks: %v", err)
	}
}
