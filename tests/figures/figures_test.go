package main

import (
	"strings"
	"testing"
	"time"
)

func costs(ms ...int) []cost {
	var all []cost
	for _, m := range ms {
		all = append(all, cost{Wall: time.Duration(m) * time.Millisecond, CPU: time.Duration(2*m) * time.Millisecond})
	}
	return all
}

func TestRows(t *testing.T) {
	f := figure{name: "x", work: "work", bars: []bar{{kind: wall, ratio: 0.5}, {kind: cpu, ratio: 0.2}}}
	peers := []side{{name: "absent", missing: "install it"}, {name: "there"}}
	got := rows(f, side{}, peers, [][]cost{costs(30, 10, 20, 90), costs(100, 50, 50, 100)})
	if len(got) != 4 || got[0].Missing == "" || got[1].Missing == "" {
		t.Fatalf("%+v", got)
	}
	if r := got[0]; r.Ratio != 0 || r.Met {
		t.Errorf("a figure of a peer that is not here: %+v", r)
	}
	r := got[2]
	if r.Ours.Median != 25 || r.Theirs.Median != 75 || r.Ours.Max != 90 {
		t.Errorf("medians: %+v", r)
	}
	if r.Ratio < 0.33 || r.Ratio > 0.34 || r.Low != 0.2 || r.High != 0.9 || !r.Met {
		t.Errorf("ratio: %+v", r)
	}
	if r := got[3]; r.Kind != cpu || r.Met || r.Noise || r.Ours.Median != 50 {
		t.Errorf("cpu: %+v", r)
	}
}

func TestNoise(t *testing.T) {
	f := figure{bars: []bar{{kind: wall, ratio: 1}}, noise: true}
	for _, tc := range []struct {
		ours       []cost
		met, noise bool
	}{
		{costs(9, 9, 9, 9), true, false},
		{costs(9, 9, 11, 11), true, false},
		{costs(9, 10, 11, 11), false, true},
		{costs(9, 11, 11, 11), false, false},
	} {
		r := rows(f, side{}, []side{{}}, [][]cost{tc.ours, costs(10, 10, 10, 10)})[0]
		if r.Met != tc.met || r.Noise != tc.noise {
			t.Errorf("%v: %+v", tc.ours, r)
		}
	}
}

func TestMarkdown(t *testing.T) {
	f := figure{work: "work", bars: []bar{{kind: wall, ratio: 0.5}}}
	all := rows(f, side{}, []side{{name: "there"}, {name: "absent", missing: "install it"}}, [][]cost{costs(30), costs(100)})
	got := markdown(all)
	for _, want := range []string{"| 30.0 ms | there  | 100 ms |", "0.30–0.30", "met", "not measured: install it"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if n := strings.Count(got, "\n"); n != 4 {
		t.Errorf("%d lines", n)
	}
}

func TestMost(t *testing.T) {
	f := figure{work: "work", bars: []bar{{kind: wall, most: 20}}}
	for _, tc := range []struct {
		ours    int
		verdict string
	}{{20, "met"}, {21, "missed"}} {
		alone := rows(f, side{}, nil, [][]cost{costs(tc.ours)})
		beside := rows(f, side{}, []side{{name: "there"}}, [][]cost{costs(tc.ours), costs(1)})
		for _, all := range [][]row{alone, beside} {
			if got := all[0].verdict(); len(all) != 1 || got != tc.verdict {
				t.Errorf("%d ms of 20: %s, %+v", tc.ours, got, all)
			}
		}
		if got := markdown(alone); !strings.Contains(got, "| 20.0 ms | "+tc.verdict) {
			t.Errorf("no bar in\n%s", got)
		}
	}
}

func TestQuantity(t *testing.T) {
	for f, want := range map[float64]string{0: "0 ms", 1.234: "1.23 ms", 0.056: "0.06 ms", 12.345: "12.3 ms", 123: "123 ms", 3000: "3000 ms"} {
		if got := quantity(f, "ms"); got != want {
			t.Errorf("quantity(%v) = %q, want %q", f, got, want)
		}
	}
}

func TestPick(t *testing.T) {
	if got, err := pick("start,pack"); err != nil || len(got) != 2 || got[0].name != "start" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := pick("pack,nosuch"); err == nil || !strings.Contains(err.Error(), "known-again") {
		t.Errorf("an unknown figure: %v", err)
	}
}
