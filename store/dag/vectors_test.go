package dag

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
)

// TestVectors holds the import profile to what was frozen: the same input gives
// the same CID for ever. TestBoxoVectors makes the same with boxo alone.
func TestVectors(t *testing.T) {
	text, err := os.ReadFile("testdata/vectors.txt")
	if err != nil {
		t.Fatal(err)
	}
	v := vectors{b: NewBuilder(), made: make(map[string]Link)}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		want, name, recipe := f[0], f[1], f[2:]
		l, err := v.make(recipe[0], recipe[1:])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		v.made[name] = l
		if l.CID.String() != want {
			t.Errorf("%s is %s, want %s", name, l.CID, want)
		}
	}
	if len(v.made) < 20 {
		t.Errorf("only %d vectors", len(v.made))
	}
}

type vectors struct {
	b    *Builder
	made map[string]Link
}

func (v *vectors) make(kind string, args []string) (Link, error) {
	switch kind {
	case "file", "exec":
		n, err := strconv.Atoi(args[0])
		if err != nil {
			return Link{}, err
		}
		return v.file(patternBytes(n), kind == "exec")
	case "text", "exec-text":
		return v.file([]byte(args[0]+"\n"), kind == "exec-text")
	case "leaves":
		return v.leaves(args[0])
	case "symlink":
		return v.b.Symlink(args[0])
	case "dir":
		entries := make(map[string]Link)
		for _, a := range args {
			name, what, _ := strings.Cut(a, "=")
			entries[name] = v.made[what]
		}
		return v.b.Dir(entries)
	case "many":
		return v.many(args[0], args[1], v.made[args[2]])
	}
	return Link{}, errors.New("no such recipe: " + kind)
}

func (v *vectors) file(data []byte, exec bool) (Link, error) {
	leaves, err := NewPool(2).Leaves(context.Background(), bytes.NewReader(data), int64(len(data)), nil)
	if err != nil {
		return Link{}, err
	}
	return v.b.File(leaves, exec)
}

// leaves builds the tree over leaves of one byte, which File would refuse.
func (v *vectors) leaves(count string) (Link, error) {
	n, err := strconv.Atoi(count)
	if err != nil {
		return Link{}, err
	}
	leaves := make([]Leaf, n)
	var cids [251]cid.Cid
	for i := range cids {
		cids[i] = sum(cid.Raw, []byte{byte(i)})
	}
	for i := range leaves {
		leaves[i] = Leaf{CID: cids[i%251], Offset: int64(i), Size: 1}
	}
	return v.b.file(leaves, false), nil
}

func (v *vectors) many(count, format string, what Link) (Link, error) {
	n, err := strconv.Atoi(count)
	entries := make(map[string]Link, n)
	for i := range n {
		entries[fmt.Sprintf(format, i)] = what
	}
	if err != nil {
		return Link{}, err
	}
	return v.b.Dir(entries)
}

// pattern is endless: byte i is i mod 251.
type pattern struct{ i int64 }

func (p *pattern) Read(b []byte) (int, error) {
	for j := range b {
		b[j] = byte((p.i + int64(j)) % 251)
	}
	p.i += int64(len(b))
	return len(b), nil
}

func patternBytes(n int) []byte {
	b := make([]byte, n)
	if _, err := io.ReadFull(&pattern{}, b); err != nil {
		panic(err)
	}
	return b
}
