//go:build !unix

package cmd

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// isExecutable: the name tells.
func isExecutable(path string, _ fs.FileInfo) bool {
	return slices.Contains([]string{".exe", ".bat", ".cmd", ".com"}, strings.ToLower(filepath.Ext(path)))
}

// start runs the program and passes its exit code through: there is no exec
// here. The lease stays until it ends, because this process does.
func (r *runCmd) start(_ context.Context, a *app, p *program) error {
	c := &exec.Cmd{Path: p.path, Args: append([]string{p.name}, r.Args...), Env: p.environ(a.set.env), Stdin: a.stdin, Stdout: a.raw, Stderr: os.Stderr}
	err := c.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exitStatus(exit.ExitCode())
	}
	if err != nil {
		return &failure{verb: "run", object: r.Ref, err: err, code: exitNoExec}
	}
	return nil
}
