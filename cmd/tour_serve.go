package cmd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// publish serves what the first home has, and lets two other homes take it: by
// bitswap, over this machine's loopback.
func (t *tour) publish(ctx context.Context) error {
	t.chapter("Serve. Whoever has a package hands it on; what arrives is checked, and so is who signed it.")
	if err := t.ipp(ctx, "import", "greet.car"); err != nil {
		return err
	}
	author, err := t.serve(ctx)
	if err != nil {
		return err
	}
	defer author.stop()
	t.goTo("second-home")
	if err := t.ipp(ctx, "install", t.cids[oldVersion], "--from", author.peer); err != nil {
		return err
	}
	if err := t.ipp(ctx, "install", t.cids[newVersion], "--from", author.peer); err != nil {
		return err
	}
	if err := t.ipp(ctx, "switch", "greet@"+oldVersion); err != nil {
		return err
	}
	t.say("The second home is a mirror now: it serves what it has, and the first one may go.")
	author.stop()
	mirror, err := t.serve(ctx)
	if err != nil {
		return err
	}
	defer mirror.stop()
	t.goTo("third-home")
	if err := t.tampered(ctx); err != nil {
		return err
	}
	if err := t.ipp(ctx, "install", t.cids[newVersion], "--from", mirror.peer); err != nil {
		return err
	}
	mirror.stop()
	t.goTo("home")
	return nil
}

// tampered offers a package with one byte that is not the author's.
func (t *tour) tampered(ctx context.Context) error {
	t.say("A byte of each program in a copy is changed. That is not the package that its name says.")
	data, err := os.ReadFile(filepath.Join(t.dir, "greet.car"))
	if err != nil {
		return err
	}
	data = bytes.Clone(data)
	data[len(data)/4] ^= 1
	data[3*len(data)/4] ^= 1
	if err := os.WriteFile(filepath.Join(t.dir, "tampered.car"), data, 0o644); err != nil {
		return err
	}
	err = t.ipp(ctx, "install", "./tampered.car")
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitMalformed {
		return fmt.Errorf("a tampered package was not refused: %v", err)
	}
	return nil
}

// tourServer is ipp serve, in the background.
type tourServer struct {
	cmd  *exec.Cmd
	end  context.CancelFunc
	peer string // where it is reached by bitswap
}

// serve starts ipp serve, and shows what it says until it listens.
func (t *tour) serve(ctx context.Context) (*tourServer, error) {
	args := []string{"serve", "--listen", "127.0.0.1:0", "--listen", "/ip4/127.0.0.1/tcp/0"}
	t.echo("ipp " + strings.Join(args, " ") + " &")
	ctx, end := context.WithCancel(ctx)
	s := &tourServer{cmd: exec.CommandContext(ctx, t.self, args...), end: end}
	s.cmd.Dir, s.cmd.Env, s.cmd.Stderr = t.dir, t.environ(), t.a.raw
	if runtime.GOOS != "windows" {
		s.cmd.Cancel = func() error { return s.cmd.Process.Signal(os.Interrupt) }
	}
	s.cmd.WaitDelay = 10 * time.Second
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		end()
		return nil, err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		t.a.println(lines.Text())
		if at := strings.TrimSpace(lines.Text()); strings.Contains(at, "/p2p/") {
			s.peer = at
		}
		if strings.HasPrefix(lines.Text(), "stop:") {
			break
		}
	}
	go io.Copy(io.Discard, out) // it must not wait for its reader
	if s.peer == "" {
		s.stop()
		return nil, errors.New("ipp serve does not say where it listens")
	}
	return s, nil
}

// stop ends it, as Ctrl-C would; it may be called twice.
func (s *tourServer) stop() {
	if s.cmd == nil {
		return
	}
	s.end()
	_ = s.cmd.Wait() // it was told to end
	s.cmd = nil
}
