package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// row is one line of the table: ours and one peer, wall or cpu time.
type row struct {
	Figure  string  `json:"figure"`
	Work    string  `json:"work"`
	Time    string  `json:"time"` // wall or cpu
	Peer    string  `json:"peer"`
	Missing string  `json:"missing,omitempty"` // what to install
	Bar     float64 `json:"bar,omitempty"`
	Ours    spread  `json:"ours"`
	Theirs  spread  `json:"theirs"`
	Ratio   float64 `json:"ratio,omitempty"` // of the medians
	Low     float64 `json:"low,omitempty"`   // of neighbours' ratios
	High    float64 `json:"high,omitempty"`
	Met     bool    `json:"met"`
	Noise   bool    `json:"within-noise,omitempty"` // above the bar, but not by more than noise
}

// spread is one side's times.
type spread struct {
	Median time.Duration   `json:"median"`
	Min    time.Duration   `json:"min"`
	Max    time.Duration   `json:"max"`
	Runs   []time.Duration `json:"runs"`
}

// rows compares the costs of ours, which stand first, with those of each peer
// that was there.
func rows(f figure, ours side, peers []side, costs [][]cost) []row {
	var all []row
	next := 1
	for _, p := range peers {
		var theirs []cost
		if p.missing == "" {
			theirs = costs[next]
			next++
		}
		wall := func(c cost) time.Duration { return c.Wall }
		cpu := func(c cost) time.Duration { return c.CPU }
		base := row{Figure: f.name, Work: f.work, Peer: p.name, Missing: p.missing}
		all = append(all, compare(base, f, "wall", f.wall, costs[0], theirs, wall))
		if f.cpu > 0 {
			all = append(all, compare(base, f, "cpu", f.cpu, costs[0], theirs, cpu))
		}
	}
	return all
}

func compare(r row, f figure, kind string, bar float64, ours, theirs []cost, of func(cost) time.Duration) row {
	r.Time, r.Bar, r.Ours, r.Theirs = kind, bar, spreadOf(ours, of), spreadOf(theirs, of)
	if r.Missing != "" {
		return r
	}
	var ratios []float64
	for i := range ours {
		ratios = append(ratios, float64(of(ours[i]))/float64(max(1, of(theirs[i]))))
	}
	slices.Sort(ratios)
	r.Ratio = float64(r.Ours.Median) / float64(max(1, r.Theirs.Median))
	r.Low, r.High = ratios[0], ratios[len(ratios)-1]
	r.Met = bar == 0 || r.Ratio <= bar
	r.Noise = !r.Met && f.noise && ratios[len(ratios)/4] <= bar
	return r
}

func spreadOf(costs []cost, of func(cost) time.Duration) (s spread) {
	if len(costs) == 0 {
		return s
	}
	for _, c := range costs {
		s.Runs = append(s.Runs, of(c))
	}
	sorted := slices.Sorted(slices.Values(s.Runs))
	s.Min, s.Max = sorted[0], sorted[len(sorted)-1]
	half := len(sorted) / 2
	s.Median = sorted[half]
	if len(sorted)%2 == 0 {
		s.Median = (sorted[half-1] + sorted[half]) / 2
	}
	return s
}

// markdown is the table as it stands in the README, its columns aligned.
func markdown(rows []row) string {
	table := [][]string{
		{"work", "time", "ipp", "peer", "its", "ratio", "range", "at most", ""},
		{"---", "---", "--:", "---", "--:", "--:", "---", "--:", "---"},
	}
	for _, r := range rows {
		table = append(table, r.cells())
	}
	widths := make([]int, len(table[0]))
	for _, cells := range table {
		for i, c := range cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for _, cells := range table {
		for i, c := range cells {
			fmt.Fprintf(&b, "| %-*s ", widths[i], c)
		}
		b.WriteString("|\n")
	}
	return b.String()
}

func (r row) cells() []string {
	bar := ""
	if r.Bar > 0 {
		bar = number(r.Bar)
	}
	if r.Missing != "" {
		return []string{r.Work, r.Time, duration(r.Ours.Median), r.Peer, "", "", "not measured: " + r.Missing, bar, ""}
	}
	verdict := "missed"
	switch {
	case r.Bar == 0:
		verdict = ""
	case r.Met:
		verdict = "met"
	case r.Noise:
		verdict = "within noise"
	}
	return []string{r.Work, r.Time, duration(r.Ours.Median), r.Peer, duration(r.Theirs.Median),
		number(r.Ratio), number(r.Low) + "–" + number(r.High), bar, verdict}
}

func number(f float64) string { return fmt.Sprintf("%.2f", f) }

// duration is d in milliseconds, to three digits.
func duration(d time.Duration) string {
	ms := d.Seconds() * 1000
	digits := 0
	if ms > 0 {
		digits = max(0, 2-int(math.Floor(math.Log10(ms))))
	}
	return fmt.Sprintf("%.*f ms", min(2, digits), ms)
}
