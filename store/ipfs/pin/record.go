package pin

import (
	"bytes"
	"fmt"
	"slices"

	"ipp/lock/toml"

	"github.com/ipfs/go-cid"
)

// Record is what is known of the pins that keep generations: which were made
// here, and what each generation's CID is. It is a file of ipp's own:
//
//	format = 1
//
//	[[pin]]
//	node = "12D3…"           # the peer ID of the node
//	cid = "bafy…"
//	name = "ipp:default:3"
//	state = "begun"          # it may not have been made; "lacking": the node could
//	                         # not get all of it; left out: it was made
//
//	[[generation]]
//	name = "ipp:default:3"
//	stamp = "…"              # of its files
//	cid = "bafy…"
type Record struct {
	Pins        []Made
	Generations []Known
}

// Made is a pin that was made here, on one node, or was to be.
type Made struct {
	Node  string
	CID   cid.Cid
	Name  string
	State State
}

// State is how far a pin is.
type State string

// The states of a pin.
const (
	Done    State = ""
	Begun   State = "begun"   // it may have been made
	Lacking State = "lacking" // the node could not get all of it
)

// Known is the CID of a generation whose files have that stamp.
type Known struct {
	Name, Stamp string
	CID         cid.Cid
}

// MaxRecord is the largest record that is read.
const MaxRecord = 16 << 20

// ParseRecord reads what Encode wrote.
func ParseRecord(file string, data []byte) (*Record, error) {
	var raw struct {
		Pins []struct {
			Node  string `toml:"node,required"`
			CID   string `toml:"cid,required"`
			Name  string `toml:"name,required"`
			State string `toml:"state"`
		} `toml:"pin"`
		Generations []struct {
			Name  string `toml:"name,required"`
			Stamp string `toml:"stamp,required"`
			CID   string `toml:"cid,required"`
		} `toml:"generation"`
	}
	root, err := toml.Decode(file, data, &raw, toml.Options{Format: 1, Max: MaxRecord})
	if err != nil {
		return nil, err
	}
	r := &Record{}
	for i, p := range raw.Pins {
		c, err := cid.Decode(p.CID)
		if err != nil {
			return nil, root.Get("pin").Items[i].Get("cid").Wrap(err)
		}
		if state := State(p.State); state != Done && state != Begun && state != Lacking {
			return nil, root.Get("pin").Items[i].Get("state").Errorf("%q is no state of a pin", p.State)
		}
		r.Pins = append(r.Pins, Made{p.Node, c, p.Name, State(p.State)})
	}
	for i, g := range raw.Generations {
		c, err := cid.Decode(g.CID)
		if err != nil {
			return nil, root.Get("generation").Items[i].Get("cid").Wrap(err)
		}
		r.Generations = append(r.Generations, Known{g.Name, g.Stamp, c})
	}
	return r, nil
}

// Encode writes the record.
func (r *Record) Encode() []byte {
	var b bytes.Buffer
	b.WriteString("format = 1\n")
	for _, p := range r.Pins {
		fmt.Fprintf(&b, "\n[[pin]]\nnode = %s\ncid = %s\nname = %s\n", toml.Quote(p.Node), toml.Quote(p.CID.String()), toml.Quote(p.Name))
		if p.State != Done {
			fmt.Fprintf(&b, "state = %s\n", toml.Quote(string(p.State)))
		}
	}
	for _, g := range r.Generations {
		fmt.Fprintf(&b, "\n[[generation]]\nname = %s\nstamp = %s\ncid = %s\n", toml.Quote(g.Name), toml.Quote(g.Stamp), toml.Quote(g.CID.String()))
	}
	return b.Bytes()
}

// Find is the CID of a generation whose files still have that stamp.
func (r *Record) Find(name, stamp string) (cid.Cid, bool) {
	i := slices.IndexFunc(r.Generations, func(k Known) bool { return k.Name == name && k.Stamp == stamp })
	if i < 0 {
		return cid.Undef, false
	}
	return r.Generations[i].CID, true
}
