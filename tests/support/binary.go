package support

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// Build builds the real ipp into dir and returns its path: without C, as it is
// given to others, for then it starts a fifth faster; the race detector needs C.
func Build(dir string, flags ...string) (string, error) {
	path := filepath.Join(dir, "ipp")
	args := append([]string{"build", "-o", path}, flags...)
	cmd := exec.Command("go", append(args, "./cmd/ipp")...)
	cmd.Dir = Top()
	if !slices.Contains(flags, "-race") {
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return path, nil
}

// Scratch makes a directory for small files that need not outlive the machine
// ($IPP_TEST_SCRATCH, else in memory where programs may be run there, else the
// usual place): what a kill leaves behind is the same there, and fsync is free.
func Scratch() (string, error) {
	if dir := os.Getenv("IPP_TEST_SCRATCH"); dir != "" {
		return os.MkdirTemp(dir, "ipp-")
	}
	if dir, err := os.MkdirTemp("/dev/shm", "ipp-"); err == nil {
		probe := filepath.Join(dir, "probe")
		if os.WriteFile(probe, []byte("#!/bin/sh\n"), 0o700) == nil && exec.Command(probe).Run() == nil {
			return dir, os.Remove(probe)
		}
		os.RemoveAll(dir)
	}
	return os.MkdirTemp("", "ipp-")
}
