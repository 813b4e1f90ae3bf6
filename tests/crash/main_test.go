//go:build linux

package crash

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"testing"
)

// killAt makes this test binary a tracer: it runs its arguments, kills them
// before that call, and writes a Result to the file that resultFile names.
const (
	killAt     = "IPP_CRASH_KILL_AT"
	resultFile = "IPP_CRASH_RESULT"
)

func TestMain(m *testing.M) {
	if n := os.Getenv(killAt); n != "" {
		if err := traceMain(n); err != nil {
			fmt.Fprintln(os.Stderr, "tracer:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func traceMain(killAt string) error {
	n, err := strconv.Atoi(killAt)
	if err != nil {
		return err
	}
	r, err := Trace(os.Args[1:], n)
	if err != nil {
		return err
	}
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return os.WriteFile(os.Getenv(resultFile), data, 0o600)
}
