//go:build unix

package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// isExecutable: a run bit tells.
func isExecutable(_ string, fi fs.FileInfo) bool { return fi.Mode()&0o111 != 0 }

// start replaces this process, so that nothing of ours stands between the
// program and whoever started it. The inherited lease ends with the program.
func (r *runCmd) start(ctx context.Context, a *app, p *program) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	argv := append([]string{p.name}, r.Args...)
	err := syscall.Exec(p.path, argv, p.environ(a.set.env))
	f := &failure{verb: "run", object: r.Ref, err: err, code: exitNoExec}
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		f.err = fmt.Errorf("the system can't execute this file: %w", err)
		f.hints = []string{"it may be for another kind of machine: ipp show " + quote(r.Ref)}
	case errors.Is(err, syscall.ENOENT): // the file is there, so its loader is not
		f.err = errors.New("the dynamic loader that it was linked for is not on this machine")
		f.hints = []string{"ask its author for a static build, or for one with this system's C library"}
	case errors.Is(err, syscall.E2BIG):
		f.err, f.code = fmt.Errorf("the arguments are too long: %w", err), exitRun
	}
	return f
}
