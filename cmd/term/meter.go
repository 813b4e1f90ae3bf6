package term

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	meterDelay = time.Second            // shorter work shows nothing
	meterTick  = 100 * time.Millisecond // between two drawings
	rateSpan   = 3 * time.Second        // the rate forgets what is older

	eraseLine = "\r\x1b[K"
)

// Meter is one line of progress on standard error. It appears after a second,
// and only on a terminal. Of several at a time, the one that appeared first
// shows until it is done.
type Meter struct {
	t     *Terminal
	total int64
	done  atomic.Int64
	state progress // only the drawing goroutine's

	stop   chan struct{}
	once   sync.Once
	ending sync.WaitGroup
}

// Meter starts the progress of work of total bytes; 0 is unknown. The verb is
// a word of ours ("fetching"), or text that Safe returned.
func (t *Terminal) Meter(verb string, total int64) *Meter {
	m := &Meter{t: t, total: total, stop: make(chan struct{})}
	now := time.Now()
	m.state = progress{verb: verb, total: total, start: now, last: now}
	t.mu.Lock()
	t.midline = false // a question before this one has its answer, and the answer its newline
	t.mu.Unlock()
	if t.err.escapes {
		m.ending.Go(m.run)
	}
	return m
}

// Add counts n more bytes as done.
func (m *Meter) Add(n int64) { m.done.Add(n) }

// Done erases the line. It may be called twice.
func (m *Meter) Done() {
	m.once.Do(func() { close(m.stop) })
	m.ending.Wait()
	m.t.mu.Lock()
	defer m.t.mu.Unlock()
	if m.t.drawn == m {
		m.t.erase()
	}
}

func (m *Meter) run() {
	tick := time.NewTicker(meterTick)
	defer tick.Stop()
	for {
		select {
		case <-m.stop:
			return
		case <-tick.C:
			m.draw(time.Now())
		}
	}
}

// draw shows the state at now, unless it is too early, the line is another
// meter's, or somebody's unfinished line (a question) stands there.
func (m *Meter) draw(now time.Time) {
	m.state = m.state.at(now, m.done.Load())
	if now.Sub(m.state.start) < meterDelay {
		return
	}
	t := m.t
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.midline || t.drawn != nil && t.drawn != m {
		return
	}
	t.drawn = m
	// One write, so that no half of a line is ever seen.
	fmt.Fprint(t.err.w, "\r", line(t.width(t.err), m.state), "\x1b[K")
}

// erase removes the progress line; its meter draws it again if it goes on.
func (t *Terminal) erase() {
	if t.drawn != nil {
		fmt.Fprint(t.err.w, eraseLine)
		t.drawn = nil
	}
}

// progress is what a line is made of.
type progress struct {
	verb        string
	total, done int64
	start, last time.Time
	rate        float64 // bytes a second, smoothed
}

// at is the progress with done bytes at now. The rate follows the last few
// seconds, so that a stall shows soon and a jitter does not.
func (p progress) at(now time.Time, done int64) progress {
	elapsed := now.Sub(p.last).Seconds()
	if elapsed <= 0 {
		return p
	}
	// At first the plain mean: one sample would weigh too much.
	share := max(elapsed/now.Sub(p.start).Seconds(), 1-math.Exp(-elapsed/rateSpan.Seconds()))
	p.rate += share * (float64(done-p.done)/elapsed - p.rate)
	p.done, p.last = done, now
	return p
}

// line is the progress in at most width-1 columns: a terminal wraps after the
// last one. What matters least goes first. Parts keep their width while numbers
// grow, so that nothing dances.
func line(width int, p progress) string {
	done := fmt.Sprintf("%7s", Bytes(p.done))
	parts := []string{p.verb, done}
	if p.total > 0 {
		percent := math.Floor(100 * min(1, float64(p.done)/float64(p.total)))
		parts = []string{p.verb, fmt.Sprintf("%3.0f%%", percent), done + " of " + Bytes(p.total)}
	}
	parts = append(parts, fmt.Sprintf("%9s", Bytes(int64(p.rate))+"/s"))
	if left := float64(p.total - p.done); left > 0 && p.rate >= 1 {
		seconds := min(left/p.rate, (999 * 24 * time.Hour).Seconds())
		parts = append(parts, Left(time.Duration(seconds*float64(time.Second))))
	}
	for n := len(parts); n > 1; n-- {
		if s := strings.Join(parts[:n], "  "); columns(s) < width {
			return s
		}
	}
	if s := strings.TrimSpace(parts[1]); columns(s) < width {
		return s
	}
	return cut(p.verb, max(0, width-1))
}
