package term

import (
	"fmt"
	"time"
)

// Status is one line on standard error of work that has no end. Like a Meter's it
// shows on a terminal alone.
type Status struct {
	t    *Terminal
	mine *Meter // whose line it is on the screen
}

// Status begins one.
func (t *Terminal) Status() *Status { return &Status{t: t, mine: &Meter{t: t}} }

// Live says whether Show shows anything.
func (s *Status) Live() bool { return s.t.err.escapes }

// Show draws the line. text is of ours, or what Safe returned.
func (s *Status) Show(text string) {
	t := s.t
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.err.escapes || t.midline || t.drawn != nil && t.drawn != s.mine {
		return
	}
	t.drawn = s.mine
	fmt.Fprint(t.err.w, "\r", cut(text, t.width(t.err)-1), "\x1b[K")
}

// Done erases the line.
func (s *Status) Done() {
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	if s.t.drawn == s.mine {
		s.t.erase()
	}
}

// StatusTick is how often a Status is worth showing.
const StatusTick = 500 * time.Millisecond
