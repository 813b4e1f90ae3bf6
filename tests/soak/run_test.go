//go:build linux

package soak

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// hung is how long nothing of ours takes, however loaded the machine.
const hung = 3 * time.Minute

// outcome is how a command ended.
type outcome struct {
	args     []string
	state    *os.ProcessState
	out, err string
	sent     os.Signal // nil: none
}

func (o outcome) code() int { return o.state.ExitCode() }

func (o outcome) String() string {
	sent := ""
	if o.sent != nil {
		sent = fmt.Sprintf(" after %v", o.sent)
	}
	return fmt.Sprintf("ipp %s: %v%s\n%s%s", strings.Join(o.args, " "), o.state, sent, o.out, o.err)
}

// may is an outcome that concurrency allows a command: what others did may have
// been faster.
type may struct {
	code int
	says *regexp.Regexp
	name string
}

// ended says in a word how it ended, and whether it may have ended so.
func (o outcome) ended(allowed []may) (word string, ok bool) {
	status := o.state.Sys().(syscall.WaitStatus)
	switch code := o.code(); {
	case code == 0:
		return "done", true
	case status.Signaled() && o.sent == status.Signal():
		return "killed", true
	case code == 130 && o.sent == syscall.SIGINT:
		return "interrupted", strings.Contains(o.err, "ipp: interrupted")
	case slices.Contains(o.args, "--no-wait") && (code == 5 || code == 125 && strings.Contains(o.err, ": busy")):
		return "busy", true
	default:
		for _, m := range allowed {
			if code == m.code && m.says.MatchString(o.err) {
				return m.name, true
			}
		}
		return fmt.Sprintf("exit %d", code), false
	}
}

// signal is what a command is to be sent, at any moment: nothing, mostly. Who must
// not be killed is interrupted.
func (w *worker) signal(alive bool) os.Signal {
	switch n := w.rand.IntN(20); {
	case n < 2 && !alive:
		return syscall.SIGKILL
	case n < 3:
		return syscall.SIGINT
	case n < 5:
		return syscall.SIGSTOP
	}
	return nil
}

// start runs ipp, and sends it a signal at some moment, if any.
func (w *worker) start(signal os.Signal, args []string) outcome {
	ctx, cancel := context.WithTimeout(context.Background(), hung)
	defer cancel()
	cmd := w.ipp(ctx, args)
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	began := time.Now()
	w.begin(cmd)
	if signal != nil {
		moment, pause := w.upTo(w.usually(args)), w.upTo(500*time.Millisecond)
		timer := time.AfterFunc(moment, func() { send(cmd.Process, signal, pause) })
		defer timer.Stop()
	}
	_ = cmd.Wait() // the state says it
	o := outcome{args: args, state: cmd.ProcessState, out: out.String(), err: err.String(), sent: signal}
	if ctx.Err() != nil {
		w.bad("it hangs: %v", o)
	}
	if o.code() == 0 && signal == nil {
		w.took(args, time.Since(began))
	}
	return o
}

// ipp is a command that is killed when ctx ends.
func (w *worker) ipp(ctx context.Context, args []string) *exec.Cmd {
	plain := w.Command(args...)
	cmd := exec.CommandContext(ctx, plain.Path, args...)
	cmd.Dir, cmd.Env = plain.Dir, append(plain.Env, fmt.Sprint("GOMAXPROCS=", 1+w.rand.IntN(2)))
	return cmd
}

// begin starts a command; where that fails nothing can be tried here.
func (w *worker) begin(cmd *exec.Cmd) {
	if err := cmd.Start(); err != nil {
		w.bad("start %s: %v", cmd.Path, err)
		runtime.Goexit()
	}
}

// upTo is some time up to that.
func (w *worker) upTo(most time.Duration) time.Duration {
	return time.Duration(w.rand.Int64N(int64(most)))
}

// pause does nothing for some time up to that.
func (w *worker) pause(most time.Duration) { time.Sleep(w.upTo(most)) }

// send sends a signal; who is stopped goes on after the pause.
func send(p *os.Process, signal os.Signal, pause time.Duration) {
	_ = p.Signal(signal) // it may have ended
	if signal == syscall.SIGSTOP {
		time.Sleep(pause)
		_ = p.Signal(syscall.SIGCONT) // no other error
	}
}

// usually is how long such a command may take, more or less.
func (s *soak) usually(args []string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(s.typical[args[0]], 10*time.Millisecond) * 5 / 4
}

// took learns from how long a command took.
func (s *soak) took(args []string, t time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.typical[args[0]] = (3*s.typical[args[0]] + t) / 4
}
