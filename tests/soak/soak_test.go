//go:build linux

package soak

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestSoak lets them work in rounds. While they work, every program that current
// shows runs and prints its version, and a program that was started finds its
// files to the end. After each round everything is whole; in the end nothing is
// left that nothing needs.
//
// IPP_TEST_SOAK=DURATION works that long (10m, with -timeout 1h); otherwise one
// round of some seconds and some hundred commands is a sample. The seed of what is
// tried is printed, and IPP_TEST_SOAK=SEED or DURATION,SEED tries the same, in
// whatever order the system then runs it.
//
// What made it fail within a minute when it was tried: gc that ignores leases, kept
// roots or /proc, reads generations before it holds off others, or unlinks objects
// without another look at the trees; a publication that holds off no sweep; a lease
// taken after the tree is there, or not kept across exec; a flip that does not
// compare. What did not: two gc at once, which sweep one after the other all the
// same; a number from the highest generation that is left, because --keep never
// takes that.
func TestSoak(t *testing.T) {
	lasts, most, seed := limits(t)
	t.Logf("IPP_TEST_SOAK=%s,%d tries the same", lasts, seed)
	s := newSoak(t, seed)
	end := time.Now().Add(lasts)
	for round := 1; round == 1 || time.Now().Before(end) && !t.Failed(); round++ {
		s.round(min(time.Until(end), 20*time.Second), most)
		s.whole()
	}
	s.report()
	if !t.Failed() {
		s.empty()
	}
}

// limits says how long to work, at most how many commands a round has, and with
// which seed.
func limits(t *testing.T) (lasts time.Duration, most int, seed uint64) {
	lasts, most, seed = 5*time.Second, 500, rand.Uint64N(1<<32)
	for _, word := range strings.FieldsFunc(os.Getenv("IPP_TEST_SOAK"), func(c rune) bool { return c == ',' }) {
		n, err := strconv.ParseUint(word, 10, 64)
		if err == nil {
			seed = n
			continue
		}
		if lasts, err = time.ParseDuration(word); err != nil {
			t.Fatalf("IPP_TEST_SOAK: %v", err)
		}
		most = 10000
	}
	return lasts, most, seed
}

// round lets everybody work for a while, and waits until they have ended.
func (s *soak) round(lasts time.Duration, most int) {
	s.rounds++
	most += s.done
	end := time.Now().Add(lasts)
	var all sync.WaitGroup
	for i, step := range s.workers() {
		all.Go(func() {
			w := &worker{soak: s, rand: rand.New(rand.NewPCG(s.seed, uint64(s.rounds*100+i)))}
			for time.Now().Before(end) && !s.enough(most) && !s.t.Failed() {
				step(w)
			}
		})
	}
	all.Wait()
}

// workers are the steps that each worker repeats.
func (s *soak) workers() []func(*worker) {
	list := []func(*worker){(*worker).collect, (*worker).look, (*worker).watch, (*worker).alone}
	for i := range 7 {
		profile := shared[i%len(shared)]
		list = append(list, func(w *worker) { w.share(profile) })
	}
	return list
}

// worker is one of those who work at once.
type worker struct {
	*soak
	rand *rand.Rand
}

// one is one of these words.
func one(r *rand.Rand, words ...string) string { return words[r.IntN(len(words))] }

// bad tells a violation.
func (s *soak) bad(format string, args ...any) {
	s.t.Errorf("round %d, %.3f s: %s", s.rounds, time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
}
