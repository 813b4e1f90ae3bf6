// Package pinning has what packages are pinned on in tests: the part of a Kubo
// node's RPC that ipp uses, and a pinning service, both of which can be wrong.
package pinning

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// Kubo is a node's RPC. It has what it is given, and reaches nobody.
type Kubo struct {
	ID        string
	Addresses []string
	// Mode is what is wrong with it: "" nothing, "denied", "redirect", "forgetful" (it
	// says that it pins, and does not), "liar" (it pins something else), "noise",
	// "endless", "silent" (until the request ends), "deaf" (it reads nothing of what
	// it is sent).
	Mode string

	mu     sync.Mutex
	blocks map[string][]byte // by multihash
	pins   map[string]string // names by CID
	calls  []string
}

// Be changes Mode.
func (k *Kubo) Be(mode string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.Mode = mode
}

// Pin pins as somebody else would.
func (k *Kubo) Pin(c, name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.init()
	k.pins[c] = name
}

func (k *Kubo) init() {
	if k.pins == nil {
		k.pins, k.blocks = map[string]string{}, map[string][]byte{}
	}
}

// Pins are the names of what is pinned, by CID.
func (k *Kubo) Pins() map[string]string {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := map[string]string{}
	for c, name := range k.pins {
		all[c] = name
	}
	return all
}

// Calls are the calls that were made since the last time, without their arguments.
func (k *Kubo) Calls() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	calls := k.calls
	k.calls = nil
	return calls
}

// ServeHTTP implements http.Handler.
func (k *Kubo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := strings.TrimPrefix(r.URL.Path, "/api/v0/")
	k.mu.Lock()
	k.init()
	k.calls = append(k.calls, call)
	mode := k.Mode
	k.mu.Unlock()
	if r.Method != http.MethodPost {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if wrong(w, r, mode, call) {
		return
	}
	k.answer(w, r, call)
}

// wrong answers as mode says; false: it is not wrong about this call.
func wrong(w http.ResponseWriter, r *http.Request, mode, call string) bool {
	switch mode {
	case "denied":
		w.WriteHeader(http.StatusForbidden)
	case "redirect":
		http.Redirect(w, r, "http://127.0.0.1:1"+r.URL.Path, http.StatusTemporaryRedirect)
	case "noise":
		_, _ = io.WriteString(w, "<html>no RPC</html>")
	case "endless":
		for {
			if _, err := fmt.Fprintf(w, `{"Progress":1,"x":"%s"}`+"\n", strings.Repeat("x", 1000)); err != nil {
				return true
			}
		}
	case "silent":
		<-r.Context().Done()
	case "deaf":
		if call == "dag/import" {
			<-r.Context().Done()
			return true
		}
		return false
	default:
		return false
	}
	return true
}

func (k *Kubo) answer(w http.ResponseWriter, r *http.Request, call string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	arg := r.URL.Query().Get("arg")
	name, pinned := k.pins[arg]
	switch call {
	case "id":
		say(w, map[string]any{"ID": k.ID, "Addresses": k.Addresses})
	case "dag/import":
		k.take(w, r)
	case "pin/ls":
		if !pinned {
			fail(w, fmt.Sprintf("path '%s' is not pinned", arg))
			return
		}
		say(w, map[string]any{"Keys": map[string]any{arg: map[string]string{"Type": "recursive", "Name": name}}})
	case "pin/rm":
		if !pinned {
			fail(w, "not pinned or pinned indirectly")
			return
		}
		delete(k.pins, arg)
		say(w, map[string]any{"Pins": []string{arg}})
	case "refs":
		if c, err := cid.Decode(arg); err != nil || k.lacks(c).Defined() {
			fail(w, fmt.Sprintf("block was not found locally (offline): ipld: could not find %s", arg))
			return
		}
		say(w, map[string]string{"Ref": arg, "Err": ""})
	case "pin/add":
		k.pin(w, arg, r.URL.Query().Get("name"))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func say(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }

func fail(w http.ResponseWriter, message string) {
	w.WriteHeader(http.StatusInternalServerError)
	say(w, map[string]any{"Message": message, "Code": 0, "Type": "error"})
}

func (k *Kubo) take(w http.ResponseWriter, r *http.Request) {
	form, err := r.MultipartReader()
	if err != nil {
		fail(w, err.Error())
		return
	}
	part, err := form.NextPart()
	count := 0
	if err == nil {
		err = dag.ReadCAR(part, func(c cid.Cid, data []byte) error {
			count++
			k.blocks[string(c.Hash())] = data
			return nil
		})
	}
	if err != nil {
		fail(w, err.Error())
		return
	}
	say(w, map[string]any{"Stats": map[string]int{"BlockCount": count}})
}

func (k *Kubo) pin(w http.ResponseWriter, arg, name string) {
	c, err := cid.Decode(arg)
	if err != nil {
		fail(w, err.Error())
		return
	}
	switch k.Mode {
	case "forgetful":
		say(w, map[string]any{"Pins": []string{arg}})
		return
	case "liar":
		say(w, map[string]any{"Pins": []string{"bafkqaaa"}})
		return
	}
	if lacks := k.lacks(c); lacks.Defined() {
		fail(w, fmt.Sprintf("pin: block was not found locally (offline): ipld: could not find %s", lacks))
		return
	}
	k.pins[arg] = name
	say(w, map[string]any{"Progress": 1})
	say(w, map[string]any{"Pins": []string{arg}})
}

// lacks is a block that is missing below c.
func (k *Kubo) lacks(c cid.Cid) cid.Cid {
	if _, inline := dag.Inline(c); inline {
		return cid.Undef
	}
	data, ok := k.blocks[string(c.Hash())]
	if !ok {
		return c
	}
	links, err := dag.Links(c, data)
	if err != nil {
		return c
	}
	for _, l := range links {
		if lacks := k.lacks(l); lacks.Defined() {
			return lacks
		}
	}
	return cid.Undef
}
