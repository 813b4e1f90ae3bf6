package index

import (
	"fmt"
	"strings"
	"testing"

	"ipp/store"
)

func open(t testing.TB, st *store.Store) *Index {
	t.Helper()
	x, err := Open(t.Context(), st, asTold())
	must(t, err)
	t.Cleanup(func() { _ = x.Close() })
	return x
}

func closeIndex(t testing.TB, x *Index) {
	t.Helper()
	must(t, x.Close())
}

// TestAnswers compares every answer with what the files say, with an index that
// was made, and with one that was found.
func TestAnswers(t *testing.T) {
	st := newStore(t)
	everyKind(t, st)
	files := read(t, st)
	want, asked := files.text(t), files.asked(t)
	for _, what := range []string{"made", "found"} {
		x := open(t, st)
		if x.disk == nil || x.memory != nil {
			t.Fatalf("%s: it is not on disk alone", what)
		}
		t.Run(what, func(t *testing.T) { // several at a time
			for i := range 3 {
				t.Run(fmt.Sprint(i), func(t *testing.T) {
					t.Parallel()
					if d := diff(x.text(t, asked), want); d != "" {
						t.Error(d)
					}
				})
			}
		})
		closeIndex(t, x)
	}
	if !strings.Contains(want, "absent") || strings.Contains(want, "damaged") {
		t.Error("the store is not what the test wants")
	}
	faults, err := Check(t.Context(), st)
	if err != nil || len(faults) > 0 {
		t.Errorf("check says %v, %v", faults, err)
	}
}
