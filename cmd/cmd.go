// Package cmd is ipp's command line: grammar, output, exit codes, and the one
// place where the rooms below meet.
//
// The contract of the user interface:
//
//   - Standard output carries what was asked for, standard error all else:
//     errors, warnings, notices, progress, questions. With --json, standard
//     output carries exactly one JSON value, an error too.
//   - An error is `ipp: verb object: cause` in lower case, then `hint:` lines
//     with what to do next. Several failures are all shown, each with its hints.
//   - A change prints its plan, does it, and ends with how to undo it; a dry run
//     prints the same plan.
//   - Text from packages, file names and arguments reaches a terminal only
//     through term.Safe.
//   - A reader that goes away (EPIPE) ends no change half way and is no error, but
//     where it was to get a package.
//     An output that fails otherwise is one; a change that was made stands.
//   - The first interrupt cancels, the second kills.
//
// One file holds one command. Exit codes and hints stand in one table
// (errors.go). The environment is read once (settings.go). The store is opened
// only by commands that need it: rollback, list, history, env and version do
// not.
//
// Concurrency: an app belongs to one goroutine; only meters are told of
// progress by several.
package cmd

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"ipp/cmd/shell"
	"ipp/cmd/term"
)

// app is one run of ipp. Everything that a command takes from outside is here.
type app struct {
	args  []string // as typed, without the program's name
	set   settings
	term  *term.Terminal
	stdin io.Reader
	raw   io.Writer // standard output itself, for archives
	now   func() time.Time
	flags *grammar
	json  bool

	changing bool   // the command may change something
	answered bool   // the one JSON value was printed
	placed   bool   // see checkPlaces
	pinsDue  bool   // generations came or went: see pinsAfterChange
	advice   string // what to do about several errors together
}

// Main runs one command line and returns the exit code.
func Main(args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	set := readSettings(environ)
	a := &app{
		args:  args,
		set:   set,
		term:  term.New(stdout, stderr, set.getenv),
		stdin: stdin,
		raw:   stdout,
		now:   time.Now,
		flags: &grammar{},
	}
	log.SetOutput(io.Discard) // net/http repeats there what strangers send
	ctx, stop := withSignals(context.Background())
	defer stop()
	return a.report(ctx, a.dispatch(ctx))
}

// dispatch parses the command line and runs its command.
func (a *app) dispatch(ctx context.Context) error {
	if len(a.args) > 0 && a.args[0] == shell.Asked {
		a.complete(a.args[1:])
		return nil
	}
	c, err := a.parse()
	if err != nil {
		return err
	}
	if c == nil { // help was asked for
		return a.outputError(nil)
	}
	if j, ok := c.(interface{ wantsJSON() bool }); ok {
		a.json = j.wantsJSON()
	}
	if w, ok := c.(interface{ changes() bool }); ok {
		a.changing = w.changes()
	}
	err = c.run(ctx, a)
	if a.pinsDue {
		a.pinsAfterChange(ctx)
	}
	if err != nil {
		return err
	}
	return a.outputError(c)
}

// terminatedError is a cancellation by a signal.
type terminatedError struct{ signal os.Signal }

func (e terminatedError) Error() string {
	if e.signal == os.Interrupt {
		return "interrupted"
	}
	return e.signal.String()
}

func (e terminatedError) code() int {
	switch e.signal {
	case syscall.SIGTERM:
		return exitTerminated
	case syscall.SIGHUP:
		return exitHungUp
	case syscall.SIGQUIT:
		return exitQuit
	}
	return exitInterrupted
}

// withSignals cancels its context at the first interrupt, SIGTERM, SIGQUIT or
// SIGHUP (a terminal that was closed); the second one kills, because by then
// nobody listens. A signal that was ignored when ipp started (nohup, a
// background job) stays ignored. SIGPIPE is caught, not ignored: an ignored
// signal would be inherited by the programs that run starts.
func withSignals(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	c := make(chan os.Signal, 1)
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		if !signal.Ignored(s) {
			signal.Notify(c, s)
		}
	}
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	go func() {
		select {
		case s := <-c:
			signal.Stop(c)
			cancel(terminatedError{s})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(c)
		signal.Stop(pipe)
		cancel(nil)
	}
}
