package oracle

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"ipp/store/dag"

	"github.com/ipfs/boxo/blockservice"
	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/exchange/offline"
	"github.com/ipfs/boxo/gateway"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
)

// TestGateway: WriteCAR writes the bytes that boxo's trustless gateway sends
// for dag-scope=all, order=dfs, dups=n; and OpenCAR reads them.
func TestGateway(t *testing.T) {
	for _, s := range styles() {
		t.Run(s.name, func(t *testing.T) {
			ds := newMemory()
			root, want := s.tree(t, ds)
			ours := car(t, ds, root.Cid())
			theirs := gatewayCAR(t, ds, root.Cid())
			if !bytes.Equal(ours, theirs) {
				t.Errorf("our %d bytes differ from boxo's %d, first at %d", len(ours), len(theirs), diff(ours, theirs))
			}
			path := filepath.Join(t.TempDir(), "x.car")
			if err := os.WriteFile(path, theirs, 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := dag.OpenCAR(path)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			compare(t, s, walkAll(t, c, root.Cid(), newKeep()), want)
		})
	}
}

func diff(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

func gatewayCAR(t *testing.T, ds *memory, root cid.Cid) []byte {
	t.Helper()
	bs := blockstore.NewIdStore(blockstore.NewBlockstore(dssync.MutexWrap(datastore.NewMapDatastore())))
	for c, data := range ds.m {
		b, err := blocks.NewBlockWithCid(data, c)
		if err != nil {
			t.Fatal(err)
		}
		if err := bs.Put(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
	backend, err := gateway.NewBlocksBackend(blockservice.New(bs, offline.Exchange(bs)))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(gateway.NewHandler(gateway.Config{NoDNSLink: true, DisableHTMLErrors: true}, backend))
	defer srv.Close()
	req, err := http.NewRequest("GET", fmt.Sprintf("%s/ipfs/%s?format=car&dag-scope=all", srv.URL, root), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/vnd.ipld.car; version=1; order=dfs; dups=n")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v", resp.Status, err)
	}
	return body
}
