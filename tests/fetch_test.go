package tests

import (
	"os"
	"path/filepath"
	"strings"
)

// kuboat: says where the daemon that kubod started is reached: $KUBO_PEER,
// $KUBO_RPC, $KUBO_GATEWAY.
func kuboat(ts *script, args []string) {
	need(ts, args, 0, "kuboat")
	online(ts, []string{"id", "-f=<addrs>"})
	ts.Setenv("KUBO_PEER", strings.Fields(ts.ReadFile("stdout"))[0])
	ts.Setenv("KUBO_RPC", address(ts, "api")+"/api/v0")
	ts.Setenv("KUBO_GATEWAY", address(ts, "gateway"))
}

// address is where a file of Kubo's repository says that something listens.
func address(ts *script, name string) string {
	data, err := os.ReadFile(filepath.Join(ts.Getenv("IPFS_PATH"), name))
	ts.Check(err)
	text := strings.TrimSpace(string(data))
	if rest, ok := strings.CutPrefix(text, "/ip4/"); ok {
		return "http://" + strings.Replace(rest, "/tcp/", ":", 1)
	}
	return text
}
