package lock

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"ipp/lock/ref"
	"ipp/store/dag"
)

const (
	emptyCID = "bafybeigcwmgneevowjkba4wnoiaqno4rl6grhkqiqdqlhixwgihodyfqza"
	fullCID  = "bafybeic2takc7f7363rxrgne3dwn24gc77dnpuu4xcqfmvcjj7ol2uhniu"
)

// TestProfileDAG holds profiles' CIDs as they were when format 1 was frozen:
// every later release must compute the same. SPEC.md shows them.
func TestProfileDAG(t *testing.T) {
	for about, tt := range map[string]struct {
		profile, lock string
		want          string
		tsize         uint64
	}{
		"empty": {"format = 1\n", "format = 1\n", emptyCID, 194},
		"full":  {profileText, lockText, fullCID, 20113699},
	} {
		b := dag.NewBuilder()
		link, err := ProfileDAG(b, parseProfileText(t, tt.profile), parseLockText(t, tt.lock))
		if err != nil {
			t.Fatal(err)
		}
		if link.CID.String() != tt.want || link.Tsize != tt.tsize {
			t.Errorf("%s: got %s, %d, want %s, %d", about, link.CID, link.Tsize, tt.want, tt.tsize)
		}
	}
}

// TestSpecIsTrue holds that SPEC.md shows the vectors as they are tested.
func TestSpecIsTrue(t *testing.T) {
	spec, err := os.ReadFile("SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{profileText, lockText, emptyCID, fullCID} {
		if !strings.Contains(string(spec), want) {
			t.Errorf("SPEC.md lacks\n%s", want)
		}
	}
}

// TestProfileDAGHolds reads a large profile's directory again: a lock of
// several leaves, and a link to each package.
func TestProfileDAGHolds(t *testing.T) {
	l := &Lockfile{}
	for i := range 9000 {
		name := ref.Name(fmt.Sprintf("p%04d", i))
		l.Packages = append(l.Packages, Package{Name: name, Version: "1.0.0", CID: testCID(string(name)), DagSize: uint64(i)})
	}
	b := dag.NewBuilder()
	link, err := ProfileDAG(b, &Profile{}, l)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	e, err := dag.Resolve(ctx, b, link.CID, LockName)
	if err != nil {
		t.Fatal(err)
	}
	if size := int64(len(l.Encode())); e.Size != size || len(e.Leaves) != int(size/dag.LeafSize)+1 || size < dag.LeafSize {
		t.Errorf("the lock has %d bytes in %d leaves, want %d bytes", e.Size, len(e.Leaves), size)
	}
	packages, err := dag.Resolve(ctx, b, link.CID, "packages")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := dag.List(ctx, b, packages.CID, dag.DefaultLimits())
	if err != nil || len(entries) != len(l.Packages) {
		t.Fatalf("packages has %d entries, %v", len(entries), err)
	}
	for i, e := range entries {
		if p := l.Packages[i]; e.Path != string(p.Name) || !e.CID.Equals(p.CID) {
			t.Fatalf("entry %d is %s %s, want %s %s", i, e.Path, e.CID, p.Name, p.CID)
		}
	}
}
