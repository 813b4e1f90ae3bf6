package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"ipp/generation"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/profile"
	"ipp/store"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

const longHistory = 1000

// reading runs a command that reads the profile's files in a long history. Its
// bar is absolute: a start of ipp is shown beside it to tell how fast the
// machine is.
func reading(command string) func(*bench, int) (side, []side, error) {
	return func(b *bench, _ int) (ours side, peers []side, err error) {
		h, err := b.home("reading-" + command)
		if err != nil {
			return ours, nil, err
		}
		if err := h.longHistory(); err != nil {
			return ours, nil, err
		}
		want := map[string]int{"list": crowdSize, "history": longHistory}[command] + 1 // and a title
		if out, err := b.output(h.ipp(command)); err != nil || strings.Count(out, "\n") != want {
			return ours, nil, fmt.Errorf("ipp %s printed %d lines, want %d: %w", command, strings.Count(out, "\n"), want, err)
		}
		run := func(args ...string) func(int) []step {
			return func(int) []step { return []step{h.ipp(args...)} }
		}
		return side{name: "ipp", steps: run(command)}, []side{{name: "`ipp version`, to compare", steps: run("version")}}, nil
	}
}

// longHistory writes what these commands read: the files of longHistory
// generations of crowdSize packages, each with one in a newer version than the
// generation before, and the log. The forests, millions of links that neither
// command looks at, are left out.
func (h home) longHistory() error {
	dir := filepath.Dir(h.current())
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	wishes, l, trees := inventCrowd()
	for n := generation.Number(1); n <= longHistory; n++ {
		e := profile.LogEntry{Format: 1, Time: time.Date(2031, 1, 1, 0, int(n), 0, 0, time.UTC), User: "somebody", Host: "somewhere", From: n - 1, To: n}
		e.Changes = []profile.Logged{upgrade(&l.Packages[int(n)%crowdSize], ref.Version(fmt.Sprintf("1.0.%d", n)))}
		e.Command = "upgrade " + string(e.Changes[0].Name)
		g := &generation.Generation{Info: generation.Info{Parent: n - 1, Time: e.Time, Reason: e.Command, Trees: trees}, Wishes: wishes, Lock: l}
		files := filepath.Join(dir, strconv.Itoa(int(n)))
		if err := generation.Write(files, &generation.Forest{}, g, ""); err != nil {
			return err
		}
		if e.Bytes, err = bytesOf(files); err != nil {
			return err
		}
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(log, "%s\n", line); err != nil {
			return err
		}
	}
	return os.Symlink(strconv.Itoa(longHistory), h.current())
}

// upgrade makes a package another version, and says so as the log does.
func upgrade(p *lock.Package, to ref.Version) profile.Logged {
	old := &profile.LoggedVersion{Version: p.Version, CID: p.CID.String()}
	p.Version, p.CID = to, inventCID(string(p.Name)+string(to))
	return profile.Logged{Name: p.Name, Old: old, New: &profile.LoggedVersion{Version: p.Version, CID: p.CID.String()}}
}

// bytesOf is the size of a generation's files, as the log counts them.
func bytesOf(dir string) (total int64, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.Name() == generation.ExposedName {
			continue // it is a cache
		}
		info, err := e.Info()
		if err != nil {
			return 0, err
		}
		total += info.Size()
	}
	return total, err
}

// inventCrowd makes up a profile of crowdSize packages that nobody has.
func inventCrowd() (wishes []byte, l *lock.Lockfile, trees []store.Key) {
	p := &lock.Profile{}
	l = &lock.Lockfile{}
	for i := range crowdSize {
		name := ref.Name(fmt.Sprintf("p%04d", i))
		root := inventCID(string(name))
		p.Put(lock.Wish{Name: name, CID: root})
		l.Packages = append(l.Packages, lock.Package{Name: name, Version: "1.0.0", CID: root,
			Manifest: inventCID("manifest of " + string(name)), DagSize: 1000, Wanted: root.String()})
		trees = append(trees, store.Key{Root: root, Part: store.AnyPart})
	}
	slices.SortFunc(trees, func(a, b store.Key) int { return strings.Compare(a.String(), b.String()) })
	return p.Encode(), l, trees
}

func inventCID(of string) cid.Cid {
	sum := sha256.Sum256([]byte(of))
	hash, err := multihash.Encode(sum[:], multihash.SHA2_256)
	if err != nil {
		panic(err) // never: the length is right
	}
	return cid.NewCidV1(cid.DagProtobuf, hash)
}
