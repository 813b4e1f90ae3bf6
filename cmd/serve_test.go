package cmd

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// server is an ipp serve that a script started.
type scriptServer struct {
	cmd    *exec.Cmd
	stderr *safeBuffer
	serving
}

// safeBuffer may be read while a process writes to it.
type safeBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// serverKey is where a script's server is kept.
type serverKey struct{}

// patience is how long a script waits for what another process does.
const patience = 20 * time.Second

// serve [ARGS…]: starts ipp serve on a free port, and sets URL and ADDR when it is ready.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: serve [ARGS…]")
	}
	cmd := exec.Command(lookPath("ipp"), append([]string{"serve", "--json", "--listen", "127.0.0.1:0", "--listen", "/ip4/127.0.0.1/tcp/0"}, args...)...)
	cmd.Dir = ts.Getenv("WORK")
	for _, name := range []string{"HOME", "PATH", "USER", "GORACE", "XDG_DATA_HOME", "XDG_STATE_HOME", "IPP_CONFIG"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	s := &scriptServer{cmd: cmd, stderr: &safeBuffer{}}
	cmd.Stderr = s.stderr
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() { _ = cmd.Process.Kill() })
	if err := json.NewDecoder(out).Decode(&s.serving); err != nil || len(s.URLs) == 0 || len(s.Peers) == 0 {
		ts.Fatalf("ipp serve said nothing of use: %v\n%s", err, s.stderr)
	}
	ts.Setenv("URL", strings.TrimSuffix(s.URLs[0], "/"))
	ts.Setenv("PEER", s.Peers[0])
	ts.Setenv("ADDR", strings.TrimPrefix(ts.Getenv("URL"), "http://"))
	ts.Value(serverKey{}).(map[string]*scriptServer)["serve"] = s
}

// quit SIGNAL CODE: sends the signal to what serve started, which then exits
// with CODE; its standard error is the script's.
func quit(ts *testscript.TestScript, neg bool, args []string) {
	s := ts.Value(serverKey{}).(map[string]*scriptServer)["serve"]
	if neg || len(args) != 2 || s == nil {
		ts.Fatalf("usage: quit TERM|INT|KILL CODE")
	}
	ts.Check(s.cmd.Process.Signal(map[string]os.Signal{"TERM": syscall.SIGTERM, "INT": os.Interrupt, "KILL": os.Kill}[args[0]]))
	_ = s.cmd.Wait()
	if got := strconv.Itoa(s.cmd.ProcessState.ExitCode()); got != args[1] {
		ts.Fatalf("exit code %s, want %s\n%s", got, args[1], s.stderr)
	}
	ts.Logf("%s", s.stderr)
	ts.Check(os.WriteFile(ts.MkAbs("served"), []byte(s.stderr.String()), 0o644))
}

// get STATUS PATH FILE [HEADER:VALUE…]: what is at $URL/PATH. STATUS may be asked
// for again and again until it is there: +200.
func get(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: get STATUS PATH FILE [HEADER:VALUE…]")
	}
	want, again := strings.CutPrefix(args[0], "+")
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		req, err := http.NewRequest(http.MethodGet, ts.Getenv("URL")+args[1], nil)
		ts.Check(err)
		for _, h := range args[3:] {
			name, value, _ := strings.Cut(h, ":")
			if req.Header.Set(name, value); name == "Host" {
				req.Host = value
			}
		}
		res, err := http.DefaultClient.Do(req)
		ts.Check(err)
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if strconv.Itoa(res.StatusCode) != want {
			if again && time.Now().Before(end) {
				continue
			}
			ts.Fatalf("GET %s: %s, want %s\n%s", args[1], res.Status, want, body)
		}
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(args[2]), body, 0o644))
		return
	}
}

// routing FILE: a service that notes in FILE what it is told; $ROUTING is its
// address.
func routing(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: routing FILE")
	}
	file := ts.MkAbs(args[0])
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err == nil {
			_ = os.WriteFile(file, body, 0o644) // the script misses it
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"ProvideResults":[{"Schema":"bitswap","Protocol":"transport-bitswap","AdvisoryTTL":86400000}]}`)
	}))
	ts.Defer(s.Close)
	ts.Setenv("ROUTING", s.URL)
}

// appears FILE: waits for it.
func appears(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: appears FILE")
	}
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if data, err := os.ReadFile(ts.MkAbs(args[0])); err == nil && len(data) > 0 {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%s does not appear", args[0])
		}
	}
}
