package dag

import (
	"context"
	"fmt"
	"io/fs"
	"testing"

	"github.com/ipfs/go-cid"
)

// FuzzWalk forges a DAG as a program of bytes says, sound or not. Whatever can
// be walked is the same after it was archived, and after a store has kept of it
// only what Walk hands on.
func FuzzWalk(f *testing.F) {
	for _, p := range []string{
		"\x00\x01\x02\x03", "\x00\x04\x05", "\x01\x11\x13\x04\x04", "\x02\x12\x24\x06\x05", "\x00\x10\x20\x06\x15",
		"\x07\x00\x05\x08\x18\x28", "\x00\x00\x00\x34\x01\x24\x25\x35", "\x03\x13\x26\x09\x1a\x25\x0b\x05",
	} {
		f.Add([]byte(p))
	}
	f.Fuzz(func(t *testing.T, program []byte) {
		m := forger{forge: newForge()}
		for _, op := range program[:min(len(program), 200)] {
			m.step(op&15, int(op>>4))
		}
		if len(m.stack) == 0 {
			return
		}
		root := m.stack[len(m.stack)-1].cid
		sameAgain(t, m.forge, root)
		sameKept(t, m.forge, root)
		sameFound(t, m.forge, root)
	})
}

// sameFound: Resolve finds at each path what Walk showed there.
func sameFound(t *testing.T, b Blocks, root cid.Cid) {
	want := make(map[string]Entry)
	err := Walk(context.Background(), b, root, WalkOptions{Limits: fuzzLimits()}, func(e *Entry) error {
		want[e.Path] = *e
		return nil
	})
	if err != nil && !typed(err) {
		t.Fatalf("%v (%T)", err, err)
	}
	if err != nil || len(want) > 50 {
		return
	}
	for path, e := range want {
		got, err := Resolve(context.Background(), b, root, path)
		if err != nil || got.Kind != e.Kind || got.CID != e.CID || got.Target != e.Target {
			t.Fatalf("%q: %+v, %v; want %+v", path, got, err, e)
		}
	}
}

// sameKept drops what Walk does not hand on, and walks what is left.
func sameKept(t *testing.T, b Blocks, root cid.Cid) {
	want, err := describeAll(b, root)
	if err != nil {
		return
	}
	k := &keeper{make(map[cid.Cid][]byte), make(map[cid.Cid][]byte), make(map[string][]byte)}
	opt := WalkOptions{Limits: fuzzLimits(), Block: func(c cid.Cid, data []byte) error {
		k.blocks[c] = data
		return Verify(c, data)
	}}
	err = Walk(context.Background(), b, root, opt, func(e *Entry) error { return k.add(b, e) })
	if err != nil {
		return // a leaf is not what was said of it
	}
	if got, err := describeAll(k, root); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("kept: %q, %v; want %q", got, err, want)
	}
}

func (k *keeper) add(b Blocks, e *Entry) error {
	if e.Kind != File {
		return nil
	}
	data, err := ReadFile(context.Background(), b, e, 1<<20)
	if err != nil {
		return fs.ErrInvalid
	}
	k.files[e.Path] = data
	for _, l := range e.Leaves {
		if l.CID.Type() == cid.Raw {
			k.raw[l.CID] = data[l.Offset : l.Offset+l.Size]
		}
	}
	return nil
}

// forger runs programs. sizes are what files on the stack hold.
type forger struct {
	*forge
	stack []link
	sizes []int
}

func (m *forger) push(l link, size int) {
	m.stack, m.sizes = append(m.stack, l), append(m.sizes, size)
}

// take takes up to n from the stack.
func (m *forger) take(n int) ([]link, []int) {
	at := max(0, len(m.stack)-n)
	links, sizes := m.stack[at:], m.sizes[at:]
	m.stack, m.sizes = m.stack[:at:at], m.sizes[:at:at]
	return links, sizes
}

func (m *forger) step(op byte, arg int) {
	names := []string{"a", "b", "c", "dir", "ä", "A", "..", "x/y", "", "name"}
	text := "text"[:arg%5]
	switch op {
	case 0:
		m.push(m.raw(text), len(text))
	case 1:
		m.push(m.framed(typeFile, text), len(text))
	case 2:
		m.push(m.framed(typeRaw, text), len(text))
	case 3:
		m.push(identity(cid.Raw, []byte(text)), len(text))
	case 4:
		links, sizes := m.take(arg)
		total := 0
		for _, s := range sizes {
			total += s
		}
		m.push(m.file(links, sizes...), total)
	case 5, 6:
		links, _ := m.take(arg)
		for i := range links {
			links[i].name = names[(i+int(op))%len(names)]
		}
		m.push(m.dir(links...), 0)
	case 7:
		m.push(m.symlink([]string{"a", "../a", "../../a", "/a", "a/../b", "."}[arg%6]), 0)
	case 8:
		if links, _ := m.take(1); len(links) > 0 {
			m.push(m.node(nil, fsType, arg), 0)
			m.push(links[0], 0)
		}
	case 9:
		m.v0 = !m.v0
	case 10:
		m.push(m.node(nil, fsType, typeFile, fsData, text, fsSize, len(text), fsMode, 0o600+arg*9), len(text))
	case 11:
		links, _ := m.take(arg)
		for i := range links {
			links[i].name = fmt.Sprintf("%02X%s", slotOf(names[i%5]), names[i%5])
		}
		m.push(shardOf(m.forge, links), 0)
	case 12:
		if n := len(m.stack); n > 0 {
			m.push(m.stack[n-1], m.sizes[n-1])
		}
	case 13:
		if n := len(m.sizes); n > 0 {
			m.sizes[n-1] += arg - 1
		}
	case 14:
		m.push(m.put(cid.DagProtobuf, []byte{byte(arg), 2, 8, 1}), 0)
	case 15:
		m.push(identity(cid.DagProtobuf, encodePB(nil, message(fsType, typeFile, fsData, text, fsSize, len(text)))), len(text))
	}
}
