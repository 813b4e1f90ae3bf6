//go:build unix

package damage

import (
	"strings"
	"sync"
	"testing"
)

// TestMeanwhile: what others install, remove, collect and heal while check looks
// is never taken for damage.
func TestMeanwhile(t *testing.T) {
	w := newWorld(t)
	stop := make(chan struct{})
	var others sync.WaitGroup
	for _, lines := range [][]string{
		{"install ./d.car", "remove d", "gc --keep 1"},
		{"install ./d.car ./c.car --profile second", "remove d c --profile second", "rollback --profile second", "gc"},
	} {
		others.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					w.run(strings.Fields(lines[i%len(lines)])...) // gc may have been faster
				}
			}
		})
	}
	for range 25 {
		if r := w.run("check"); r.code != 0 {
			t.Errorf("exit %d\n%s%s", r.code, r.out, r.err)
		}
	}
	close(stop)
	others.Wait()
	if r := w.run("check"); r.code != 0 {
		t.Errorf("afterwards: exit %d\n%s%s", r.code, r.out, r.err)
	}
}
