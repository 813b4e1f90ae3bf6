package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// row is one line of the table: ours and one peer, or ours alone.
type row struct {
	Figure  string  `json:"figure"`
	Work    string  `json:"work"`
	Kind    kind    `json:"kind"`
	Unit    string  `json:"unit"`
	Peer    string  `json:"peer,omitempty"`
	Missing string  `json:"missing,omitempty"` // what to install
	Bar     float64 `json:"bar,omitempty"`     // of the ratio
	Most    float64 `json:"most,omitempty"`    // of ours
	More    float64 `json:"more,omitempty"`    // than theirs, of ours
	Ours    spread  `json:"ours"`
	Theirs  spread  `json:"theirs"`
	Ratio   float64 `json:"ratio,omitempty"` // of the medians
	Low     float64 `json:"low,omitempty"`   // of neighbours' ratios
	High    float64 `json:"high,omitempty"`
	Met     bool    `json:"met"`
	Noise   bool    `json:"within-noise,omitempty"` // above the bar, but not by more than noise
}

// spread is one side's costs, in the row's unit.
type spread struct {
	Median float64   `json:"median"`
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
	Runs   []float64 `json:"runs"`
}

// rows compares the costs of ours, which stand first, with those of each peer
// that was there; where the figure has no peers, ours stand alone.
func rows(f figure, ours side, peers []side, costs [][]cost) []row {
	if len(peers) == 0 {
		peers = []side{{}}
		costs = append(costs, nil)
	}
	var all []row
	next := 1
	for _, p := range peers {
		var theirs []cost
		if p.missing == "" {
			theirs = costs[next]
			next++
		}
		for _, b := range f.bars {
			r := row{Figure: f.name, Work: f.work, Peer: p.name, Missing: p.missing}
			r.compare(b, costs[0], theirs, f.noise)
			all = append(all, r)
		}
	}
	return all
}

// compare fills in what r says of the costs.
func (r *row) compare(b bar, ours, theirs []cost, noise bool) {
	r.Kind, r.Unit, r.Bar, r.Most, r.More = b.kind, b.kind.unit(), b.ratio, b.most, b.more
	r.Ours, r.Theirs = spreadOf(ours, b.kind), spreadOf(theirs, b.kind)
	r.Met = b.most == 0 || r.Ours.Median <= b.most
	if len(theirs) == 0 {
		r.Met = r.Met && b.ratio == 0 && b.more == 0
		return
	}
	const least = 1e-6 // no division by what was too short to measure
	var ratios []float64
	for i := range ours {
		ratios = append(ratios, r.Ours.Runs[i]/max(least, r.Theirs.Runs[i]))
	}
	slices.Sort(ratios)
	r.Ratio = r.Ours.Median / max(least, r.Theirs.Median)
	r.Low, r.High = ratios[0], ratios[len(ratios)-1]
	above := b.ratio > 0 && r.Ratio > b.ratio || b.more > 0 && r.Ours.Median > r.Theirs.Median+b.more
	r.Met = r.Met && !above
	r.Noise = above && noise && ratios[len(ratios)/4] <= b.ratio
}

func spreadOf(costs []cost, k kind) (s spread) {
	if len(costs) == 0 {
		return s
	}
	for _, c := range costs {
		s.Runs = append(s.Runs, k.of(c))
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
		{"work", "what", "ipp", "peer", "its", "ratio", "range", "at most", ""},
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
	switch {
	case r.Most > 0:
		bar = quantity(r.Most, r.Unit)
	case r.More > 0:
		bar = quantity(r.More, r.Unit) + " more"
	case r.Bar > 0:
		bar = number(r.Bar)
	}
	cells := []string{r.Work, string(r.Kind), quantity(r.Ours.Median, r.Unit), r.Peer}
	switch {
	case r.Missing != "":
		return append(cells, "", "", "not measured: "+r.Missing, bar, "")
	case len(r.Theirs.Runs) == 0:
		return append(cells, "", "", "", bar, r.verdict())
	}
	return append(cells, quantity(r.Theirs.Median, r.Unit), number(r.Ratio), number(r.Low)+"–"+number(r.High), bar, r.verdict())
}

func (r row) verdict() string {
	switch {
	case r.Bar == 0 && r.Most == 0 && r.More == 0:
		return ""
	case r.Met:
		return "met"
	case r.Noise:
		return "within noise"
	}
	return "missed"
}

func number(f float64) string { return fmt.Sprintf("%.2f", f) }

// quantity is a number with its unit, to three digits.
func quantity(f float64, unit string) string {
	digits := 0
	if f > 0 {
		digits = max(0, 2-int(math.Floor(math.Log10(f))))
	}
	return fmt.Sprintf("%.*f %s", min(2, digits), f, unit)
}
